"""Whole formulas that have a name: softmax, log-sum-exp, a squared norm."""

from __future__ import annotations

from symbackprop.raising.build import quotient, scaled
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
    Transpose,
    Whole,
)

_TWO = Number(2)


def recognised(formula: Formula) -> Formula:
    """The formula with what has a name called by it, from the leaves up."""
    below = mapped(formula)
    match below:
        case Inner(left=Ones(), right=Power(base=base, exponent=exponent)) if exponent == _TWO:
            return Norm(base)
        case Inner(
            left=Ones(),
            right=MatMul(factors=(Power(base=base, exponent=exponent), Ones())),
        ) if exponent == _TWO:
            return Norm(base)
        case Inner(left=Ones(), right=Whole(function=MatrixFunction.DIAGONAL, operand=operand)):
            return Whole(MatrixFunction.TRACE, operand)
        case Inner(left=left, right=right) if left == right and not isinstance(left, Ones):
            return Norm(left)
        case Product(factors=(Quotient(numerator=top, denominator=bottom), Apply() as exponential)):
            found = _softmax(exponential, bottom)
            if found is not None:
                return found if top == ONE else scaled([top], found)
        case MatMul(factors=(Whole(function=MatrixFunction.INVERSE) as inverse, Apply() as rows)):
            found = _row_softmax(inverse, rows)
            if found is not None:
                return found
        case Apply(function="log", args=(Inner(left=Ones(), right=Apply("exp", (inner,))),)):
            return Whole(MatrixFunction.LOG_SUM_EXP, inner)
    return below


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


def mapped(formula: Formula) -> Formula:
    """The formula with its children recognised."""
    match formula:
        case Add(terms=terms):
            return Add(tuple(recognised(t) for t in terms))
        case Product(factors=factors) | MatMul(factors=factors) | Hadamard(factors=factors):
            return type(formula)(tuple(recognised(f) for f in factors))
        case Negative(operand=operand) | Transpose(operand=operand) | Norm(operand=operand):
            return type(formula)(recognised(operand))
        case Inner(left=left, right=right):
            return Inner(recognised(left), recognised(right))
        case Quotient(numerator=top, denominator=bottom):
            return quotient(recognised(top), recognised(bottom))
        case Power(base=base, exponent=exponent):
            return Power(recognised(base), exponent)
        case Apply(function=function, args=args):
            return Apply(function, tuple(recognised(a) for a in args))
        case Whole(function=function, operand=operand):
            return Whole(function, recognised(operand))
    return formula
