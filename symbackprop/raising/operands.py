"""Where a comprehension finds its operands while it is raised."""

from __future__ import annotations

from typing import Protocol

from symbackprop.ir import Graph
from symbackprop.raising.tree import Formula
from symbackprop.sizes import Index


class Operands(Protocol):
    """Where a comprehension finds its operands."""

    graph: Graph

    def stays(self, node_id: int) -> bool:
        """Whether a node is read by its name."""

    def operand(self, node_id: int, fixed: tuple[Index, ...] = ()) -> Formula | None:
        """The node as an operand, its first axes fixed: its name, or what it is."""

    def steps(self, node_id: int) -> int:
        """How many first axes of a node count steps of recurrences, one inside the other."""

    def fresh_axis(self, step: bool, depth: int) -> int:
        """A number for an axis of steps or of members of a stack; depth: as many are outside it."""


__all__ = ["Operands"]
