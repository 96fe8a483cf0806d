import pytest
from sympy import exp, sqrt, tanh

from symbackprop.scalars import Sigmoid, placeholder
from symbackprop.scalars.normal import cost, normal

A, Y, G, V = (placeholder(k) for k in range(4))
S = Sigmoid(V)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (((1 - Y) / (1 - A) - Y / A) * A * (1 - A), A - Y),
        (((1 - Y) / (1 - S) - Y / S) * S * (1 - S), S - Y),
        (G * A - G * A**2, A * G * (1 - A)),
        (2 * (A - Y) * G, 2 * G * (A - Y)),
        ((1 - tanh(V) ** 2) * G, (1 - tanh(V) ** 2) * G),
        (A * G / A, G),
        (A / sqrt(V) - Y / sqrt(V), (A - Y) / sqrt(V)),
        (1 / (G * (V + Y)), 1 / (G * (V + Y))),
        ((A * Y + A * V) / (Y + V), A),
        (exp(V) * (1 + A) - exp(V), A * exp(V)),
    ],
)
def test_the_cheapest_form(body, expected) -> None:
    assert normal(body) == expected
    assert normal(expected) == expected, "a normal form stays"


def test_equal_forms_that_cost_the_same_stay() -> None:
    kept = (A - Y) * G / (V + Y)
    assert normal(kept) == kept


def test_cost_counts_what_a_reader_counts() -> None:
    assert cost(A - Y) == 1
    assert cost(A * (1 - A)) == 2
    assert cost(tanh(A) ** 2) == 4
