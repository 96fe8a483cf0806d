"""One loop on its way to a recurrence.

A value of the body that has a history keeps its name, with the step as its index; the rest is
inlined. A carry is the value handed on, one step before (after, in a loop that falls): by its name
where it has one, else by what it is. A carry that depends on itself without passing a name, or is
read more than once, gets one; so does what has no matrix form. A loop inside counts a step of its
own behind that of the loop around it: ``h_{t,s}``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from symbackprop.errors import InternalError
from symbackprop.ir import Carry, Final, Hist, Loop, reachable
from symbackprop.raising.entries import EntryForm, entry_form
from symbackprop.raising.histories import carry_name
from symbackprop.raising.kept import needed_names
from symbackprop.raising.rebuild import substituted
from symbackprop.raising.shapes import children, sources
from symbackprop.raising.step_formulas import Recurrence, StartLine, StepFormulas, StepLine
from symbackprop.raising.tree import ZERO, Form, Formula, Ref
from symbackprop.sizes import Index, constant


def _count(formula: Formula, source: int) -> int:
    """How often a formula reads a node."""
    here = isinstance(formula, Ref) and formula.source == source
    return here + sum(_count(child, source) for child in children(formula))


@dataclass(slots=True)
class Writer(StepFormulas):
    """One loop on its way to a recurrence; `numbers` are those of values without a history."""

    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def written(self) -> Recurrence:
        """The recurrence."""
        variables = {c.var: c for c in self.loop.carries}
        arriving: dict[int, int] = {}
        for i, name in self.own.items():
            node = self.graph[i]
            if isinstance(node, Hist) and node.loop == self.loop_id:
                if node.value in variables:
                    arriving[name] = node.value
                else:
                    self.histories[node.value] = name
        self._name_values()
        self._name_carries(set(arriving.values()))
        self._carry()
        self._write_inner()
        self._carry_unnamed()
        names = {**self.histories, **self.synthetic}
        ordered = sorted(names.items())
        if self.loop.reverse:
            # what comes from later steps is read at this one
            ordered.sort(key=lambda pair: pair[1] >= 0)
        lines: list[StepLine] = []
        pending = dict(self.inner)
        for value, name in ordered:
            for loop in [loop for loop in pending if loop < value]:
                lines += pending.pop(loop).lines
            if not isinstance(self.body[value], Hist):
                lines.append(self._line(value, name))
        lines += [line for found in pending.values() for line in found.lines]
        inner = list(self.inner.values())
        starts = self._starts(lines)
        lagged = {
            i: (names[variables[var].out], self.lag, len(self.prefix))
            for i, var in arriving.items()
        }
        for i, (name, lag, place) in lagged.items():
            lagged[i] = (name, lag + self.early(name), place)
        shapes = {name: self.body.shape(value) for value, name in names.items()}
        return Recurrence(
            self.loop_id,
            self.loop.length,
            self.loop.reverse,
            tuple(lines),
            (*starts, *(start for found in inner for start in found.starts)),
            self._finals(),
            lagged | {i: where for found in inner for i, where in found.lagged.items()},
            self._names() | {i: n for found in inner for i, n in found.carries.items()},
            shapes | {i: s for found in inner for i, s in found.shapes.items()},
        )

    def _names(self) -> dict[int, str]:
        found: dict[int, str] = {}
        handed = {c.out: c.var for c in self.loop.carries}
        for value, name in self.synthetic.items():
            if value in self.called:
                found[name] = self.called[value]
            elif value in handed:
                found[name] = carry_name(self.graph, self.loop, handed[value])
            else:
                found[name] = "v"
        return found

    def _name_values(self) -> None:
        """The values that are called something or need a name, beside those with a history."""
        roots = [*self.histories, *(c.out for c in self.loop.carries)]
        ids = reachable(self.body, roots)
        self.ends = tuple(i for i in ids if isinstance(self.body[i], Final))
        for value in ids:
            if value in self.called and value not in self.histories:
                self.synthetic[value] = self._number()
        for value in needed_names(self.body, roots, self.kept()):
            if value not in self.kept() and not isinstance(self.body[value], Final):
                self.synthetic[value] = self._number()
        for value in ids:
            if isinstance(self.body[value], Hist) and value not in self.kept():
                self.synthetic[value] = self._number()

    def _number(self) -> int:
        """A number for a value without a history."""
        return -next(self.numbers)

    def _name_carries(self, read: Collection[int]) -> None:
        """Decide which carries are written by a name; those `read` outside are."""
        for c in self.loop.carries:
            if c.out not in (*self.histories, *self.synthetic) and (
                c.var in read
                or not self.loop.reverse
                or self.ends
                or self._depends_on_carry(c)
                or self._uses(c) > 1
            ):
                self.synthetic[c.out] = self._number()
                if c.out not in self.called:
                    self.handed.add(self.synthetic[c.out])
        self._raiser = None

    def _carry(self) -> None:
        """What the carries with a name are as they come in."""
        for c in self.loop.carries:
            named = self.at(c.out, (), self.step + constant(self.lag))
            if named is not None:
                self.carried[c.var] = named

    def _carry_unnamed(self) -> None:
        """What the others are as they come in: what they were handed on as."""
        before = {self.step_axis: self.step + constant(self.lag)}
        for c in self.loop.carries:
            if c.var not in self.carried:
                formula = self.raised(c.out)
                if formula is None:
                    raise InternalError(f"%{self.loop_id}: a carry has no formula")
                self.carried[c.var] = substituted(formula, before)

    def _depends_on_carry(self, c: Carry) -> bool:
        """Whether what is handed on reads a carry without passing a name, or has no formula."""
        law = self.over().law(c.out)
        variables = {other.var for other in self.loop.carries}
        return law is None or bool(variables.intersection(sources(law)))

    def _uses(self, c: Carry) -> int:
        """How often the values with a history read a carry, each as it stands."""
        raiser = self.over()
        values = (*self.histories, *self.synthetic)
        laws = [(value, raiser.law(value)) for value in values]
        found = 0
        for value, law in laws:
            if law is None and c.var in reachable(self.body, [value]):
                return 2
            found += 0 if law is None else _count(law, c.var)
        return found

    def _write_inner(self) -> None:
        """The recurrences of the loops inside."""
        names = {**self.histories, **self.synthetic}
        roots = [*names, *(c.out for c in self.loop.carries)]
        for i in reachable(self.body, roots):
            node = self.body[i]
            if isinstance(node, Loop):
                writer = Writer(
                    self.body,
                    i,
                    node,
                    self,
                    {**{j: j for j in self.ends}, **names},
                    {},
                    (*self.prefix, self.step),
                    numbers=self.numbers,
                )
                self.inner[i] = writer.written()

    def _line(self, value: int, name: int) -> StepLine:
        later = {self.step_axis: self.step + constant(-self.early(name))}
        steps = (*self.prefix, self.step)
        formula = self.raised(value)
        if formula is not None:
            return StepLine(name, steps, substituted(formula, later))
        form = entry_form(self.body, value, self.kept())
        body = self.outside(form.body)
        if body is None:
            raise InternalError(f"%{self.loop_id}: %{value} has no formula at one step")
        body = substituted(body, later)
        return StepLine(name, steps, None, EntryForm(form.target, body, form.sizes))

    @property
    def _ending(self) -> tuple[Index, Index]:
        """The step that is computed first, and the one that is computed last."""
        first, last = constant(0), constant(self.loop.length - 1)
        return (last, first) if self.loop.reverse else (first, last)

    def _starts(self, lines: Sequence[StepLine]) -> list[StartLine]:
        """What comes in at the first step.

        Where a carry is written by what it is, what the lines that read it are at that step.
        """
        first = {self.step_axis: self._ending[0]}
        inits = {c.var: self._init(c) for c in self.loop.carries}
        put_in = {v for v in inits if inits[v] != ZERO and not isinstance(self.carried[v], Ref)}
        if any(line.entry is not None for line in lines):
            put_in = set()
        given = {v: substituted(self.carried[v], first) for v in inits if v not in put_in}
        found = [StartLine(left, inits[v]) for v, left in given.items()]
        carried = self.carried
        self.carried = carried | {v: inits[v] for v in put_in}
        for value, name in sorted((*self.histories.items(), *self.synthetic.items())):
            law = self.over().law(value) if put_in else None
            if law is not None and put_in.intersection(sources(law)):
                formula = self.raised(value)
                assert formula is not None
                at = self.step + constant(self.early(name))
                left = Ref(name, Form.MATRIX, (*self.prefix, at))
                found.append(StartLine(substituted(left, first), substituted(formula, first)))
        self.carried = carried
        return found

    def _init(self, c: Carry) -> Formula:
        init = self.around.operand(c.init)
        if init is None:
            raise InternalError(f"%{self.loop_id}: what comes in first has no formula")
        return init

    def _finals(self) -> dict[int, Formula]:
        found: dict[int, Formula] = {}
        last = self._ending[1]
        for i in self.own:
            node = self.graph[i]
            if isinstance(node, Final) and node.loop == self.loop_id:
                out = self.loop.carries[node.carry].out
                named = self.at(out, (), last)
                formula = self.raised(out) if named is None else named
                if formula is None:
                    raise InternalError(f"%{self.loop_id}: a carry has no formula at the end")
                found[i] = substituted(formula, {self.step_axis: last})
        return found


__all__ = ["Writer"]
