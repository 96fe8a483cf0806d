"""Tables of the example notes."""

from __future__ import annotations

import jax.numpy as jnp

from tests.notes.page import Grad, Page, softmax
from tests.notes.tables_kit import Kit, generic, layers, one_hot, table


def _network(kit: Kit) -> Page:
    n, h, k, _ = kit.sizes
    inputs = {"x": kit.column(n), "W1": kit.normal(h, n), "W2": kit.normal(k, h)}
    inputs |= {"b1": kit.column(h), "b2": kit.column(k), "eta": kit.number()}
    return Page(inputs, [], labels=layers("_{}"), ranges={"i": k, "j": k})


@table("two_layers")
def two_layers(kit: Kit) -> Page:
    page = _network(kit)
    k = kit.sizes[2]
    page.inputs |= {"y": one_hot(kit, k, 1, 0), "k": jnp.asarray(1.0 * k)}
    page.steps = [
        ("z1", lambda e: e.W1 @ e.x + e.b1),
        ("a1", lambda e: jnp.tanh(e.z1)),
        ("z2", lambda e: e.W2 @ e.a1 + e.b2),
        ("p", lambda e: softmax(e.z2)),
        ("L", lambda e: -jnp.sum(e.y * jnp.log(e.p))),
    ]
    page.names = {"delta1": Grad("z1"), "delta2": Grad("z2")}
    page.by_hand = {4: "two subscripts on z"}
    return page


@table("typical_errors")
def typical_errors(kit: Kit) -> Page:
    page = _network(kit)
    page.inputs["y"] = kit.column(kit.sizes[2])
    page.steps = [
        ("z1", lambda e: e.W1 @ e.x + e.b1),
        ("a1", lambda e: generic(e.z1)),
        ("z2", lambda e: e.W2 @ e.a1 + e.b2),
        ("L", lambda e: 0.5 * jnp.sum((e.z2 - e.y) ** 2)),
    ]
    page.functions = {"g": generic}
    return page
