"""Where bodies are evaluated: float64, many digits, fractions, and a prime field.

A field works on arrays: float64 ones, or object arrays of its numbers. Nothing here knows a
function by name: the functions bring their own values (`functions.py`).
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import E, Expr, Integer, Rational, pi

from symbackprop.errors import SymbackpropError, UnsupportedError

Array = NDArray[Any]
Scalar = Any

PRIME: Final = 2**61 - 1


class UndefinedValueError(SymbackpropError, ArithmeticError):
    """A value does not exist in the field: a root that is no fraction, a division by zero."""


class Field(ABC):
    """The arithmetic that `evaluate` needs beyond + and *."""

    dtype: type

    @abstractmethod
    def number(self, value: Rational) -> Scalar:
        """A rational number as an element."""

    @abstractmethod
    def constant(self, value: Expr) -> Scalar:
        """π or e as an element."""

    @abstractmethod
    def convert(self, value: Scalar) -> Scalar:
        """An int, float, Fraction or element as an element."""

    @abstractmethod
    def power(self, base: Scalar, exponent: Rational) -> Scalar:
        """One number to a rational power."""

    @abstractmethod
    def transcendental(
        self, key: str, digits: Callable[..., Scalar] | None
    ) -> Callable[..., Scalar]:
        """The scalar function `key`; `digits` is its value over an mpmath context."""

    def array(self, value: object) -> Array:
        """Any number or array of numbers as an array of elements."""
        given = np.asarray(value)
        if given.dtype == object or given.dtype.kind in "bifu":
            return self.map(self.convert, given)
        raise TypeError(f"cannot evaluate at values of dtype {given.dtype}")

    def map(self, function: Callable[..., Scalar], *arrays: Array) -> Array:
        """Apply a scalar function entry by entry, with broadcasting."""
        return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), dtype=self.dtype)

    def powers(self, base: Array, exponent: Rational) -> Array:
        """Entry by entry, a rational power."""
        return self.map(lambda b: self.power(b, exponent), base)


class FloatField(Field):
    """float64, vectorised."""

    dtype = np.float64

    def number(self, value: Rational) -> float:
        """The nearest float."""
        return int(value.p) / int(value.q)

    def constant(self, value: Expr) -> float:
        """π or e."""
        return {pi: math.pi, E: math.e}[value]

    def convert(self, value: Scalar) -> float:
        """The nearest float."""
        return float(value)

    def array(self, value: object) -> Array:
        """As float64."""
        return np.asarray(value, dtype=np.float64)

    def power(self, base: Scalar, exponent: Rational) -> float:
        """One float to a rational power."""
        return float(self.powers(np.asarray(base), exponent))

    def powers(self, base: Array, exponent: Rational) -> Array:
        """Reciprocals and square roots by their own operations, which are exact to the last bit."""
        if exponent == -1:
            return np.asarray(1.0 / base)
        if exponent.q == 2:
            return np.asarray(np.sqrt(base) ** float(int(exponent.p)))
        return np.asarray(base ** self.number(exponent))

    def transcendental(
        self, key: str, digits: Callable[..., Scalar] | None
    ) -> Callable[..., Scalar]:
        """Not used: every function brings a vectorised value."""
        raise UnsupportedError(f"{key}: no float64 value")


class DigitsField(Field):
    """Real numbers to `digits` decimal digits, in an mpmath context of its own."""

    dtype = object

    def __init__(self, digits: int = 50) -> None:
        self.context = mpmath.MPContext()
        self.context.dps = digits

    def number(self, value: Rational) -> Scalar:
        """The nearest number."""
        return self.context.mpf(int(value.p)) / int(value.q)

    def constant(self, value: Expr) -> Scalar:
        """π or e."""
        return +{pi: self.context.pi, E: self.context.e}[value]

    def convert(self, value: Scalar) -> Scalar:
        """Exact, where the digits suffice."""
        if isinstance(value, Fraction):
            return self.context.mpf(value.numerator) / value.denominator
        if isinstance(value, (bool, int, np.bool_, np.integer)):
            return self.context.mpf(int(value))
        return self.context.mpf(value)

    def power(self, base: Scalar, exponent: Rational) -> Scalar:
        """IEEE's values at 0; nan for a root of a negative number."""
        if base == 0 and exponent < 0:
            return self.context.inf
        return self._real(base ** (int(exponent.p) if exponent.q == 1 else self.number(exponent)))

    def _real(self, value: Scalar) -> Scalar:
        return self.context.nan if isinstance(value, self.context.mpc) else value

    def transcendental(
        self, key: str, digits: Callable[..., Scalar] | None
    ) -> Callable[..., Scalar]:
        """The value over this context; nan where mpmath leaves the real numbers or finds a pole."""
        if digits is None:
            raise UnsupportedError(f"{key}: no value to many digits")
        compute = digits

        def value(*args: Scalar) -> Scalar:
            try:
                return self._real(compute(self.context, *args))
            except (ZeroDivisionError, ValueError):
                return self.context.nan

        return value


class FractionField(Field):
    """Exact fractions; only rational functions and those with kinks have values."""

    dtype = object

    def number(self, value: Rational) -> Fraction:
        """The same number."""
        return Fraction(int(value.p), int(value.q))

    def constant(self, value: Expr) -> Fraction:
        """None is a fraction."""
        raise UndefinedValueError(f"{value} is no fraction")

    def convert(self, value: Scalar) -> Fraction:
        """The same number, bit for bit for a float."""
        return (
            Fraction(int(value)) if isinstance(value, (np.integer, np.bool_)) else Fraction(value)
        )

    def power(self, base: Scalar, exponent: Rational) -> Fraction:
        """Exact, or an error."""
        if base == 0 and exponent < 0:
            raise UndefinedValueError("division by zero")
        root = Integer(1) if exponent.q == 1 else Rational(1, exponent.q)
        exact = Rational(base.numerator, base.denominator) ** root
        if not exact.is_Rational:
            raise UndefinedValueError(f"({base})^({exponent}) is no fraction")
        return Fraction(int(exact.p), int(exact.q)) ** int(exponent.p)

    def transcendental(
        self, key: str, digits: Callable[..., Scalar] | None
    ) -> Callable[..., Scalar]:
        """None is a fraction."""

        def undefined(*args: Scalar) -> Scalar:
            raise UndefinedValueError(f"{key} has no value over the fractions")

        return undefined


class Residue:
    """An integer modulo `PRIME`; "positive" means 1 … (p − 1)/2, so that −x has the other sign."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value % PRIME

    def __add__(self, other: Residue | int) -> Residue:
        return Residue(self.value + int(other))

    def __sub__(self, other: Residue | int) -> Residue:
        return Residue(self.value - int(other))

    def __rsub__(self, other: int) -> Residue:
        return Residue(other - self.value)

    def __mul__(self, other: Residue | int) -> Residue:
        return Residue(self.value * int(other))

    def __neg__(self) -> Residue:
        return Residue(-self.value)

    def __truediv__(self, other: Residue | int) -> Residue:
        return self * residue_inverse(int(other))

    def __rtruediv__(self, other: int) -> Residue:
        return residue_inverse(self.value) * other

    def __pow__(self, exponent: int) -> Residue:
        base = self.value if exponent >= 0 else residue_inverse(self.value).value
        return Residue(pow(base, abs(exponent), PRIME))

    __radd__ = __add__
    __rmul__ = __mul__

    def __int__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Residue, int)) and self.value == int(other) % PRIME

    def __hash__(self) -> int:
        return hash(self.value)

    def __gt__(self, other: Residue | int) -> bool:
        return 0 < (self.value - int(other)) % PRIME <= PRIME // 2

    def __lt__(self, other: Residue | int) -> bool:
        return PRIME // 2 < (self.value - int(other)) % PRIME

    def __ge__(self, other: Residue | int) -> bool:
        return not self < other

    def __le__(self, other: Residue | int) -> bool:
        return not self > other

    def __repr__(self) -> str:
        return f"Residue({self.value})"


def residue_inverse(value: int) -> Residue:
    """1/value modulo `PRIME`."""
    if value % PRIME == 0:
        raise UndefinedValueError("division by zero")
    return Residue(pow(value, -1, PRIME))


class ResidueField(Field):
    """Integers modulo 2^61 − 1: exact, with other functions as random oracles.

    An oracle's value is a hash of the function and its arguments, so an identity that holds here
    holds whatever the function is. Laws of a function (e^{a+b} = e^a e^b) do not hold.
    """

    dtype = object

    def number(self, value: Rational) -> Residue:
        """p/q modulo the prime."""
        return Residue(int(value.p)) / int(value.q)

    def constant(self, value: Expr) -> Residue:
        """An oracle without argument."""
        return oracle(str(value))

    def convert(self, value: Scalar) -> Residue:
        """A residue; floats by their exact fraction."""
        if isinstance(value, Residue):
            return value
        exact = (
            Fraction(int(value)) if isinstance(value, (np.integer, np.bool_)) else Fraction(value)
        )
        return Residue(exact.numerator) / exact.denominator

    def power(self, base: Scalar, exponent: Rational) -> Residue:
        """Square roots exist for half of the residues; any other root does not."""
        if exponent.q == 1:
            return base ** int(exponent.p)  # type: ignore[no-any-return]
        if exponent.q != 2 or pow(base.value, PRIME // 2, PRIME) not in (0, 1):
            raise UndefinedValueError(f"({base})^({exponent}) is no residue")
        return Residue(pow(base.value, (PRIME + 1) // 4, PRIME)) ** int(exponent.p)

    def transcendental(
        self, key: str, digits: Callable[..., Scalar] | None
    ) -> Callable[..., Scalar]:
        """A random oracle."""
        return lambda *args: oracle(key, *args)


def oracle(key: str, *args: Residue) -> Residue:
    """A residue that looks random and depends on the key and the arguments only."""
    return Residue(seeded_integer(f"{key}({','.join(str(a.value) for a in args)})"))


@lru_cache(maxsize=65536)
def seeded_integer(label: str) -> int:
    """128 bits from a label, the same in every process."""
    return int.from_bytes(hashlib.blake2b(label.encode(), digest_size=16).digest(), "big")


FLOAT64: Final = FloatField()
FRACTIONS: Final = FractionField()
RESIDUES: Final = ResidueField()
