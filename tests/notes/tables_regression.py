"""Tables of the pages on regression, word vectors, matrix rules and single units."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from tests.notes.page import Page, View, softmax
from tests.notes.tables_kit import Kit, sigmoid, table

Array = Any


@table("logistic_regression")
def logistic_regression(kit: Kit) -> Page:
    m, n = kit.sizes[1], kit.sizes[0]
    y = jnp.asarray(kit.rng.integers(0, 2, size=(m, 1)).astype(float))
    inputs = {"X": kit.normal(m, n), "y": y, "theta": kit.column(n), "alpha": kit.number()}
    inputs |= {"m": jnp.asarray(1.0 * m), "e": jnp.asarray(jnp.e), "z": kit.number()}
    page = Page(
        inputs,
        [
            ("h", lambda e: sigmoid(e.X @ e.theta)),
            ("ell", lambda e: jnp.sum(e.y * jnp.log(e.h) + (1 - e.y) * jnp.log(1 - e.h))),
            ("J", lambda e: -e.ell / m),
        ],
        loss="J",
        functions={"g": sigmoid},
        arguments=frozenset({"theta"}),
        ranges={"i": m, "j": n, "k": n},
        rate="alpha",
        by_hand={1: "a definition for any x"},
    )
    page.env_functions["h_\\theta"] = lambda e, x: sigmoid(e.theta.T @ x)
    page.names = {"x": View("X", _example), "H": lambda e: _hessian(e, m)}
    return page


def _example(value: Array, *at: int) -> Array:
    """x^{(i)} is the example as a column, x_j^{(i)} its entry; subscripts come first."""
    if len(at) == 1:
        return value[at[0], :][:, None]
    return value[at[1], at[0]]


def _hessian(e: Any, m: int) -> Array:
    return e.X.T @ jnp.diag(jnp.ravel(e.h * (1 - e.h))) @ e.X / m


@table("least_squares")
def least_squares(kit: Kit) -> Page:
    p, n, _, _ = (3, 5, 0, 0) if kit.sizes[0] == 3 else (4, 7, 0, 0)
    inputs = {"X": kit.normal(n, p), "y": kit.column(n), "beta": kit.column(p)}
    inputs |= {"c": kit.column(p), "lambda": kit.number()}
    inputs |= {"n": jnp.asarray(1.0 * n), "p": jnp.asarray(1.0 * p)}

    def squares(e: Any) -> Array:
        return jnp.sum((e.y - e.X @ e.beta) ** 2)

    return Page(
        inputs,
        [
            ("RSS", squares),
            ("R", lambda e: e.RSS + getattr(e, "lambda") * jnp.sum(e.beta**2)),
        ],
        loss="RSS",
        names={"x": "X"},
        arguments=frozenset({"beta"}),
        ranges={"i": n, "j": p, "k": p},
        by_hand={4: "condition at the minimum", 5: "solution", 15: "inequality"},
    )


@table("matrix_rules")
def matrix_rules(kit: Kit) -> Page:
    n = kit.sizes[1]
    spread = jnp.eye(n) * 4
    inputs = {name: kit.column(n) for name in "xab"}
    inputs |= {"A": kit.normal(n, n), "B": kit.normal(n, n)}
    inputs |= {"X": spread + 0.3 * kit.normal(n, n)}
    return Page(inputs, [("L", lambda e: jnp.sum(e.x))])


@table("word2vec_notes")
def word2vec_notes(kit: Kit) -> Page:
    d, count, k, _ = kit.sizes
    inputs = {"U": kit.normal(d, count), "vc": kit.column(d), "uk": kit.normal(d, k)}
    inputs |= {"V": jnp.asarray(1.0 * count), "K": jnp.asarray(1.0 * k), "uo": kit.column(d)}
    inputs["y"] = jnp.zeros((count, 1)).at[1, 0].set(1.0)
    page = Page(
        inputs,
        [
            ("yhat", lambda e: softmax(e.U.T @ e.vc)),
            ("J", lambda e: -jnp.log(e.yhat[1, 0])),
        ],
        loss="J",
        labels={"_c": "c"},
        ranges={"w": count},
        functions={"sigma": sigmoid},
        fixed={"o": 2},
        by_hand={1: "a conditional probability"},
    )
    page.names = {"u": View("U", _word), "hat y": "yhat"}
    negative = Page(
        inputs,
        [
            (
                "J",
                lambda e: (
                    -jnp.log(sigmoid(jnp.sum(e.uo * e.vc)))
                    - jnp.sum(jnp.log(sigmoid(-e.uk.T @ e.vc)))
                ),
            )
        ],
        loss="J",
        labels={"_c": "c", "_o": "o", "_neg": ""},
        ranges={"k": k},
        functions={"sigma": sigmoid},
        names={"u": View("uk", _word)},
    )
    page.alternatives = (negative,)
    return page


def _word(value: Array, w: int) -> Array:
    return value[:, w][:, None]


@table("unit_neuron")
def unit_neuron(kit: Kit) -> Page:
    n, count = kit.sizes[0], kit.sizes[1]
    x = kit.positive(n, count)
    inputs = {"w": kit.positive(n, 1), "x": kit.positive(n, 1), "b": kit.number(), "X": x}
    inputs |= {"y": kit.column(count), "N": jnp.asarray(1.0 * count), "I": jnp.eye(n)}
    inputs |= {"vec 0": jnp.zeros((n, 1)), "vec 1": jnp.ones((n, 1)), "eta": kit.number()}
    page = Page(
        inputs,
        [
            ("u", lambda e: jnp.sum(e.w * e.x) + e.b),
            ("z", lambda e: jnp.maximum(0.0, e.u)),
            ("e", lambda e: e.X.T @ e.w + e.b - e.y),
            ("C", lambda e: jnp.mean(jnp.maximum(0.0, e.e + e.y) - e.y) ** 2 * 0 + _mean(e)),
        ],
        loss="C",
        rows=True,
        dot_inner=True,
        ranges={"i": count},
        arguments=frozenset({"w", "b"}),
        by_hand={6: "x_i beside x", 10: "circled times", 15: "update"},
    )
    page.names = {"x@": View("X", _word)}
    return page


def _mean(e: Any) -> Array:
    return jnp.mean((e.y - jnp.maximum(0.0, e.X.T @ e.w + e.b)) ** 2)
