"""Plain SymPy as a tensor: index notation, matrix notation, and both in one expression."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symbackprop.frontend.from_sympy_index import Scalars, index_rules
from symbackprop.frontend.from_sympy_matrix import matrix_rules
from symbackprop.frontend.importer import Environment, Importer, Matrix, arrays_of, check_expression
from symbackprop.frontend.index_survey import Survey, survey
from symbackprop.frontend.names import family_of
from symbackprop.frontend.scalar_terms import Letter, Letters
from symbackprop.frontend.tensor import Tensor
from symbackprop.scalars import placeholder
from symbackprop.sizes import as_size, axis


def from_sympy(expression: Any, *, inputs: Iterable[Any] = (), out: Sequence[Any] = ()) -> Tensor:
    """A SymPy expression as a tensor.

    Parameters
    ----------
    expression : Expr or MatrixExpr
        Index notation (``IndexedBase``, ``Sum``, ``KroneckerDelta``, ``Max``, ``Piecewise``) or
        matrix notation (``MatrixSymbol``, ``.applyfunc``, ``HadamardProduct``, ``Trace``).
        Column and row matrices become vectors, 1 x 1 matrices numbers.
    inputs : iterable of symbols, names or tensors
        What is no parameter. A tensor says more than a symbol can: labels, one-hot targets.
    out : sequence of Idx, symbols or (symbol, first, last)
        The free indices, in the order of the axes of the result.

    Raises
    ------
    ShapeError
        Where sizes do not fit: SymPy itself does not check symbolic sizes.
    UnsupportedError
        For a construct that has no meaning here, named, with what to write instead.

    Examples
    --------
    >>> from sympy import MatrixSymbol, tanh
    >>> import symbackprop as sb
    >>> n, h = sb.dims("n h")
    >>> W, x = MatrixSymbol("W", h, n), MatrixSymbol("x", n, 1)
    >>> sb.from_sympy((W * x).applyfunc(tanh), inputs=[x]).shape
    (h,)
    """
    given = check_expression(expression)
    told = survey(given, out)
    importer = importer_for(told, inputs)
    declare_all(importer, told)
    env = free_letters(importer, told, out)
    value = importer.run(given, env)
    if isinstance(value, Matrix):
        return value.upright()
    numbers = [dict(env)[_symbol(index)] for index in out]
    term = value
    (read,) = term.reads if len(term.reads) == 1 else ((None, ()),)
    plain = tuple(axis(n) for n in numbers)
    if term.body == placeholder(0) and read[0] is not None and read[1] == plain:
        return read[0]
    return importer.letters.tensor(term.body, term.reads, numbers)


def declare_all(importer: Importer, told: Survey) -> None:
    """Declare arrays and matrices layer by layer: W1, b1, W2, b2."""
    for name in sorted({*told.arrays, *told.matrices}, key=_layer_first):
        if name in told.matrices:
            importer.arrays.variable(name, told.matrices[name])
        else:
            shape = told.shape(name)
            importer.arrays.origins[name] = told.origins(name)
            importer.arrays.variable(name, shape)


def _layer_first(name: str) -> tuple[int, str]:
    member = family_of(name)
    return (0, name) if member is None else (member[1], name)


def _symbol(index: Any) -> Any:
    return index[0] if isinstance(index, tuple) else index


def importer_for(told: Survey, inputs: Iterable[Any]) -> Importer:
    """An importer with the rules of both notations."""
    rules, scalar = index_rules(told)
    return Importer(
        {**rules, **matrix_rules(Scalars(told).index)}, scalar, arrays_of(inputs), Letters()
    )


def free_letters(importer: Importer, told: Survey, out: Sequence[Any]) -> Environment:
    """The letters of the free indices, in order."""
    env: dict[Any, int] = {}
    for index in out:
        symbol = _symbol(index)
        low, high = told.free[symbol]
        letter = Letter(symbol, low, as_size(high - low + 1))
        env[symbol] = importer.letters.number(letter)
    return tuple(sorted(env.items(), key=lambda pair: str(pair[0])))
