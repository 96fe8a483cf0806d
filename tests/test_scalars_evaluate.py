from fractions import Fraction

import numpy as np
import pytest
from sympy import Rational, log, sqrt

from symbackprop.errors import InternalError
from symbackprop.scalars import (
    FRACTIONS,
    RESIDUES,
    DigitsField,
    Relu,
    Sigmoid,
    Where,
    body_derivative,
    evaluate,
    placeholder,
)
from symbackprop.scalars.atoms import Step
from symbackprop.scalars.fields import UndefinedValueError
from symbackprop.sizes import size_symbol

X, Y = placeholder(0), placeholder(1)


def test_arrays_broadcast_and_sizes_are_read() -> None:
    body = X * Y / size_symbol("n") + Rational(1, 3)
    found = evaluate(body, [np.ones((3, 1)), np.arange(2.0)], {"n": 4})
    assert found.shape == (3, 2)
    assert np.allclose(found, [[1 / 3, 1 / 4 + 1 / 3]] * 3)


def test_constant_body_has_no_axes() -> None:
    assert evaluate(Rational(1, 4), []).shape == ()


def test_missing_size_is_our_bug() -> None:
    with pytest.raises(InternalError, match="size n"):
        evaluate(size_symbol("n") * X, [1.0])


def test_a_branch_not_taken_is_not_looked_at() -> None:
    body = Where(Step(X, 0), log(X), 0) * Where(Step(X, 0), sqrt(X), 1)
    for order in (body, body_derivative(body, 0)):
        assert np.isfinite(evaluate(order, [np.array([-2.0, 0.0, 3.0])])).all()


def test_untaken_branch_may_be_undefined_over_the_fractions() -> None:
    body = Where(Step(X, 0), 1 / X, X)
    found = evaluate(body, [[Fraction(0), Fraction(2)]], field=FRACTIONS)
    assert found.tolist() == [0, Fraction(1, 2)]


def test_fractions_refuse_what_is_no_fraction() -> None:
    assert evaluate(sqrt(X), [Fraction(4, 9)], field=FRACTIONS) == Fraction(2, 3)
    with pytest.raises(UndefinedValueError):
        evaluate(sqrt(X), [Fraction(2)], field=FRACTIONS)
    with pytest.raises(UndefinedValueError):
        evaluate(Sigmoid(X), [Fraction(2)], field=FRACTIONS)


def test_digits() -> None:
    field = DigitsField(50)
    found = evaluate(Sigmoid(X), [Fraction(-100)], field=field)
    exact = 1 / (1 + field.context.exp(100))
    assert abs(found.item() / exact - 1) < 1e-48


def test_residues_prove_an_identity_of_an_unknown_function() -> None:
    s = Sigmoid(X)
    given = [np.array([3, 5, 7])]
    assert (evaluate(s * (1 - s) * Y, [*given, 4], field=RESIDUES)).tolist() == (
        evaluate(Y * s - Y * s**2, [*given, 4], field=RESIDUES)
    ).tolist()
    other = evaluate(s**2, given, field=RESIDUES)
    assert evaluate(s, given, field=RESIDUES).tolist() != other.tolist()


def test_residues_have_signs() -> None:
    found = evaluate(Relu(X) - Relu(-X) - X, [np.array([3, -5, 0])], field=RESIDUES)
    assert [int(v) for v in found] == [0, 0, 0]
