"""Unknown elementwise functions: named, differentiated by raising an order, instantiated by seed.

An unknown ``g(u, v)`` is ``Opaque("g", (0, 0), u, v)``; its derivatives differ in the orders only,
so mixed partials are equal by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sympy import Add, Expr, Integer, Mul, Rational, Symbol, Tuple, sin
from sympy.core.symbol import Str

from symbackprop.errors import InvalidExpressionError
from symbackprop.scalars.fields import seeded_integer
from symbackprop.scalars.symbols import placeholder

_WAVES = 3
_DEGREE = 4


class Opaque(Expr):
    """∂^orders name(operands): an unknown smooth real function, or a derivative of it."""

    is_commutative = True
    is_real = True

    def __new__(cls, name: str | Str, orders: Sequence[int] | Tuple, *operands: Expr) -> Opaque:
        """Build the function; `orders` has one entry per operand, 0 for the function itself."""
        if len(orders) != len(operands) or not operands:
            raise InvalidExpressionError(
                f"{name}: {len(orders)} orders for {len(operands)} operands"
            )
        label = name if isinstance(name, Str) else Str(name)
        whole = Tuple(*(Integer(n) for n in orders))
        return Expr.__new__(cls, label, whole, *operands)  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """The name of the function."""
        return str(self.args[0].name)

    @property
    def orders(self) -> tuple[int, ...]:
        """How often it was differentiated by each operand."""
        return tuple(int(n) for n in self.args[1])

    @property
    def operands(self) -> tuple[Expr, ...]:
        """What it is applied to."""
        return tuple(self.args[2:])

    def raised(self, j: int) -> Opaque:
        """The derivative by operand j (from 0)."""
        orders = tuple(n + (i == j) for i, n in enumerate(self.orders))
        return Opaque(self.args[0], orders, *self.operands)

    def _eval_derivative(self, s: Symbol) -> Expr:
        terms = ((j, x.diff(s)) for j, x in enumerate(self.operands))
        return Add(*(Mul(self.raised(j), slope) for j, slope in terms if slope != 0))

    def _sympystr(self, printer: object) -> str:
        marks = ",".join(str(n) for n in self.orders)
        return f"{self.name}<{marks}>({', '.join(str(x) for x in self.operands)})"


def seeded_rational(label: str, low: int = -1, high: int = 1) -> Rational:
    """A number in [low, high] with three decimals, hashed from the label."""
    steps = (high - low) * 1000
    return low + Rational(seeded_integer(label) % (steps + 1), 1000)


@cache
def smooth_instance(name: str, orders: tuple[int, ...]) -> Expr:
    """The derivative of Σ_m A_m sin(⟨w_m, p⟩ + φ_m), which stands for an unknown function."""
    return _differentiated(_waves(name, len(orders)), orders)


@cache
def polynomial_instance(name: str, orders: tuple[int, ...]) -> Expr:
    """The polynomial that stands for an unknown function over the fractions, differentiated."""
    return _differentiated(_polynomial(name, len(orders)), orders)


def _differentiated(value: Expr, orders: tuple[int, ...]) -> Expr:
    for k, n in enumerate(orders):
        value = value.diff(placeholder(k), n) if n else value
    return value


def _waves(name: str, arity: int) -> Expr:
    terms = []
    for m in range(_WAVES):
        phase = seeded_rational(f"{name}/phase/{m}", -3, 3)
        weights = [_away_from_zero(f"{name}/weight/{m}/{k}") for k in range(arity)]
        angle = Add(phase, *(w * placeholder(k) for k, w in enumerate(weights)))
        terms.append(_away_from_zero(f"{name}/height/{m}") * sin(angle))
    return Add(*terms)


def _polynomial(name: str, arity: int) -> Expr:
    def weight(m: int, k: int) -> Rational:
        return _away_from_zero(f"{name}/{m}/{k}")

    lines = [
        Add(Rational(m + 1, 7), *(weight(m, k) * placeholder(k) for k in range(arity)))
        for m in range(_DEGREE + 1)
    ]
    return Add(*(line**m for m, line in enumerate(lines)))


def _away_from_zero(label: str) -> Rational:
    """A number of size 1/2 to 3/2: no function may be nearly constant in an operand."""
    size = seeded_rational(label) / 2
    return size + 1 if seeded_integer(label + "/sign") % 2 else size - 1
