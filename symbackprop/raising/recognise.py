"""Whole formulas that have a name: softmax, log-sum-exp, a squared norm."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symbackprop.raising.build import add, hadamard, hadamard_key, matmul, negative, scaled
from symbackprop.raising.rebuild import with_children
from symbackprop.raising.shapes import is_scalar, weight
from symbackprop.raising.transposing import transposed
from symbackprop.raising.tree import (
    ONE,
    Add,
    Apply,
    Formula,
    Hadamard,
    Inner,
    MatMul,
    MatrixFunction,
    Negative,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Quotient,
    Ref,
    Whole,
)

_TWO = Number(2)


def recognised(formula: Formula, given: Callable[[int], bool]) -> Formula:
    """The formula with what has a name called by it, from the leaves up.

    given : whether a node is a variable; it stands first in an inner product
    """
    below = with_children(formula, lambda child: recognised(child, given))
    match below:
        case Inner():
            return _inner_product(below, given)
        case Product(factors=(Quotient(numerator=top, denominator=bottom), Apply() as exponential)):
            found = _softmax(exponential, bottom)
            if found is not None:
                return found if top == ONE else scaled([top], found)
        case MatMul(factors=(Whole(function=MatrixFunction.INVERSE) as inverse, Apply() as rows)):
            found = _row_softmax(inverse, rows)
            if found is not None:
                return found
        case MatMul(factors=(Whole(function=MatrixFunction.INVERSE) as inverse, Add() as total)):
            return _cancelled(inverse, total) or below
        case Product(factors=(*front, Add() as total)) if not is_scalar(total):
            return _shorter_terms(front, total) or below
        case Apply(function="log", args=(Inner(left=Ones(), right=Apply("exp", (inner,))),)):
            return Whole(MatrixFunction.LOG_SUM_EXP, inner)
    return below


def _cancelled(inverse: Whole, total: Add) -> Formula | None:
    """``D^-1 (D x + y)`` as ``x + D^-1 y``; None where nothing cancels."""
    alone: list[Formula] = []
    rest: list[Formula] = []
    for term in total.terms:
        found = _without_first(term, inverse.operand)
        (rest if found is None else alone).append(term if found is None else found)
    if not alone or not rest:
        return None
    return add([*alone, matmul((inverse, add(rest)))])


def _shorter_terms(front: Sequence[Formula], total: Add) -> Formula | None:
    """A scalar in front of a sum in front of its terms, where it cancels in one."""
    terms = [scaled(front, term) for term in total.terms]
    shorter = any(weight(x) < weight(y) for x, y in zip(terms, total.terms, strict=True))
    return add(terms) if shorter else None


def _without_first(term: Formula, first: Formula) -> Formula | None:
    """A term without the matrix that it starts with."""
    match term:
        case Negative(operand=operand):
            found = _without_first(operand, first)
            return None if found is None else negative(found)
        case Product(factors=(*front, last)):
            found = _without_first(last, first)
            return None if found is None else scaled(front, found)
        case MatMul(factors=(start, *others)) if start == first:
            return matmul(others)
    return None


def _inner_product(formula: Inner, given: Callable[[int], bool]) -> Formula:
    """A squared norm, a trace, or the product with its variable first."""
    match formula:
        case Inner(left=Ref() as left, right=Ref() as right) if given(right.source) and not given(
            left.source
        ):
            return Inner(right, left)
        case Inner(left=Ones(), right=Power(base=base, exponent=exponent)) if exponent == _TWO:
            return Norm(base)
        case Inner(
            left=Ones(),
            right=MatMul(factors=(Power(base=base, exponent=exponent), Ones())),
        ) if exponent == _TWO:
            return Norm(base)
        case Inner(left=Ones(), right=Whole(function=MatrixFunction.DIAGONAL, operand=operand)):
            return Whole(MatrixFunction.TRACE, operand)
        case Inner(left=Ones(), right=MatMul(factors=(Hadamard(factors=factors), Ones()))):
            first = min(factors, key=lambda f: (weight(f), hadamard_key(f)))
            rest = list(factors)
            rest.remove(first)
            return Whole(MatrixFunction.TRACE, matmul((transposed(first), hadamard(rest))))
        case Inner(left=left, right=right) if left == right and not isinstance(left, Ones):
            return Norm(left)
    return formula


def _softmax(top: Apply, bottom: Formula) -> Formula | None:
    match bottom:
        case Inner(left=Ones(), right=right) if right == top and top.function == "exp":
            return Whole(MatrixFunction.SOFTMAX, top.args[0])
    return None


def _row_softmax(inverse: Whole, rows: Apply) -> Formula | None:
    match inverse.operand:
        case Whole(function=MatrixFunction.DIAG, operand=MatMul(factors=(left, Ones()))) if (
            left == rows and rows.function == "exp"
        ):
            return Whole(MatrixFunction.SOFTMAX, rows.args[0])
    return None
