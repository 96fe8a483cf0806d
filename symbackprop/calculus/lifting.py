"""The body of a derived loop, and what leaves it: contributions to constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sympy import Expr

from symbackprop.calculus.local import leading, shifted
from symbackprop.ir import (
    Carry,
    Comp,
    Feed,
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


def body_of(loop: Loop) -> Graph:
    """The graph of one step."""
    assert isinstance(loop.body, Graph)
    return loop.body


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
                    self._dependent[s] for s in self.source.operands(i)
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


@dataclass(slots=True)
class Lift:
    """A contribution to a constant, taken out of the loop: ``Σ_t`` of what a step gives.

    An outer product or a contraction becomes one comprehension over all steps; a value no larger
    than what it reads (a bias) is stacked and summed.

    stacked : the contribution is to a slice, and not summed over the steps
    """

    derived: Derived
    value: int
    extra: tuple[Size, ...]
    stacked: bool = False

    def is_whole(self) -> bool:
        """Whether it becomes one comprehension over all steps."""
        return self._large() is not None

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
        shape, write, at = comp.shape, lifted.write, len(self.extra)
        if self.stacked:
            shape = (*shape[:at], length, *shape[at:])
            write = (*write[:at], axis(0), *write[at:])
        return graph.comp(
            shape,
            (length, *comp.axes),
            lifted.body,
            lifted.reads,
            write,
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
