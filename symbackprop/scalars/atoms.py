"""The functions with kinks, and the indicators their derivatives are made of.

Comparisons are numbers here: ``a < b`` is ``Step(b - a, 0)`` and ``a <= b`` is ``Step(b - a, 1)``,
so a condition is a product of indicators and a body stays one real expression. Each function takes
exact values at numbers only; nothing is simplified by assumptions.
"""

from __future__ import annotations

from typing import ClassVar

from sympy import Expr, Function, Integer, Rational, Symbol
from sympy.core.function import ArgumentIndexError

from symbackprop.scalars.symbols import KINK

ZERO = Integer(0)
ONE = Integer(1)


class ScalarFunction(Function):
    """A real elementwise function of ours."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        """The partial derivative by the operand `argindex` (from 1)."""
        slopes = self.slopes()
        if not 1 <= argindex <= len(slopes):
            raise ArgumentIndexError(self, argindex)
        return slopes[argindex - 1]

    def slopes(self) -> tuple[Expr, ...]:
        """The partial derivatives, one per operand."""
        raise NotImplementedError


def _number(x: Expr) -> bool:
    return bool(x.is_Rational)


class Step(ScalarFunction):
    """Step(x, v) = 1 for x > 0, 0 for x < 0, v at 0, v a number or `KINK`. Slope 0."""

    nargs = 2

    @classmethod
    def eval(cls, x: Expr, v: Expr) -> Expr | None:
        """The value at an exact number."""
        if not _number(x):
            return None
        return ONE if x > 0 else ZERO if x < 0 else v

    def slopes(self) -> tuple[Expr, ...]:
        """0: an indicator is constant between its kinks."""
        return ZERO, ZERO


class Equal(ScalarFunction):
    """Equal(a, b) = 1 where a = b, else 0. Slope 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """1 for the same expression, and the value at exact numbers."""
        if a == b:
            return ONE
        return ZERO if _number(a) and _number(b) else None

    def slopes(self) -> tuple[Expr, ...]:
        """0: an indicator is constant where it is differentiable."""
        return ZERO, ZERO


class Where(ScalarFunction):
    """Where(c, a, b) = a where the indicator c is not 0, else b; the other is not looked at."""

    nargs = 3

    @classmethod
    def eval(cls, c: Expr, a: Expr, b: Expr) -> Expr | None:
        """The branch of a known condition, or of equal branches."""
        if a == b:
            return a
        if _number(c):
            return b if c == 0 else a
        return None

    def slopes(self) -> tuple[Expr, ...]:
        """0, c, 1 − c."""
        c = self.args[0]
        return ZERO, Where(c, ONE, ZERO), Where(c, ZERO, ONE)

    def _eval_derivative(self, s: Symbol) -> Expr:
        """Where(c, a', b'): an untaken branch with an infinite slope must not give 0·∞."""
        c, a, b = self.args
        return Where(c, a.diff(s), b.diff(s))


class Sign(ScalarFunction):
    """sign(x) = x/|x|, 0 at 0. Slope 0."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """The value at an exact number; sign(−x) = −sign(x)."""
        if _number(x):
            return ONE if x > 0 else -ONE if x < 0 else ZERO
        return -cls(-x) if x.could_extract_minus_sign() else None

    def slopes(self) -> tuple[Expr, ...]:
        """0."""
        return (ZERO,)


class Absolute(ScalarFunction):
    """|x|. Slope sign(x), so 0 at 0."""

    nargs = 1
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """The value at an exact number; |−x| = |x|."""
        if _number(x):
            return x if x >= 0 else -x
        return cls(-x) if x.could_extract_minus_sign() else None

    def slopes(self) -> tuple[Expr, ...]:
        """sign(x)."""
        return (Sign(self.args[0]),)


class Relu(ScalarFunction):
    """relu(x) = max(x, 0). Slope Step(x)."""

    nargs = 1
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """The value at an exact number; relu(relu(x)) = relu(x)."""
        if _number(x):
            return x if x > 0 else ZERO
        return x if isinstance(x, Relu) else None

    def slopes(self) -> tuple[Expr, ...]:
        """Step(x)."""
        return (Step(self.args[0], KINK),)


class LeakyRelu(ScalarFunction):
    """leaky_relu(x, α) = x for x > 0, αx for x < 0; parametric relu where α is an operand."""

    nargs = 2
    default: ClassVar[tuple[Expr, ...]] = (Rational(1, 100),)

    @classmethod
    def eval(cls, x: Expr, alpha: Expr) -> Expr | None:
        """The value at an exact number."""
        if _number(x):
            return x if x >= 0 else alpha * x
        return None

    def slopes(self) -> tuple[Expr, ...]:
        """α + (1 − α) Step(x), and x − relu(x) = min(x, 0)."""
        x, alpha = self.args
        step = Step(x, KINK)
        return step + alpha * (1 - step), Minimum(x, ZERO)


class Maximum(ScalarFunction):
    """maximum(a, b). At a tie a has slope 1 − v and b has v, v the value at a kink."""

    nargs = 2

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """The value at exact numbers; maximum(x, 0) = relu(x)."""
        if a == b:
            return a
        if _number(a) and _number(b):
            return a if a > b else b
        if a == 0 or b == 0:
            return Relu(a + b)
        return None

    def slopes(self) -> tuple[Expr, ...]:
        """Step(a − b), Step(b − a)."""
        a, b = self.args
        return Step(a - b, 1 - KINK), Step(b - a, KINK)


class Minimum(ScalarFunction):
    """minimum(a, b). At a tie a has slope 1 − v and b has v, v the value at a kink."""

    nargs = 2

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """The value at exact numbers."""
        if a == b:
            return a
        if _number(a) and _number(b):
            return a if a < b else b
        return None

    def slopes(self) -> tuple[Expr, ...]:
        """Step(b − a), Step(a − b)."""
        a, b = self.args
        return Step(b - a, 1 - KINK), Step(a - b, KINK)


class Clip(ScalarFunction):
    """clip(x, lo, hi) = min(max(x, lo), hi), lo <= hi."""

    nargs = 3

    @classmethod
    def eval(cls, x: Expr, lo: Expr, hi: Expr) -> Expr | None:
        """The value at exact numbers."""
        if _number(x) and _number(lo) and _number(hi):
            return min(max(x, lo), hi)
        return None

    def slopes(self) -> tuple[Expr, ...]:
        """1 inside, and what is lost at either end goes to that end."""
        x, lo, hi = self.args
        above, below = Step(x - lo, KINK), Step(hi - x, KINK)
        return above * below, 1 - above, 1 - below
