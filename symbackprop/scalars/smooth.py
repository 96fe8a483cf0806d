"""Smooth functions with a slope in terms of their own value, and compositions of what there is."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from sympy import Expr, Integer, Rational, exp, log, pi, sqrt, tanh

from symbackprop.scalars.atoms import (
    ONE,
    ZERO,
    Absolute,
    Clip,
    Minimum,
    ScalarFunction,
    Step,
)
from symbackprop.scalars.symbols import KINK, placeholder


class Sigmoid(ScalarFunction):
    """σ(x) = 1/(1 + e^{−x}). Slope σ(1 − σ)."""

    nargs = 1
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """σ(0) = 1/2."""
        return Rational(1, 2) if x == 0 else None

    def slopes(self) -> tuple[Expr, ...]:
        """σ(1 − σ)."""
        return (self * (1 - self),)


class Softplus(ScalarFunction):
    """softplus(x) = log(1 + e^x). Slope σ(x)."""

    nargs = 1
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """softplus(0) = log 2."""
        return log(2) if x == 0 else None

    def slopes(self) -> tuple[Expr, ...]:
        """σ(x)."""
        return (Sigmoid(self.args[0]),)


class Softsign(ScalarFunction):
    """softsign(x) = x/(1 + |x|). Slope 1/(1 + |x|)²."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """The value at an exact number."""
        return x / (1 + abs(x)) if x.is_Rational else None

    def slopes(self) -> tuple[Expr, ...]:
        """1/(1 + |x|)²."""
        return ((1 + Absolute(self.args[0])) ** -2,)


class Elu(ScalarFunction):
    """elu(x, α) = x for x > 0, α(e^x − 1) for x < 0."""

    nargs = 2
    default: ClassVar[tuple[Expr, ...]] = (ONE,)

    @classmethod
    def eval(cls, x: Expr, alpha: Expr) -> Expr | None:
        """The value at an exact number."""
        if not x.is_Rational:
            return None
        return x if x >= 0 else alpha * (exp(x) - 1)

    def slopes(self) -> tuple[Expr, ...]:
        """Step(x) + (1 − Step(x)) α e^{min(x, 0)}, and e^{min(x, 0)} − 1."""
        x, alpha = self.args
        step, below = Step(x, KINK), Expm1(Minimum(x, ZERO))
        return step + (1 - step) * alpha * exp(Minimum(x, ZERO)), below


class Log1p(ScalarFunction):
    """log1p(x) = log(1 + x), exact near 0. Slope 1/(1 + x)."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """log1p(0) = 0."""
        return ZERO if x == 0 else None

    def slopes(self) -> tuple[Expr, ...]:
        """1/(1 + x)."""
        return (1 / (1 + self.args[0]),)


class Expm1(ScalarFunction):
    """expm1(x) = e^x − 1, exact near 0. Slope e^x."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """expm1(0) = 0."""
        return ZERO if x == 0 else None

    def slopes(self) -> tuple[Expr, ...]:
        """e^x."""
        return (exp(self.args[0]),)


class XLogY(ScalarFunction):
    """xlogy(x, y) = x log y, and 0 where x = 0: so 0 log 0 = 0. Slopes log y and x/y."""

    nargs = 2

    @classmethod
    def eval(cls, x: Expr, y: Expr) -> Expr | None:
        """0 at x = 0 or y = 1."""
        return ZERO if x == 0 or y == 1 else None

    def slopes(self) -> tuple[Expr, ...]:
        """Log y, x/y."""
        x, y = self.args
        return log(y), x / y


class Phi(ScalarFunction):
    """Φ(x): the normal distribution function, erfc(−x/√2)/2. Slope the density e^{−x²/2}/√(2π)."""

    nargs = 1
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Φ(0) = 1/2."""
        return Rational(1, 2) if x == 0 else None

    def slopes(self) -> tuple[Expr, ...]:
        """e^{−x²/2}/√(2π)."""
        return (exp(-(self.args[0] ** 2) / 2) / sqrt(2 * pi),)


class Power(ScalarFunction):
    """power(a, b) = a^b where neither is a number. Slopes b a^{b−1}, a^b log a."""

    nargs = 2

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """SymPy's power where the base or the exponent is a number."""
        return a**b if b.is_number or (a.is_number and a.is_positive) else None

    def slopes(self) -> tuple[Expr, ...]:
        """B a^{b−1}, a^b log a."""
        a, b = self.args
        return b * Power(a, b - 1), XLogY(self, a)


class Composite(ScalarFunction):
    """A function with a name of its own whose slopes are those of its definition."""

    default: ClassVar[tuple[Expr, ...]] = ()

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """The function by others."""
        raise NotImplementedError

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        """0 at 0, which all of them share."""
        return ZERO if args[0] == 0 else None

    def definition(self) -> Expr:
        """This value by other functions."""
        return self.define(*self.args)

    def slopes(self) -> tuple[Expr, ...]:
        """The slopes of the definition."""
        formal = tuple(placeholder(k) for k in range(len(self.args)))
        actual = dict(zip(formal, self.args, strict=True))
        value = self.define(*formal)
        return tuple(_slope(value, p).xreplace(actual) for p in formal)


@cache
def _slope(value: Expr, formal: Expr) -> Expr:
    return value.diff(formal)


class Selu(Composite):
    """selu(x) = λ elu(x, α), fixed point at mean 0 and variance 1 (Klambauer et al. 2017)."""

    nargs = 1
    scale: ClassVar[Expr] = Rational("1.0507009873554805")
    alpha: ClassVar[Expr] = Rational("1.6732632423543772")

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """λ elu(x, α)."""
        return cls.scale * Elu(args[0], cls.alpha)


class Silu(Composite):
    """silu(x) = x σ(x), also called swish."""

    nargs = 1

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """X σ(x)."""
        return args[0] * Sigmoid(args[0])


class Gelu(Composite):
    """gelu(x) = x Φ(x) (Hendrycks and Gimpel 2016)."""

    nargs = 1

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """X Φ(x)."""
        return args[0] * Phi(args[0])


class GeluTanh(Composite):
    """gelu_tanh(x): the tanh approximation of gelu."""

    nargs = 1

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """X (1 + tanh(√(2/π) (x + 0.044715 x³)))/2."""
        (x,) = args
        return x * (1 + tanh(sqrt(2 / pi) * (x + Rational("0.044715") * x**3))) / 2


class HardSigmoid(Composite):
    """hard_sigmoid(x) = clip(x/6 + 1/2, 0, 1)."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        """The value at an exact number."""
        return cls.define(*args) if args[0].is_Rational else None

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """clip(x + 3, 0, 6)/6."""
        return Clip(args[0] + 3, ZERO, Integer(6)) / 6


class HardTanh(Composite):
    """hard_tanh(x) = clip(x, −1, 1)."""

    nargs = 1

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """clip(x, −1, 1)."""
        return Clip(args[0], -ONE, ONE)


class HardSwish(Composite):
    """hard_swish(x) = x hard_sigmoid(x)."""

    nargs = 1

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """X hard_sigmoid(x)."""
        return args[0] * HardSigmoid(args[0])


class Mish(Composite):
    """mish(x) = x tanh(softplus(x))."""

    nargs = 1

    @classmethod
    def define(cls, *args: Expr) -> Expr:
        """X tanh(softplus(x))."""
        return args[0] * tanh(Softplus(args[0]))


__all__ = [
    "Composite",
    "Elu",
    "Expm1",
    "Gelu",
    "GeluTanh",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Log1p",
    "Mish",
    "Phi",
    "Power",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softplus",
    "Softsign",
    "XLogY",
]
