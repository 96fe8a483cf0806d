"""From a node to index form: the formula of one entry, with sums over ranges and deltas.

Every comprehension has one. An entry that is written by several points is a sum over them; a domain
becomes conditions of the sum, or an indicator where nothing is summed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from symbackprop.errors import UnsupportedError
from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Loop,
    Opaque,
    Position,
    Prim,
    Read,
    Reduction,
    Var,
)
from symbackprop.raising.bodies import Body, factored, is_product, leaf_of
from symbackprop.raising.build import negative, quotient
from symbackprop.raising.entry_build import entry_product, entry_sum, over
from symbackprop.raising.matrix import Raiser
from symbackprop.raising.tree import (
    ONE,
    Apply,
    Big,
    Component,
    Delta,
    Entry,
    Formula,
    Indicator,
    Number,
    Power,
    Unnamed,
    Value,
)
from symbackprop.scalars import placeholder_index, record_of
from symbackprop.scalars.opaque import Opaque as OpaqueFunction
from symbackprop.sizes import Constraint, Index, Size, axis, implied, same_size

_BIGS = {
    Reduction.NONE: Big.SUM,
    Reduction.SUM: Big.SUM,
    Reduction.MAX: Big.MAX,
    Reduction.ARGMAX: Big.ARGMAX,
}


@dataclass(frozen=True, slots=True)
class EntryForm:
    """An entry of a node: ``node[target] = body``.

    target : one plain axis for each dim;  sizes : of each axis of target and body, by its number
    """

    target: tuple[Index, ...]
    body: Formula
    sizes: tuple[Size, ...]


def entry_form(graph: Graph, node_id: int, kept: Collection[int]) -> EntryForm:
    """The formula of an entry of a node over the entries of named nodes.

    kept : the nodes that stay by name; variables stay always. The node itself is unfolded.
    """
    shape = graph.shape(node_id)
    maker = _Maker(graph, frozenset(kept), list(shape), Raiser(graph, kept))
    target = tuple(axis(d) for d in range(len(shape)))
    is_variable = isinstance(graph[node_id], Var)
    body = Entry(node_id, target) if is_variable else maker.law(node_id, target)
    return EntryForm(target, body, tuple(maker.sizes))


@dataclass(slots=True)
class _Solved:
    """``write = index`` solved for axes of a comprehension.

    axes : comprehension axis -> index term over outer axes;  free : fresh outer axes of those left
    factors : deltas between outer index terms;  conditions : what else must hold
    """

    axes: dict[int, Index] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    factors: list[Formula] = field(default_factory=list)
    conditions: list[Constraint] = field(default_factory=list)


@dataclass(slots=True)
class _Maker:
    """Unfolds anonymous nodes; every summed axis gets a number of its own."""

    graph: Graph
    kept: frozenset[int]
    sizes: list[Size]
    raiser: Raiser

    def entry(self, node_id: int, index: tuple[Index, ...]) -> Formula:
        """The entry of a node at an index: by name, or unfolded."""
        if node_id in self.kept or isinstance(self.graph[node_id], Var):
            return Entry(node_id, index)
        return self.law(node_id, index)

    def law(self, node_id: int, index: tuple[Index, ...]) -> Formula:
        """What the entry of a node at an index is.

        Raises
        ------
        UnsupportedError
            For a node that has none: the result of a loop, a primitive of what is no matrix.
        """
        node = self.graph[node_id]
        match node:
            case Comp():
                return self._comp(node, index)
            case Opaque() | Prim():
                formula = self.raiser.law(node_id)
                if formula is not None:
                    return Component(formula, index)
                raise self._refused(node_id)
            case Loop() | Hist() | Final() | Var():
                raise self._refused(node_id)

    def _refused(self, node_id: int) -> UnsupportedError:
        return UnsupportedError(
            f"%{node_id} has no formula by entries", help="give the value a name"
        )

    def _comp(self, comp: Comp, index: tuple[Index, ...]) -> Formula:
        solved = self._solve(comp, index)
        conditions = [c.substitute(solved.axes) for c in comp.domain] + solved.conditions
        kept = tuple(c for c in dict.fromkeys(conditions) if not self._holds(c, conditions))
        body = self.body(comp, comp.body, solved.axes)
        if solved.free:
            big = _BIGS[comp.reduction]
            result = over(big, tuple(solved.free), kept, body)
            return entry_product([*solved.factors, result])
        indicator = [Indicator(kept)] if kept else []
        if comp.reduction is Reduction.ARGMAX:
            body = Number(0)
        return entry_product([*solved.factors, *indicator, body])

    def _holds(self, condition: Constraint, among: Sequence[Constraint]) -> bool:
        if condition.equality:
            return condition.term.is_constant() and condition.term.const == 0
        others = [c for c in among if c != condition]
        return implied(condition.term, self.sizes, others, self.graph.facts)

    def _solve(self, comp: Comp, index: tuple[Index, ...]) -> _Solved:
        found = _Solved()
        pending = list(zip(comp.write, index, comp.shape, strict=True))
        left: list[tuple[Index, Index]] = []
        for term, here, size in pending:
            plain = term.plain_axis()
            if plain is not None and plain not in found.axes:
                found.axes[plain] = here
                if not same_size(comp.axes[plain], size):
                    found.conditions.extend(_in_range(here, comp.axes[plain]))
            elif size != 1:
                left.append((term, here))  # along an axis of length 1 there is one position
        unsolved: list[Index] = []
        for term, here in left:
            self._solve_one(comp, term, here, found, unsolved)
        for a in range(len(comp.axes)):
            if a not in found.axes:
                found.axes[a] = self._fresh(comp.axes[a], found)
        for equation in unsolved:
            rest = equation.substitute({a + _MARK: term for a, term in found.axes.items()})
            found.conditions.append(Constraint(rest, equality=True))
        return found

    def _fresh(self, size: Size, found: _Solved) -> Index:
        self.sizes.append(size)
        found.free.append(len(self.sizes) - 1)
        return axis(len(self.sizes) - 1)

    def _solve_one(
        self, comp: Comp, term: Index, here: Index, found: _Solved, unsolved: list[Index]
    ) -> None:
        """Use ``term = here`` for an axis with coefficient 1, or as a delta or a condition."""
        open_axes = [(a, c) for a, c in term.terms if isinstance(a, int) and a not in found.axes]
        if all(a in found.axes for a in term.axes()):
            equal = _delta(term.substitute(found.axes), here)
            if equal is not None:
                found.factors.append(equal)
            return
        choice = next((a for a, c in open_axes if c == 1), None)
        if choice is None or term.has_look_up():
            unsolved.append(_marked(term) - here)
            return
        for a, _ in open_axes:
            if a != choice:
                found.axes[a] = self._fresh(comp.axes[a], found)
        rest = Index(tuple(t for t in term.terms if t[0] != choice), term.const)
        value = here - rest.substitute(found.axes)
        found.axes[choice] = value
        found.conditions.extend(_in_range(value, comp.axes[choice]))

    def body(self, comp: Comp, body: Body, axes: dict[int, Index]) -> Formula:
        """A body (or a part of it) with its operands at their index terms."""
        leaf = leaf_of(body)
        if leaf is not None:
            return leaf
        if body.is_Symbol:
            k = placeholder_index(body)
            assert k is not None
            read = comp.reads[k]
            if isinstance(read, Position):
                return Value(read.index.substitute(axes))
            assert isinstance(read, Read)
            return self.entry(read.source, tuple(t.substitute(axes) for t in read.index))
        if body.is_Add:
            return entry_sum([self.body(comp, term, axes) for term in body.args])
        if is_product(body):
            split = factored(body)
            top = [split.number, *(self.body(comp, f, axes) for f in split.above)]
            bottom = [self.body(comp, f, axes) for f in split.below]
            if not bottom:
                return entry_product(top)
            return quotient(entry_product(top), entry_product(bottom))
        if body.is_Pow:
            base = self.body(comp, body.base, axes)
            return Power(base, self.body(comp, body.exp, axes))
        if isinstance(body, OpaqueFunction):
            args = tuple(self.body(comp, x, axes) for x in body.operands)
            return Unnamed(body.name, body.orders, args)
        record = record_of(body)
        if record is None:
            raise UnsupportedError(f"no formula for {type(body).__name__}")
        return Apply(record.name, tuple(self.body(comp, x, axes) for x in body.args))


def _in_range(term: Index, size: Size) -> list[Constraint]:
    return [Constraint(term), Constraint(term.scaled(-ONE_SIZE).shifted(size - ONE_SIZE))]


def _delta(left: Index, right: Index) -> Formula | None:
    """1 where both agree; None where they always do."""
    difference = left - right
    if difference.is_constant() and difference.const == 0:
        return None
    if difference.is_constant() and difference.const.is_Integer:
        return Number(0)
    return Delta(left, right)


_MARK = 1 << 20
"""Axes of a comprehension stand this far above the outer axes while both are in one term."""


def _marked(term: Index) -> Index:
    return term.renamed(lambda a: a + _MARK)


ONE_SIZE: Size = axis(0).terms[0][1]

__all__ = ["ONE", "EntryForm", "entry_form", "negative"]
