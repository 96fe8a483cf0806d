"""The values of a loop at one step, as formulas over names outside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from symbackprop.errors import InternalError
from symbackprop.ir import Final, Graph, Loop
from symbackprop.raising.entries import EntryForm
from symbackprop.raising.layout import settled
from symbackprop.raising.matrix import Raiser
from symbackprop.raising.numbers import STEP_AXIS, STEPS_OF_A_DEPTH
from symbackprop.raising.outside import Around, component, written_form
from symbackprop.raising.rebuild import with_children, with_terms
from symbackprop.raising.shapes import children
from symbackprop.raising.tree import Component, Entry, Formula, Ref
from symbackprop.sizes import At, Index, Size, axis, constant
from symbackprop.sizes.index import linear

STEP = axis(STEP_AXIS)


@dataclass(frozen=True, slots=True)
class StepLine:
    """``name_t = formula`` at every step t.

    name : id of the history, or a number below zero for a value without one
    steps : the steps it is at: one for each loop around it
    formula : None of what has no matrix form;  entry : its formula by entries, then
    """

    name: int
    steps: tuple[Index, ...]
    formula: Formula | None
    entry: EntryForm | None = None


@dataclass(frozen=True, slots=True)
class StartLine:
    """What comes in at the first step: `left` at its index is `formula`.

    Where that is 0, so is every name in `left`.
    """

    left: Formula
    formula: Formula


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A loop, as it is written.

    lagged : history of a carry as it comes in -> the name it is one step later, by how much, and
        which index counts the step
    carries : number below zero -> what the value is called that has no history
    finals : carry at the end -> what it is
    shapes : number below zero -> the shape of the value at one step
    """

    loop: int
    length: Size
    reverse: bool
    lines: tuple[StepLine, ...]
    starts: tuple[StartLine, ...]
    finals: dict[int, Formula]
    lagged: dict[int, tuple[int, int, int]]
    carries: dict[int, str]
    shapes: dict[int, tuple[Size, ...]]


@dataclass(slots=True)
class StepFormulas:
    """What the values of one loop are at its step.

    around : the graph that the loop stands in
    own : node of that graph -> the name it has in formulas, of those that keep one
    called : value of the body -> what it is called, history or not
    prefix : the steps of the loops around
    histories, synthetic : value of the body -> its name: a history, or a number below zero
    carried : carry variable -> what comes in;  handed : the names of carries that are called so
    inner : loop of the body -> how it is written
    ends : what the loops of the body hand on at their ends
    """

    graph: Graph
    loop_id: int
    loop: Loop
    around: Around
    own: Mapping[int, int]
    called: Mapping[int, str]
    prefix: tuple[Index, ...] = ()
    histories: dict[int, int] = field(default_factory=dict)
    synthetic: dict[int, int] = field(default_factory=dict)
    carried: dict[int, Formula] = field(default_factory=dict)
    handed: set[int] = field(default_factory=set)
    inner: dict[int, Recurrence] = field(default_factory=dict)
    ends: tuple[int, ...] = ()
    _raiser: Raiser | None = None

    @property
    def body(self) -> Graph:
        """The graph of one step."""
        if not isinstance(self.loop.body, Graph):
            raise InternalError(f"%{self.loop_id}: the body of a loop is no graph")
        return self.loop.body

    @property
    def step(self) -> Index:
        """The step of this loop."""
        return axis(self.step_axis)

    @property
    def lag(self) -> int:
        """Where a carry comes from: one step before, or after in a loop that falls."""
        return 1 if self.loop.reverse else -1

    def early(self, name: int) -> int:
        """How many steps before a value is made its name counts it.

        A carry without a history of a loop that falls is named by the step that it comes in at:
        dh_t is what later steps say about h_t.
        """
        return -1 if self.loop.reverse and name in self.handed else 0

    def at(self, value: int, fixed: tuple[Index, ...], step: Index) -> Ref | None:
        """A value at a step, by its name; None where it has none."""
        name = self.histories.get(value, self.synthetic.get(value))
        if name is None:
            return None
        form = written_form(self.over(), value, len(fixed))
        return Ref(name, form, (*self.prefix, step + constant(self.early(name)), *fixed))

    @property
    def step_axis(self) -> int:
        """The number of the axis that counts the steps of this loop."""
        return STEP_AXIS + len(self.prefix) * STEPS_OF_A_DEPTH

    def kept(self) -> Collection[int]:
        """The values of the body that are read by a name."""
        return (*self.histories, *self.synthetic, *self.ends)

    def over(self) -> Raiser:
        """A raiser of the body that keeps the names there are."""
        if self._raiser is None or self._raiser.kept != frozenset(self.kept()):
            self._raiser = Raiser(self.body, self.kept())
        return self._raiser

    def operand(self, node_id: int, fixed: tuple[Index, ...] = ()) -> Formula | None:
        """A value of the body at this step, its first axes fixed, over outer names."""
        named = self.at(node_id, fixed, self.step)
        if named is not None:
            return named
        given = self._given(node_id)
        if given is not None:
            return _with_batch(given, fixed, self._form(node_id, fixed))
        for feed in self.loop.constants:
            if feed.var == node_id:
                return self.around.operand(feed.outer, fixed)
        for feed in self.loop.stacked:
            if feed.var == node_id:
                return self.around.operand(feed.outer, (self.step, *fixed))
        raiser = self.over()
        law = raiser.slice_law(node_id, fixed) if fixed else raiser.law(node_id)
        if law is None or (isinstance(law, Ref) and law.source == node_id):
            return None
        return self.outside(law)

    def _form(self, node_id: int, fixed: tuple[Index, ...]) -> Ref:
        return Ref(node_id, written_form(self.over(), node_id, len(fixed)))

    def _given(self, node_id: int) -> Formula | None:
        """A carry as it comes in, or what a loop inside hands on at its end."""
        if node_id in self.carried:
            return self.carried[node_id]
        node = self.body[node_id]
        if isinstance(node, Final) and node.loop in self.inner:
            return self.inner[node.loop].finals.get(node_id)
        return None

    def entry(self, node_id: int, index: tuple[Index, ...]) -> Formula | None:
        """The entry of a value of the body at this step, over outer names."""
        named = self.at(node_id, (), self.step) or self._given(node_id)
        if isinstance(named, Ref):
            return Entry(named.source, (*named.batch, *index))
        if named is not None:
            return Component(named, index)
        for feed in self.loop.constants:
            if feed.var == node_id:
                return self.around.entry(feed.outer, index)
        for feed in self.loop.stacked:
            if feed.var == node_id:
                return self.around.entry(feed.outer, (self.step, *index))
        found = component(self.over(), node_id, index)
        return None if found is None else self.outside(found)

    def raised(self, value: int) -> Formula | None:
        """What a value of the body is at its step, over outer names."""
        given = self._given(value)
        if given is not None:
            return given
        law = self.over().law(value)
        return None if law is None else self.outside(law)

    def outside(self, formula: Formula) -> Formula | None:
        """A formula over body values as one over outer names."""
        missing: list[int] = []

        def look_up(term: Index) -> Index:
            if not term.has_look_up():
                return term
            terms: list[tuple[int | At, Size]] = []
            for atom, c in term.terms:
                if isinstance(atom, At):
                    found = self.entry(atom.source, tuple(look_up(t) for t in atom.index))
                    if isinstance(found, Entry):
                        terms.append((At(found.source, found.index), c))
                    else:
                        missing.append(atom.source)
                else:
                    terms.append((atom, c))
            return linear(terms, term.const)

        def walk(here: Formula) -> Formula:
            found: Formula | None = here
            if isinstance(here, Ref):
                found = self.operand(here.source, here.batch)
            elif isinstance(here, Entry):
                found = self.entry(here.source, here.index)
            else:
                below = with_children(here, walk)
                return below if below == here or by_entries else settled(below)
            if found is None:
                missing.append(here.source)
                return here
            return found

        by_entries = _reads_entries(formula)
        result = walk(with_terms(formula, look_up))
        return None if missing else result


def _with_batch(given: Formula, fixed: tuple[Index, ...], form: Ref) -> Formula | None:
    """What comes in, its first axes fixed."""
    if not fixed:
        return given
    if not isinstance(given, Ref):
        return None
    return Ref(given.source, form.form, (*given.batch, *fixed))


def _reads_entries(formula: Formula) -> bool:
    """Whether a formula is one of entries."""
    return isinstance(formula, (Entry, Component)) or any(
        _reads_entries(child) for child in children(formula)
    )


__all__ = ["STEP", "Recurrence", "StartLine", "StepFormulas", "StepLine"]
