"""The operations of evaluation on tensors of the front end, under the interface of the checker's.

A value has two sizes, of which those that are one have no axis in its tensor; a number has none.
Inside a sum over indices a value is a number with an axis for each index letter that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symbackprop import frontend
from symbackprop.frontend import ELEMENTWISE, Tensor
from symbackprop.notes.judge.values import MismatchError, UnknownError
from symbackprop.sizes import Size, same_size

__all__ = ["NUMBER", "TensorOps", "Value"]

NUMBER: tuple[Size, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor, a fraction or a size, with its two sizes and the letters of its axes in a sum."""

    t: Any
    shape: tuple[Size, ...] = NUMBER
    letters: tuple[str, ...] = ()

    @property
    def is_scalar(self) -> bool:
        """Whether it has one entry."""
        return all(size == 1 for size in self.shape)

    def indexed(self, letters: tuple[str, ...]) -> Value:
        """The entries, one for each value of the letters."""
        axes = len(self.t.shape) if isinstance(self.t, Tensor) else 0
        if axes != len(letters) or len(set(letters)) != len(letters) or self.letters:
            raise UnknownError("an entry with other indices than the array has axes")
        return Value(self.t, NUMBER, letters)


def _same(a: Sequence[Size], b: Sequence[Size]) -> bool:
    return len(a) == len(b) and all(map(same_size, a, b))


def _full(a: Value) -> Any:
    """The tensor with both axes."""
    key = tuple(None if size == 1 else slice(None) for size in a.shape)
    return a.t[key] if a.shape and None in key else a.t


def _spread(a: Value, letters: tuple[str, ...]) -> Any:
    """The tensor with an axis for each of some letters."""
    if not isinstance(a.t, Tensor) or a.letters == letters:
        return a.t
    order = [a.letters.index(letter) for letter in letters if letter in a.letters]
    t = a.t if order == sorted(order) else frontend.transpose(a.t, *order)
    if not a.letters:
        return t
    return t[tuple(slice(None) if letter in a.letters else None for letter in letters)]


def _number(t: Any) -> Any:
    """A fraction as a tensor takes it."""
    if isinstance(t, Fraction):
        return int(t) if t.denominator == 1 else float(t)
    return t


class TensorOps:
    """Operations on values."""

    def number(self, value: float) -> Value:
        """A number."""
        return Value(Fraction(str(value)))

    def trying(self, attempt: Callable[[Value, Value], Value], a: Value, b: Value) -> Value:
        """Apply an operation that may not conform."""
        return attempt(a, b)

    def joined(self, combine: Callable[[Any, Any], Any], a: Value, b: Value) -> Value:
        """An operation entry by entry; numbers and arrays of one row or column are spread."""
        if isinstance(a.t, Fraction) and isinstance(b.t, Fraction):
            return Value(combine(a.t, b.t))
        if a.letters or b.letters:
            if a.shape or b.shape:
                raise UnknownError("entries beside whole arrays in a sum")
            letters = tuple(dict.fromkeys((*a.letters, *b.letters)))
            x, y = _spread(a, letters), _spread(b, letters)
            return Value(combine(_number(x), _number(y)), NUMBER, letters)
        if not a.shape or not b.shape or _same(a.shape, b.shape):
            return Value(combine(_number(a.t), _number(b.t)), a.shape or b.shape)
        small, large = (a, b) if all(map(_covers, a.shape, b.shape)) else (b, a)
        if not all(map(_covers, small.shape, large.shape)):
            raise MismatchError(f"{a.shape} and {b.shape} are not of one shape")
        return Value(combine(_full(a), _full(b)), large.shape)

    def add(self, a: Value, b: Value) -> Value:
        """The sum."""
        return self.joined(lambda x, y: y + x if isinstance(y, Tensor) else x + y, a, b)

    def multiply(self, a: Value, b: Value) -> Value:
        """The product entry by entry."""
        return self.joined(lambda x, y: y * x if isinstance(y, Tensor) else x * y, a, b)

    def scale(self, number: Value, a: Value) -> Value:
        """A number times an array; an exact fraction stays one."""
        for first, other in ((number, a), (a, number)):
            if isinstance(first.t, Fraction) and not isinstance(other.t, Fraction):
                made = other.t * first.t.numerator
                made = made / first.t.denominator if first.t.denominator != 1 else made
                return Value(made, other.shape, other.letters)
        return self.multiply(number, a)

    def divide(self, a: Value, b: Value) -> Value:
        """The quotient."""
        if isinstance(b.t, Fraction) and b.t:
            return self.scale(Value(1 / b.t), a)
        if isinstance(a.t, Fraction) and not isinstance(b.t, Tensor):
            return Value(a.t.numerator / (a.t.denominator * b.t))
        return self.joined(lambda x, y: x / y, a, b)

    def matmul(self, a: Value, b: Value) -> Value:
        """The matrix product."""
        if a.letters or b.letters or not a.shape or not b.shape:
            raise MismatchError("a number has no matrix product")
        if not same_size(a.shape[1], b.shape[0]):
            raise MismatchError(f"{a.shape} times {b.shape} does not conform")
        shape = (a.shape[0], b.shape[1])
        if a.shape[1] != 1:
            made = a.t @ b.t
        elif a.is_scalar or b.is_scalar:
            made = a.t * b.t
        else:
            made = frontend.outer(a.t, b.t)
        return Value(made, shape)

    def outer(self, a: Value, b: Value) -> Value:
        """The outer product."""
        return Value(frontend.outer(a.t, b.t), (a.shape[0], b.shape[0]))

    def transpose(self, a: Value) -> Value:
        """The transpose."""
        made = a.t.T if isinstance(a.t, Tensor) and len(a.t.shape) == 2 else a.t
        return Value(made, a.shape[::-1], a.letters)

    def negative(self, a: Value) -> Value:
        """The opposite."""
        return Value(-a.t, a.shape, a.letters)

    def power(self, a: Value, n: float) -> Value:
        """A power of every entry."""
        if n == 0.5 and isinstance(a.t, Tensor):
            return self.mapped(ELEMENTWISE["sqrt"], a)
        return Value(a.t ** (int(n) if n == int(n) else n), a.shape, a.letters)

    def exp(self, a: Value) -> Value:
        """The exponential."""
        return self.mapped(ELEMENTWISE["exp"], a)

    def mapped(self, function: Callable[..., Tensor], a: Value) -> Value:
        """A function of every entry."""
        if not isinstance(a.t, Tensor):
            raise UnknownError("a function of a bare number")
        return Value(function(a.t), a.shape, a.letters)

    def softmax(self, a: Value, batch: Size | None = None) -> Value:
        """The softmax of a vector, or of each example of a matrix whose other axis is `batch`."""
        if not isinstance(a.t, Tensor) or a.is_scalar:
            raise UnknownError("softmax of a number")
        along = [i for i, size in enumerate(a.shape) if size not in (1, batch)]
        if len(along) != 1:
            raise UnknownError("softmax of a matrix of which no axis counts examples")
        return Value(frontend.softmax(a.t, axis=along[0] if len(a.t.shape) == 2 else 0), a.shape)

    def total(self, a: Value, axis: int | None = None) -> Value:
        """The sum over all entries."""
        if axis is not None:
            raise UnknownError("a sum over one axis")
        return Value(frontend.sum(a.t) if isinstance(a.t, Tensor) and a.t.shape else a.t)

    def summed(self, a: Value, letters: Sequence[str]) -> Value:
        """The sum over index letters."""
        missing = [letter for letter in letters if letter not in a.letters]
        if missing:
            raise UnknownError(f"a sum over {missing[0]}, which counts no entries here")
        made, kept = a.t, list(a.letters)
        for letter in letters:
            made = frontend.sum(made, kept.index(letter))
            kept.remove(letter)
        return Value(made, NUMBER, tuple(kept))

    def stack(self, parts: Sequence[Value], axis: int) -> Value:
        """Refuse arrays that are written out."""
        raise UnknownError("an array written out by its entries")


def _covers(small: Size, large: Size) -> bool:
    return bool(small == 1) or same_size(small, large)
