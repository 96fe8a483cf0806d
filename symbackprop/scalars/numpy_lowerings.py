"""Stable NumPy forms of the elementwise functions, as trees.

None overflows where the value is finite. Relative to the largest entry of an array all are within
1e-13 of the true value; `sigmoid` alone loses relative accuracy at entries below −17, see
`sigmoid_to_the_last_digit`.
"""

from __future__ import annotations

from collections.abc import Callable

from symbackprop.scalars.numpy_tree import Apply, Number, NumpyTree, Ufunc, apply

ZERO = Number(0)
ONE = Number(1)
HALF = Number(0.5)


def ufunc(function: Ufunc) -> Callable[..., Apply]:
    """The lowering of a function that is one call."""

    def lower(*args: NumpyTree) -> Apply:
        return Apply(function, args)

    return lower


def add(a: NumpyTree, b: NumpyTree) -> Apply:
    """A + b."""
    return apply(Ufunc.ADD, a, b)


def multiply(a: NumpyTree, b: NumpyTree) -> Apply:
    """A b."""
    return apply(Ufunc.MULTIPLY, a, b)


def positive_part(x: NumpyTree) -> Apply:
    """max(x, 0)."""
    return apply(Ufunc.MAXIMUM, x, ZERO)


def negative(x: NumpyTree) -> NumpyTree:
    """−x."""
    if isinstance(x, Apply) and x.function is Ufunc.NEGATIVE:
        return x.args[0]
    return Number(-x.value) if isinstance(x, Number) else apply(Ufunc.NEGATIVE, x)


def sigmoid(x: NumpyTree) -> Apply:
    """½ tanh(½x) + ½: one vectorised tanh, no overflow; 0 below −37 (−17 in float32)."""
    return add(multiply(HALF, apply(Ufunc.TANH, multiply(HALF, x))), HALF)


def sigmoid_to_the_last_digit(x: NumpyTree, cap: float) -> Apply:
    """1/(1 + e^{min(−x, cap)}): full relative accuracy for all x >= −cap.

    In float64 (cap 709) as fast as the tanh form, in float32 (cap 88) 1.6 times as slow.
    """
    capped = apply(Ufunc.MINIMUM, negative(x), Number(cap))
    return apply(Ufunc.DIVIDE, ONE, add(ONE, apply(Ufunc.EXP, capped)))


def softplus(x: NumpyTree) -> Apply:
    """max(x, 0) + log1p(e^{−|x|})."""
    decay = apply(Ufunc.EXP, apply(Ufunc.NEGATIVE, apply(Ufunc.ABS, x)))
    return add(positive_part(x), apply(Ufunc.LOG1P, decay))


def softsign(x: NumpyTree) -> Apply:
    """x/(1 + |x|)."""
    return apply(Ufunc.DIVIDE, x, add(ONE, apply(Ufunc.ABS, x)))


def relu(x: NumpyTree) -> Apply:
    """max(x, 0)."""
    return positive_part(x)


def leaky_relu(x: NumpyTree, alpha: NumpyTree) -> Apply:
    """max(x, αx) for 0 <= α <= 1, which is one pass less than a selection."""
    scaled = multiply(alpha, x)
    if isinstance(alpha, Number) and 0 <= alpha.value <= 1:
        return apply(Ufunc.MAXIMUM, x, scaled)
    return apply(Ufunc.WHERE, apply(Ufunc.GREATER, x, ZERO), x, scaled)


def elu(x: NumpyTree, alpha: NumpyTree) -> Apply:
    """max(x, 0) + α expm1(min(x, 0))."""
    below = apply(Ufunc.EXPM1, apply(Ufunc.MINIMUM, x, ZERO))
    return add(positive_part(x), below if alpha == ONE else multiply(alpha, below))


def normal_cdf(x: NumpyTree) -> Apply:
    """½ erfc(−x/√2): keeps its digits for negative x."""
    return multiply(HALF, apply(Ufunc.ERFC, multiply(Number(-0.7071067811865476), x)))


def clip(x: NumpyTree, low: NumpyTree, high: NumpyTree) -> Apply:
    """min(max(x, lo), hi)."""
    return apply(Ufunc.MINIMUM, apply(Ufunc.MAXIMUM, x, low), high)


def step(x: NumpyTree, v: NumpyTree) -> Apply:
    """X > 0 or x >= 0, as an indicator; ½ (sign x + 1) where the value at 0 is ½."""
    if v == HALF:
        return multiply(HALF, add(apply(Ufunc.SIGN, x), ONE))
    return apply(Ufunc.GREATER if v == ZERO else Ufunc.GREATER_EQUAL, *_sides(x))


def _sides(x: NumpyTree) -> tuple[NumpyTree, NumpyTree]:
    """What is compared for the sign of x: the sides of a difference."""
    if isinstance(x, Apply) and x.function is Ufunc.SUBTRACT:
        return x.args[0], x.args[1]
    return x, ZERO


def equal(a: NumpyTree, b: NumpyTree) -> Apply:
    """A == b, as an indicator."""
    return apply(Ufunc.EQUAL, a, b)


def where(c: NumpyTree, a: NumpyTree, b: NumpyTree) -> Apply:
    """A selection; both branches are computed."""
    return apply(Ufunc.WHERE, c, a, b)
