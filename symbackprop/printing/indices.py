"""Index terms and conditions on them as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from symbackprop.printing.winners import winner_relations
from symbackprop.raising.bodies import size_formula
from symbackprop.sizes import Constraint, Index, Size

if TYPE_CHECKING:
    from symbackprop.printing.formulas import Printer


def index_text(printer: Printer, term: Index) -> str:
    """An index term whose axes and constant are as shown: ``2i - 1``."""
    pieces: list[tuple[bool, str]] = []
    for atom, c in term.terms:
        if isinstance(atom, int):
            name = printer.context.letters.name(atom)
        else:
            name = printer.name(atom.source, printer.index(atom.source, atom.index))
        pieces.append(_scaled(printer, c, name))
    pieces.extend(_constants(printer, term.const))
    if not pieces:
        return "0"
    pieces.sort(key=lambda piece: piece[0])
    text = ("-" if pieces[0][0] else "") + pieces[0][1]
    for minus, piece in pieces[1:]:
        text += f" - {piece}" if minus else f" + {piece}"
    compact = printer.dialect.is_latex or len(pieces) <= 2
    return text.replace(" ", "") if compact and "\\" not in text else text


def _constants(printer: Printer, size: Size) -> list[tuple[bool, str]]:
    """The terms of a constant with their signs; none for 0."""
    if size == 0:
        return []
    terms = sorted(
        size.args if size.is_Add else (size,), key=lambda t: (bool(t.is_Integer), str(t))
    )
    found: list[tuple[bool, str]] = []
    for term in terms:
        minus = bool(term.could_extract_minus_sign())
        found.append((minus, printer.text(size_formula(-term if minus else term))))
    return found


def _scaled(printer: Printer, c: Size, name: str) -> tuple[bool, str]:
    minus = bool(c.could_extract_minus_sign())
    size = -c if minus else c
    if size == 1:
        return minus, name
    factor = printer.text(size_formula(size))
    if size.is_Add:
        factor = printer.dialect.brackets(factor)
    return minus, f"{factor}{name}" if size.is_Integer else f"{factor} {name}"


def relations(printer: Printer, constraints: Sequence[Constraint]) -> list[str]:
    """Conditions as text; a lower and an upper bound of the same term are one: ``1 <= i <= n``."""
    found, left = winner_relations(printer, constraints)
    while left:
        here = left.pop(0)
        other = next((c for c in left if _opposite(here, c)), None)
        if other is None:
            found.append(_relation(printer, here))
        else:
            left.remove(other)
            found.append(_between(printer, here, other))
    return found


def _opposite(one: Constraint, other: Constraint) -> bool:
    both = one.term + other.term
    return not one.equality and not other.equality and both.is_constant()


def _between(printer: Printer, one: Constraint, other: Constraint) -> str:
    """``low <= term <= high`` from ``term - low >= 0`` and ``high - term >= 0``."""
    lower = _shown(printer, one)
    upper = _shown(printer, other)
    if sum(bool(c.could_extract_minus_sign()) for _, c in lower.terms) * 2 > len(lower.terms):
        lower, upper = upper, lower
    plus = tuple((a, c) for a, c in lower.terms if not c.could_extract_minus_sign())
    minus = tuple((a, -c) for a, c in lower.terms if c.could_extract_minus_sign())
    low, high = Index(minus, -lower.const), Index(minus, upper.const)
    at_most = printer.dialect.at_most
    middle = index_text(printer, Index(plus))
    return f"{index_text(printer, low)}{at_most}{middle}{at_most}{index_text(printer, high)}"


def _shown(printer: Printer, constraint: Constraint) -> Index:
    context = printer.context
    plain = context.booleans if constraint.equality else None
    return context.letters.shown(constraint.term, 0, plain)


def _relation(printer: Printer, constraint: Constraint) -> str:
    """A condition with nothing negative on either side: ``k <= i``."""
    term = _shown(printer, constraint)
    left = [(a, c) for a, c in term.terms if not c.could_extract_minus_sign()]
    right = [(a, -c) for a, c in term.terms if c.could_extract_minus_sign()]
    plus, minus = _split(term.const)
    bigger = index_text(printer, Index(tuple(left), plus))
    smaller = index_text(printer, Index(tuple(right), minus))
    if constraint.equality:
        return f"{bigger} = {smaller}"
    if not right or (len(left) == 1 and not minus == 0):
        return f"{bigger}{printer.dialect.at_least}{smaller}"
    return f"{smaller}{printer.dialect.at_most}{bigger}"


def _split(size: Size) -> tuple[Size, Size]:
    """A constant as a difference of what is added and what is subtracted."""
    zero = Index().const
    plus, minus = zero, zero
    for term in size.args if size.is_Add else (size,):
        if term.could_extract_minus_sign():
            minus = minus - term
        else:
            plus = plus + term
    return plus, minus
