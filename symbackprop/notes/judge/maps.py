"""Functions of arrays of which nothing is known but what they depend on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from symbackprop.notes.judge import values
from symbackprop.notes.judge.values import Val
from symbackprop.notes.resolve.hypotheses import OPAQUE

__all__ = ["OPAQUE", "PULLBACKS", "TWIN", "Jacobians", "opaque_map", "twin"]

TWIN = "some twin"
"""The name of the function that gives other numbers of the same shape."""

PULLBACKS = frozenset({"VJP", "vjp", "JVP", "jvp"})
"""Names of the products of a Jacobian and a vector."""


@dataclass(frozen=True, slots=True)
class Jacobians:
    """The function whose Jacobian a claim speaks of, by what it is differentiated, the vector.

    `general` when the claim is about any function: its product may be a row.
    """

    key: str
    variables: tuple[str, ...]
    vector: str
    general: bool = False


def twin(name: str, seed: int, a: Val) -> Val:
    """Other numbers of the same shape."""
    random = np.random.default_rng([zlib.crc32(name.encode()), seed, 13])
    return Val(random.uniform(-1.0, 1.0, a.shape))


def opaque_map(name: str, seed: int, arguments: list[Val], shape: tuple[int, ...]) -> Val:
    """An array that depends on every entry of every argument, in no special way."""
    random = np.random.default_rng([zlib.crc32(name.encode()), seed, 11])
    size = int(np.prod(shape, dtype=int))
    made = Val(random.uniform(-1.0, 1.0, (size, 1)))
    for argument in arguments:
        weights = Val(random.uniform(-1.0, 1.0, (size, argument.v.size)))
        made = values.add(made, values.matmul(weights, values.reshape(argument, (-1, 1))))
    bent = values.elementwise(lambda x: x + np.sin(x), lambda x: 1 + np.cos(x), made)
    return values.reshape(bent, shape)
