"""The operations of evaluation on numbers, under one interface with those on shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from symbackprop.notes.judge import values
from symbackprop.notes.judge.values import MismatchError, UnknownError, Val

__all__ = ["NumberOps"]


class NumberOps:
    """Operations on values with tangents."""

    scale = staticmethod(values.scale)
    multiply = staticmethod(values.multiply)
    matmul = staticmethod(values.matmul)
    transpose = staticmethod(values.transpose)
    negative = staticmethod(values.negative)
    total = staticmethod(values.total)
    diagonal = staticmethod(values.diagonal)
    elementwise = staticmethod(values.elementwise)
    exp = staticmethod(values.exp)
    log = staticmethod(values.log)
    number = staticmethod(values.constant)

    @staticmethod
    def trying(attempt: Callable[[Val, Val], Val], a: Val, b: Val) -> Val:
        """Apply an operation that may not conform."""
        return attempt(a, b)

    @staticmethod
    def add(a: Val, b: Val) -> Val:
        """The sum; a number is added to every entry, a bias along the batch."""
        if a.shape != b.shape:
            if a.v.ndim == 0 or (b.v.ndim and _covers(b.shape, a.shape)):
                a = values.broadcast(a, b.shape)
            elif b.v.ndim == 0 or _covers(a.shape, b.shape):
                b = values.broadcast(b, a.shape)
        return values.add(a, b)

    @staticmethod
    def power(a: Val, n: float) -> Val:
        """A power of every entry; of a square matrix the inverse."""
        if n == -1.0 and values.square(a):
            return values.inverse(a)
        return values.power(a, n)

    @staticmethod
    def outer(a: Val, b: Val) -> Val:
        """The outer product of two vectors."""
        column = a if a.shape[1] == 1 else values.transpose(a)
        row = b if b.shape[0] == 1 else values.transpose(b)
        return values.matmul(column, row)

    @staticmethod
    def divide(a: Val, b: Val) -> Val:
        """The quotient by a number, or entry by entry."""
        inverse = values.reciprocal(b)
        if b.v.ndim == 0:
            return values.scale(inverse, a)
        if a.v.ndim == 0:
            return values.scale(a, inverse)
        if b.is_scalar and not a.is_scalar:
            return values.scale(inverse, a)
        if a.shape != b.shape and _covers(a.shape, b.shape):
            inverse = values.broadcast(inverse, a.shape)
        return values.multiply(a, inverse)

    @staticmethod
    def stack(parts: Sequence[Val], axis: int) -> Val:
        """Arrays one after another."""
        return values.stack(list(parts), axis)

    @staticmethod
    def maximum(parts: Sequence[Val]) -> Val:
        """The largest entry of several values, entry by entry."""
        shape = next((p.shape for p in parts if p.v.ndim), ())
        same = [values.broadcast(p, shape) for p in parts]
        best = same[0]
        for other in same[1:]:
            if best.shape != other.shape:
                raise MismatchError("the maximum of arrays of different shapes")
            left = best.v >= other.v
            best = select(left, best, other)
        return best


def select(mask: values.Array | np.ndarray, a: Val, b: Val) -> Val:
    """The entries of `a` where the mask holds, those of `b` elsewhere."""
    value = np.where(mask, a.v, b.v)
    directions = max(0 if x.d is None else x.d.shape[-1] for x in (a, b))
    if not directions:
        return Val(value)
    zero = np.zeros((*value.shape, 1))
    first = values._sum(a.d, np.zeros((*value.shape, directions)))
    second = values._sum(b.d, np.zeros((*value.shape, directions)))
    if first is None or second is None:
        raise UnknownError("a tangent is missing")
    return Val(value, np.where(np.asarray(mask)[..., None], first, second) + zero)


def _covers(large: tuple[int, ...], small: tuple[int, ...]) -> bool:
    return len(large) == len(small) == 2 and all(
        n in (1, m) for n, m in zip(small, large, strict=True)
    )
