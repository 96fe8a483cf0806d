"""Tables of the pages on dense networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from tests.notes.page import Grad, Page, View, softmax
from tests.notes.tables_kit import Kit, generic, layers, one_hot, other, sigmoid, table

Array = Any


def _cross_entropy(p: Array, y: Array) -> Array:
    return -jnp.sum(y * jnp.log(p))


def _binary(a: Array, y: Array) -> Array:
    return -jnp.sum(y * jnp.log(a) + (1 - y) * jnp.log(1 - a))


def _deep(kit: Kit, activation: Any, loss: Any) -> Page:
    """Three layers of columns: a0, W1, b1, z1, a1, ... a3, y, L."""
    n = (*kit.sizes, 6)
    inputs = {"a0": kit.column(n[0]), "y": kit.column(n[3]), "eta": kit.number()}
    for i in (1, 2, 3):
        inputs[f"W{i}"] = kit.normal(n[i], n[i - 1])
        inputs[f"b{i}"] = kit.column(n[i])
    steps: list[Any] = []
    for i in (1, 2, 3):
        steps.append(
            (f"z{i}", lambda e, i=i: getattr(e, f"W{i}") @ getattr(e, f"a{i - 1}") + _b(e, i))
        )
        steps.append((f"a{i}", lambda e, i=i: activation(getattr(e, f"z{i}"))))
    steps.append(("L", lambda e: loss(e.a3, e.y)))
    return Page(inputs, steps)


def _b(e: Any, i: int) -> Array:
    return getattr(e, f"b{i}")


def _squared(a: Array, y: Array) -> Array:
    return 0.5 * jnp.sum((a - y) ** 2)


def _delta(page: Page, name: str = "delta", scale: float = 1.0) -> None:
    page.names.update({f"{name}{i}": Grad(f"z{i}", scale) for i in (1, 2, 3)})


@table("ng_columns")
def ng_columns(kit: Kit) -> Page:
    nx, n1, n2, m = kit.sizes
    y = jnp.asarray(kit.rng.integers(0, 2, size=(n2, m)).astype(float))
    inputs = {"X": kit.normal(nx, m), "Y": y, "alpha": kit.number(), "m": jnp.asarray(1.0 * m)}
    inputs |= {"W1": kit.normal(n1, nx), "W2": kit.normal(n2, n1)}
    inputs |= {"b1": kit.column(n1), "b2": kit.column(n2)}
    return Page(
        inputs,
        [
            ("Z1", lambda e: e.W1 @ e.X + e.b1),
            ("A1", lambda e: generic(e.Z1)),
            ("Z2", lambda e: e.W2 @ e.A1 + e.b2),
            ("A2", lambda e: sigmoid(e.Z2)),
            ("J", lambda e: _binary(e.A2, e.Y) / m),
        ],
        loss="J",
        labels=layers("^[{}]"),
        functions={"g": generic, "sigma": sigmoid},
        adjoint_scale={"Z1": m, "Z2": m, "A1": m, "A2": m},
        ranges={"i": m},
        rate="alpha",
        by_hand={1: "broadcast", 2: "one output unit", 9: "columns by (i)"},
    )


@table("nielsen_style")
def nielsen_style(kit: Kit) -> Page:
    page = _deep(kit, generic, _squared)
    page.labels = layers("^{}", l=2, L=3)
    page.functions = {"sigma": generic}
    page.names = {"w2": "W2", "w3": "W3", "w1": "W1", "C": "L"}
    _delta(page)
    n = (*kit.sizes, 6)
    page.ranges = {"j": n[2], "k": n[1]}
    page.alternatives = (
        replace(page, ranges={"j": n[2], "k": n[3]}),
        replace(page, ranges={"j": n[3]}),
    )
    return page


@table("bishop_units")
def bishop_units(kit: Kit) -> Page:
    """Units i of the input, j hidden, k of the output; as many of each, so that any index fits."""
    n = 4
    inputs = {"x": kit.column(n), "w1": kit.normal(n, n), "w2": kit.normal(n, n)}
    inputs |= {"t": kit.column(n), "K": jnp.asarray(1.0 * n)}
    page = Page(
        inputs,
        [
            ("a1", lambda e: e.w1 @ e.x),
            ("z1", lambda e: jnp.tanh(e.a1)),
            ("a2", lambda e: e.w2 @ e.z1),
            ("L", lambda e: _squared(e.a2, e.t)),
        ],
        functions={"h": jnp.tanh},
        ranges={"i": n, "j": n, "k": n},
        units={"i": "0", "j": "1", "k": "2"},
        labels={"_n": "", "^(1)": "", "^(2)": ""},
        by_hand={11: "the bias is unit 0"},
    )
    page.names = {"E": "L", "z0": "x", "x0": "x", "w10": "w1", "w21": "w2", "w12": "w2"}
    page.names |= {"y2": "a2", "t2": "t", "delta0": Grad("x")}
    page.names |= {"delta1": Grad("a1"), "delta2": Grad("a2")}
    page.inputs["a"] = kit.number()
    return page


@table("nabla_graph")
def nabla_graph(kit: Kit) -> Page:
    page = _deep(kit, generic, other)
    lam = kit.number()
    page.inputs["lambda"] = lam
    page.steps.append(
        ("Omega", lambda e: 0.5 * (jnp.sum(e.W1**2) + jnp.sum(e.W2**2) + jnp.sum(e.W3**2)))
    )
    page.steps.append(("J", lambda e: e.L + getattr(e, "lambda") * e.Omega))
    page.loss, page.rate = "J", "epsilon"
    page.inputs["epsilon"] = kit.number()
    page.labels = layers("^({})", k=2, l=3)
    page.names = {f"h{i}": f"a{i}" for i in range(4)} | {f"a{i}": f"z{i}" for i in (1, 2, 3)}
    page.names |= {"hat y": "a3"}
    page.functions = {"f": generic, "L": other, "Omega": lambda _: page.env["Omega"]}
    page.by_hand = {2: "calls with a bag of parameters", 3: "names g", 5: "calls", 6: "calls"}
    return page


@table("rows_scores")
def rows_scores(kit: Kit) -> Page:
    d, h, c, n = kit.sizes
    inputs = {"X": kit.normal(n, d), "W_1": kit.normal(d, h), "W_2": kit.normal(h, c)}
    inputs |= {"b_1": kit.row(h), "b_2": kit.row(c), "1": jnp.ones((n, 1))}
    inputs |= {"Y": one_hot(kit, c, n, 1), "lambda": kit.number()}
    inputs |= {"N": jnp.asarray(1.0 * n), "C": jnp.asarray(1.0 * c)}

    def loss(e: Any) -> Array:
        penalty = getattr(e, "lambda") / 2 * jnp.sum(e.W_2**2)
        return _cross_entropy(e.P, e.Y) / n + penalty

    return Page(
        inputs,
        [
            ("H", lambda e: jax.nn.relu(e.X @ e.W_1 + e.b_1)),
            ("S", lambda e: e.H @ e.W_2 + e.b_2),
            ("P", lambda e: softmax(e.S, 1)),
            ("L", loss),
        ],
        labels={"_1": "_1", "_2": "_2"},
        ranges={"i": n, "j": c, "k": c},
    )


@table("row_vectors_macros")
def row_vectors_macros(kit: Kit) -> Page:
    dx, dh, dy, _ = kit.sizes
    inputs = {"x": kit.row(dx), "W1": kit.normal(dx, dh), "W2": kit.normal(dh, dy)}
    inputs |= {"b1": kit.row(dh), "b2": kit.row(dy), "y": one_hot(kit, dy, 1, 1)}
    page = Page(
        inputs,
        [
            ("z", lambda e: e.x @ e.W1 + e.b1),
            ("h", lambda e: sigmoid(e.z)),
            ("theta", lambda e: e.h @ e.W2 + e.b2),
            ("yhat", lambda e: softmax(e.theta, 1)),
            ("J", lambda e: _cross_entropy(e.yhat, e.y)),
        ],
        loss="J",
        labels={"_1": "1", "_2": "2"},
        functions={"sigma": sigmoid},
    )
    page.names = {"delta1": Grad("theta"), "delta2": Grad("z"), "hat y": "yhat"}
    page.by_hand = {15: "a batch with a new symbol"}
    return page


@table("div_slides")
def div_slides(kit: Kit) -> Page:
    page = _deep(kit, generic, other)
    page.names = {f"y{i}": f"a{i}" for i in range(4)} | {"Div": "L"}
    page.names |= {f"w{i}": View(f"W{i}", _swapped) for i in (1, 2, 3)}
    page.labels = layers("_{}", k=2, N=3) | layers("^({})", k=2)
    page.functions = {"f_k": generic}
    n = kit.sizes
    page.ranges = {"i": n[1], "j": n[2]}
    page.rows = True

    def jacobian(kind: str) -> Any:
        return lambda _: page.jacobian(f"a{kind}", f"z{kind}")[:, 0, :, 0]

    page.functions["J_\\mathbf{y}_k"] = jacobian("2")
    return page


def _swapped(value: Array, i: int, j: int) -> Array:
    return value[j, i]


@table("zh_backprop")
def zh_backprop(kit: Kit) -> Page:
    page = _deep(kit, generic, _squared)
    page.labels = layers("^({})", l=2, L=3)
    page.functions = {"f": generic}
    _delta(page)
    page.ranges = {"i": kit.sizes[2], "j": kit.sizes[1]}
    z = {"z": kit.number()}
    for number, function in ((14, sigmoid), (15, jnp.tanh)):
        page.claims[number] = Page(z, [], functions={"f": function})
    return page


@table("deep_macros")
def deep_macros(kit: Kit) -> Page:
    page = _deep(kit, generic, other)
    page.labels = layers("^[{}]", l=2, L=3)
    page.functions = {"phi": generic}
    _delta(page)
    return page


def _haykin(kit: Kit, hidden: bool) -> Page:
    n = 4
    inputs = {"y0": kit.column(n), "w1": kit.normal(n, n), "w2": kit.normal(n, n)}
    inputs |= {"d": kit.column(n), "eta": kit.number()}
    page = Page(
        inputs,
        [
            ("v1", lambda e: e.w1 @ e.y0),
            ("y1", lambda e: generic(e.v1)),
            ("v2", lambda e: e.w2 @ e.y1),
            ("y2", lambda e: generic(e.v2)),
            ("e", lambda e: e.d - e.y2),
            ("E", lambda e: 0.5 * jnp.sum(e.e**2)),
        ],
        loss="E",
        functions={"phi": generic},
        ranges={"i": n, "j": n, "k": n},
        arguments=frozenset({"n"}),
        units={"i": "0", "j": "1", "k": "2"} if hidden else {"i": "1", "j": "2", "k": "2"},
        by_hand={2: "a sum over a set", 3: "unit 0 is the bias"},
    )
    page.names = {"w10": "w1", "w21": "w2", "w12": "w2", "e2": "e", "d2": "d"}
    page.names |= {f"delta{i}": Grad(f"v{i}", -1.0) for i in (1, 2)}

    def correction(e: Any, j: int, i: int) -> Array:
        weights = "w1" if hidden else "w2"
        return -e.eta * page.gradient(weights)[j, i]

    page.names |= {"Delta w10": correction, "Delta w21": correction}
    return page


@table("haykin_neurons")
def haykin_neurons(kit: Kit) -> Page:
    page = _haykin(kit, hidden=False)
    page.alternatives = (_haykin(kit, hidden=True),)
    return page
