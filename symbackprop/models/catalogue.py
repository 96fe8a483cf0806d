"""The ready networks by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

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


__all__ = ["MODELS", "Model", "model"]
