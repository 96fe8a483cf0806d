"""Loops that derivatives are, their bodies simplified.

A value of a forward loop comes into a derived loop as a history, without its definition. To fold
forward definitions (``p - y``, ``1 - a²``) the body of the forward loop is put in front of that of
the derived one, the whole is simplified as any graph, and what is left reads histories again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from symbackprop.calculus import Adjoint
from symbackprop.ir import (
    Carry,
    Comp,
    Fact,
    Feed,
    Final,
    Graph,
    Hist,
    Loop,
    Node,
    Problem,
    Role,
    Var,
    consumers,
    reachable,
)
from symbackprop.ir.canonical import fully_written
from symbackprop.simplify.copying import copied
from symbackprop.simplify.heads import has_quotient, is_affine


class HasIds(Protocol):
    """What a simplification gives."""

    @property
    def ids(self) -> Mapping[int, int]:
        """Quantity -> its simplified form."""


Simplify = Callable[
    [Graph, Sequence[int], int, Iterable[int], Iterable[int], Iterable[int]], HasIds
]


@dataclass(frozen=True, slots=True)
class Inside:
    """What has a name inside loops.

    named : derived loop -> values of its body
    kept : forward loop -> values of its body
    """

    named: Mapping[int, Collection[int]] = field(default_factory=dict)
    kept: Mapping[int, Collection[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimplifiedLoop:
    """A loop with a simplified body, in the same outer graph.

    values : value of the old body -> value of the new one
    carries : number of an old carry -> its number now; those that nothing depends on are gone
    """

    loop: int
    values: Mapping[int, int]
    carries: Mapping[int, int]

    def named(self, graph: Graph, names: Mapping[int, str]) -> dict[int, str]:
        """Names of values of the old body, as names of those of the new one."""
        loop = graph[self.loop]
        assert isinstance(loop, Loop)
        body = _body(loop)
        found: dict[int, str] = {}
        for old, name in names.items():
            if old in self.values and not isinstance(body[self.values[old]], Var):
                found.setdefault(self.values[old], name)
        return found

    def projection(self, graph: Graph, node: Hist | Final) -> int:
        """The projection of the new loop that a projection of the old one is."""
        if isinstance(node, Final):
            return graph.add(Final(self.loop, self.carries[node.carry], node.shape))
        loop = graph[self.loop]
        assert isinstance(loop, Loop)
        value = self.values[node.value]
        for feed in loop.stacked:
            if feed.var == value:
                return feed.outer
        return graph.add(Hist(self.loop, value, node.shape))


def cotangents_inside(
    problem: Problem, adjoint: Adjoint
) -> tuple[dict[int, list[int]], dict[int, dict[int, str]]]:
    """For each loop that a derivative is, the cotangents in its body that are kept; their names.

    Kept are those of values that are handed on, and of named ones that are read more than once or
    that a contraction gives; those read more than once have names: dh, dc.
    (What gives a gradient is a value anyway.)
    """
    graph = problem.graph
    results = projections(graph, range(len(graph)))
    kept: dict[int, list[int]] = {}
    named: dict[int, dict[int, str]] = {}
    for loop_id, about in adjoint.loops.items():
        names = problem.steps.get(about.primal, {})
        forward = _readers(graph, about.primal, results)
        here = _readers(graph, loop_id, results)
        primal = graph[about.primal]
        assert isinstance(primal, Loop)
        carried = {c.out for c in primal.carries}
        shown = [r.value for r in results.get(about.primal, ()) if isinstance(r, Hist)]
        several = {v for v in names if len(forward.get(v, ())) + (v in shown) > 1}
        linear = {v for v in names if is_affine(_body(primal), v, names, linear=True)}
        found = [
            (v, ct) for v, ct in sorted(about.cotangents.items()) if v in carried | several | linear
        ]
        often = [(v, ct) for v, ct in found if v in linear or len(here.get(ct, ())) > 1]
        kept[loop_id] = list(
            dict.fromkeys(ct for v, ct in found if v in carried or (v, ct) in often)
        )
        named[loop_id] = {ct: f"d{names[v]}" for v, ct in often if v in names}
    return kept, named


def _readers(
    graph: Graph, loop_id: int, results: Mapping[int, Sequence[Hist | Final]]
) -> dict[int, list[int]]:
    """For each value of a body, the values that read it."""
    loop = graph[loop_id]
    assert isinstance(loop, Loop)
    values = [r.value for r in results.get(loop_id, ()) if isinstance(r, Hist)]
    outs = [c.out for c in loop.carries]
    return consumers(_body(loop), reachable(_body(loop), [*values, *outs]))


def projections(graph: Graph, ids: Iterable[int]) -> dict[int, list[Hist | Final]]:
    """For each loop, its results among `ids`."""
    found: dict[int, list[Hist | Final]] = {}
    for i in ids:
        node = graph[i]
        if isinstance(node, (Hist, Final)):
            found.setdefault(node.loop, []).append(node)
    return found


def simplified_loop(
    graph: Graph,
    loop_id: int,
    results: Sequence[Hist | Final],
    moved: Mapping[int, int],
    inside: Inside,
    forward: int,
    simplify: Simplify,
) -> SimplifiedLoop:
    """Before ⇒ after: the loop as a person would write its step.

    Parameters
    ----------
    results : its projections that are read
    moved : outer node -> its simplified form
    inside : what has a name in the bodies
    forward : outer ids below it are forward nodes
    """
    loop = graph[loop_id]
    assert isinstance(loop, Loop)
    body = _body(loop)
    carries, roots = _live(loop, body, results)
    merged = _Merged(graph, loop, inside.kept, forward)
    ids = merged.fill(body, roots, [loop.carries[k].var for k in carries])
    named = inside.named.get(loop_id, ())
    marks = [i for (f, v), i in merged.ids.items() if v in inside.kept.get(f, ())]
    wanted = [ids[i] for i in named if i in ids and ids[i] >= merged.forward]
    found = simplify(merged.graph, [ids[r] for r in roots], merged.forward, wanted, marks, ()).ids
    placed = _Placed(merged, moved)
    seeds = {k: placed.seed(merged.seeds[loop.carries[k].var]) for k in carries}
    asked = dict.fromkeys([*roots, *sorted(named)])
    values = {i: placed.place(found[ids[i]]) for i in asked if ids.get(i) in found}
    new = []
    for k in carries:
        c = loop.carries[k]
        new.append(Carry(moved.get(c.init, c.init), seeds[k], values[c.out]))
    feeds = (tuple(placed.stacked), tuple(placed.constants))
    made = graph.add(Loop(loop.length, tuple(new), *feeds, placed.body, loop.reverse))
    return SimplifiedLoop(made, values, {k: n for n, k in enumerate(carries)})


def _body(loop: Loop) -> Graph:
    assert isinstance(loop.body, Graph)
    return loop.body


def _divides(node: Node) -> bool:
    return isinstance(node, Comp) and has_quotient(node.body)


def _feeds(loop: Loop) -> dict[int, tuple[int, bool]]:
    """Body variable -> the outer node it is fed by, and whether it is a slice of it."""
    fed = {f.var: (f.outer, True) for f in loop.stacked}
    return fed | {f.var: (f.outer, False) for f in loop.constants}


def _live(loop: Loop, body: Graph, results: Sequence[Hist | Final]) -> tuple[list[int], list[int]]:
    """The carries that the results depend on, and the body values to compute."""
    values = list(dict.fromkeys(p.value for p in results if isinstance(p, Hist)))
    live = {p.carry for p in results if isinstance(p, Final)}
    while True:
        ids = set(reachable(body, [*values, *(loop.carries[k].out for k in live)]))
        more = {k for k, c in enumerate(loop.carries) if c.var in ids} - live
        if not more:
            break
        live |= more
    carries = sorted(live)
    return carries, list(dict.fromkeys([*(loop.carries[k].out for k in carries), *values]))


@dataclass(slots=True)
class _Merged:
    """The bodies of forward loops, and behind them that of a loop derived from them.

    ids : (forward loop, value of its body) -> node
    feeds : variable -> the outer node it is fed by, and whether it is a slice of it
    seeds : carry variable of the derived body -> node
    forward : nodes below it belong to forward bodies
    """

    outer: Graph
    loop: Loop
    kept: Mapping[int, Collection[int]]
    limit: int
    graph: Graph = field(init=False)
    ids: dict[tuple[int, int], int] = field(default_factory=dict)
    feeds: dict[int, tuple[int, bool]] = field(default_factory=dict)
    seeds: dict[int, int] = field(default_factory=dict)
    forward: int = 0
    _known: dict[tuple[int, bool], int] = field(default_factory=dict)
    _facts: dict[tuple[int, bool], tuple[Fact, ...]] = field(default_factory=dict)
    _histories: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph = Graph(self.outer.policy, self.outer.facts)

    def fill(self, body: Graph, roots: Sequence[int], carries: Sequence[int]) -> dict[int, int]:
        """Put everything in; derived value -> node."""
        order = reachable(body, [*roots, *carries])
        fed = {i: feed for i, feed in _feeds(self.loop).items() if i in order}
        self._forward_bodies([outer for outer, slices in fed.values() if slices])
        ids: dict[int, int] = {}
        for i in order:
            node = body[i]
            if isinstance(node, Var) and i in carries:
                ids[i] = self.seeds[i] = self._variable(node)
            elif isinstance(node, Var) and not self._is_number(fed[i][0]):
                ids[i] = self._fed(node, *fed[i])
        self.forward = len(self.graph)
        for i in order:
            if i in fed and i not in ids:
                number = self.outer[fed[i][0]]
                assert isinstance(number, Comp)
                ids[i] = self.graph.full(number.body, body.shape(i))
            elif i not in ids:
                ids[i] = copied(self.graph, body[i], ids)
        return ids

    def _is_number(self, outer: int) -> bool:
        """Whether every entry of a node is the same number."""
        node = self.outer[outer]
        return isinstance(node, Comp) and not node.reads and (node.body == 0 or fully_written(node))

    def _forward_bodies(self, outers: Iterable[int]) -> None:
        wanted: dict[int, list[int]] = {}
        for outer in outers:
            node = self.outer[outer]
            if isinstance(node, Hist) and node.loop < self.limit:
                wanted.setdefault(node.loop, []).append(node.value)
        for loop_id in sorted(wanted):
            loop = self.outer[loop_id]
            assert isinstance(loop, Loop)
            for var, feed in _feeds(loop).items():
                # what is declared of an input is known inside the forward loop
                inner = _body(loop)[var]
                if isinstance(inner, Var):
                    self._facts.setdefault(feed, inner.facts)
            # what is handed on is stored as what comes in: not once more to save a product
            cheap = {c.out for c in loop.carries if not _divides(_body(loop)[c.out])}
            wanted[loop_id] += [v for v in self.kept.get(loop_id, ()) if v not in cheap]
            self._forward_body(loop_id, wanted[loop_id])

    def _forward_body(self, loop_id: int, values: Sequence[int]) -> None:
        loop = self.outer[loop_id]
        assert isinstance(loop, Loop)
        body = _body(loop)
        fed = _feeds(loop)
        ids: dict[int, int] = {}
        for i in reachable(body, values):
            node = body[i]
            if isinstance(node, Var):
                ids[i] = self._fed(node, *fed[i]) if i in fed else self._variable(node)
            else:
                ids[i] = copied(self.graph, node, ids)
            self.ids[loop_id, i] = ids[i]
            self._histories.setdefault(ids[i], (loop_id, i))

    def _variable(self, like: Var) -> int:
        name = f"{like.name}_{len(self.graph)}"
        return self.graph.add(Var(name, like.shape, like.kind, Role.BODY, like.facts))

    def _fed(self, like: Var, outer: int, slices: bool) -> int:
        """The variable, or forward value, that an outer node is inside."""
        node = self.outer[outer]
        if slices and isinstance(node, Hist) and (node.loop, node.value) in self.ids:
            return self.ids[node.loop, node.value]
        if (outer, slices) not in self._known:
            new = self._variable(replace(like, facts=self._facts.get((outer, slices), like.facts)))
            self._known[outer, slices] = new
            self.feeds[new] = (outer, slices)
        return self._known[outer, slices]

    def source(self, node_id: int) -> tuple[int, bool]:
        """The outer node that a forward value or variable is fed by, and whether by slices."""
        if node_id in self.feeds:
            return self.feeds[node_id]
        loop_id, value = self._origin(node_id)
        loop = self.outer[loop_id]
        assert isinstance(loop, Loop)
        shape = (loop.length, *self.graph.shape(node_id))
        return self.outer.add(Hist(loop_id, value, shape)), True

    def is_forward(self, node_id: int) -> bool:
        """Whether a node is a forward value, or one more result of a forward loop inside."""
        node = self.graph[node_id]
        return node_id < self.forward or (
            isinstance(node, (Hist, Final)) and node.loop < self.forward
        )

    def _origin(self, node_id: int) -> tuple[int, int]:
        """The forward loop, and the value of its body, that a node is."""
        if node_id not in self._histories:
            node = self.graph[node_id]
            assert isinstance(node, (Hist, Final))
            loop_id, inner = self._histories[node.loop]
            loop = self.outer[loop_id]
            assert isinstance(loop, Loop)
            self._histories[node_id] = (loop_id, _body(loop).add(replace(node, loop=inner)))
        return self._histories[node_id]


@dataclass(slots=True)
class _Placed:
    """The new body: simplified nodes, over variables that stand for forward values."""

    merged: _Merged
    moved: Mapping[int, int]
    body: Graph = field(init=False)
    ids: dict[int, int] = field(default_factory=dict)
    stacked: list[Feed] = field(default_factory=list)
    constants: list[Feed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.body = Graph(self.merged.graph.policy, self.merged.graph.facts)

    def seed(self, node_id: int) -> int:
        """A carry, as a variable under its own name."""
        if node_id not in self.ids:
            node = self.merged.graph[node_id]
            assert isinstance(node, Var)
            name = node.name.rpartition("_")[0]
            self.ids[node_id] = self.body.add(Var(name, node.shape, node.kind, Role.BODY))
        return self.ids[node_id]

    def place(self, wanted: int) -> int:
        """A node of the merged graph, in the new body."""
        graph, is_forward = self.merged.graph, self.merged.is_forward
        order = {wanted}
        pending = [wanted]
        while pending:
            here = pending.pop()
            below = () if is_forward(here) else graph.operands(here)
            pending.extend(s for s in below if s not in order)
            order.update(below)
        for i in sorted(order - self.ids.keys()):
            self.ids[i] = self._feed(i) if is_forward(i) else copied(self.body, graph[i], self.ids)
        return self.ids[wanted]

    def _feed(self, i: int) -> int:
        graph = self.merged.graph
        node = graph[i]
        facts = node.facts if isinstance(node, Var) else ()
        outer, slices = self.merged.source(i)
        new = self.body.add(Var(f"primal{i}", graph.shape(i), graph.kind(i), Role.BODY, facts))
        (self.stacked if slices else self.constants).append(Feed(self.moved.get(outer, outer), new))
        return new
