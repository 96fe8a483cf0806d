"""The table of the page on maps, Jacobians and rules that need no network."""

from __future__ import annotations

import jax.numpy as jnp

from tests.notes.page import Page, softmax
from tests.notes.tables_kit import Kit, generic, other, table


@table("maps_and_rules")
def maps_and_rules(kit: Kit) -> Page:
    n, k, m, p = kit.sizes
    square = kit.normal(m, m)
    inputs = {"X": kit.normal(n, m), "A": kit.normal(p, n), "B": kit.normal(m, p)}
    first, second = kit.normal(k, n), kit.normal(p, k)
    inputs |= {"s": kit.column(n), "z": kit.column(k), "v": kit.column(m), "w": kit.column(n)}
    inputs |= {"u": kit.column(n), "S": square + square.T, "M": kit.normal(m, m)}
    page = Page(
        inputs,
        [
            ("h", lambda e: generic(first @ e.s)),
            ("y", lambda e: generic(second @ e.h)),
            ("L", lambda e: other(e.y, 0.3 * jnp.ones_like(e.y))),
            ("p", lambda e: softmax(e.z)),
        ],
        by_hand=dict.fromkeys((19, 20, 21), "dots")
        | dict.fromkeys(range(22, 27), "a product with a Jacobian"),
    )
    quadratic = Page({**inputs, "u": inputs["v"]}, page.steps)
    page.claims = dict.fromkeys((10, 11, 12), quadratic)
    return page
