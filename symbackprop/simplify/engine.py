"""The simplifier: each quantity rewritten over named values, once for every canonical pattern."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Loop,
    Node,
    Reduction,
    Var,
    consumers,
    operands,
    reachable,
    substituted,
    with_operands,
)
from symbackprop.simplify.heads import choose_heads, is_matrix_product, worth_opening
from symbackprop.simplify.local import Local, extract, replay
from symbackprop.simplify.loops import Inside, SimplifiedLoop, projections, simplified_loop
from symbackprop.simplify.solve import Neighbourhood, Pattern, solve
from symbackprop.simplify.sums import TooManyTermsError
from symbackprop.simplify.terms import inlinable

LARGEST_OPENING = 25
"""A quantity is opened inside another one only up to this many nodes."""

DEPTH = 4
"""Levels of unnamed forward definitions looked at below a quantity (x̂, x - mean, mean, its sum)."""

MANY_DEFINITIONS = 40
"""Definitions around one quantity from which on no more are looked for."""

MANY_READERS = 16
"""A forward node with more readers (a shared weight) is not searched for definitions to fold."""

PATTERNS_KEPT = 4096
"""Patterns that are remembered between networks; the ones not used for longest are dropped."""

_PATTERNS: OrderedDict[tuple[object, ...], Pattern] = OrderedDict()
"""What was found for each canonical neighbourhood: it depends on nothing but the key."""


@dataclass(slots=True)
class Simplified:
    """The result of simplification.

    ids : id of a quantity -> id of its simplified form (same graph, appended)
    bindings : id of a quantity -> its pattern and how it is laid on the graph
    shared : quantities that were not asked for but are read so often that they need a name
    loops : id of a loop -> the loop that its results are read from now
    """

    graph: Graph
    ids: dict[int, int] = field(default_factory=dict)
    bindings: dict[int, tuple[Pattern, Local]] = field(default_factory=dict)
    shared: frozenset[int] = frozenset()
    loops: dict[int, SimplifiedLoop] = field(default_factory=dict)

    def steps(self, quantity: int) -> list[tuple[str, int, tuple[str, ...]]]:
        """(phase, node id, reasons) of every checkpoint of a quantity.

        Made in the graph on demand.
        """
        bound = self.bindings.get(quantity)
        if bound is None:
            return []
        pattern, local = bound
        return [(s.phase, replay(s.made, self.graph, local), s.reasons) for s in pattern.steps]


def simplify(
    graph: Graph,
    roots: Sequence[int],
    forward: int,
    named: Iterable[int],
    kept: Iterable[int],
    losses: Iterable[int],
    inside: Inside | None = None,
) -> Simplified:
    """Before ⇒ after: every quantity as a person would write it.

    Over named forward values and quantities.

    Parameters
    ----------
    roots : the quantities asked for
    forward : ids below it are forward nodes: they are read, not rewritten
    named : quantities (ids at or above `forward`) that keep a name of their own, such as deltas
    kept : forward nodes that have a name
    losses : forward nodes that no formula may read
    inside : what has a name inside loops
    """
    engine = _Engine(graph, roots, forward, set(named), set(kept), set(losses))
    engine.inside = Inside() if inside is None else inside
    return engine.run()


class _Engine:
    def __init__(
        self,
        graph: Graph,
        roots: Sequence[int],
        forward: int,
        named: set[int],
        kept: set[int],
        losses: set[int],
    ) -> None:
        self.graph = graph
        self.forward = forward
        self.kept = kept
        self.losses = losses
        self.roots = roots
        self.made: set[int] = set()
        self.order = [i for i in reachable(graph, roots) if i >= forward]
        wanted = named | {r for r in roots if r >= forward}
        found = choose_heads(graph, self.order, forward, wanted)
        self.heads, self.plain = found.chosen, found.plain
        self.forward_readers = consumers(graph, range(forward))
        self.rules_of_graph = (graph.policy, *graph.facts)
        self.inside = Inside()
        self.projections = projections(graph, self.order)
        self.result = Simplified(graph, shared=found.shared)

    def run(self) -> Simplified:
        """Rewrite the heads by rising id."""
        for i in self.order:
            if i not in self.heads:
                continue
            new = self._carried(i) if i in self.plain else self._rewrite(i)
            self.result.ids[i] = new
            self.made.add(new)
        for root in self.roots:
            self.result.ids.setdefault(root, root)
        return self.result

    def _carried(self, i: int) -> int:
        """A node without a form as a term, reading the simplified quantities."""
        node = self.graph[i]
        if isinstance(node, Loop):
            return self._loop(i)
        if isinstance(node, (Hist, Final)) and node.loop in self.result.loops:
            return self.result.loops[node.loop].projection(self.graph, node)
        moved = {s: self.result.ids[s] for s in operands(node) if s in self.result.ids}
        if not moved or all(k == v for k, v in moved.items()):
            return i
        if isinstance(node, Comp):
            draft = substituted(node, moved)
            return self.graph.comp(
                draft.shape,
                draft.axes,
                draft.body,
                draft.reads,
                draft.write,
                draft.domain,
                draft.reduction if draft.reduction is not Reduction.NONE else Reduction.SUM,
            )
        return self.graph.add(with_operands(node, moved))

    def _loop(self, i: int) -> int:
        self.result.loops[i] = found = simplified_loop(
            self.graph,
            i,
            self.projections.get(i, []),
            self.result.ids,
            self.inside,
            self.forward,
            simplify,
        )
        return found.loop

    # -- one quantity ----------------------------------------------------------------------------
    def _rewrite(self, head: int) -> int:
        place = self._neighbourhood(head)
        local, key = self._extracted(place)
        try:
            pattern = self._pattern(local, key, place)
        except TooManyTermsError:
            return self._node_by_node(place)
        self.result.bindings[head] = (pattern, local)
        return replay(pattern.made, self.graph, local)

    def _node_by_node(self, place: Neighbourhood) -> int:
        """The quantity as it was derived, over the simplified ones."""
        for i in place.cluster:
            self.result.ids[i] = self._carried(i)
        return self.result.ids[place.head]

    def _pattern(self, local: Local, key: tuple[Node, ...], place: Neighbourhood) -> Pattern:
        """The pattern of a neighbourhood: remembered, also from other networks, or solved."""
        known = (self.rules_of_graph, key, *place.roles(local.ids, self.kept))
        pattern = _PATTERNS.get(known)
        if pattern is None:
            pattern = _PATTERNS[known] = solve(self.graph, local, key, place, self.kept)
            if len(_PATTERNS) > PATTERNS_KEPT:
                _PATTERNS.popitem(last=False)
        else:
            _PATTERNS.move_to_end(known)
        return pattern

    def _neighbourhood(self, head: int) -> Neighbourhood:
        cluster = self._cluster(head)
        inside = set(cluster)
        atoms = {s for i in cluster for s in self.graph.operands(i)} - inside
        quantities = sorted(a for a in atoms if a in self.heads)
        openings: dict[int, list[int]] = {}
        products: list[int] = []
        leaves: set[int] = {a for a in atoms if a < self.forward}
        made: set[int] = set()
        for quantity in quantities:
            new = self.result.ids[quantity]
            opening = self._opening(new)
            if worth_opening(self.graph, opening):
                openings[quantity] = opening
            elif len(opening) == 1 and is_matrix_product(self.graph[new]):
                products.append(quantity)
            else:
                opening = []
            for i in opening:
                leaves.update(s for s in self.graph.operands(i) if s < self.forward)
                made.update(s for s in self.graph.operands(i) if s >= self.forward)
            made.update(opening)
            (made if new >= self.forward else leaves).add(new)
        definitions, leaves = self._definitions(leaves)
        return Neighbourhood(
            head,
            cluster,
            quantities,
            openings,
            products,
            sorted(leaves | definitions),
            sorted(made),
            definitions,
        )

    def _cluster(self, head: int) -> list[int]:
        """The head and the anonymous quantities that it is made of, ascending."""
        found = {head}
        pending = [head]
        while pending:
            for s in self.graph.operands(pending.pop()):
                if s >= self.forward and s not in self.heads and s not in found:
                    found.add(s)
                    pending.append(s)
        return sorted(found)

    def _opening(self, new: int) -> list[int]:
        """The nodes of a simplified quantity, down to named ones; none where they are many."""
        found: list[int] = []
        pending = [new]
        while pending:
            i = pending.pop()
            node = self.graph[i]
            if i in found or i < self.forward or (i in self.made and i != new):
                continue
            if not isinstance(node, Comp) or not inlinable(node):
                if i == new:
                    return []
                continue
            found.append(i)
            if len(found) > LARGEST_OPENING:
                return []
            pending.extend(operands(node))
        return sorted(found)

    def _definitions(self, atoms: set[int]) -> tuple[set[int], set[int]]:
        """Forward nodes whose definitions may be folded or unfolded around `atoms`.

        And all they read.
        """
        definitions: set[int] = set()
        seen = set(atoms)
        level = sorted(atoms)
        for _ in range(DEPTH):
            deeper: dict[int, None] = {}
            for i in level:
                node = self.graph[i]
                if not self._is_definition(i) or is_matrix_product(node):
                    continue
                definitions.add(i)
                new = [s for s in operands(node) if s not in seen]
                seen.update(new)
                deeper.update(dict.fromkeys(s for s in new if s not in self.kept))
            level = sorted(deeper)
        for _ in range(3):
            new = [
                reader
                for i in sorted(seen)
                for reader in self._few_readers(i)
                if reader not in definitions and self._may_fold(reader, seen)
            ]
            if not new or len(definitions) > MANY_DEFINITIONS:
                break
            definitions.update(new)
            seen.update(new)
        return definitions, seen

    def _few_readers(self, i: int) -> list[int]:
        """The forward readers of a node.

        None where it has very many (then they are found by another operand).
        """
        readers = self.forward_readers.get(i, [])
        return readers if len(readers) <= MANY_READERS else []

    def _may_fold(self, i: int, seen: set[int]) -> bool:
        """Whether a definition reads only what is around; a product of variables folds nothing."""
        sources = self.graph.operands(i)
        if not self._is_definition(i) or any(s not in seen for s in sources):
            return False
        return not all(isinstance(self.graph[s], Var) for s in sources)

    def _is_definition(self, i: int) -> bool:
        node = self.graph[i]
        return i not in self.losses and isinstance(node, Comp) and inlinable(node)

    def _extracted(self, place: Neighbourhood) -> tuple[Local, tuple[Node, ...]]:
        opened = {*place.definitions, *place.cluster}
        opened.update(i for opening in place.openings.values() for i in opening)
        opened.update(self.result.ids[q] for q in place.products)
        aliases = {q: self.result.ids[q] for q in place.quantities}
        return extract(self.graph, (*place.forward, *place.made, *place.cluster), opened, aliases)
