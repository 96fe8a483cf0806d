"""What the body of a loop reads from the graph around it, as a formula or by entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from symbackprop.ir import Comp
from symbackprop.raising.matrix import Raiser
from symbackprop.raising.points import matrix_form
from symbackprop.raising.tree import ZERO, Component, Entry, Form, Formula, Ref
from symbackprop.sizes import Index


class Around(Protocol):
    """The graph around a loop: the outermost one, or the body of another loop."""

    def operand(self, node_id: int, fixed: tuple[Index, ...] = ()) -> Formula | None:
        """The node with its first axes fixed, as a formula; None where it has none."""

    def entry(self, node_id: int, index: tuple[Index, ...]) -> Formula | None:
        """The entry of the node; None where it has no formula."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The outermost graph around a loop."""

    raiser: Raiser

    def operand(self, node_id: int, fixed: tuple[Index, ...] = ()) -> Formula | None:
        """The node with its first axes fixed: its name, or what it is."""
        raiser = self.raiser
        if self._is_zero(node_id):
            return ZERO
        if raiser.stays(node_id):
            return Ref(node_id, written_form(raiser, node_id, len(fixed)), fixed)
        raiser.law(node_id)
        return raiser.operand(node_id, fixed)

    def entry(self, node_id: int, index: tuple[Index, ...]) -> Formula | None:
        """The entry of the node: that of its name, or of what it is."""
        if self._is_zero(node_id):
            return ZERO
        if self.raiser.stays(node_id):
            return Entry(node_id, index)
        return component(self.raiser, node_id, index)

    def _is_zero(self, node_id: int) -> bool:
        node = self.raiser.graph[node_id]
        return isinstance(node, Comp) and node.body == 0


def written_form(raiser: Raiser, node_id: int, fixed: int) -> Form:
    """How a node with its first axes fixed is written; only its name, where it is no matrix."""
    return matrix_form(raiser.graph.shape(node_id)[fixed:]) or Form.MATRIX


def component(raiser: Raiser, node_id: int, index: tuple[Index, ...]) -> Formula | None:
    """The entry of the law of a node, or of a slice of it."""
    law = raiser.law(node_id)
    if law is not None:
        return Component(law, index)
    part = raiser.slice_law(node_id, index[:1]) if index else None
    return None if part is None else Component(part, index[1:])


__all__ = ["Around", "Outside", "component", "written_form"]
