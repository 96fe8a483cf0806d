"""Arrays with the derivative by everything that was computed before them.

A value has rank 0 or 2: vectors are columns or rows. The tangent has one more axis, a direction for
each entry of each variable so far; a shorter tangent is zero in the later directions. No operation
broadcasts, except that a number multiplies anything and a bias is added along the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "MismatchError", "OutOfRangeError", "UnknownError", "Val", "same"]

Array = NDArray[np.float64]
Elementwise = Callable[[Array], Array]


class MismatchError(Exception):
    """Shapes that do not conform: a finding about the claim."""


class UnknownError(Exception):
    """Something that is not known or not understood: the claim cannot be checked."""


class OutOfRangeError(Exception):
    """A label or index for which nothing exists: another one has to be tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Val:
    """A value `v` and its tangent `d`, of shape `v.shape + (directions,)`; None: a constant."""

    v: Array
    d: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.v.shape

    @property
    def is_scalar(self) -> bool:
        """Whether it is a number; a 1 by 1 matrix is one too."""
        return self.v.size == 1 and self.v.ndim in (0, 2)

    def scalar(self) -> Val:
        """The number that it is."""
        if not self.is_scalar:
            raise MismatchError(f"a number is needed here, not an array of {shown(self.shape)}")
        if self.v.ndim == 0:
            return self
        return Val(self.v.reshape(()), None if self.d is None else self.d.reshape(-1))

    def key(self) -> bytes:
        """What equal values share, up to rounding."""
        with np.errstate(all="ignore"):
            scale = 10.0 ** (9 - np.ceil(np.log10(np.abs(self.v) + 1e-30)))
            rounded = np.round(self.v * scale) / scale
        return rounded.tobytes() + bytes(str(self.shape), "ascii")


def shown(shape: tuple[int, ...]) -> str:
    """A shape for messages."""
    return f"({', '.join(map(str, shape))})" if shape else "()"


def constant(number: float) -> Val:
    """A number without tangent."""
    return Val(np.asarray(float(number)))


def _pad(d: Array, directions: int) -> Array:
    if d.shape[-1] == directions:
        return d
    wide = np.zeros((*d.shape[:-1], directions))
    wide[..., : d.shape[-1]] = d
    return wide


def _sum(*tangents: Array | None) -> Array | None:
    there = [d for d in tangents if d is not None]
    if not there:
        return None
    directions = max(d.shape[-1] for d in there)
    total = _pad(there[0], directions)
    for d in there[1:]:
        total = total + _pad(d, directions)
    return total


def _times(v: Array, d: Array | None) -> Array | None:
    return None if d is None else v[..., None] * d


def elementwise(f: Elementwise, slope: Elementwise, a: Val) -> Val:
    """A function of every entry."""
    with np.errstate(all="ignore"):
        return Val(np.asarray(f(a.v)), _times(np.asarray(slope(a.v)), a.d))


def negative(a: Val) -> Val:
    """The opposite."""
    return Val(-a.v, None if a.d is None else -a.d)


def aligned(a: Val, b: Val) -> tuple[Val, Val]:
    """Two values of one shape; a 1 by 1 matrix next to a number becomes a number."""
    if a.shape == b.shape:
        return a, b
    if a.is_scalar and b.is_scalar:
        return a.scalar(), b.scalar()
    raise MismatchError(f"{shown(a.shape)} and {shown(b.shape)} are not of one shape")


def add(a: Val, b: Val) -> Val:
    """The sum of two values of one shape."""
    a, b = aligned(a, b)
    return Val(a.v + b.v, _sum(a.d, b.d))


def multiply(a: Val, b: Val) -> Val:
    """The product entry by entry."""
    a, b = aligned(a, b)
    return Val(a.v * b.v, _sum(_times(b.v, a.d), _times(a.v, b.d)))


def scale(number: Val, a: Val) -> Val:
    """A number times an array."""
    s = number.scalar()
    if a.v.ndim == 0:
        return multiply(s, a)
    first = None if s.d is None else a.v[..., None] * s.d
    second = None if a.d is None else s.v * a.d
    return Val(s.v * a.v, _sum(first, second))


def matmul(a: Val, b: Val) -> Val:
    """The matrix product."""
    if a.v.ndim != 2 or b.v.ndim != 2:
        raise MismatchError(f"{shown(a.shape)} and {shown(b.shape)} have no matrix product")
    if a.shape[1] != b.shape[0]:
        raise MismatchError(f"{shown(a.shape)}·{shown(b.shape)} does not conform")
    first = None if a.d is None else np.einsum("ikp,kj->ijp", a.d, b.v)
    second = None if b.d is None else np.einsum("ik,kjp->ijp", a.v, b.d)
    return Val(a.v @ b.v, _sum(first, second))


def transpose(a: Val) -> Val:
    """The transpose; a number is its own."""
    if a.v.ndim == 0:
        return a
    if a.v.ndim != 2:
        raise UnknownError("the transpose of an array of third order")
    return Val(a.v.T, None if a.d is None else a.d.transpose(1, 0, 2))


def reshape(a: Val, shape: tuple[int, ...]) -> Val:
    """The same entries in another shape."""
    value = a.v.reshape(shape)
    return Val(value, None if a.d is None else a.d.reshape((*value.shape, a.d.shape[-1])))


def reciprocal(a: Val) -> Val:
    """One over every entry."""
    return elementwise(lambda x: 1.0 / x, lambda x: -1.0 / (x * x), a)


def power(a: Val, n: float) -> Val:
    """A power of every entry by a fixed number."""
    return elementwise(lambda x: x**n, lambda x: n * x ** (n - 1), a)


def square(a: Val) -> bool:
    """Whether it is a square matrix of more than one entry."""
    return a.v.ndim == 2 and a.shape[0] == a.shape[1] > 1


def inverse(a: Val) -> Val:
    """The inverse of a square matrix."""
    if not square(a):
        raise MismatchError(f"the inverse of an array of shape {shown(a.shape)}")
    value: Array = np.asarray(np.linalg.inv(a.v), dtype=np.float64)
    if a.d is None:
        return Val(value)
    return Val(value, -np.einsum("ij,jkp,kl->ilp", value, a.d, value))


def log_determinant(a: Val) -> Val:
    """The logarithm of the determinant's size."""
    if not square(a):
        raise MismatchError(f"the determinant of an array of shape {shown(a.shape)}")
    value = np.asarray(np.linalg.slogdet(a.v)[1])
    if a.d is None:
        return Val(value)
    return Val(value, np.einsum("ji,ijp->p", np.linalg.inv(a.v), a.d))


def determinant(a: Val) -> Val:
    """The determinant of a square matrix."""
    size = log_determinant(a)
    value = np.asarray(np.linalg.det(a.v))
    return Val(value, None if size.d is None else value * size.d)


def exp(a: Val) -> Val:
    """The exponential of every entry."""
    return elementwise(np.exp, np.exp, a)


def log(a: Val) -> Val:
    """The natural logarithm of every entry."""
    return elementwise(np.log, lambda x: 1.0 / x, a)


def total(a: Val, axis: int | None = None) -> Val:
    """The sum of all entries as a number, or along an axis, which stays with length 1."""
    if a.v.ndim == 0:
        return a
    if axis is None:
        return Val(np.asarray(a.v.sum()), None if a.d is None else a.d.sum(axis=(0, 1)))
    tangent = None if a.d is None else a.d.sum(axis=axis, keepdims=True)
    return Val(a.v.sum(axis=axis, keepdims=True), tangent)


def entry(a: Val, where: tuple[int, ...]) -> Val:
    """An entry of an array; one index counts along a vector."""
    if len(where) == 1 and a.v.ndim == 2:
        if a.shape[1] == 1:
            where = (where[0], 0)
        elif a.shape[0] == 1:
            where = (0, where[0])
        else:
            raise UnknownError("one index on a matrix")
    if len(where) != a.v.ndim:
        raise UnknownError(f"{len(where)} indices on an array of shape {shown(a.shape)}")
    if any(not 0 <= i < n for i, n in zip(where, a.shape, strict=True)):
        raise OutOfRangeError(f"entry {where} of an array of shape {shown(a.shape)}")
    return Val(np.asarray(a.v[where]), None if a.d is None else a.d[where])


def broadcast(a: Val, shape: tuple[int, ...]) -> Val:
    """A bias along the batch, a number over a shape."""
    if a.shape == shape:
        return a
    if a.v.ndim == 0:
        tangent = None if a.d is None else np.broadcast_to(a.d, (*shape, a.d.shape[-1]))
        return Val(np.broadcast_to(a.v, shape), tangent)
    fits = all(n in (1, m) for n, m in zip(a.shape, shape, strict=True))
    if a.v.ndim != len(shape) or not fits:
        raise MismatchError(f"{shown(a.shape)} cannot be added to {shown(shape)}")
    tangent = None if a.d is None else np.broadcast_to(a.d, (*shape, a.d.shape[-1]))
    return Val(np.broadcast_to(a.v, shape), tangent)


def stack(parts: list[Val], axis: int) -> Val:
    """Arrays one after another along an axis."""
    parts = [p if p.v.ndim == 2 else Val(p.v.reshape(1, 1), None if p.d is None else
             p.d.reshape(1, 1, -1)) for p in parts]  # fmt: skip
    other = 1 - axis
    if len({p.shape[other] for p in parts}) != 1:
        raise MismatchError(" and ".join(shown(p.shape) for p in parts) + " cannot be stacked")
    directions = max((p.d.shape[-1] for p in parts if p.d is not None), default=0)
    value = np.concatenate([p.v for p in parts], axis=axis)
    if not directions:
        return Val(value)
    tangents = [
        np.zeros((*p.shape, directions)) if p.d is None else _pad(p.d, directions) for p in parts
    ]
    return Val(value, np.concatenate(tangents, axis=axis))


def diagonal(a: Val) -> Val:
    """The diagonal matrix of a vector."""
    if a.v.ndim != 2 or 1 not in a.shape:
        raise MismatchError(f"diag of an array of shape {shown(a.shape)}")
    flat = a.v.reshape(-1)
    if a.d is None:
        return Val(np.diag(flat))
    n = flat.size
    tangent = np.zeros((n, n, a.d.shape[-1]))
    tangent[np.arange(n), np.arange(n)] = a.d.reshape(n, -1)
    return Val(np.diag(flat), tangent)


def same(a: Val, b: Val, tolerance: float = 1e-7) -> bool:
    """Whether two values are equal up to rounding, shapes included."""
    if a.is_scalar and b.is_scalar:
        a, b = a.scalar(), b.scalar()
    if a.shape != b.shape:
        return False
    size = max(float(np.max(np.abs(a.v), initial=0.0)), float(np.max(np.abs(b.v), initial=0.0)))
    with np.errstate(all="ignore"):
        return bool(np.max(np.abs(a.v - b.v), initial=0.0) <= tolerance * size + 1e-12)
