"""Tables of the pages on recurrent networks, attention, normalisation and convolutions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from tests.notes.page import Grad, Page, softmax
from tests.notes.tables_kit import Kit, generic, one_hot, sigmoid, table

Array = Any


def probe(value: Array) -> Array:
    """A scalar of a value, with a slope of its own in every entry."""
    weights = jnp.arange(1.0, value.size + 1).reshape(value.shape)
    return jnp.sum(jnp.sin(value + 0.7 * weights) + 0.1 * weights * value**2)


@table("batchnorm_paper")
def batchnorm_paper(kit: Kit) -> Page:
    m = kit.sizes[1]
    inputs = {"x": kit.column(m), "gamma": kit.number(), "beta": kit.number()}
    inputs |= {"epsilon": jnp.asarray(0.1), "m": jnp.asarray(1.0 * m)}
    page = Page(
        inputs,
        [
            ("mu", lambda e: jnp.mean(e.x)),
            ("v", lambda e: jnp.mean((e.x - e.mu) ** 2)),
            ("xhat", lambda e: (e.x - e.mu) / jnp.sqrt(e.v + e.epsilon)),
            ("y", lambda e: e.gamma * e.xhat + e.beta),
            ("L", lambda e: probe(e.y)),
        ],
        names={"hat x": "xhat"},
        ranges={"i": m, "j": m},
        by_hand={14: "running average"},
    )
    return page


@table("layer_norm")
def layer_norm(kit: Kit) -> Page:
    d = kit.sizes[1]
    inputs = {"x": kit.column(d), "gamma": kit.column(d), "beta": kit.column(d)}
    inputs |= {"epsilon": jnp.asarray(0.1), "d": jnp.asarray(1.0 * d)}
    return Page(
        inputs,
        [
            ("mu", lambda e: jnp.mean(e.x)),
            ("var", lambda e: jnp.mean((e.x - e.mu) ** 2)),
            ("xhat", lambda e: (e.x - e.mu) / jnp.sqrt(e.var + e.epsilon)),
            ("y", lambda e: e.gamma * e.xhat + e.beta),
            ("L", lambda e: probe(e.y)),
        ],
        names={"hat x": "xhat", "sigma2": "var", "g": Grad("y")},
        labels={"^2": "2"},
        ranges={"i": d, "j": d},
    )


@table("rnn_time")
def rnn_time(kit: Kit) -> Page:
    n, d, k, _ = kit.sizes
    count = 3
    inputs = {"W": kit.normal(n, n), "U": kit.normal(n, d), "V": kit.normal(k, n)}
    inputs |= {"b": kit.column(n), "c": kit.column(k), "h0": kit.column(n)}
    steps: list[Any] = []
    for t in range(1, count + 1):
        inputs[f"x{t}"] = kit.column(d)
        inputs[f"y{t}"] = one_hot(kit, k, 1, 0)
        steps += [
            (f"a{t}", lambda e, t=t: e.b + e.W @ _at(e, "h", t - 1) + e.U @ _at(e, "x", t)),
            (f"h{t}", lambda e, t=t: jnp.tanh(_at(e, "a", t))),
            (f"o{t}", lambda e, t=t: e.c + e.V @ _at(e, "h", t)),
            (f"p{t}", lambda e, t=t: softmax(_at(e, "o", t))),
            (f"L{t}", lambda e, t=t: -jnp.sum(_at(e, "y", t) * jnp.log(_at(e, "p", t)))),
        ]
    steps.append(("L", lambda e: e.L1 + e.L2 + e.L3))
    page = Page(inputs, steps, times=frozenset({"t"}))
    page.labels = {"^(tau)": str(count), "^(\\tau)": str(count)}
    page.names = {f"hat y{t}": f"p{t}" for t in (1, 2, 3)}
    page.ranges = {"t": count}
    page.pinned = {"t": (2,)}
    return page


def _at(e: Any, name: str, t: int) -> Array:
    return getattr(e, f"{name}{t}")


@table("lstm_cell")
def lstm_cell(kit: Kit) -> Page:
    n, d, _, _ = kit.sizes
    inputs = {"h0": kit.column(n), "c0": kit.column(n), "x1": kit.column(d)}
    for gate in "fiog":
        inputs |= {f"W_{gate}": kit.normal(n, d), f"U_{gate}": kit.normal(n, n)}
        inputs |= {f"b_{gate}": kit.column(n)}
    steps: list[Any] = []
    for gate in "fiog":
        act = jnp.tanh if gate == "g" else sigmoid
        steps += [
            (
                f"q{gate}",
                lambda e, g=gate: _w(e, "W", g) @ e.x1 + _w(e, "U", g) @ e.h0 + _w(e, "b", g),
            ),
            (f"{gate}1", lambda e, g=gate, act=act: act(getattr(e, f"q{g}"))),
        ]
    steps += [
        ("c1", lambda e: e.f1 * e.c0 + e.i1 * e.g1),
        ("h1", lambda e: e.o1 * jnp.tanh(e.c1)),
        ("L", lambda e: probe(e.h1)),
    ]
    page = Page(inputs, steps, functions={"sigma": sigmoid})
    page.labels = {"_t": "1", "_t-1": "0"} | {f"_{g}": f"_{g}" for g in "fiog"}
    page.names = {f"hat {g}1": f"q{g}" for g in "fiog"}
    return page


def _w(e: Any, name: str, gate: str) -> Array:
    return getattr(e, f"{name}_{gate}")


@table("attention_head")
def attention_head(kit: Kit) -> Page:
    n, d, v, _ = kit.sizes
    inputs = {"Q": kit.normal(n, d), "K": kit.normal(n, d), "V": kit.normal(n, v)}
    inputs |= {"d": jnp.asarray(1.0 * d), "n": jnp.asarray(1.0 * n)}
    page = Page(
        inputs,
        [
            ("S", lambda e: e.Q @ e.K.T / jnp.sqrt(e.d)),
            ("P", lambda e: softmax(e.S, 1)),
            ("O", lambda e: e.P @ e.V),
            ("L", lambda e: probe(e.O)),
        ],
        ranges={"i": n, "j": n, "k": n},
        by_hand={16: "vectors p and s of one row"},
    )
    page.names = {"D": lambda e, i: jnp.sum(e.P[i] * page.gradient("P")[i])}
    page.alternatives = (attention_rows(kit),)
    return page


def attention_rows(kit: Kit) -> Page:
    """The same page where k runs over the columns of the values."""
    n, _, v, _ = kit.sizes
    inputs = {"O": kit.normal(n, v), "P": kit.normal(n, n)}
    page = Page(inputs, [("L", lambda e: probe(e.O))], ranges={"i": n, "k": v})
    page.names = {"D": lambda e, i: jnp.sum(e.O[i] * page.gradient("O")[i])}
    return page


@table("softmax_jacobian")
def softmax_jacobian(kit: Kit) -> Page:
    n = kit.sizes[1]
    inputs = {"z": kit.column(n), "y": one_hot(kit, n, 1, 0) * 0.6 + 0.4 / n}
    inputs |= {"C": jnp.asarray(1.0 * n)}
    page = Page(
        inputs,
        [
            ("p", lambda e: softmax(e.z)),
            ("L", lambda e: -jnp.sum(e.y * jnp.log(e.p))),
        ],
        ranges={"i": n, "j": n, "k": n},
    )
    page.names = {"J": lambda _: page.jacobian("p", "z")[:, 0, :, 0]}
    page.differ = {3: ("i", "j")}
    return page


@table("convolution")
def convolution(kit: Kit) -> Page:
    big, k = 7, 3
    out = big - k + 1
    inputs = {"x": kit.column(big), "w": kit.column(k), "b": kit.number()}
    inputs |= {"I": kit.normal(6, 7), "F": kit.normal(2, 3)}
    inputs |= {"N": jnp.asarray(1.0 * big), "K": jnp.asarray(1.0 * k)}

    def image(e: Any) -> Array:
        return sum(e.F[a, c] * e.I[a : a + 5, c : c + 5] for a in range(2) for c in range(3))

    return Page(
        inputs,
        [
            ("y", lambda e: sum(e.w[i] * e.x[i : i + out] for i in range(k)) + e.b),
            ("z", image),
            ("L", lambda e: probe(e.y) + probe(e.z)),
        ],
        base=0,
        ranges={
            "i": out,
            "j": big,
            "k": k,
            "p": 5,
            "q": 5,
            "a": 2,
            "c": 3,
            "r": 6,
            "s": 7,
        },
        zero_outside=True,
        by_hand={13: "true convolution, in words"},
    )


def _function(kit: Kit, function: Any) -> Page:
    """A page on one element-wise function, with its products with vectors."""
    n = kit.sizes[0]
    inputs = {"x": kit.positive(n, 1), "g": kit.column(n), "v": kit.column(n)}
    page = Page(inputs, [("y", lambda e: function(e.x)), ("L", lambda e: probe(e.y))])
    page.names = {"bar x": Grad("x"), "bar y": Grad("y")}

    def jacobian(_: Any) -> Array:
        return page.jacobian("y", "x")[:, 0, :, 0]

    page.names["J"] = jacobian
    page.functions["VJP"] = lambda g, x: jax.vjp(function, x)[1](g)[0]
    page.functions["JVP"] = lambda v, x: jax.jvp(function, (x,), (v,))[1]
    return page


@table("adjoint_bars")
def adjoint_bars(kit: Kit) -> Page:
    n, m, k, _ = kit.sizes
    vector = Page(
        {"A": kit.normal(n, m), "x": kit.column(m)},
        [("y", lambda e: e.A @ e.x), ("L", lambda e: probe(e.y))],
        names={f"bar {v}": Grad(v) for v in "Axy"},
    )
    matrix = Page(
        {"A": kit.normal(n, m), "B": kit.normal(m, k)},
        [("C", lambda e: e.A @ e.B), ("L", lambda e: probe(e.C))],
        names={f"bar {v}": Grad(v) for v in "ABC"},
    )
    da, db = kit.normal(n, m), kit.normal(m, k)
    a, b = matrix.inputs["A"], matrix.inputs["B"]
    dc = jax.jvp(jnp.matmul, (a, b), (da, db))[1]
    matrix.names |= {"d A": lambda _: da, "d B": lambda _: db, "d C": lambda _: dc}
    functions = {4: jnp.tanh, 5: jnp.tanh, 6: jnp.exp, 7: jnp.log, 8: generic, 9: generic}
    functions |= {10: jnp.sin, 11: jnp.square, 12: jnp.cos}
    page = Page({}, [], by_hand={14: "d of an inverse", 15: "d of an inverse"})
    page.claims = {1: vector, 2: matrix, 3: matrix, 13: matrix}
    page.claims |= {number: _function(kit, f) for number, f in functions.items()}
    return page
