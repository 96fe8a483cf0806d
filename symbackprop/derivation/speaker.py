"""Formulas of the nodes of a derivation, in the dialect and notation of its reader."""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.ir import Kind
from symbackprop.printing import (
    Context,
    Dialect,
    Letters,
    Printer,
    Spelling,
    choose_letters,
    size_names,
    spelling,
)
from symbackprop.raising import Raiser, entry_form, needed_names
from symbackprop.simplify import Derived


class Speaker:
    """Says what the nodes of a derivation are.

    Parameters
    ----------
    derived : Derived
    roots : the nodes that are asked for
    dialect : Dialect
    """

    def __init__(self, derived: Derived, roots: Iterable[int], dialect: Dialect) -> None:
        problem = derived.problem
        self.derived = derived
        self.graph = derived.graph
        self.dialect = dialect
        names = {i: name for i, name in derived.names.items() if i != problem.loss}
        taken = set(names.values())
        for node in needed_names(self.graph, roots, names):
            number = next(k for k in range(1, len(taken) + 2) if f"t{k}" not in taken)
            names[node] = f"t{number}"
            taken.add(f"t{number}")
        self.names = names
        self.spellings = {i: spelling(n, problem.spellings.get(n)) for i, n in names.items()}
        self._booleans = frozenset(i for i in names if self.graph.kind(i) is Kind.BOOL)
        self._raiser = Raiser(self.graph, names)

    def spelled(self, name: str) -> Spelling:
        """The spelling of a name of the problem."""
        return spelling(name, self.derived.problem.spellings.get(name))

    def name(self, node: int, index: str = "") -> str:
        """A node by its name; the loss by its own."""
        found = self.spellings.get(node)
        return self.dialect.name(found or self.spelled("loss"), index)

    def matrix(self, node: int, by_name: bool = False) -> str | None:
        """What a node is in matrix form, or its name; None where there is no such form."""
        if by_name and node in self.names:
            return self.name(node)
        formula = self._raiser.law(node)
        return None if formula is None else self._printer(Letters()).text(formula)

    def entry(self, node: int, by_name: bool = False) -> tuple[str, str]:
        """The index of an entry of a node, and what the entry is."""
        form = entry_form(self.graph, node, self.names)
        taken = size_names(form.sizes, form.body)
        taken |= {name for name in self.names.values() if len(name) == 1}
        letters = choose_letters(range(len(form.sizes)), form.sizes, taken)
        context = self._context(letters)
        printer = Printer(
            self.dialect, Context(context.names, letters, {}, form.sizes, self._booleans)
        )
        index = printer.index(node, form.target)
        if by_name and node in self.names:
            return index, self.name(node, index)
        return index, printer.text(form.body)

    def _context(self, letters: Letters) -> Context:
        return Context(self.spellings, letters, booleans=self._booleans)

    def _printer(self, letters: Letters) -> Printer:
        return Printer(self.dialect, self._context(letters))
