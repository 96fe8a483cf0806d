"""Tables of the pages on layouts, corners, lookup tables and plain text."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from tests.notes.page import Grad, Page
from tests.notes.tables_kit import Kit, generic, one_hot, sigmoid, table
from tests.notes.tables_sequences import probe

Array = Any


@table("layouts_mixed")
def layouts_mixed(kit: Kit) -> Page:
    n, m, _, _ = kit.sizes
    inputs = {"x": kit.column(n), "A": kit.normal(m, n), "b": kit.column(m)}
    return Page(
        inputs,
        [("z", lambda e: e.A @ e.x + e.b), ("f", lambda e: probe(e.z))],
        loss="f",
    )


@table("kinks_choices")
def kinks_choices(kit: Kit) -> Page:
    alpha = kit.number()

    def leaky(x: Array) -> Array:
        return jnp.where(x > 0, x, alpha * x)

    def at(x: float) -> Page:
        inputs = {"x": jnp.asarray(x), "alpha": alpha}
        inputs |= {"a": kit.number() + x, "b": kit.number()}
        page = Page(
            inputs,
            [
                ("m", lambda e: jnp.maximum(e.a, e.b)),
                ("L", lambda e: e.x * 1.0),
            ],
            functions={"phi": leaky, "s": lambda x: jnp.log(1 + jnp.exp(x)), "relu": jax.nn.relu},
        )
        page.by_hand = {9: "a second derivative by primes"}
        return page

    page = at(0.7)
    page.also = (at(-0.6),)
    return page


@table("embeddings_pooling")
def embeddings_pooling(kit: Kit) -> Page:
    n, vocabulary, d, _ = kit.sizes
    inputs = {"X": one_hot(kit, vocabulary, n, 1), "E": kit.normal(vocabulary, d)}
    inputs |= {"u": kit.column(d), "c": kit.number(), "y": jnp.asarray(1.0)}
    inputs |= {"n": jnp.asarray(1.0 * n), "1": jnp.ones((n, 1))}
    page = Page(
        inputs,
        [
            ("H", lambda e: e.X @ e.E),
            ("h", lambda e: jnp.mean(e.H, axis=0)[:, None]),
            ("s", lambda e: jnp.sum(e.u * e.h) + e.c),
            ("yhat", lambda e: sigmoid(e.s)),
            ("L", lambda e: -(e.y * jnp.log(e.yhat) + (1 - e.y) * jnp.log(1 - e.yhat))),
        ],
        functions={"sigma": sigmoid},
        names={"hat y": "yhat", "ell": "L"},
    )
    page.by_hand = {2: "a bold one is a vector here"}
    return page


@table("course_text")
def course_text(kit: Kit) -> Page:
    n, m, _, _ = kit.sizes
    inputs = {"i": kit.column(n), "W": kit.normal(m, n), "b": kit.column(m)}
    inputs |= {"t": kit.column(m), "eta": kit.number()}

    def layer(activation: Any) -> Page:
        page = Page(
            inputs,
            [
                ("o", lambda e: e.W @ e.i + e.b),
                ("p", lambda e: activation(e.o)),
                ("E", lambda e: 0.5 * jnp.sum((e.p - e.t) ** 2)),
            ],
            loss="E",
            functions={"s": activation},
        )
        page.names = {"d": Grad("o")}
        return page

    page = layer(generic)
    page.claims = {5: layer(sigmoid), 6: layer(sigmoid)}
    return page
