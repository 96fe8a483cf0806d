"""Scalar bodies as NumPy trees.

Products as the shortest chain of array passes, numbers as Python numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from symbackprop.errors import UnsupportedError
from symbackprop.scalars import (
    FUNCTIONS,
    Absolute,
    Composite,
    Relu,
    Sigmoid,
    Softplus,
    placeholder_index,
    record_of,
)
from symbackprop.scalars.numpy_lowerings import sigmoid, sigmoid_to_the_last_digit
from symbackprop.scalars.numpy_tree import Apply, Number, NumpyTree, Operand, SizeName, Ufunc, apply
from symbackprop.scalars.opaque import Opaque

Body = Any
"""A SymPy expression; only `scalars` knows SymPy."""

ONE = Number(1)
_EXP = FUNCTIONS["exp"].head
_LOG1P = FUNCTIONS["log1p"].head
_MAX_CHAIN = 6


@lru_cache(maxsize=16384)
def body_tree(body: Body, ranks: tuple[float, ...] = (), cap: float = 709.0) -> NumpyTree:
    """The NumPy form of a body.

    Parameters
    ----------
    body : Expr
        Over the placeholders.
    ranks : tuple of float
        The number of axes of each operand: factors of few axes are multiplied first; a half more
        for those that are known last.
    cap : float
        The largest x with a finite exp(x) in the dtype of the module; 0: sigmoids by one tanh,
        which loses the last digits of small ones.
    """
    return _Lowering(ranks, cap).tree(body)


class _Lowering:
    """One body."""

    def __init__(self, ranks: tuple[float, ...], cap: float) -> None:
        self.ranks = ranks
        self.cap = cap

    def tree(self, body: Body) -> NumpyTree:
        if body.is_number and not body.is_infinite:
            return number(body)
        if body.is_Symbol:
            k = placeholder_index(body)
            return SizeName(body.name) if k is None else Operand(k)
        if type(body).__name__ in _WHOLE:
            return SizeName(size_expression(body))
        if body.is_Add:
            return self.addition(body)
        if body.is_Mul:
            return self.product(body)
        if body.is_Pow:
            return self.power(body.base, body.exp)
        if isinstance(body, Opaque):
            orders = tuple(int(order) for order in body.orders)
            return Apply(
                Ufunc.OPAQUE, tuple(self.tree(a) for a in body.operands), str(body.name), orders
            )
        if isinstance(body, Composite):
            return self.tree(body.definition())
        if isinstance(body, Sigmoid):
            if self.cap == 0:
                return sigmoid(self.tree(body.args[0]))
            return sigmoid_to_the_last_digit(self.tree(body.args[0]), self.cap)
        record = record_of(body)
        if record is None or record.lower is None:
            raise UnsupportedError(f"no NumPy form of {type(body).__name__}")
        return record.lower(*(self.tree(a) for a in body.args))

    def addition(self, body: Body) -> NumpyTree:
        """Positive terms first, so that `p - y` is one subtraction."""
        tails: list[Body] = []
        terms: list[Body] = []
        for term in _ordered(body.args):
            factors = term.args if term.is_Mul else (term,)
            head = next((f for f in factors if isinstance(f, Softplus)), None)
            if head is None or len(body.args) == 1:
                terms.append(term)
            else:
                # relu(u) - y u cancels exactly where softplus(u) - y u would lose the rest
                terms.append(term.xreplace({head: Relu(head.args[0])}))
                tails.append(term.xreplace({head: _softplus_tail(head.args[0])}))
        signed = [_signed(term) for term in (*_ordered(terms), *tails)]
        plus = [term for negative, term in signed if not negative]
        minus = [term for negative, term in signed if negative]
        if not plus:
            return apply(Ufunc.NEGATIVE, self._sum(minus))
        total = self._sum(plus)
        for term in minus:
            total = apply(Ufunc.SUBTRACT, total, self.tree(term))
        return total

    def _sum(self, terms: Sequence[Body]) -> NumpyTree:
        ordered = sorted(terms, key=lambda t: (t.is_number, -self.rank(t)))
        total = self.tree(ordered[0])
        for term in ordered[1:]:
            total = apply(Ufunc.ADD, total, self.tree(term))
        return total

    def product(self, body: Body) -> NumpyTree:
        """Small factors first, one division by all denominators."""
        coefficient, rest = body.as_coeff_Mul()
        numerators: list[Body] = []
        denominators: list[Body] = []
        for factor in rest.args if rest.is_Mul else (rest,):
            if factor.is_Pow and factor.exp.is_Rational and factor.exp < 0:
                denominators.append(factor.base**-factor.exp)
            else:
                numerators.append(factor)
        negative = bool(coefficient < 0)
        coefficient = abs(coefficient)
        if coefficient.is_Rational and coefficient.q & (coefficient.q - 1):
            denominators.append(type(coefficient)(coefficient.q))
            coefficient = coefficient * coefficient.q
        if coefficient != 1:
            numerators.append(coefficient)
        scalars = [f for f in numerators if self.rank(f) <= 0]
        if scalars and denominators and all(self.rank(f) <= 0 for f in denominators):
            rest = [f for f in numerators if self.rank(f) > 0]
            if rest:
                one = apply(Ufunc.DIVIDE, self.chain(scalars), self.chain(denominators))
                signed = apply(Ufunc.NEGATIVE, one) if negative else one
                return apply(Ufunc.MULTIPLY, signed, self.chain(rest))
        total = self._chain(numerators)
        if negative and denominators and total is not None:
            total, negative = apply(Ufunc.NEGATIVE, total), False
        if denominators:
            below = self._chain(denominators)
            total = apply(Ufunc.DIVIDE, ONE if total is None else total, below or ONE)
        if total is None:
            total = ONE
        return apply(Ufunc.NEGATIVE, total) if negative else total

    def chain(self, factors: Sequence[Body]) -> NumpyTree:
        """The product of factors, of which there is one at least."""
        return self._chain(factors) or ONE

    def _chain(self, factors: Sequence[Body]) -> NumpyTree | None:
        """The product: number and sizes.

        Then by rising rank, each rank gathered before the next.
        """
        ordered = sorted(factors, key=lambda f: (self.rank(f), not f.is_number))
        total: NumpyTree | None = None
        done = 0
        while done < len(ordered):
            rank = self.rank(ordered[done])
            group: NumpyTree | None = None
            while done < len(ordered) and self.rank(ordered[done]) == rank:
                tree = self.tree(ordered[done])
                group = tree if group is None else apply(Ufunc.MULTIPLY, group, tree)
                done += 1
            if total is None or group is None:
                total = group
            elif rank == 0 or isinstance(total, (Number, SizeName)):
                total = apply(Ufunc.MULTIPLY, total, group)
            else:
                total = apply(Ufunc.MULTIPLY, group, total)
        return total

    def power(self, base: Body, exponent: Body) -> NumpyTree:
        """Small powers as products: a scalar `pow` for each entry is 20 to 200 times as slow."""
        if exponent.is_Rational and exponent < 0:
            return apply(Ufunc.DIVIDE, ONE, self.power(base, -exponent))
        tree = self.tree(base)
        if exponent == 1:
            return tree
        if exponent.is_Rational and exponent.q == 2:
            root = apply(Ufunc.SQRT, tree)
            if exponent.p == 1:
                return root
            if exponent.p == 3:
                return apply(Ufunc.MULTIPLY, tree, root)
        if exponent == 2:
            return apply(Ufunc.SQUARE, tree)
        if exponent.is_Integer and exponent <= _MAX_CHAIN:
            square = apply(Ufunc.SQUARE, tree)
            half = square
            for _ in range(int(exponent) // 2 - 1):
                half = apply(Ufunc.MULTIPLY, half, square)
            return half if exponent % 2 == 0 else apply(Ufunc.MULTIPLY, half, tree)
        return apply(Ufunc.POWER, tree, self.tree(exponent))

    def rank(self, body: Body) -> float:
        """The number of axes of a subexpression; -1 for numbers and sizes."""
        ks = [k for k in map(placeholder_index, body.free_symbols) if k is not None]
        if not ks:
            return -1
        return max((self.ranks[k] if k < len(self.ranks) else 0) for k in ks)


_WHOLE = {"floor": "//", "ceiling": "//"}


def size_expression(body: Body) -> str:
    """A rounded quotient of sizes as Python text over their names."""
    numerator, denominator = body.args[0].as_numer_denom()
    above, below = f"({numerator})", f"({denominator})"
    if type(body).__name__ == "floor":
        return f"({above} // {below})"
    return f"(-(-{above} // {below}))"


def number(body: Body) -> Number:
    """An exact number as a Python number."""
    return Number(int(body)) if body.is_Integer else Number(float(body))


def _softplus_tail(u: Body) -> Body:
    """softplus(u) - relu(u)."""
    return _LOG1P(_EXP(-Absolute(u)))


def _signed(term: Body) -> tuple[bool, Body]:
    coefficient = term.as_coeff_Mul()[0]
    return (True, -term) if coefficient.is_negative else (False, term)


def _ordered(terms: Sequence[Body]) -> list[Body]:
    """By the first operand read, so that sums are spelled in the order of the operands."""

    def key(term: Body) -> tuple[int, list[int], str]:
        ks = sorted(k for k in map(placeholder_index, term.free_symbols) if k is not None)
        return (0 if ks else 1, ks, str(term))

    return sorted(terms, key=key)


def operand_indices(tree: NumpyTree) -> list[int]:
    """The operands of a tree, in order of first use."""
    found: dict[int, None] = {}
    pending = [tree]
    while pending:
        current = pending.pop()
        if isinstance(current, Operand):
            found[current.index] = None
        elif isinstance(current, Apply):
            pending.extend(reversed(current.args))
    return list(found)


def size_names(tree: NumpyTree) -> list[str]:
    """The sizes of a tree, in order of first use."""
    found: dict[str, None] = {}
    pending = [tree]
    while pending:
        current = pending.pop()
        if isinstance(current, SizeName):
            found[current.name] = None
        elif isinstance(current, Apply):
            pending.extend(reversed(current.args))
    return list(found)


def with_operands(tree: NumpyTree, new: Sequence[NumpyTree]) -> NumpyTree:
    """The tree with operand k replaced by ``new[k]``."""
    if isinstance(tree, Operand):
        return new[tree.index]
    if isinstance(tree, Apply):
        return Apply(
            tree.function, tuple(with_operands(a, new) for a in tree.args), tree.name, tree.orders
        )
    return tree


def folded(tree: NumpyTree) -> NumpyTree:
    """The tree without factors 1."""
    if not isinstance(tree, Apply):
        return tree
    args = tuple(folded(a) for a in tree.args)
    if tree.function is Ufunc.MULTIPLY and ONE in args:
        return args[1] if args[0] == ONE else args[0]
    if tree.function is Ufunc.DIVIDE and args[1] == ONE:
        return args[0]
    return Apply(tree.function, args, tree.name, tree.orders)


def size_tree(size: Body) -> NumpyTree:
    """A size as a tree over its symbols."""
    return body_tree(size)
