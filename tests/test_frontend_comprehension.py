"""Index notation over handles."""

import numpy as np
import pytest
import sympy as sp

from symbackprop import frontend as sb
from symbackprop.errors import InvalidExpressionError, ShapeError, UnsupportedError
from symbackprop.interpret import evaluate
from symbackprop.ir import Comp
from symbackprop.ir.verify import verify

n, h, m = sb.dims("n h m")
i, j, q = sb.indices("i j q")
W, x, X = sb.param("W", h, n), sb.input("x", n), sb.input("X", m, n)
S = sb.param("S", n, n)
mask = sb.input("mask", n, kind="bool")
labels = sb.input("labels", m, kind="labels", classes=n)

RNG = np.random.default_rng(5)
VALUES = {
    "W": RNG.standard_normal((3, 4)),
    "x": RNG.standard_normal(4),
    "X": RNG.standard_normal((5, 4)),
    "S": RNG.standard_normal((4, 4)),
    "z": RNG.standard_normal(8),
    "mask": np.array([True, False, True, False]),
    "labels": np.array([0, 3, 1, 2, 2]),
}
LOWER = np.tril(np.ones((4, 4)))

CASES = {
    "matrix vector": (
        lambda: sb.comprehension(W[i, j] * x[j], out=i, sum=j),
        lambda v: v["W"] @ v["x"],
    ),
    "three factors": (
        lambda: sb.comprehension(W[i, j] * S[j, q] * x[q], out=i, sum=(j, q)),
        lambda v: v["W"] @ v["S"] @ v["x"],
    ),
    "transposed": (lambda: sb.comprehension(W[i, j], out=(j, i)), lambda v: v["W"].T),
    "a scalar": (lambda: sb.comprehension(x[0] * x[1]), lambda v: v["x"][0] * v["x"][1]),
    "functions": (
        lambda: sb.comprehension(sp.tanh(W[i, j]) + sp.exp(x[j]), out=(i, j)),
        lambda v: np.tanh(v["W"]) + np.exp(v["x"]),
    ),
    "pairs": (
        lambda: sb.comprehension(
            sb.input("z", 2 * n)[2 * i] * sb.input("z", 2 * n)[2 * i + 1], out=i, sizes={i: n}
        ),
        lambda v: v["z"][::2] * v["z"][1::2],
    ),
    "lower triangle": (
        lambda: sb.comprehension(S[i, j] * x[j], out=i, sum=j, where=i >= j),
        lambda v: (LOWER * v["S"]) @ v["x"],
    ),
    "strictly": (
        lambda: sb.comprehension(x[j], out=i, sum=j, where=[j < i, mask[j]], sizes={i: n}),
        lambda v: (np.tril(np.ones((4, 4)), -1) * v["mask"]) @ v["x"],
    ),
    "equal": (
        lambda: sb.comprehension(S[i, j], sum=(i, j), where=sp.Eq(i, j)),
        lambda v: np.trace(v["S"]),
    ),
    "maximum": (lambda: sb.comprehension(W[i, j], out=i, max=j), lambda v: v["W"].max(1)),
    "maximum of an expression": (
        lambda: sb.comprehension(W[i, j] * x[j], out=i, max=j),
        lambda v: (v["W"] * v["x"]).max(1),
    ),
    "labels": (
        lambda: sb.comprehension(X[i, labels[i]], out=i),
        lambda v: v["X"][np.arange(5), v["labels"]],
    ),
    "positions": (
        lambda: sb.comprehension(i * x[i] + n, out=i),
        lambda v: np.arange(4) * v["x"] + 4,
    ),
    "an index that occurs in the size only": (
        lambda: sb.comprehension(x[i], out=i, sum=q, sizes={q: 3}),
        lambda v: 3 * v["x"],
    ),
    "ranges of their own": (
        lambda: sb.comprehension(x[sp.Idx("r", n)], out=sp.Idx("r", n)),
        lambda v: v["x"],
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_comprehension_has_the_value_of_its_formula(case):
    make, expected = CASES[case]
    problem = sb.build(outputs={"out": make()})
    verify(problem.graph)
    node = problem.outputs["out"]
    found = evaluate(problem.graph, [node], VALUES, {"n": 4, "h": 3, "m": 5})[node]
    np.testing.assert_allclose(found, expected(VALUES), rtol=1e-12)


def test_a_longer_product_is_split():
    made = sb.comprehension(W[i, j] * S[j, q] * x[q], out=i, sum=(j, q))
    problem = sb.build(outputs={"out": made})
    assert [len(c.reads) for c in problem.graph if isinstance(c, Comp)] == [2, 2]


def test_under_a_condition_the_body_stays_one():
    made = sb.comprehension(sp.log(x[j]), sum=j, where=mask[j])
    problem = sb.build(outputs={"out": made})
    values = {"x": np.array([1.0, -1.0, 2.0, 0.0]), "mask": VALUES["mask"]}
    node = problem.outputs["out"]
    found = evaluate(problem.graph, [node], values, {"n": 4})[node]
    np.testing.assert_allclose(found, np.log(2))


WRONG = {
    "two sizes": (
        lambda: sb.comprehension(W[i, j] * x[i], out=j, sum=i),
        ShapeError,
        "n and h are unrelated",
    ),
    "not listed": (
        lambda: sb.comprehension(W[i, j], out=i),
        InvalidExpressionError,
        "index j is neither",
    ),
    "no range": (
        lambda: sb.comprehension(x[2 * q], out=q),
        ShapeError,
        "sizes={q: n}",
    ),
    "outside": (
        lambda: sb.comprehension(x[i + 1], out=i, sizes={i: n}),
        ShapeError,
        "does not stay inside an axis of size n",
    ),
    "too many indices": (lambda: W[i, j, i], ShapeError, "2 axes, found 3"),
    "slice": (lambda: W[i, :], InvalidExpressionError, "every axis has one"),
    "sum and maximum": (
        lambda: sb.comprehension(W[i, j], sum=i, max=j),
        InvalidExpressionError,
        "sum or of a maximum",
    ),
    "twice": (
        lambda: sb.comprehension(S[i, j], out=i, sum=(i, j)),
        InvalidExpressionError,
        "listed twice",
    ),
    "not affine": (
        lambda: sb.comprehension(x[i * i], out=i, sizes={i: n}),
        UnsupportedError,
        "not affine",
    ),
    "no index": (
        lambda: sb.comprehension(x[i], out=[sp.Symbol("i")]),
        InvalidExpressionError,
        "sb.indices",
    ),
    "a tensor": (lambda: sb.comprehension(x, out=i), InvalidExpressionError, "W[i, k] * x[k]"),
    "unequal": (
        lambda: sb.comprehension(S[i, j], sum=(i, j), where=sp.Ne(i, j)),
        UnsupportedError,
        "no condition on indices",
    ),
    "mask of reals": (
        lambda: sb.comprehension(x[i], sum=i, where=x[i]),
        InvalidExpressionError,
        'kind="bool"',
    ),
    "real in an index": (
        lambda: sb.comprehension(S[i, x[i]], out=i),
        ShapeError,
        "does not hold integers",
    ),
    "derivative": (lambda: x[i].diff(n), InvalidExpressionError, "cannot differentiate"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_refused_says_why(case):
    attempt, error, words = WRONG[case]
    with pytest.raises(error) as caught:
        attempt()
    assert words in str(caught.value)
