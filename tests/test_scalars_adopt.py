from fractions import Fraction

import numpy as np
import pytest
import sympy
from sympy import (
    Abs,
    Eq,
    Float,
    Function,
    Heaviside,
    I,
    KroneckerDelta,
    Max,
    Min,
    Ne,
    Or,
    Piecewise,
    Rational,
    Symbol,
    cosh,
    erf,
    erfc,
    exp,
    gamma,
    log,
    oo,
    pi,
    sign,
    sinh,
    sqrt,
    tanh,
)
from sympy.core.function import AppliedUndef

from symbackprop.errors import InvalidExpressionError, UnsupportedError
from symbackprop.scalars import (
    Absolute,
    Clip,
    DigitsField,
    Elu,
    Equal,
    Gelu,
    GeluTanh,
    LeakyRelu,
    Maximum,
    Minimum,
    Mish,
    Phi,
    Power,
    Relu,
    Sigmoid,
    Sign,
    Silu,
    Softplus,
    Softsign,
    Step,
    Where,
    body_derivative,
    evaluate,
    placeholder,
)
from symbackprop.scalars.adopt import adopt
from symbackprop.scalars.latex import latex
from symbackprop.scalars.limits import MAX_DEPTH
from symbackprop.scalars.opaque import Opaque
from symbackprop.scalars.spelling import Spelled

Z, W, Y = (placeholder(k) for k in range(3))
AFFINE = 2 * Z - W
CUBIC = sqrt(2 / pi) * (Z + 0.044715 * Z**3)

RECOGNISED = [
    (1 / (1 + exp(-Z)), Sigmoid(Z)),
    (1 / (1 + exp(-AFFINE)), Sigmoid(AFFINE)),
    (1 / (1 + exp(Z)), Sigmoid(-Z)),
    (exp(Z) / (1 + exp(Z)), Sigmoid(Z)),
    (exp(-Z) / (1 + exp(-Z)), Sigmoid(-Z)),
    (exp(-Z) / (1 + exp(-Z)) ** 2, Sigmoid(-Z) * Sigmoid(Z)),
    (Y / (1 + exp(-Z)), Y * Sigmoid(Z)),
    ((exp(Z) - exp(-Z)) / (exp(Z) + exp(-Z)), tanh(Z)),
    ((exp(AFFINE) - exp(-AFFINE)) / (exp(AFFINE) + exp(-AFFINE)), tanh(AFFINE)),
    ((exp(2 * Z) - 1) / (exp(2 * Z) + 1), tanh(Z)),
    ((1 - exp(-2 * Z)) / (1 + exp(-2 * Z)), tanh(Z)),
    (sinh(Z) / cosh(Z), tanh(Z)),
    (Max(0, Z), Relu(Z)),
    (Max(Z, W), Maximum(Z, W)),
    (Max(Z, Z / 10), LeakyRelu(Z, Rational(1, 10))),
    (Min(Max(Z, -1), 1), Clip(Z, -1, 1)),
    (Max(Min(Z, 6), 0), Clip(Z, 0, 6)),
    (Min(Max(Z, 0), 6), Clip(Z, 0, 6)),
    (Min(Z, 3), Minimum(Z, 3)),
    (log(1 + exp(Z)), Softplus(Z)),
    (log(1 + exp(-Y * Z)), Softplus(-Y * Z)),
    (Z / (1 + exp(-Z)), Silu(Z)),
    (Z * tanh(log(1 + exp(Z))), Mish(Z)),
    (Z * (1 + erf(Z / sqrt(2))) / 2, Gelu(Z)),
    (0.5 * Z * (1 + tanh(CUBIC)), GeluTanh(Z)),
    (erfc(-Z / sqrt(2)) / 2, Phi(Z)),
    (Z / (1 + Abs(Z)), Softsign(Z)),
    (Piecewise((Z, Z > 0), (0, True)), Relu(Z)),
    (Piecewise((0, Z < 0), (Z, True)), Relu(Z)),
    (Piecewise((Z, Z >= 0), (0.1 * Z, True)), LeakyRelu(Z, Rational(1, 10))),
    (Piecewise((W * Z, Z < 0), (Z, True)), LeakyRelu(Z, W)),
    (Piecewise((Z, Z > 0), (exp(Z) - 1, True)), Elu(Z, 1)),
    (Piecewise((Z, Z > 0), (2 * (exp(Z) - 1), True)), Elu(Z, 2)),
    (Piecewise((Z, Z > 0), (-Z, True)), Absolute(Z)),
    (Piecewise((Z, Z > W), (W, True)), Where(Step(Z - W, 0), Z, W)),
    (Abs(Z - W), Absolute(Z - W)),
    (sqrt(Z**2), Absolute(Z)),
    (sign(Z), Sign(Z)),
    (Heaviside(Z), Step(Z, Rational(1, 2))),
    (Heaviside(Z, 0), Step(Z, 0)),
    (KroneckerDelta(Z, W), Equal(Z, W)),
    (Z**W, Power(Z, W)),
    (2**Z, 2**Z),
    (Float("0.1") * Z, Z / 10),
    (Function("g")(Z), Opaque("g", (0,), Z)),
    (Function("f")(Z, Max(0, W)), Opaque("f", (0, 0), Z, Relu(W))),
    (sympy.sech(Z), 1 / cosh(Z)),
]


@pytest.mark.parametrize(("written", "known"), RECOGNISED)
def test_recognised(written, known) -> None:
    assert adopt(written) == known


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (Piecewise((1, Eq(Z, 0)), (2, Ne(Z, W)), (3, True)), [2, 1, 2, 3]),
        (Piecewise((1, (Z > 0) & (W > 0)), (0, True)), [0, 0, 1, 1]),
        (Piecewise((1, Or(Z > 1, W < 2)), (0, True)), [1, 1, 1, 1]),
        (Piecewise((1, ~(Z > 0)), (0, True)), [1, 1, 0, 0]),
    ],
)
def test_conditions(written, values: list[float]) -> None:
    found = evaluate(adopt(written), [np.array([-1.0, 0, 3, 1]), np.array([1.0, 1, 1.5, 1])])
    assert found.tolist() == values


def test_numbers_are_the_decimals_they_are_written_as() -> None:
    assert adopt(0.1) == Rational(1, 10)
    assert adopt(3) == 3


@pytest.mark.parametrize(
    ("written", "error", "message"),
    [
        (gamma(Z), UnsupportedError, "gamma"),
        (Z + oo, InvalidExpressionError, "oo"),
        (I * Z, InvalidExpressionError, "complex"),
        (sympy.zoo * Z, InvalidExpressionError, "zoo"),
        (Piecewise((Z, Z > 0)), InvalidExpressionError, "Piecewise"),
        ("x", InvalidExpressionError, "str"),
        (float("nan"), InvalidExpressionError, "nan"),
        (sympy.Mod(Z, 2), UnsupportedError, "Mod"),
    ],
)
def test_refused_by_name(written, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        adopt(written)


def test_the_place_is_told() -> None:
    with pytest.raises(UnsupportedError, match="here"):
        adopt(gamma(Z), where="here")


def test_too_deep_an_expression_is_refused_before_anything_recurses() -> None:
    deep, w, b = Symbol("x"), Symbol("w"), Symbol("b")
    for _ in range(1000):
        deep = tanh(w * deep + b)
    with pytest.raises(UnsupportedError, match="depth 3001"):
        adopt(deep)


def test_the_deepest_allowed_expression_works() -> None:
    deep = Z
    for _ in range((MAX_DEPTH - 1) // 3):
        deep = tanh(W * deep + Y)
    body = adopt(deep)
    assert np.isfinite(evaluate(body_derivative(body, 0), [0.3, 0.9, 0.1]))
    assert latex(body, [Spelled("z"), Spelled("w"), Spelled("y")]).text.startswith(r"\tanh")


def test_a_shared_expression_that_would_be_huge_as_a_tree_is_refused() -> None:
    shared = Z
    for _ in range(40):
        shared = Opaque("f", (0, 0), shared, shared)
    with pytest.raises(UnsupportedError, match="too large"):
        adopt(shared)


def test_symbols_stay() -> None:
    x = Symbol("x")
    assert adopt(Max(x, 0)) == Relu(x)


@pytest.mark.parametrize(("written", "known"), RECOGNISED)
def test_a_body_is_adopted_once(written, known) -> None:
    assert adopt(adopt(written)) == adopt(written)


@pytest.mark.parametrize(("written", "known"), RECOGNISED)
def test_what_is_recognised_has_the_same_value(written, known) -> None:
    if written.has(AppliedUndef):
        return
    at = {Z: Rational(3, 7), W: Rational(-2, 7) if not written.has(Z**W) else Rational(2), Y: 2}
    exact = written.subs(at).evalf(30)
    found = evaluate(
        adopt(written), [Fraction(str(at[s])) for s in (Z, W, Y)], field=DigitsField(30)
    ).item()
    assert abs(found - exact) < 1e-15, "a float is exact to 1e-16 only"
