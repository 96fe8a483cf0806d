"""Nodes of one graph with their names: what a formula is raised from and printed with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Kind,
    Problem,
    Reduction,
    reachable,
    with_number,
)
from symbackprop.printing import (
    Context,
    Dialect,
    Latex,
    Layout,
    Letters,
    Notation,
    Printer,
    Text,
    choose_letters,
    size_names,
    spelling,
)
from symbackprop.printing.names import Spelling
from symbackprop.raising import EntryForm, Formula, Raiser, arranged, entry_form, needed_names
from symbackprop.raising.histories import history_names
from symbackprop.raising.rebuild import with_children
from symbackprop.raising.recurrences import Recurrence, StepLine, recurrences
from symbackprop.raising.tree import Component, Entry, Form, Ref
from symbackprop.simplify import simplify
from symbackprop.sizes import Size, axis

_MARKED_DELTA = re.compile(r"delta_(?P<mark>[a-z][0-9]*)\Z")

Shape: TypeAlias = tuple[Size, ...]


class Script(Enum):
    """What a formula is written in."""

    TEXT = "text"
    ASCII = "ascii"
    LATEX = "latex"


def dialect_of(script: Script, notation: Notation) -> Dialect:
    """The table of spellings of a script."""
    if script is Script.LATEX:
        return Latex(notation)
    return Text(notation, ascii=script is Script.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the axes of a node that are the axes of `source`: of a Jacobian, those of p."""

    source: int
    rank: int


@dataclass(frozen=True, slots=True)
class Entries:
    """An entry of a node: the letters of its indices, the index of each part, the formula."""

    letters: tuple[str, ...]
    indices: tuple[str, ...]
    body: str


class Scene:
    """Formulas of the nodes of a graph.

    Parameters
    ----------
    graph : Graph
    names : node id -> name, of the nodes that formulas read by name
    roots : the nodes whose formulas are asked for
    spellings : name -> LaTeX, where it is not the default
    origins : name -> number of the first position along each axis
    cotangents : node id -> name of the variable that the node is the gradient by
    steps : loop -> value of its body -> what it is called at one step
    """

    def __init__(
        self,
        graph: Graph,
        names: Mapping[int, str],
        roots: Iterable[int],
        spellings: Mapping[str, str],
        origins: Mapping[str, tuple[int, ...]],
        cotangents: Mapping[int, str],
        steps: Mapping[int, Mapping[int, str]],
    ) -> None:
        self.graph = graph
        self.names = dict(names)
        self.extra = needed_names(graph, roots, self.names)
        self.names |= history_names(graph, self.extra, self.names, cotangents, steps)
        taken = set(self.names.values())
        for node_id in self.extra:
            if node_id not in self.names:
                self.names[node_id] = _fresh(taken)
        self.spellings = {i: spelling(n, spellings.get(n)) for i, n in self.names.items()}
        self.origins = {i: origins[n] for i, n in self.names.items() if n in origins}
        self.cotangents = cotangents
        self._booleans = frozenset(i for i in self.names if graph.kind(i) is Kind.BOOL)
        self._winners = {i: n for i in self.names if len(n := _counted(graph, i)) > 1}
        self._raiser = Raiser(graph, self.names)
        below = reachable(graph, [*roots, *self.extra])
        self.recurrences = recurrences(graph, below, self._raiser, steps)
        self._lagged: dict[int, tuple[int, int, int]] = {}
        for found in self.recurrences.values():
            self._lagged |= found.lagged
        # what comes in at a step is shown by what was handed on: its own name is free
        taken = {name for i, name in self.names.items() if i not in self._lagged}
        for found in self.recurrences.values():
            for i, name in found.carries.items():
                self.spellings[i] = spelling(_numbered(name, taken))
        for i in self.spellings:
            marked = _MARKED_DELTA.match(self.spellings[i].ascii)
            if marked and self.is_history(i):
                # delta_o at step t is δ^o_t
                mark = marked["mark"]
                self.spellings[i] = Spelling(r"\delta", "", mark, f"δ^{mark}", f"delta^{mark}")
        self._entries: dict[int, EntryForm] = {}
        self._flips: dict[Notation, frozenset[int]] = {}
        self._single_letters = {n for n in self.names.values() if len(n) == 1}

    # formulas

    def matrix(self, node_id: int, by_name: bool = False) -> Formula | None:
        """What the node is in matrix form, or None; a named node may be its name."""
        if by_name and node_id in self.names:
            return self._raiser.operand(node_id)
        final = self._recurrence(node_id, Final)
        if final is not None:
            return final.finals.get(node_id)
        return self._raiser.law(node_id)

    def _recurrence(self, node_id: int, kind: type[Hist] | type[Final]) -> Recurrence | None:
        node = self.graph[node_id]
        return self.recurrences.get(node.loop) if isinstance(node, kind) else None

    def step(self, node_id: int) -> Formula | None:
        """What the value of a recurrence is at step t, where the node stacks all of them."""
        found = self._recurrence(node_id, Hist)
        if found is None:
            return None
        return next((x.formula for x in found.lines if x.name == node_id), None)

    def step_line(
        self, line: StepLine, script: Script, notation: Notation, shapes: Mapping[int, Shape]
    ) -> tuple[str, str, str]:
        """What stands at the left and at the right of a line of a recurrence, and its shape."""
        name, steps = line.name, line.steps
        shape = shapes.get(name, ())
        shown = self._shape_text(shape, script, notation)
        if line.entry is None:
            assert line.formula is not None
            left = self.formula_text(Ref(name, Form.MATRIX, steps), script, notation)
            return left, self.formula_text(line.formula, script, notation), shown
        form = line.entry
        taken = size_names(form.sizes, form.body) | self._single_letters | set("ts"[: len(steps)])
        letters = choose_letters(range(len(form.sizes)), form.sizes, taken)
        printer = self._printer(script, notation, letters, form.sizes)
        left = printer.text(Entry(name, (*steps, *form.target)))
        return left, printer.text(form.body), shown

    def member_text(self, node_id: int, script: Script, notation: Notation) -> str | None:
        """What each matrix of a stack is, as text; None of what is no stack."""
        formula = self._raiser.stack_law(node_id)
        if formula is None:
            return None
        formula = arranged(formula, self._flipped(notation))
        return self.formula_text(formula, script, notation)

    def is_history(self, node_id: int) -> bool:
        """Whether a node stacks the values of a recurrence; its equations are those of the loop."""
        return isinstance(self.graph[node_id], Hist)

    def entry(self, node_id: int, by_name: bool = False) -> EntryForm:
        """What an entry of the node is; that of a named node may be its name's."""
        if by_name and node_id in self.names:
            shape = self.graph.shape(node_id)
            target = tuple(axis(d) for d in range(len(shape)))
            return EntryForm(target, Entry(node_id, target), shape)
        final = self.matrix(node_id) if isinstance(self.graph[node_id], Final) else None
        if final is not None:
            shape = self.graph.shape(node_id)
            target = tuple(axis(d) for d in range(len(shape)))
            return EntryForm(target, Component(final, target), shape)
        if node_id not in self._entries:
            self._entries[node_id] = entry_form(self.graph, node_id, self.names)
        return self._entries[node_id]

    # what is written transposed

    def is_flipped(self, node_id: int, notation: Notation) -> bool:
        """Whether the letter of a node, or the gradient that it is, stands for its transpose."""
        if len(self.graph.shape(node_id)) > 2:
            return False
        if node_id in self.cotangents:
            numerator = notation.layout is Layout.NUMERATOR
            return (self.cotangents[node_id] in notation.flipped) is not numerator
        return self.names.get(node_id) in notation.flipped

    def _flipped(self, notation: Notation) -> frozenset[int]:
        if notation not in self._flips:
            found = frozenset(i for i in self.names if self.is_flipped(i, notation))
            self._flips[notation] = found
        return self._flips[notation]

    # text

    def matrix_text(
        self, node_id: int, script: Script, notation: Notation, by_name: bool = False
    ) -> str | None:
        """The matrix form of the node as text, or None where it has none."""
        formula = self.matrix(node_id, by_name)
        if formula is None:
            return None
        formula = arranged(formula, self._flipped(notation), self.is_flipped(node_id, notation))
        return self.formula_text(formula, script, notation)

    def formula_text(self, formula: Formula, script: Script, notation: Notation) -> str:
        """A formula as text."""
        return self._printer(script, notation, Letters()).text(formula)

    def entry_text(
        self,
        node_id: int,
        parts: Sequence[Part],
        script: Script,
        notation: Notation,
        by_name: bool = False,
    ) -> Entries:
        """An entry of the node as text; its axes are those of `parts`, in order.

        The last of the indices is that of the node itself.
        """
        step = None if by_name else self.step(node_id)
        if step is not None:
            text = self.formula_text(step, script, notation)
            return Entries(("t",), (*("t" for _ in parts), "t"), text)
        form = self.entry(node_id, by_name)
        taken = size_names(form.sizes, form.body) | self._single_letters
        letters = choose_letters(range(len(form.sizes)), form.sizes, taken)
        letters = replace(letters, firsts=self._firsts(parts))
        flipped = self._flipped(notation)
        printer = self._printer(script, notation, letters, form.sizes)
        shown = tuple(letters.names[d] for d in range(len(form.target)))
        indices, start = [], 0
        for part in parts:
            index = form.target[start : start + part.rank]
            turned = part.source in flipped
            indices.append(printer.index(part.source, index[::-1] if turned else index))
            start += part.rank
        own = form.target[::-1] if node_id in flipped else form.target
        indices.append(printer.index(node_id, own))
        return Entries(shown, tuple(indices), printer.text(_turned(form.body, flipped)))

    def _firsts(self, parts: Sequence[Part]) -> dict[int, int]:
        """The free axes that count from another number than the others: those of w_0j."""
        found: dict[int, int] = {}
        start = 0
        for part in parts:
            found |= {start + d: o for d, o in enumerate(self.origins.get(part.source, ()))}
            start += part.rank
        return found

    def shape_text(self, node_id: int, script: Script, notation: Notation) -> str:
        """The shape of a node as text, as its letter or its gradient stands for it."""
        shape = self.graph.shape(node_id)
        if len(shape) == 2 and self.is_flipped(node_id, notation):
            shape = shape[::-1]
        return self._shape_text(shape, script, notation)

    def _shape_text(self, shape: Sequence[Size], script: Script, notation: Notation) -> str:
        sizes = self._printer(script, notation, Letters()).sizes(shape)
        return dialect_of(script, notation).shape(sizes)

    def _printer(
        self,
        script: Script,
        notation: Notation,
        letters: Letters,
        sizes: tuple[Size, ...] = (),
    ) -> Printer:
        flipped = self._flipped(notation) if notation.flipped else frozenset()
        origins = {i: o[::-1] if i in flipped else o for i, o in self.origins.items()}
        context = Context(
            self.spellings, letters, origins, sizes, self._booleans, self._lagged, self._winners
        )
        return Printer(dialect_of(script, notation), context)


def _counted(graph: Graph, i: int) -> tuple[Size, ...]:
    """The sizes that the place of a maximum counts through."""
    node = graph[i]
    if not isinstance(node, Comp) or node.reduction is not Reduction.ARGMAX:
        return ()
    written = {a for term in node.write for a in term.axes()}
    return tuple(size for a, size in enumerate(node.axes) if a not in written)


def _turned(formula: Formula, flipped: frozenset[int]) -> Formula:
    """The index form over the letters of another layout: entries with their indices swapped."""
    if not flipped:
        return formula
    if isinstance(formula, Entry):
        if formula.source not in flipped:
            return formula
        return Entry(formula.source, formula.index[::-1])
    return with_children(formula, lambda child: _turned(child, flipped))


def _numbered(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken; taken from then on."""
    number = 1
    while (name if number == 1 else with_number(name, number)) in taken:
        number += 1
    result = name if number == 1 else with_number(name, number)
    taken.add(result)
    return result


def _fresh(taken: set[str]) -> str:
    number = 1
    while f"t{number}" in taken:
        number += 1
    taken.add(f"t{number}")
    return f"t{number}"


def further(problem: Problem, raw: int) -> tuple[int, Scene]:
    """A quantity besides the gradients, simplified over the named forward values."""
    graph = problem.graph
    forward = 1 + max(problem.named().values())
    names = {i: n for i, n in problem.names().items() if i != problem.loss}
    hidden = () if problem.loss is None else (problem.loss,)
    found = simplify(graph, [raw], forward, (), names, hidden).ids[raw]
    said = (problem.spellings, problem.origins)
    return found, Scene(graph, names, [found], *said, {}, problem.steps)


__all__ = ["Entries", "Part", "Scene", "Script", "dialect_of", "further"]
