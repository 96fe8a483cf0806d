"""Nodes of one graph with their names: what a formula is raised from and printed with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from symbackprop.ir import Graph
from symbackprop.printing.dialect import Dialect, Latex, Text
from symbackprop.printing.formulas import Context, Printer
from symbackprop.printing.letters import Letters, choose_letters, size_names
from symbackprop.printing.names import spelling
from symbackprop.printing.notation import Layout, Notation
from symbackprop.raising import EntryForm, Formula, Raiser, entry_form, needed_names
from symbackprop.raising.transposing import transposed
from symbackprop.sizes import Size


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
    """

    def __init__(
        self,
        graph: Graph,
        names: Mapping[int, str],
        roots: Iterable[int],
        spellings: Mapping[str, str],
        origins: Mapping[str, tuple[int, ...]],
    ) -> None:
        self.graph = graph
        self.names = dict(names)
        self.extra = needed_names(graph, roots, self.names)
        taken = set(self.names.values())
        for node_id in self.extra:
            self.names[node_id] = _fresh(taken)
        self.spellings = {i: spelling(n, spellings.get(n)) for i, n in self.names.items()}
        self.origins = {i: origins[n] for i, n in self.names.items() if n in origins}
        self._raiser = Raiser(graph, self.names)
        self._entries: dict[int, EntryForm] = {}

    def matrix(self, node_id: int) -> Formula | None:
        """What the node is in matrix form, or None."""
        return self._raiser.law(node_id)

    def entry(self, node_id: int) -> EntryForm:
        """What an entry of the node is."""
        if node_id not in self._entries:
            self._entries[node_id] = entry_form(self.graph, node_id, self.names)
        return self._entries[node_id]

    def matrix_text(self, node_id: int, script: Script, notation: Notation) -> str | None:
        """The matrix form of the node as text, or None where it has none."""
        formula = self.matrix(node_id)
        if formula is None:
            return None
        if notation.layout is Layout.NUMERATOR:
            formula = transposed(formula)
        return self._printer(script, notation, Letters()).text(formula)

    def entry_text(
        self, node_id: int, parts: Sequence[Part], script: Script, notation: Notation
    ) -> Entries:
        """An entry of the node as text; its axes are those of `parts`, in order."""
        form = self.entry(node_id)
        taken = size_names(form.sizes, form.body) | {n for n in self.names.values() if len(n) == 1}
        letters = choose_letters(range(len(form.sizes)), form.sizes, taken)
        printer = self._printer(script, notation, letters, form.sizes)
        shown = tuple(letters.names[d] for d in range(len(form.target)))
        indices, start = [], 0
        for part in parts:
            indices.append(printer.index(part.source, form.target[start : start + part.rank]))
            start += part.rank
        return Entries(shown, tuple(indices), printer.text(form.body))

    def size_text(self, size: Size, script: Script, notation: Notation) -> str:
        """A size as text."""
        return self._printer(script, notation, Letters()).size(size)

    def shape_text(self, node_id: int, script: Script, notation: Notation) -> str:
        """The shape of a node as text."""
        sizes = [self.size_text(size, script, notation) for size in self.graph.shape(node_id)]
        return dialect_of(script, notation).shape(sizes)

    def _printer(
        self,
        script: Script,
        notation: Notation,
        letters: Letters,
        sizes: tuple[Size, ...] = (),
    ) -> Printer:
        context = Context(self.spellings, letters, self.origins, sizes)
        return Printer(dialect_of(script, notation), context)


def _fresh(taken: set[str]) -> str:
    number = 1
    while f"t{number}" in taken:
        number += 1
    taken.add(f"t{number}")
    return f"t{number}"


__all__ = ["Entries", "Part", "Scene", "Script", "dialect_of"]
