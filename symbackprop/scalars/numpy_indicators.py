"""Booleans in arithmetic: made numbers of the module's dtype where they are none by themselves.

NumPy multiplies a float32 array by a Boolean one into float32, but ``1 - b`` and ``0.5 * b`` give
int64 and float64.
"""

from __future__ import annotations

from symbackprop.scalars.numpy_tree import (
    Apply,
    Number,
    NumpyTree,
    Ufunc,
    apply,
    is_array,
    is_indicator,
)

_INVERSE = {
    Ufunc.GREATER: Ufunc.LESS_EQUAL,
    Ufunc.GREATER_EQUAL: Ufunc.LESS,
    Ufunc.LESS: Ufunc.GREATER_EQUAL,
    Ufunc.LESS_EQUAL: Ufunc.GREATER,
    Ufunc.EQUAL: Ufunc.NOT_EQUAL,
    Ufunc.NOT_EQUAL: Ufunc.EQUAL,
}


def settle_indicators(tree: NumpyTree, result: bool = True) -> NumpyTree:
    """Cast each Boolean that would not become a number of the right dtype by itself.

    Parameters
    ----------
    tree : NumpyTree
        With comparisons used as the numbers 0 and 1, and numbers as conditions.
    result : bool
        Whether the value of the whole must be a number.
    """
    if not isinstance(tree, Apply):
        return tree
    if tree.function is Ufunc.WHERE:
        return _settled_where(tree)
    if tree.function is Ufunc.MULTIPLY:
        return _settled_product(tree, result)
    args = tuple(settle_indicators(a) for a in tree.args)
    settled = Apply(tree.function, args, tree.name, tree.orders)
    return _cast(settled) if result and is_indicator(settled) else settled


def _settled_product(tree: Apply, result: bool) -> NumpyTree:
    a, b = (settle_indicators(x, result=False) for x in tree.args)
    if is_indicator(a) and is_indicator(b):
        both = apply(Ufunc.MULTIPLY, a, b)
        return _cast(both) if result else both
    if is_indicator(a) and not is_array(b):
        a = _cast(a)
    if is_indicator(b) and not is_array(a):
        b = _cast(b)
    return apply(Ufunc.MULTIPLY, a, b)


def _settled_where(tree: Apply) -> NumpyTree:
    a, b = (settle_indicators(x) for x in tree.args[1:])
    chosen = apply(Ufunc.WHERE, condition(tree.args[0]), a, b)
    return chosen if is_array(a) or is_array(b) else _cast(chosen)


def condition(tree: NumpyTree) -> NumpyTree:
    """A tree that is 0 or not as a Boolean."""
    if is_indicator(tree):
        return settle_indicators(tree, result=False)
    opposite = _complement(tree)
    if opposite is not None:
        return opposite
    return apply(Ufunc.NOT_EQUAL, settle_indicators(tree), Number(0))


def _complement(tree: NumpyTree) -> NumpyTree | None:
    """1 − (a > b) as a <= b."""
    if not isinstance(tree, Apply) or tree.function is not Ufunc.SUBTRACT:
        return None
    one, other = tree.args
    if one != Number(1) or not isinstance(other, Apply) or other.function not in _INVERSE:
        return None
    return Apply(_INVERSE[other.function], tuple(settle_indicators(a) for a in other.args))


def _cast(tree: NumpyTree) -> Apply:
    return apply(Ufunc.CAST, tree)
