"""What random networks are made of: tensors beside their value over JAX, and fresh names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jax
import numpy as np

import symbackprop as sb

jax.config.update("jax_enable_x64", True)

Values = Mapping[str, Any]
Loss = Callable[[Values], Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Built:
    """A tensor with its value over JAX.

    ties : whether entries may be equal or exactly 0, where a maximum or a kink is a matter of
    policy
    """

    tensor: Any
    value: Loss
    ties: bool = False

    def then(self, tensor: Any, function: Callable[[Any], Any], ties: bool | None = None) -> Built:
        """What `function` makes of the value, as `tensor`."""
        value = self.value
        kept = self.ties if ties is None else ties
        return Built(tensor, lambda v: function(value(v)), kept)

    def with_(
        self, other: Built, tensor: Any, function: Callable[[Any, Any], Any], ties: bool = False
    ) -> Built:
        """What `function` makes of two values, as `tensor`."""
        a, b = self.value, other.value
        return Built(tensor, lambda v: function(a(v), b(v)), self.ties or other.ties or ties)


@dataclass(slots=True)
class Workshop:
    """Where a random network is made: its choices, its names, and what has been used."""

    rng: np.random.Generator
    used: list[str] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)

    def one_of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def name(self, letter: str) -> str:
        """A name that is not taken."""
        self.names[letter] += 1
        count = self.names[letter]
        return letter if count == 1 and not letter[-1].isupper() else f"{letter}{count}"

    def size(self) -> Any:
        """A new symbolic size."""
        self.names["size"] += 1
        return sb.dims(f"n{self.names['size']}")[0]

    def param(self, letter: str, *shape: Any) -> Built:
        """A new parameter."""
        name = self.name(letter)
        return Built(sb.param(name, *shape), lambda v: v[name])

    def named(self, made: Built, letter: str) -> Built:
        """The value under a name of its own."""
        return Built(made.tensor.named(self.name(letter)), made.value, made.ties)

    def input(self, letter: str, *shape: Any, **declared: Any) -> Built:
        """A new input."""
        name = self.name(letter)
        return Built(sb.input(name, *shape, **declared), lambda v: v[name])
