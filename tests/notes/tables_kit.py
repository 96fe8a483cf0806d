"""What the tables of the pages share: sizes, random arrays, labels of layers, odd functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from tests.notes.page import Page

__all__ = ["TABLES", "Kit", "generic", "layers", "one_hot", "other", "sigmoid", "table"]

Array = Any
_SIZES = ((3, 5, 4, 7), (5, 3, 7, 4), (4, 7, 3, 5))

TABLES: dict[str, Callable[[Kit], Page]] = {}
"""The table of every page, by the page's stem."""


class Kit:
    """Random arrays and pairwise different sizes for one seed."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(1000 + seed)
        self.sizes = _SIZES[seed % len(_SIZES)]

    def normal(self, *shape: int) -> Array:
        return jnp.asarray(self.rng.normal(size=shape))

    def column(self, n: int) -> Array:
        return self.normal(n, 1)

    def row(self, n: int) -> Array:
        return self.normal(1, n)

    def positive(self, *shape: int) -> Array:
        return jnp.asarray(self.rng.uniform(0.3, 1.7, size=shape))

    def number(self) -> Array:
        return jnp.asarray(self.rng.uniform(0.3, 1.7))


def table(name: str) -> Callable[[Callable[[Kit], Page]], Callable[[Kit], Page]]:
    """Enter the table of a page."""

    def enter(make: Callable[[Kit], Page]) -> Callable[[Kit], Page]:
        TABLES[name] = make
        return make

    return enter


def generic(z: Array) -> Array:
    """An activation like no other."""
    return jnp.sin(1.3 * z) + 0.2 * z * z


def other(a: Array, y: Array) -> Array:
    """A loss like no other."""
    return jnp.sum(jnp.cos(a) * y + 0.3 * a**3)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + jnp.exp(-z))


def one_hot(kit: Kit, n: int, count: int, axis: int) -> Array:
    """Labels, one along `axis` for each of `count` examples."""
    made = np.zeros((count, n))
    made[np.arange(count), kit.rng.integers(0, n, size=count)] = 1.0
    return jnp.asarray(made.T if axis == 0 else made)


def layers(form: str, **at: int) -> dict[str, str]:
    """Suffixes for the scripts of layers: `layers("^[{}]", l=2)` knows l, l-1, l+1 and numbers."""
    made = {form.format(n): str(n) for n in range(6)}
    for name, number in at.items():
        for step in (-2, -1, 0, 1, 2):
            spelled = name if step == 0 else f"{name}{step:+d}"
            made[form.format(spelled)] = str(number + step)
    return made
