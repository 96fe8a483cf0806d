"""The ready networks by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from symbackprop.errors import SpecError
from symbackprop.models import dense, images, sequences
from symbackprop.models.spec import Model, parse
from symbackprop.network import Network

_ALL: Final = (*dense.MODELS, *images.MODELS, *sequences.MODELS)

MODELS: Final = MappingProxyType({entry.name: entry for entry in _ALL})
"""Every ready network, by name, in the order in which they are listed."""


def model(spec: str) -> Network:
    """A ready network with sizes and options: ``model("mlp:64-32-10,activation=relu")``.

    Raises
    ------
    UnknownNameError, SpecError, ShapeError
        When the SPEC names none.
    """
    entry, parsed = parse(spec, MODELS)
    made = entry.build(parsed)
    made.title = spec
    return made


def by_depth(spec: str) -> Callable[[int], Network]:
    """A ready network of dense layers as a function of their number.

    Raises
    ------
    UnknownNameError, SpecError, ShapeError
        When the SPEC names none, or one that is not made of layers of one kind.
    """
    entry, parsed = parse(spec, MODELS)
    if entry.name not in _LAYERED:
        raise SpecError(
            f'"{spec}" is not made of any number of layers of one kind',
            help=f"ask for the general layer of one of: {', '.join(_LAYERED)}",
        )
    first, last = parsed.sizes[0], parsed.sizes[-1]
    inner = parsed.sizes[1] if len(parsed.sizes) > 2 else "h"

    def build(depth: int) -> Network:
        return entry.build(replace(parsed, sizes=(first, *[inner] * (depth - 1), last)))

    return build


_LAYERED: Final = ("mlp",)

__all__ = ["MODELS", "Model", "by_depth", "model"]
