"""A loop as the recursion a person writes: ``h_t = tanh(W x_t + U h_{t-1} + b)``.

A value of the body that has a history keeps its name, with the step as its index; the rest is
inlined. A carry is the value handed on, one step before (after, in a loop that falls): by its name
where it has one, else by what it is. A carry that depends on itself without passing a name, or is
read more than once, gets one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from symbackprop.errors import InternalError
from symbackprop.ir import Carry, Comp, Final, Graph, Hist, Loop, reachable
from symbackprop.raising.histories import carry_name
from symbackprop.raising.layout import settled
from symbackprop.raising.matrix import STEP_AXIS, Raiser
from symbackprop.raising.points import matrix_form
from symbackprop.raising.rebuild import substituted, with_children
from symbackprop.raising.shapes import children, sources
from symbackprop.raising.tree import ZERO, Form, Formula, Ref
from symbackprop.sizes import Index, Size, axis, constant

STEP = axis(STEP_AXIS)


@dataclass(frozen=True, slots=True)
class StepLine:
    """``name_t = formula`` at every step t.

    name : id of the history, or a number below zero for a carry without one
    """

    name: int
    formula: Formula


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

    lagged : history of a carry as it comes in -> the name it is one step later, and by how much
    carries : number below zero -> the body variable it is called by, of carries without a history
    finals : carry at the end -> what it is
    """

    loop: int
    length: Size
    reverse: bool
    lines: tuple[StepLine, ...]
    starts: tuple[StartLine, ...]
    finals: dict[int, Formula]
    lagged: dict[int, tuple[int, int]]
    carries: dict[int, str]


def recurrences(
    graph: Graph, ids: Iterable[int], raiser: Raiser, steps: Mapping[int, Mapping[int, str]]
) -> dict[int, Recurrence]:
    """The recurrence of every loop among `ids`, as far as all of it has a matrix form.

    ids : the nodes in sight: what has a history among them keeps a name
    steps : loop -> value of its body -> what it is called, history or not
    """
    seen = list(ids)
    found: dict[int, Recurrence] = {}
    for i in seen:
        node = graph[i]
        if isinstance(node, Loop):
            made = _Writer(graph, i, node, raiser, seen, steps.get(i, {})).written()
            if made is not None:
                found[i] = made
    return found


def names_in(formula: Formula) -> tuple[Formula, ...]:
    """The values at single steps in a formula, each once, in order."""
    found: dict[Formula, None] = {}
    pending = [formula]
    while pending:
        here = pending.pop(0)
        if isinstance(here, Ref) and here.batch:
            found[here] = None
        pending.extend(children(here))
    return tuple(found)


def _count(formula: Formula, source: int) -> int:
    """How often a formula reads a node."""
    here = isinstance(formula, Ref) and formula.source == source
    return here + sum(_count(child, source) for child in children(formula))


@dataclass(slots=True)
class _Writer:
    """One loop on its way to a recurrence."""

    graph: Graph
    loop_id: int
    loop: Loop
    outer: Raiser
    seen: list[int]
    called: Mapping[int, str]
    histories: dict[int, int] = field(default_factory=dict)
    synthetic: dict[int, int] = field(default_factory=dict)
    carried: dict[int, Formula] = field(default_factory=dict)

    @property
    def body(self) -> Graph:
        """The graph of one step."""
        if not isinstance(self.loop.body, Graph):
            raise InternalError(f"%{self.loop_id}: the body of a loop is no graph")
        return self.loop.body

    def written(self) -> Recurrence | None:
        """The recurrence; None where a part of it has no matrix form."""
        lagged: dict[int, tuple[int, int]] = {}
        variables = {c.var: c for c in self.loop.carries}
        arriving: dict[int, int] = {}
        for i in self.seen:
            node = self.graph[i]
            if isinstance(node, Hist) and node.loop == self.loop_id:
                if node.value in variables:
                    arriving[i] = node.value
                else:
                    self.histories[node.value] = i
        self._name_values()
        if not self._name_carries():
            return None
        names: dict[int, int] = {**self.histories, **self.synthetic}
        ordered = sorted(names.items())
        if self.loop.reverse:
            # what comes from later steps is read at this one
            ordered.sort(key=lambda pair: pair[1] >= 0)
        lines = [self._line(value, name) for value, name in ordered]
        finals = self._finals()
        starts = [self._start(c) for c in self.loop.carries]
        for i, var in arriving.items():
            name = names[variables[var].out]
            lagged[i] = (name, self._lag + self._early(name))
        if any(x is None for x in (*lines, *starts)) or finals is None:
            return None
        return Recurrence(
            self.loop_id,
            self.loop.length,
            self.loop.reverse,
            tuple(x for x in lines if x is not None),
            tuple(x for x in starts if x is not None),
            finals,
            lagged,
            self._carry_names(),
        )

    @property
    def _lag(self) -> int:
        """Where a carry comes from: one step before, or after in a loop that falls."""
        return 1 if self.loop.reverse else -1

    def _early(self, name: int) -> int:
        """How many steps before a value is made its name counts it.

        A carry without a history of a loop that falls is named by the step that it comes in at:
        dh_t is what later steps say about h_t.
        """
        early = {self.synthetic[v] for v in self.synthetic if v not in self.called}
        return -1 if self.loop.reverse and name in early else 0

    def _at(self, value: int, form: Form, step: Index) -> Ref | None:
        """A value at a step, by its name; None where it has none."""
        name = self.histories.get(value, self.synthetic.get(value))
        if name is None:
            return None
        return Ref(name, form, (step + constant(self._early(name)),))

    def _carry_names(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for value, name in self.synthetic.items():
            if value in self.called:
                found[name] = self.called[value]
        for c in self.loop.carries:
            if c.out in self.synthetic and c.out not in self.called:
                found[self.synthetic[c.out]] = carry_name(self.graph, self.loop, c.var)
        return found

    def _name_values(self) -> None:
        """The values that are called something, beside those with a history."""
        ids = reachable(self.body, [*self.histories, *(c.out for c in self.loop.carries)])
        for value in ids:
            if value in self.called and value not in self.histories:
                self.synthetic[value] = self._number()

    def _number(self) -> int:
        """A number for a value without a history."""
        return -1 - len(self.synthetic) - 1000 * self.loop_id

    def _name_carries(self) -> bool:
        """Decide how each carry is written: by a name, or by what it is."""
        pending = list(self.loop.carries)
        for c in pending:
            read = any(
                isinstance(self.graph[i], Hist)
                and self.graph[i] == Hist(self.loop_id, c.var, self.graph.shape(i))
                for i in self.seen
            )
            if c.out not in self._kept() and (
                read or not self.loop.reverse or self._depends_on_carry(c) or self._uses(c) > 1
            ):
                self.synthetic[c.out] = self._number()
        for c in pending:
            form = matrix_form(self.body.shape(c.out))
            if form is None:
                return False
            named = self._at(c.out, form, STEP + constant(self._lag))
            if named is not None:
                self.carried[c.var] = named
        for c in pending:
            if c.var not in self.carried:
                formula = self._raised(c.out)
                if formula is None:
                    return False
                step = {STEP_AXIS: STEP.shifted(constant(self._lag).const)}
                self.carried[c.var] = substituted(formula, step)
        return True

    def _kept(self) -> Collection[int]:
        return (*self.histories, *self.synthetic)

    def _depends_on_carry(self, c: Carry) -> bool:
        """Whether what is handed on reads a carry without passing a name."""
        law = Raiser(self.body, self._kept()).law(c.out)
        variables = {other.var for other in self.loop.carries}
        return law is None or bool(variables.intersection(sources(law)))

    def _uses(self, c: Carry) -> int:
        """How often the values with a history read a carry, each as it stands."""
        raiser = Raiser(self.body, self._kept())
        laws = [raiser.law(value) for value in self._kept()]
        return sum(_count(law, c.var) for law in laws if law is not None)

    def _raised(self, value: int) -> Formula | None:
        """What a value of the body is at step t, over outer names."""
        law = Raiser(self.body, self._kept()).law(value)
        return None if law is None else self._outside(law)

    def _outside(self, formula: Formula) -> Formula | None:
        """A formula over body values as one over outer names."""
        missing: list[int] = []

        def walk(here: Formula) -> Formula:
            if isinstance(here, Ref):
                found = self._reference(here)
                if found is None:
                    missing.append(here.source)
                    return here
                return found
            below = with_children(here, walk)
            return below if below == here else settled(below)

        result = walk(formula)
        return None if missing else result

    def _reference(self, here: Ref) -> Formula | None:
        named = self._at(here.source, here.form, STEP)
        if named is not None:
            return named
        if here.source in self.carried:
            return self.carried[here.source]
        for feed in self.loop.constants:
            if feed.var == here.source:
                return self._outer_operand(feed.outer)
        for feed in self.loop.stacked:
            if feed.var == here.source:
                return self.outer.operand(feed.outer, (STEP,))
        return None

    def _outer_operand(self, node_id: int) -> Formula | None:
        node = self.graph[node_id]
        if isinstance(node, Comp) and node.body == 0:
            return ZERO
        self.outer.law(node_id)
        return self.outer.operand(node_id)

    def _line(self, value: int, name: int) -> StepLine | None:
        formula = self._raised(value)
        if formula is None:
            return None
        later = STEP + constant(-self._early(name))
        return StepLine(name, substituted(formula, {STEP_AXIS: later}))

    def _start(self, c: Carry) -> StartLine | None:
        """What comes in at the first step."""
        init = self._outer_operand(c.init)
        first = constant(self.loop.length - 1) if self.loop.reverse else constant(0)
        arriving = self.carried.get(c.var)
        if init is None or arriving is None:
            return None
        return StartLine(substituted(arriving, {STEP_AXIS: first}), init)

    def _finals(self) -> dict[int, Formula] | None:
        found: dict[int, Formula] = {}
        last: Index = constant(0) if self.loop.reverse else constant(self.loop.length - 1)
        for i in self.seen:
            node = self.graph[i]
            if isinstance(node, Final) and node.loop == self.loop_id:
                out = self.loop.carries[node.carry].out
                form = matrix_form(self.body.shape(out))
                named = None if form is None else self._at(out, form, last)
                if named is not None:
                    found[i] = named
                    continue
                formula = self._raised(out)
                if formula is None:
                    return None
                found[i] = substituted(formula, {STEP_AXIS: last})
        return found


__all__ = ["STEP", "Recurrence", "StartLine", "StepLine", "names_in", "recurrences"]
