"""Tables of the pages that were written last."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from tests.notes.page import Grad, Page, View, softmax
from tests.notes.tables_dense import _binary, _cross_entropy, _deep
from tests.notes.tables_kit import Kit, generic, layers, one_hot, other, sigmoid, table
from tests.notes.tables_sequences import probe

Array = Any


@table("student_single")
def student_single(kit: Kit) -> Page:
    page = _deep(kit, generic, other)
    page.labels = layers("^[{}]", l=2, L=3)
    page.functions = {"g": generic}
    page.dot_inner = False
    last = _deep(kit, sigmoid, _binary)
    last.inputs["y"] = jnp.asarray(kit.rng.integers(0, 2, size=last.inputs["y"].shape) * 1.0)
    last.labels = page.labels
    page.alternatives = (last,)
    page.by_hand = {12: "batch", 13: "batch"}
    return page


@table("elements_style")
def elements_style(kit: Kit) -> Page:
    p, m, k, n = kit.sizes
    inputs = {"x": kit.normal(n, p), "alpha": kit.normal(m, p + 1), "beta": kit.normal(k, m)}
    inputs |= {"y": kit.normal(n, k), "M": jnp.asarray(1.0 * m), "K": jnp.asarray(1.0 * k)}
    beta0 = kit.column(k)
    page = Page(
        inputs,
        [
            ("v", lambda e: e.x @ e.alpha[:, 1:].T + e.alpha[:, :1].T),
            ("z", lambda e: generic(e.v)),
            ("f", lambda e: e.z @ e.beta.T + beta0.T),
            ("Ri", lambda e: jnp.sum((e.y - e.f) ** 2, axis=1)[:, None]),
            ("R", lambda e: jnp.sum(e.Ri)),
        ],
        loss="R",
        functions={"sigma": generic},
        ranges={"i": n, "k": k, "m": m, "l": p},
        kronecker=False,
        by_hand={1: "subscripts 0k", 2: "a bag of parameters", 7: "iterations", 13: "penalty"},
    )

    def outputs(x: Array) -> Array:
        a = page.env["alpha"]
        return page.env["beta"] @ generic(a[:, 1:] @ x + a[:, :1]) + beta0

    page.functions["f@"] = outputs
    page.names = {"R@": "Ri", "x@": View("x", _row_or_entry), "alpha@": View("alpha", _weights)}
    page.names["z"] = lambda e, j, i: e.z[i, j]
    page.names["delta"] = lambda e, a, b: -2 * (e.y[b, a] - e.f[b, a])
    page.names["s"] = lambda e, a, b: page.gradient("v")[b, a]
    return page


def _row_or_entry(value: Array, *at: int) -> Array:
    return value[at[0], :][:, None] if len(at) == 1 else value[at[0], at[1]]


def _weights(value: Array, *at: int) -> Array:
    """Column 0 has the biases: subscripts are m, ml or 0m."""
    if len(at) == 1:
        return value[at[0], 1:][:, None]
    return value[at[1], 0] if at[0] < 0 else value[at[0], at[1] + 1]


@table("gru_step")
def gru_step(kit: Kit) -> Page:
    d, h, _, _ = kit.sizes
    inputs = {"x1": kit.row(d), "h0": kit.row(h)}
    for gate in "run":
        inputs |= {f"W_{gate}": kit.normal(d, h), f"U_{gate}": kit.normal(h, h)}
        inputs |= {f"b_{gate}": kit.row(h)}
    page = Page(
        inputs,
        [
            ("p1", lambda e: e.x1 @ e.W_r + e.h0 @ e.U_r + e.b_r),
            ("r1", lambda e: sigmoid(e.p1)),
            ("q1", lambda e: e.x1 @ e.W_u + e.h0 @ e.U_u + e.b_u),
            ("u1", lambda e: sigmoid(e.q1)),
            ("s1", lambda e: e.x1 @ e.W_n + (e.r1 * e.h0) @ e.U_n + e.b_n),
            ("n1", lambda e: jnp.tanh(e.s1)),
            ("h1", lambda e: e.u1 * e.h0 + (1 - e.u1) * e.n1),
            ("L", lambda e: probe(e.h1)),
        ],
        functions={"sigma": sigmoid},
        labels={"_t": "1", "_t-1": "0"} | {f"_{g}": f"_{g}" for g in "run"},
    )
    bars = ("h1", "h0", "u1", "n1", "s1", "q1", "r1", "p1")
    page.names = {f"bar {v}": Grad(v) for v in bars}
    page.names |= {f"bar {w}_{g}": Grad(f"{w}_{g}") for w in "WUb" for g in "run"}
    return page


@table("rows_notebook")
def rows_notebook(kit: Kit) -> Page:
    d, h, c, n = kit.sizes
    inputs = {"X": kit.normal(n, d), "W1": kit.normal(d, h), "W2": kit.normal(h, c)}
    inputs |= {"b1": kit.row(h), "b2": kit.row(c), "Y": one_hot(kit, c, n, 1)}
    inputs |= {"N": jnp.asarray(1.0 * n), "C": jnp.asarray(1.0 * c), "eta": kit.number()}
    return Page(
        inputs,
        [
            ("Z1", lambda e: e.X @ e.W1 + e.b1),
            ("A1", lambda e: jax.nn.relu(e.Z1)),
            ("Z2", lambda e: e.A1 @ e.W2 + e.b2),
            ("P", lambda e: softmax(e.Z2, 1)),
            ("L", lambda e: _cross_entropy(e.P, e.Y) / n),
        ],
        labels={"_1": "1", "_2": "2"},
        ranges={"n": n, "c": c},
        by_hand={1: "broadcast", 5: "rows by one index"},
    )


@table("deutsche_mitschrift")
def deutsche_mitschrift(kit: Kit) -> Page:
    n, h, k, _ = kit.sizes
    inputs = {"x": kit.column(n), "V": kit.normal(h, n), "W": kit.normal(k, h)}
    inputs |= {"c": kit.column(h), "d": kit.column(k), "t": kit.column(k)}
    inputs["k"] = jnp.asarray(1.0 * k)
    page = Page(
        inputs,
        [
            ("u", lambda e: e.V @ e.x + e.c),
            ("s", lambda e: jnp.tanh(e.u)),
            ("o", lambda e: e.W @ e.s + e.d),
            ("E", lambda e: 0.5 * jnp.sum((e.o - e.t) ** 2)),
        ],
        loss="E",
        ranges={"i": k, "j": h, "l": n},
    )
    page.names = {"epsilon": Grad("u")}
    return page


@table("residual_dropout")
def residual_dropout(kit: Kit) -> Page:
    n, h, _, _ = kit.sizes
    inputs = {"x": kit.column(n), "W1": kit.normal(h, n), "W2": kit.normal(n, h)}
    page = Page(
        inputs,
        [
            ("h", lambda e: e.W1 @ e.x),
            ("r", lambda e: generic(e.h)),
            ("y", lambda e: e.x + e.W2 @ e.r),
            ("L", lambda e: probe(e.y)),
        ],
        functions={"phi": generic},
        labels={"_1": "1", "_2": "2"},
        by_hand={1: "F of x"},
    )
    page.names = {"g": Grad("y"), "ell": "L"}
    mask = jnp.asarray((kit.rng.uniform(size=(h, 1)) < 0.6) * 1.0).at[0, 0].set(1.0)
    drop = Page(
        {"r": kit.column(h), "m": mask, "p": kit.number()},
        [("rt", lambda e: e.m * e.r / e.p), ("L", lambda e: probe(e.rt))],
        names={"tilde r": "rt", "ell": "L"},
    )
    pool = Page(
        {"r": kit.column(h), "n": jnp.asarray(1.0 * h)},
        [("q", lambda e: jnp.mean(e.r)), ("L", lambda e: jnp.sin(e.q) + e.q**2)],
        names={"ell": "L"},
        ranges={"i": h},
    )
    page.alternatives = (drop, pool)
    return page


@table("regularised_updates")
def regularised_updates(kit: Kit) -> Page:
    inputs = {"w": kit.number(), "b": kit.number(), "eta": kit.number(), "n": jnp.asarray(7.0)}
    inputs["lambda"] = kit.number()

    def cost(penalty: Any) -> Page:
        page = Page(
            inputs,
            [
                ("C0", lambda e: jnp.sin(2 * e.w + 0.7 * e.b) + e.w * e.b),
                ("C", lambda e: e.C0 + getattr(e, "lambda") / e.n * penalty(e.w)),
            ],
            loss="C",
            labels={"_0": "0"},
        )
        page.by_hand = {1: "sum over all w", 9: "sum over all w", 11: "momentum"}
        return page

    n = kit.sizes[0]
    neuron = Page(
        {"x": kit.column(n), "w": kit.column(n), "b": kit.number(), "y": jnp.asarray(1.0)},
        [
            ("z", lambda e: jnp.sum(e.w * e.x) + e.b),
            ("a", lambda e: sigmoid(e.z)),
            ("C_CE", lambda e: -(e.y * jnp.log(e.a) + (1 - e.y) * jnp.log(1 - e.a))),
            ("C_Q", lambda e: 0.5 * (e.y - e.a) ** 2),
        ],
        loss="C_Q",
        functions={"sigma": sigmoid},
        labels={"_CE": "_CE", "_Q": "_Q"},
        ranges={"j": n},
    )
    page = cost(lambda w: w**2 / 2)
    page.alternatives = (cost(jnp.abs), neuron)
    return page


@table("jacobian_slides")
def jacobian_slides(kit: Kit) -> Page:
    n, m, _, _ = kit.sizes
    inputs = {"x": kit.column(n), "W": kit.normal(m, n), "b": kit.column(m), "I": jnp.eye(m)}
    page = Page(
        inputs,
        [
            ("y", lambda e: generic(e.x)),
            ("z", lambda e: e.W @ e.x + e.b),
            ("L", lambda e: probe(e.z) + jnp.sum(e.y * 0)),
        ],
        rows=True,
        functions={"f": generic},
        ranges={"i": m, "j": n},
        by_hand={1: "dots", 2: "dots", 13: "dots", 11: "index i or j runs short"},
    )
    return page


@table("batch_norm_rows")
def batch_norm_rows(kit: Kit) -> Page:
    d, n, _, _ = kit.sizes
    inputs = {"X": kit.normal(n, d), "gamma": kit.row(d), "beta": kit.row(d)}
    inputs |= {"epsilon": jnp.asarray(0.1), "N": jnp.asarray(1.0 * n), "D": jnp.asarray(1.0 * d)}
    page = Page(
        inputs,
        [
            ("mu", lambda e: jnp.mean(e.X, axis=0, keepdims=True)),
            ("s", lambda e: jnp.sqrt(jnp.mean((e.X - e.mu) ** 2, 0, keepdims=True) + e.epsilon)),
            ("Z", lambda e: (e.X - e.mu) / e.s),
            ("Y", lambda e: e.gamma * e.Z + e.beta),
            ("E", lambda e: probe(e.Y)),
        ],
        loss="E",
        names={"G": Grad("Y")},
        ranges={"n": n, "j": d, "k": n},
    )
    return page


@table("attention_indices")
def attention_indices(kit: Kit) -> Page:
    d, n, _, _ = kit.sizes
    inputs = {name: kit.normal(n, d) for name in "qkv"}
    inputs |= {"d": jnp.asarray(1.0 * d), "n": jnp.asarray(1.0 * n)}
    return Page(
        inputs,
        [
            ("e", lambda e: e.q @ e.k.T / jnp.sqrt(e.d)),
            ("alpha", lambda e: softmax(e.e, 1)),
            ("o", lambda e: e.alpha @ e.v),
            ("L", lambda e: probe(e.o)),
        ],
        ranges={"i": n, "j": n, "l": n, "c": d},
    )


@table("plain_text_qa")
def plain_text_qa(kit: Kit) -> Page:
    n, m, _, _ = kit.sizes
    inputs = {"x": kit.column(n), "W": kit.normal(m, n), "b": kit.column(m)}
    inputs["m"] = jnp.asarray(1.0 * m)
    return Page(
        inputs,
        [
            ("y", lambda e: e.W @ e.x + e.b),
            ("h", lambda e: sigmoid(e.y)),
            ("L", lambda e: probe(e.h)),
        ],
        names={"ell": "L"},
        ranges={"i": m, "j": n},
        functions={"sigma": sigmoid},
        by_hand={4: "row layout"},
    )


@table("einstein_tensors")
def einstein_tensors(kit: Kit) -> Page:
    i, j, b, _ = kit.sizes
    n = 4
    inputs = {"w": kit.normal(n, n), "x": kit.normal(b if b != n else 5, n), "c": kit.column(n)}
    page = Page(
        inputs,
        [
            ("y", lambda e: e.x @ e.w.T + e.c.T),
            ("L", lambda e: probe(e.y)),
        ],
        names={"g": Grad("y")},
        ranges={"i": n, "j": n, "k": n, "l": n, "b": inputs["x"].shape[0]},
    )
    page.by_hand = {1: "implied sum", 2: "implied sum", 3: "implied sum"}
    del i, j
    return page


@table("cours_francais")
def cours_francais(kit: Kit) -> Page:
    p, q, r, n = kit.sizes
    inputs = {"X": kit.normal(n, p), "A": kit.normal(p, q), "B": kit.normal(q, r)}
    inputs |= {"Y": kit.normal(n, r), "N": jnp.asarray(1.0 * n), "eta": kit.number()}
    page = Page(
        inputs,
        [
            ("U", lambda e: e.X @ e.A),
            ("V", lambda e: generic(e.U)),
            ("O", lambda e: e.V @ e.B),
            ("L", lambda e: jnp.sum((e.O - e.Y) ** 2) / (2 * e.N)),
        ],
        functions={"sigma": generic},
    )
    page.names = {"G": Grad("O")}
    return page


@table("linear_chain")
def linear_chain(kit: Kit) -> Page:
    n, m, k, _ = kit.sizes
    inputs = {"v_0": kit.column(n), "A_1": kit.normal(m, n), "A_2": kit.normal(k, m)}
    page = Page(
        inputs,
        [
            ("v_1", lambda e: e.A_1 @ e.v_0),
            ("v_2", lambda e: generic(e.v_1)),
            ("v_3", lambda e: e.A_2 @ e.v_2),
            ("F", lambda e: 0.5 * jnp.sum(e.v_3**2)),
        ],
        loss="F",
        labels={f"_{i}": f"_{i}" for i in range(4)},
        functions={"R": generic},
        rows=True,
    )
    column = Page(inputs, page.steps, loss="F", labels=page.labels, functions=page.functions)
    page.claims = {8: column, 10: column}
    return page
