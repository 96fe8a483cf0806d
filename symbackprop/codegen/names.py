"""Python names: those of the network where they are free, never a keyword, never twice."""

from __future__ import annotations

import builtins
import keyword
import re

_FACE = """
DTYPE PARAMETERS INPUTS OUTPUTS INPUT_KINDS BATCH_AXES SCORE OPTIMIZERS
Workspace make_workspace init_params forward backward loss_and_grad jvp hvp hessian
params inputs cache cotangents outputs wrt workspace grads sizes rng tangents vectors blocks
train predict score take sgd momentum adam data sample_count main load_data save_params load_params
np argparse sys erf erfc xlogy sliding_window_view products functions loss_value
"""
_RESERVED = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_FACE.split()])


SIZE_NAME = re.compile(r"[A-Za-z]\w*")
"""A name inside the text of a size."""


class Namer:
    """Hands out Python names, each once."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self.taken = set(_RESERVED | taken)

    def copy(self) -> Namer:
        """A namer that knows what this one has handed out."""
        return Namer(frozenset(self.taken))

    def name(self, wanted: str) -> str:
        """`wanted` as an identifier that is free, with a number at its end if need be."""
        base = identifier(wanted)
        found, number = base, 2
        while found in self.taken:
            found = f"{base}_{number}" if base not in _RESERVED else f"{base}_" + "_" * (number - 2)
            number += 1
        self.taken.add(found)
        return found


def identifier(text: str) -> str:
    """The text with everything that no identifier may hold replaced."""
    made = re.sub(r"\W", "_", text, flags=re.ASCII).strip("_") or "value"
    return f"v_{made}" if made[0].isdigit() else made
