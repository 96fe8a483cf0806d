"""The derivative of a recurrence: a recurrence in the other direction.

The adjoint of a loop reads the histories of the primal values at the same step. A contribution to
a constant is no carry: it is lifted out of the loop as a comprehension with the step as one more
summed axis, ``∂L/∂W = Σ_t δ_t h_{t-1}^T``. Reverse and forward mode are closed: the results are
loops again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr

from symbackprop.calculus.local import active_ids, leading, shifted
from symbackprop.ir import (
    Carry,
    Comp,
    Feed,
    Final,
    Graph,
    Hist,
    Loop,
    Node,
    Operand,
    Position,
    Read,
    Reduction,
    Role,
    Var,
    operands,
    product,
    reachable,
    substituted,
    with_operands,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Atom, Constraint, Index, Size, axis, same_size
from symbackprop.sizes.index import linear

Differentiate = Callable[[Graph, Mapping[int, int], Sequence[int], tuple[Size, ...]], Any]


def body_of(loop: Loop) -> Graph:
    """The graph of one step."""
    assert isinstance(loop.body, Graph)
    return loop.body


def active_variables(graph: Graph, loop: Loop, active: Callable[[int], bool]) -> list[int]:
    """The body variables that depend smoothly on active outer nodes.

    A fixed point over the carries.
    """
    body = body_of(loop)
    feeds = (*loop.stacked, *loop.constants)
    found = {f.var for f in feeds if active(f.outer)}
    found |= {c.var for c in loop.carries if active(c.init)}
    ids = reachable(body, [c.out for c in loop.carries])
    while True:
        live = active_ids(body, ids, found)
        new = {c.var for c in loop.carries if c.out in live or c.out in found} - found
        if not new:
            return sorted(found)
        found |= new


@dataclass(slots=True)
class Derived:
    """The body of a derived loop under way.

    primal : the loop that is differentiated, with id `primal_id` in the outer graph
    source : its body, in which the derived nodes were made;  seeds : the variables of the
    derivative in it
    body : the new body;  ids : source id -> new id
    """

    outer: Graph
    primal: Loop
    primal_id: int
    seeds: frozenset[int]
    body: Graph
    ids: dict[int, int] = field(default_factory=dict)
    stacked: list[Feed] = field(default_factory=list)
    constants: list[Feed] = field(default_factory=list)
    _dependent: dict[int, bool] = field(default_factory=dict)

    @property
    def source(self) -> Graph:
        """The body of the primal loop."""
        return body_of(self.primal)

    def variable(self, seed: int) -> int:
        """A variable of the derivative, in the new body."""
        if seed not in self.ids:
            node = self.source[seed]
            assert isinstance(node, Var)
            self.ids[seed] = self.body.add(Var(node.name, node.shape, role=Role.BODY))
        return self.ids[seed]

    def depends(self, node_id: int) -> bool:
        """Whether a node of the source reads a variable of the derivative."""
        for i in reachable(self.source, [node_id]):
            if i not in self._dependent:
                self._dependent[i] = i in self.seeds or any(
                    self._dependent[s] for s in operands(self.source[i])
                )
        return self._dependent[node_id]

    def place(self, wanted: Iterable[int]) -> None:
        """Write the wanted nodes of the source into the new body; primal values become feeds."""
        for i in reachable(self.source, wanted):
            if i in self.ids:
                continue
            if i in self.seeds:
                self.variable(i)
            elif self.depends(i):
                self.ids[i] = self._moved(self.source[i])
        for i in wanted:
            if i not in self.ids:
                self.ids[i] = self._feed(i)

    def _moved(self, node: Node) -> int:
        sources = {s: self.ids[s] if s in self.ids else self._feed(s) for s in operands(node)}
        self.ids.update(sources)
        if isinstance(node, Comp):
            return made(self.body, node, sources)
        return self.body.add(with_operands(node, sources))

    def _feed(self, i: int) -> int:
        """A primal value: the same constant, the same slice, or its history at the same step."""
        kind = self.source.kind(i)
        shape = self.source.shape(i)
        name = f"primal{i}"
        new = self.body.add(Var(name, shape, kind, Role.BODY))
        for known, feeds in (
            (self.primal.constants, self.constants),
            (self.primal.stacked, self.stacked),
        ):
            for feed in known:
                if feed.var == i:
                    feeds.append(Feed(feed.outer, new))
                    return new
        history = self.outer.add(Hist(self.primal_id, i, (self.primal.length, *shape)))
        self.stacked.append(Feed(history, new))
        return new

    def loop(self, carries: Iterable[Carry], reverse: bool) -> int:
        """The derived loop, as a node of the outer graph."""
        return self.outer.add(
            Loop(
                self.primal.length,
                tuple(carries),
                tuple(self.stacked),
                tuple(self.constants),
                self.body,
                reverse,
            )
        )


def made(graph: Graph, comp: Comp, sources: Mapping[int, int]) -> int:
    """A comprehension with other sources, made in a graph."""
    d = substituted(comp, sources)
    reduction = Reduction.SUM if d.reduction is Reduction.NONE else d.reduction
    return graph.comp(d.shape, d.axes, d.body, d.reads, d.write, d.domain, reduction)


def moved_axis(graph: Graph, node_id: int, old: int, new: int) -> int:
    """The node with dim `old` moved to place `new`."""
    shape = list(graph.shape(node_id))
    order = list(range(len(shape)))
    order.insert(new, order.pop(old))
    target = [shape[d] for d in order]
    place = {d: k for k, d in enumerate(order)}
    index = tuple(axis(place[d]) for d in range(len(shape)))
    return graph.comp(target, target, placeholder(0), (Read(node_id, index),))


def loop_vjp(
    graph: Graph,
    loop_id: int,
    cotangents: Mapping[int, int],
    active: Callable[[int], bool],
    extra: tuple[Size, ...],
    vjp: Differentiate,
) -> list[tuple[int, int]]:
    """The cotangents of what a loop reads, as (outer node, contribution).

    Parameters
    ----------
    cotangents : projection of this loop (`Hist` or `Final`) -> id of its cotangent
    active : whether an outer node is differentiated by
    vjp : reverse mode in the body: (body, seeds, wrt, extra) -> cotangents and log
    """
    loop = graph[loop_id]
    assert isinstance(loop, Loop)
    body = body_of(loop)
    live = active_variables(graph, loop, active)
    carries = [(k, c) for k, c in enumerate(loop.carries) if c.var in live]
    seeds: dict[int, list[int]] = {}
    finals: dict[int, int] = {}
    stacked: list[tuple[int, int]] = []
    for k, carry in carries:
        var = _seed(body, f"ct_carry{loop_id}_{k}_{len(extra)}", carry.out, extra)
        seeds.setdefault(carry.out, []).append(var)
        finals[k] = var
    given: dict[int, int] = {}
    for projection, ct in cotangents.items():
        node = graph[projection]
        if isinstance(node, Final):
            given[node.carry] = ct
        elif isinstance(node, Hist):
            var = _seed(body, f"ct_value{loop_id}_{node.value}_{len(extra)}", node.value, extra)
            seeds.setdefault(node.value, []).append(var)
            stacked.append((var, moved_axis(graph, ct, len(extra), 0)))
    totals = {value: body.total(found) for value, found in seeds.items()}
    result = vjp(body, totals, live, extra)
    every = frozenset([*finals.values(), *(var for var, _ in stacked)])
    derived = Derived(graph, loop, loop_id, every, Graph(graph.policy, graph.facts))
    for var, outer in stacked:
        derived.stacked.append(Feed(outer, derived.variable(var)))
    return _assemble(derived, carries, finals, given, result, live, extra)


def _seed(body: Graph, name: str, value: int, extra: tuple[Size, ...]) -> int:
    return body.add(Var(name, (*extra, *body.shape(value)), role=Role.COTANGENT))


def _assemble(
    derived: Derived,
    carries: list[tuple[int, Carry]],
    finals: dict[int, int],
    given: dict[int, int],
    result: object,
    live: list[int],
    extra: tuple[Size, ...],
) -> list[tuple[int, int]]:
    """Make the adjoint loop and read off the cotangents of carries, slices and constants."""
    graph, loop = derived.outer, derived.primal
    cts: dict[int, int] = result.cotangents  # type: ignore[attr-defined]
    constant = {f.var: f.outer for f in loop.constants if f.var in live}
    lifted = [c for c in result.log if c.target in constant]  # type: ignore[attr-defined]
    new_carries = []
    for k, carry in carries:
        derived.place([cts[carry.var]])
        init = given.get(k)
        if init is None:
            init = graph.full(0, (*extra, *body_of(loop).shape(carry.out)))
        new_carries.append(Carry(init, derived.variable(finals[k]), derived.ids[cts[carry.var]]))
    slices = [(f, cts[f.var]) for f in loop.stacked if f.var in live]
    derived.place([ct for _, ct in slices])
    lifts = [(constant[c.target], Lift(derived, c.value, extra)) for c in lifted]
    for _, lift in lifts:
        lift.prepare()
    new = derived.loop(new_carries, not loop.reverse)
    found: list[tuple[int, int]] = []
    for n, (_, carry) in enumerate(carries):
        shape = derived.body.shape(new_carries[n].out)
        found.append((carry.init, graph.add(Final(new, n, shape))))
    for feed, ct in slices:
        value = derived.ids[ct]
        history = graph.add(Hist(new, value, (loop.length, *derived.body.shape(value))))
        found.append((feed.outer, moved_axis(graph, history, 0, len(extra))))
    found.extend((outer, lift.made(new)) for outer, lift in lifts)
    return found


@dataclass(slots=True)
class Lift:
    """A contribution to a constant, taken out of the loop: ``Σ_t`` of what a step gives.

    An outer product or a contraction becomes one comprehension over all steps; a value no larger
    than what it reads (a bias) is stacked and summed.
    """

    derived: Derived
    value: int
    extra: tuple[Size, ...]

    def _large(self) -> Comp | None:
        node = self.derived.source[self.value]
        if not isinstance(node, Comp) or node.reduction in (Reduction.MAX, Reduction.ARGMAX):
            return None
        entries = product(node.shape)
        sources = [read.source for read in node.reads if isinstance(read, Read)]
        same = any(same_size(product(self.derived.source.shape(s)), entries) for s in sources)
        return None if same and node.reduction is Reduction.NONE else node

    def prepare(self) -> None:
        """Place what the lifted comprehension reads in the derived body."""
        comp = self._large()
        wanted = [self.value] if comp is None else operands(comp)
        self.derived.place([i for i in wanted if self.derived.depends(i)])

    def made(self, loop_id: int) -> int:
        """The summed contribution, as a node of the outer graph."""
        graph, derived = self.derived.outer, self.derived
        comp = self._large()
        length = derived.primal.length
        if comp is None:
            history = self._history(self.value, loop_id)
            shape = derived.source.shape(self.value)
            index = (axis(len(shape)), *leading(shape))
            return graph.comp(shape, (*shape, length), placeholder(0), (Read(history, index),))
        outer = {s: self._outer(s, loop_id) for s in operands(comp)}
        lifted = _with_step(comp, outer)
        return graph.comp(
            comp.shape,
            (length, *comp.axes),
            lifted.body,
            lifted.reads,
            lifted.write,
            lifted.domain,
            Reduction.SUM,
        )

    def _outer(self, i: int, loop_id: int) -> tuple[int, bool]:
        """The outer node of a body value, and whether the step is its first axis."""
        derived = self.derived
        for feed in derived.primal.constants:
            if feed.var == i:
                return feed.outer, False
        for feed in derived.primal.stacked:
            if feed.var == i:
                return feed.outer, True
        return self._history(i, loop_id), True

    def _history(self, i: int, loop_id: int) -> int:
        derived = self.derived
        length = derived.primal.length
        if not derived.depends(i):
            shape = derived.source.shape(i)
            return derived.outer.add(Hist(derived.primal_id, i, (length, *shape)))
        value = derived.ids[i]
        for feed in derived.stacked:
            if feed.var == value:
                return feed.outer
        return derived.outer.add(Hist(loop_id, value, (length, *derived.body.shape(value))))


def _with_step(comp: Comp, outer: Mapping[int, tuple[int, bool]]) -> Comp:
    """The comprehension with the step as its first axis; a stacked operand is read at the step."""
    step = axis(0)

    def term(t: Index) -> Index:
        if not t.has_look_up():
            return shifted((t,), 1)[0]
        terms: list[tuple[Atom, Expr]] = []
        for atom, c in t.terms:
            if isinstance(atom, At):
                source, stacked = outer[atom.source]
                inner = tuple(term(u) for u in atom.index)
                terms.append((At(source, (step, *inner) if stacked else inner), c))
            else:
                terms.append((atom + 1, c))
        return linear(terms, t.const)

    reads: list[Operand] = []
    for read in comp.reads:
        if isinstance(read, Read):
            source, stacked = outer[read.source]
            index = tuple(term(t) for t in read.index)
            reads.append(Read(source, (step, *index) if stacked else index))
        else:
            reads.append(Position(term(read.index)))
    return Comp(
        comp.shape,
        comp.axes,
        comp.body,
        tuple(reads),
        tuple(term(t) for t in comp.write),
        tuple(Constraint(term(c.term), c.equality) for c in comp.domain),
        comp.reduction,
    )


def loop_jvp(
    graph: Graph,
    loop_id: int,
    projections: Iterable[int],
    known: Mapping[int, int],
    extra: tuple[Size, ...],
    jvp: Differentiate,
) -> dict[int, int]:
    """The tangents of projections of a loop.

    A loop in the same direction that reads its histories.
    """
    loop = graph[loop_id]
    assert isinstance(loop, Loop)
    body = body_of(loop)
    live = active_variables(graph, loop, known.__contains__)
    tangents = {
        v: body.add(
            Var(f"tan{loop_id}_{v}_{len(extra)}", (*extra, *body.shape(v)), role=Role.TANGENT)
        )
        for v in live
    }
    carries = [(k, c) for k, c in enumerate(loop.carries) if c.var in live]
    values = [graph[p].value for p in projections if isinstance(graph[p], Hist)]  # type: ignore[union-attr]
    found = jvp(body, tangents, [*(c.out for _, c in carries), *values], extra)
    derived = Derived(
        graph, loop, loop_id, frozenset(tangents.values()), Graph(graph.policy, graph.facts)
    )
    for feed in loop.stacked:
        if feed.var in live and feed.outer in known:
            slice_ = moved_axis(graph, known[feed.outer], len(extra), 0)
            derived.stacked.append(Feed(slice_, derived.variable(tangents[feed.var])))
    for feed in loop.constants:
        if feed.var in live and feed.outer in known:
            derived.constants.append(Feed(known[feed.outer], derived.variable(tangents[feed.var])))
    derived.place([found[c.out] for _, c in carries] + [found[v] for v in values])
    new_carries = []
    for _, carry in carries:
        init = known.get(carry.init)
        if init is None:
            init = graph.full(0, (*extra, *body.shape(carry.out)))
        new_carries.append(
            Carry(init, derived.variable(tangents[carry.var]), derived.ids[found[carry.out]])
        )
    new = derived.loop(new_carries, loop.reverse)
    place = {k: n for n, (k, _) in enumerate(carries)}
    result: dict[int, int] = {}
    for p in projections:
        node = graph[p]
        if isinstance(node, Hist):
            value = derived.ids[found[node.value]]
            shape = derived.body.shape(value)
            history = graph.add(Hist(new, value, (loop.length, *shape)))
            result[p] = moved_axis(graph, history, 0, len(extra))
        elif isinstance(node, Final) and node.carry in place:
            n = place[node.carry]
            result[p] = graph.add(Final(new, n, derived.body.shape(new_carries[n].out)))
    return result
