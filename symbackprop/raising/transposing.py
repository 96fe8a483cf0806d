"""The transpose of a formula, and what is made with it."""

from __future__ import annotations

from dataclasses import replace

from symbackprop.raising.build import add, hadamard, matmul, scaled
from symbackprop.raising.shapes import form_of, is_scalar, weight
from symbackprop.raising.tree import (
    Add,
    Apply,
    Eye,
    Form,
    Formula,
    Hadamard,
    Kron,
    MatMul,
    MatrixFunction,
    Negative,
    Over,
    Power,
    Product,
    Quotient,
    Transpose,
    Unnamed,
    Whole,
)


def outer(left: Formula, right: Formula) -> Formula:
    """``left right^T`` of two columns."""
    return matmul((left, transposed(right)))


def transposed(formula: Formula) -> Formula:
    """The transpose; pushed through products, and through sums where none is added by that."""
    if is_scalar(formula):
        return formula
    product = _transposed_product(formula)
    if product is not None:
        return product
    inside = _transposed_inside(formula)
    if inside is not None and weight(inside) <= weight(formula):
        return inside
    return Transpose(formula)


def lighter(formula: Formula) -> Formula:
    """``f(x^T)`` as ``f(x)^T``, where that is shorter; products of matrices stay as they are."""
    if not isinstance(formula, (Add, Hadamard, Quotient, Power, Apply, Unnamed)):
        return formula
    outside = transposed(formula)
    if isinstance(outside, Transpose) or weight(outside) >= weight(formula):
        return formula
    return Transpose(outside)


def _transposed_product(formula: Formula) -> Formula | None:
    """The transpose of what is made of matrices as wholes."""
    match formula:
        case Transpose(operand=operand):
            return operand
        case Eye():
            return formula
        case Negative(operand=operand):
            return Negative(transposed(operand))
        case Product(factors=factors):
            return scaled(factors[:-1], transposed(factors[-1]))
        case MatMul(factors=factors):
            return matmul(transposed(f) for f in reversed(factors))
        case Over(body=body):
            return replace(formula, body=transposed(body))
        case Kron(left=left, right=right):
            return Kron(transposed(left), transposed(right))
        case Whole():
            return _transposed_whole(formula)
    return None


def _transposed_whole(formula: Whole) -> Formula | None:
    operand = formula.operand
    match formula.function:
        case MatrixFunction.DIAG:
            return formula
        case MatrixFunction.INVERSE:
            return formula if transposed(operand) == operand else Transpose(formula)
        case MatrixFunction.SOFTMAX if form_of(operand) is Form.MATRIX:
            return Whole(MatrixFunction.SOFTMAX_COLUMNS, transposed(operand))
        case MatrixFunction.SOFTMAX_COLUMNS:
            return Whole(MatrixFunction.SOFTMAX, transposed(operand))
    return None


def _transposed_inside(formula: Formula) -> Formula | None:
    """The transpose of what is made entry by entry, pushed to its operands."""
    match formula:
        case Add(terms=terms):
            return add(transposed(term) for term in terms)
        case Hadamard(factors=factors):
            return hadamard(transposed(f) for f in factors)
        case Quotient(numerator=top, denominator=bottom):
            return Quotient(transposed(top), transposed(bottom))
        case Power(base=base, exponent=exponent):
            return Power(transposed(base), exponent)
        case Apply(function=function, args=args):
            return Apply(function, tuple(transposed(a) for a in args))
        case Unnamed(tensor=None):
            return Unnamed(formula.name, formula.orders, tuple(transposed(a) for a in formula.args))
    return None
