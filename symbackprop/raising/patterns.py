"""Raise a formula once for all layers that have it: the others read other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from symbackprop.ir import Comp, Graph, Hist, Read, Var
from symbackprop.raising.rebuild import with_children
from symbackprop.raising.shapes import children
from symbackprop.raising.tree import (
    Component,
    Delta,
    Entry,
    Formula,
    Indicator,
    Over,
    Ref,
    Value,
)

MOST_NODES = 24
"""Unnamed nodes in a formula that is looked up."""

_OWN = (Entry, Component, Delta, Indicator, Over, Value)
"""Formulas with indices of their own."""

Key = tuple[object, ...]


class Patterns:
    """The formulas of one graph by what is the same in all layers.

    stays : whether a node is read by its name
    """

    def __init__(self, graph: Graph, stays: Callable[[int], bool]) -> None:
        self.graph = graph
        self.stays = stays
        self._known: dict[Key, Formula] = {}

    def key(self, node_id: int) -> tuple[Key, list[int]] | None:
        """The pattern of a formula, and the named nodes that it reads, ascending.

        None where more than that decides: recurrences, look-ups, very many nodes.
        """
        inner = self._inner(node_id)
        if inner is None:
            return None
        leaves = sorted({s for i in inner for s in self.graph.operands(i)} - set(inner))
        if any(isinstance(self.graph[i], Hist) for i in leaves):
            return None
        number = {i: n for n, i in enumerate(leaves)} | {i: ~n for n, i in enumerate(inner)}
        found: list[object] = [self.graph.shape(i) for i in leaves]
        found.append(tuple(isinstance(self.graph[i], Var) for i in leaves))
        for i in inner:
            node = self.graph[i]
            assert isinstance(node, Comp)
            reads = [(number[r.source], r.index) for r in node.reads if isinstance(r, Read)]
            if len(reads) < len(node.reads):
                return None
            found += (node.shape, node.axes, node.body, *reads, node.write, node.reduction)
        return tuple(found), leaves

    def _inner(self, node_id: int) -> list[int] | None:
        """The node and the unnamed ones that its formula is made of, ascending."""
        found = {node_id}
        pending = [node_id]
        while pending:
            i = pending.pop()
            node = self.graph[i]
            if not isinstance(node, Comp) or node.domain or len(found) > MOST_NODES:
                return None
            indices = [t for r in node.reads if isinstance(r, Read) for t in r.index]
            if any(t.has_look_up() for t in (*indices, *node.write)):
                return None
            for source in self.graph.operands(i):
                if source not in found and not self.stays(source):
                    found.add(source)
                    pending.append(source)
        return sorted(found)

    def get(self, key: Key, leaves: list[int]) -> Formula | None:
        """The formula of a known pattern over these nodes."""
        known = self._known.get(key)
        return None if known is None else _renamed(known, dict(enumerate(leaves)))

    def put(self, key: Key, leaves: list[int], formula: Formula) -> None:
        """Keep a formula, unless it has indices of its own."""
        if not _has_own(formula):
            self._known[key] = _renamed(formula, {i: n for n, i in enumerate(leaves)})


def _has_own(formula: Formula) -> bool:
    pending = [formula]
    while pending:
        here = pending.pop()
        if isinstance(here, _OWN) or (isinstance(here, Ref) and here.batch):
            return True
        pending.extend(children(here))
    return False


def _renamed(formula: Formula, ids: Mapping[int, int]) -> Formula:
    if isinstance(formula, Ref):
        return Ref(ids[formula.source], formula.form, formula.batch)
    return with_children(formula, lambda child: _renamed(child, ids))
