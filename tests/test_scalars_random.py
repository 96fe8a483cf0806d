"""Random bodies: derivative and selection keep their values."""

import random
from fractions import Fraction

import numpy as np
import pytest
from sympy import Expr, Rational

from symbackprop.scalars import (
    FUNCTIONS,
    DigitsField,
    Opaque,
    adopt,
    body_derivative,
    evaluate,
    placeholder,
)
from symbackprop.scalars.selection import as_selection

DIGITS = DigitsField(60)
SMOOTH = [
    name
    for name, record in FUNCTIONS.items()
    if record.arity[0] == 1 and record.domains[0].closed and not record.kinks
]
KINKED = ["relu", "leaky_relu", "elu", "abs", "hard_tanh"]
POINT = [Fraction(3, 7), Fraction(-5, 11), Fraction(8, 13)]


def random_body(rng: random.Random, depth: int, names: list[str]) -> Expr:
    if depth == 0:
        return rng.choice([*(placeholder(k) for k in range(3)), Rational(rng.randint(1, 5), 3)])
    a, b = (random_body(rng, depth - 1, names) for _ in range(2))
    kind = rng.randrange(6)
    if kind == 0:
        return FUNCTIONS[rng.choice(names)].build(a)
    if kind == 1:
        return Opaque("g", (0,), a)
    if kind == 2:
        return a / (b**2 + 1)
    return rng.choice([a + b, a - b, a * b])


@pytest.mark.parametrize("seed", range(60))
def test_derivative_and_selection(seed: int) -> None:
    rng = random.Random(seed)
    body = adopt(random_body(rng, 3, SMOOTH if seed % 2 else SMOOTH + KINKED))
    exact = evaluate(body, POINT, field=DIGITS).item()
    assert np.isclose(evaluate(body, [float(p) for p in POINT]), float(exact), rtol=1e-11)
    for k in range(3):
        slope = body_derivative(body, k)
        value = evaluate(slope, POINT, field=DIGITS).item()
        chosen = evaluate(as_selection(slope), POINT, field=DIGITS).item()
        assert chosen == pytest.approx(value, rel=1e-40, abs=1e-40)
        assert abs(difference(body, k) - value) < 1e-20 * (1 + abs(value))


def difference(body: Expr, k: int) -> object:
    h = Fraction(1, 10**15)
    ends = [
        evaluate(body, [p + sign * h * (j == k) for j, p in enumerate(POINT)], field=DIGITS).item()
        for sign in (1, -1)
    ]
    return (ends[0] - ends[1]) * (h.denominator // 2)
