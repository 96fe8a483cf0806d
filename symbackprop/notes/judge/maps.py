"""Functions of arrays of which nothing is known but what they depend on."""

from __future__ import annotations

import zlib

import numpy as np

from symbackprop.notes.judge import values
from symbackprop.notes.judge.values import Val

__all__ = ["OPAQUE", "opaque_map"]

OPAQUE = "some function"
"""The name of a function of which only the arguments are known."""


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
