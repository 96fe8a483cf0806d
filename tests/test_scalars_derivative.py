import numpy as np
import pytest
import sympy
from sympy import sqrt

from symbackprop.errors import InvalidExpressionError
from symbackprop.scalars import (
    KINK,
    Absolute,
    KinkPolicy,
    LeakyRelu,
    Relu,
    Sign,
    Step,
    Where,
    body_derivative,
    body_sizes,
    evaluate,
    placeholder,
    placeholder_index,
    placeholders,
)
from symbackprop.scalars.selection import as_selection
from symbackprop.sizes import size_symbol

X, G = placeholder(0), placeholder(1)


def test_one_symbol_for_each_place() -> None:
    assert placeholder(3) is placeholder(3)
    assert placeholder(3).is_real
    assert placeholder_index(placeholder(12)) == 12
    assert placeholder_index(size_symbol("p0")) is None, "a size may be called p0"
    assert placeholder_index(X + 1) is None
    with pytest.raises(InvalidExpressionError):
        placeholder(-1)


def test_what_a_body_reads() -> None:
    body = placeholder(7) * X / size_symbol("n") + size_symbol("m")
    assert placeholders(body) == (0, 7)
    assert [s.name for s in body_sizes(body)] == ["m", "n"]


def test_the_policy_is_in_the_derivative_and_nowhere_else() -> None:
    assert Relu(X).diff(X) == Step(X, KINK)
    for policy in KinkPolicy:
        assert body_derivative(Relu(X), 0, policy) == Step(X, policy.number)
    assert body_derivative(G * Relu(X), 1) == Relu(X)


def test_policies_are_read() -> None:
    assert KinkPolicy.parse("0") is KinkPolicy.ZERO
    assert KinkPolicy.parse(" 1/2 ") is KinkPolicy.parse("0.5") is KinkPolicy.HALF
    with pytest.raises(InvalidExpressionError, match="0, 1/2 or 1"):
        KinkPolicy.parse("2")


def test_the_absolute_value_that_sympy_makes_is_ours() -> None:
    assert sqrt(X**2) == sympy.Abs(X)
    assert body_derivative(sqrt(X**2), 0) == Sign(X)
    assert body_derivative(body_derivative(sqrt(X**2) ** 3, 0), 0).has(sympy.DiracDelta) is False
    assert evaluate(sqrt(X**2), [-2.0]) == 2
    assert body_derivative(Absolute(X) * G, 0) == G * Sign(X)


def test_selection() -> None:
    slope = body_derivative(LeakyRelu(X, sympy.Rational(1, 100)), 0) * G
    chosen = as_selection(slope)
    assert chosen == Where(Step(X, 0), G, G / 100)
    points = [np.array([-1.0, 0.0, 2.0]), np.array([3.0, 4.0, 5.0])]
    assert evaluate(chosen, points) == pytest.approx(evaluate(slope, points))
    for kept in (G * Step(X, 0), G * (Step(X, 0) + Step(G, 0)), G + X):
        assert as_selection(kept) == kept
