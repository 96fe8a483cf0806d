"""Which anonymous nodes need a name before formulas are raised."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from symbackprop.ir import Comp, Final, Graph, Hist, Loop, Opaque, Prim, Reduction, Var
from symbackprop.ir.graph import consumers, operands, reachable
from symbackprop.ir.nodes import Read
from symbackprop.raising.matrix import Raiser
from symbackprop.raising.numbers import STEP_AXIS
from symbackprop.sizes import Index, axis

DEEPEST = 6
"""How many anonymous nodes may be inlined into one another."""


def needed_names(graph: Graph, roots: Iterable[int], kept: Collection[int]) -> tuple[int, ...]:
    """The anonymous nodes below `roots` that cannot be inlined, ascending.

    They are what has no formula (the results of a loop, an opaque function of what is no matrix),
    what is looked up in an index, a maximum that is read more than once, and what would be inlined
    too deep.
    """
    stays = frozenset(kept)
    wanted = list(roots)
    ids = _below(graph, wanted, stays)
    raiser = Raiser(graph, stays | {i for i in ids if isinstance(graph[i], (Hist, Final))})
    loose = _loose_arguments(graph, ids, raiser)
    raiser = Raiser(graph, stays | loose)
    looked_up = loose | {s for i in ids for s in _look_ups(graph[i])}
    readers = consumers(graph, ids)
    found: list[int] = []
    depth: dict[int, int] = {}
    top = frozenset(wanted)
    for i in ids:
        node = graph[i]
        if isinstance(node, (Var, Loop)) or (i in stays and i not in top):
            continue
        below = max((depth.get(s, 0) for s in operands(node)), default=0)
        if i in top and not readers.get(i):
            continue
        if (
            _must(graph, i, raiser)
            or i in looked_up
            or below >= DEEPEST
            or _dear(node, readers.get(i, []))
        ):
            if i not in stays:
                found.append(i)
        elif i not in stays:
            depth[i] = below + 1
    return tuple(found)


def _below(graph: Graph, roots: list[int], stays: frozenset[int]) -> list[int]:
    """The ids that roots depend on without passing through a named node, ascending."""
    seen = set(roots)
    pending = list(roots)
    while pending:
        for source in graph.operands(pending.pop()):
            if source not in seen:
                seen.add(source)
                if source not in stays:
                    pending.append(source)
    return sorted(seen)


def _must(graph: Graph, i: int, raiser: Raiser) -> bool:
    """Whether a node has neither a formula of entries nor a matrix form."""
    node = graph[i]
    if isinstance(node, (Hist, Final)):
        return True
    return isinstance(node, (Opaque, Prim)) and raiser.law(i) is None


def _loose_arguments(graph: Graph, ids: Iterable[int], raiser: Raiser) -> set[int]:
    """The anonymous arguments of opaque functions, primitives and loops without a matrix form."""
    found: set[int] = set()
    for i in ids:
        node = graph[i]
        if isinstance(node, (Opaque, Prim)):
            free = (a for a in node.args if not raiser.stays(a))
            found.update(a for a in free if raiser.law(a) is None)
        elif isinstance(node, Loop):
            whole = [*(c.init for c in node.carries), *(f.outer for f in node.constants)]
            free = (a for a in whole if not raiser.stays(a) and not _is_zero(graph[a]))
            found.update(a for a in free if raiser.law(a) is None)
            slices = (f.outer for f in node.stacked if not raiser.stays(f.outer))
            found.update(a for a in slices if raiser.slice_law(a, (axis(STEP_AXIS),)) is None)
    return found


def _is_zero(node: object) -> bool:
    return isinstance(node, Comp) and node.body == 0


def _dear(node: object, readers: list[int]) -> bool:
    return isinstance(node, Comp) and node.reduction is Reduction.MAX and len(readers) > 1


def _look_ups(node: object) -> list[int]:
    if not isinstance(node, Comp):
        return []
    terms: list[Index] = [*node.write, *(c.term for c in node.domain)]
    for read in node.reads:
        terms.extend(read.index if isinstance(read, Read) else (read.index,))
    return [look_up.source for term in terms for look_up in term.look_ups()]


__all__ = ["DEEPEST", "needed_names", "reachable"]
