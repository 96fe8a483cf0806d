"""Where a maximum over several axes is: a tuple of positions, not their number in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from symbackprop.sizes import At, Constraint, Index, Size, axis, same_size

if TYPE_CHECKING:
    from symbackprop.printing.formulas import Printer


def winner_relations(
    printer: Printer, constraints: Sequence[Constraint]
) -> tuple[list[str], list[Constraint]]:
    """Conditions ``t = (k, l)`` as text, and the conditions that they do not imply."""
    found: list[str] = []
    left = list(constraints)
    for constraint in constraints:
        here = _winner(printer, constraint)
        if here is None:
            continue
        at, rest, sizes = here
        parts = _digits(printer, rest, sizes, constraints)
        if parts is None:
            continue
        shown = ", ".join(printer.position(t, printer.context.letters.first) for t in parts)
        found.append(f"{printer.name(at.source, printer.index(at.source, at.index))} = ({shown})")
        left.remove(constraint)
        said = [t for t, n in zip(parts, sizes, strict=True) for t in (t, _other_end(t, n))]
        left = [c for c in left if c.equality or c.term not in said]
    return found, left


def _winner(printer: Printer, constraint: Constraint) -> tuple[At, Index, tuple[Size, ...]] | None:
    """The winner in an equation ``t = rest``, the rest, and the sizes it counts through."""
    term = constraint.term
    found = [(a, c) for a, c in term.terms if isinstance(a, At)]
    if not constraint.equality or len(found) != 1:
        return None
    (at, c) = found[0]
    if at.source not in printer.context.winners or c not in (1, -1):
        return None
    rest = Index(tuple(t for t in term.terms if t[0] != at), term.const)
    return at, rest.scaled(-c), printer.context.winners[at.source]


def _other_end(term: Index, size: Size) -> Index:
    """The same position counted from the end: not negative where it is below `size`."""
    one = axis(0).terms[0][1]
    return term.scaled(-one).shifted(size - one)


def _digits(
    printer: Printer, rest: Index, sizes: Sequence[Size], constraints: Sequence[Constraint]
) -> tuple[Index, ...] | None:
    """Positions, each in its range, whose number in a row is `rest`."""
    for parts in product(*(list(_positions(printer, rest, n, constraints)) for n in sizes)):
        total = Index()
        for part, size in zip(parts, sizes, strict=True):
            total = total.scaled(size) + part
        if total == rest:
            return parts
    return None


def _positions(
    printer: Printer, rest: Index, size: Size, constraints: Sequence[Constraint]
) -> Iterator[Index]:
    """What is known to be a position below `size`: an axis, or what two conditions bound."""
    terms = [c.term for c in constraints if not c.equality and not c.term.has_look_up()]
    for term in terms:
        yield term
        yield _other_end(term, size)
    known = printer.context.sizes
    for a in rest.own_axes():
        if a < len(known) and same_size(known[a], size):
            yield axis(a)


__all__ = ["winner_relations"]
