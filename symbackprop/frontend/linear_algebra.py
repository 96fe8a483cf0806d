"""Inverse, solve, determinants, and what is made of products."""

from __future__ import annotations

from symbackprop.errors import ShapeError
from symbackprop.frontend.comprehend import comprehend
from symbackprop.frontend.contraction import contract, einsum, matmul
from symbackprop.frontend.indexing import reindex, transpose
from symbackprop.frontend.record import Primitive, Record, describe
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Kind, PrimOp, Read
from symbackprop.scalars import placeholder
from symbackprop.sizes import as_size, axis, same_size


def square(what: str, a: Record) -> None:
    """Refuse what is no square matrix.

    Raises
    ------
    ShapeError
        With the shape.
    """
    if len(a.shape) != 2 or not same_size(*a.shape):
        raise ShapeError(f"{what}: expected a square matrix, found {describe(a)}")


def inverse(a: Tensor) -> Tensor:
    """A⁻¹."""
    square("inverse", a)
    return Tensor(a.shape, Primitive(PrimOp.INVERSE, (a,)))


def det(a: Tensor) -> Tensor:
    """The determinant of A."""
    square("det", a)
    return Tensor((), Primitive(PrimOp.DETERMINANT, (a,)))


def logdet(a: Tensor) -> Tensor:
    """The logarithm of |det A|."""
    square("logdet", a)
    return Tensor((), Primitive(PrimOp.LOGDET, (a,)))


def solve(a: Tensor, b: Tensor) -> Tensor:
    """A⁻¹ b, for a vector or a matrix b."""
    square("solve", a)
    if len(b.shape) not in (1, 2) or not same_size(a.shape[0], b.shape[0]):
        raise ShapeError(f"solve: {describe(a)} and {describe(b)} do not fit")
    return Tensor(b.shape, Primitive(PrimOp.SOLVE, (a, b)))


def argsort(x: Tensor) -> Tensor:
    """The positions that sort `x` along its last axis; no gradient. A sort is ``x[argsort(x)]``."""
    if not x.shape:
        raise ShapeError("argsort: a scalar has no order")
    return Tensor(x.shape, Primitive(PrimOp.ARGSORT, (x,)), kind=Kind.INT)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Σ a b of two vectors."""
    _vectors("dot", a, b)
    if not same_size(a.shape[0], b.shape[0]):
        raise ShapeError(f"dot: sizes differ: {describe(a)} and {describe(b)}")
    return contract([(a, (axis(0),)), (b, (axis(0),))], [a.shape[0]], [])


def outer(a: Tensor, b: Tensor) -> Tensor:
    """The matrix a bᵀ of products of two vectors."""
    _vectors("outer", a, b)
    return contract([(a, (axis(0),)), (b, (axis(1),))], [a.shape[0], b.shape[0]], [0, 1])


def _vectors(what: str, *operands: Record) -> None:
    if any(len(x.shape) != 1 for x in operands):
        found = " and ".join(describe(x) for x in operands)
        raise ShapeError(f"{what}: expected two vectors, found {found}")


def quadratic_form(x: Tensor, a: Tensor) -> Tensor:
    """xᵀ A x."""
    square("quadratic_form", a)
    return dot(x, matmul(a, x))


def trace(a: Tensor) -> Tensor:
    """The trace Σ A_ii."""
    square("trace", a)
    return einsum("ii->", a)


def diag(a: Tensor) -> Tensor:
    """The matrix with a vector on its diagonal, or the diagonal of a square matrix."""
    if len(a.shape) == 1:
        here = (axis(0),)
        size = a.shape[0]
        return comprehend(
            [a], [size, size], [size], placeholder(0), [Read(0, here)], (axis(0), axis(0))
        )
    square("diag", a)
    return reindex(a, [a.shape[0]], (axis(0), axis(0)))


def kron(a: Tensor, b: Tensor) -> Tensor:
    """A ⊗ B: the block matrix of the products A_ij B."""
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ShapeError(f"kron: expected two matrices, found {describe(a)} and {describe(b)}")
    (m, n), (p, q) = a.shape, b.shape
    rows = axis(0).scaled(p) + axis(2)
    columns = axis(1).scaled(q) + axis(3)
    return comprehend(
        [a, b],
        [as_size(m * p), as_size(n * q)],
        [m, n, p, q],
        placeholder(0) * placeholder(1),
        [Read(0, (axis(0), axis(1))), Read(1, (axis(2), axis(3)))],
        (rows, columns),
    )


__all__ = [
    "argsort",
    "det",
    "diag",
    "dot",
    "inverse",
    "kron",
    "logdet",
    "outer",
    "quadratic_form",
    "solve",
    "square",
    "trace",
    "transpose",
]
