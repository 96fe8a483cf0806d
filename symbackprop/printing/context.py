"""What the nodes in a formula are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.printing.letters import Letters
from symbackprop.printing.names import Spelling
from symbackprop.sizes import Size


@dataclass(frozen=True, slots=True)
class Context:
    """What names, letters and origins the nodes have.

    names : node id -> spelling
    letters : of the axes of an index form
    origins : node id -> number of the first position along each axis
    sizes : of the axes of an index form
    booleans : the nodes that hold booleans, whose values are no positions
    lagged : history of a carry as it comes in -> the name it has a step later, by how much, and
        which index counts the step
    winners : place of a maximum over several axes -> their sizes: it is shown as a tuple
    """

    names: Mapping[int, Spelling]
    letters: Letters = field(default_factory=Letters)
    origins: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    sizes: tuple[Size, ...] = ()
    booleans: frozenset[int] = frozenset()
    lagged: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    winners: Mapping[int, tuple[Size, ...]] = field(default_factory=dict)

    def origin(self, source: int, place: int) -> int:
        """The number of the first position along an axis of a node."""
        found = self.origins.get(source, ())
        return found[place] if place < len(found) else self.letters.first
