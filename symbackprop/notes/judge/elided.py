r"""Matrices with dots: what their first and last entries say of all the others.

The entries at 1 and 2 show which indices run along a row and which along a column. Every entry that
is written has to fit; then the matrix is the array of the formula at all indices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.evaluate import Env
from symbackprop.notes.judge.values import MismatchError, UnknownError, Val
from symbackprop.notes.kinds import Sign
from symbackprop.notes.resolve.profile import Profile, names_in
from symbackprop.notes.trees import children, map_children

__all__ = ["Pattern", "expanded", "has_dots", "pattern_of"]

LAST = 0
"""The number of the last row or column, whose index is a letter."""

_LETTERS = "ijpqrsab"
_ZERO = ast.Number("0")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A formula for the entries, and one for those on the diagonal."""

    entry: Node
    diagonal: Node | None
    row: str
    column: str
    tall: bool
    wide: bool


def has_dots(node: Node) -> bool:
    """Whether a node is a matrix with dots."""
    return isinstance(node, ast.Matrix) and any(
        isinstance(entry, ast.Dots) for row in node.rows for entry in row.entries
    )


def pattern_of(node: ast.Matrix, profile: Profile) -> Pattern:
    """Find the formula for the entries of a matrix with dots.

    Raises
    ------
    UnknownError
        The entries show no formula, or do not all fit it.
    MismatchError
        The last index counts what it cannot count.
    """
    rows = numbered([row.entries[0] for row in node.rows])
    columns = numbered(list(node.rows[0].entries))
    used = set().union(*(names_in(e) for row in node.rows for e in row.entries))
    free = [letter for letter in _LETTERS if letter not in used]
    if len(free) < 2:
        raise UnknownError("dots stand for entries of the matrix")
    written: dict[tuple[int, int], Node] = {}
    for i, r in rows.items():
        for j, c in columns.items():
            if j >= len(node.rows[i].entries) or isinstance(node.rows[i].entries[j], ast.Dots):
                raise UnknownError("dots stand for entries of the matrix")
            written[r, c] = flattened(node.rows[i].entries[j], profile)
    tall, wide = len(rows) > 1, len(columns) > 1
    row, column = free[:2]
    made = uniform(written, row, column) or split(written, row, column)
    if made is None:
        raise UnknownError("the entries of the matrix show no pattern")
    pattern = Pattern(made[0], made[1], row, column, tall, wide)
    check_last(written, pattern)
    return pattern


def numbered(entries: list[Node]) -> dict[int, int]:
    """The places that are no dots, with their numbers; what comes after the dots is the last."""
    found: dict[int, int] = {}
    passed = False
    for place, entry in enumerate(entries):
        if isinstance(entry, ast.Dots):
            passed = True
        else:
            found[place] = LAST if passed else place + 1
    if passed and list(found.values()).count(LAST) != 1:
        raise UnknownError("dots stand for entries of the matrix")
    return found


def flattened(node: Node, profile: Profile) -> Node:
    """An entry with its components one by one: `w_{21}` has the components 2 and 1."""
    if isinstance(node, Name):
        ref = profile.ref(node)
        if len(node.subs) == 1 and len(ref.comps) > 1:
            return replace(node, subs=(ast.Label(ref.comps),), span=ast.NOWHERE)
        return node
    return map_children(node, lambda child: flattened(child, profile))


def uniform(
    written: dict[tuple[int, int], Node], row: str, column: str
) -> tuple[Node, Node | None] | None:
    """One formula for all entries: what changes downwards counts rows."""
    made = written.get((1, 1))
    if made is None:
        return None
    for places, letter in ((((2, 1), (LAST, 1)), row), (((1, 2), (1, LAST)), column)):
        for place in [place for place in places if place in written][:1]:
            marked = lettered(made, written[1, 1], written[place], letter)
            if marked is None:
                return None
            made = marked
    for (r, c), entry in written.items():
        if not fits(made, entry, {row: r, column: c}):
            return None
    return made, None


def split(
    written: dict[tuple[int, int], Node], row: str, column: str
) -> tuple[Node, Node | None] | None:
    """One formula for the diagonal and one for the rest."""
    if any(place not in written for place in ((1, 1), (1, 2), (2, 1), (2, 2))):
        return scarce(written, row)
    diagonal = lettered(written[1, 1], written[1, 1], written[2, 2], row)
    rest: Node = written[1, 2]
    if rest != _ZERO:
        rest = exchanged(rest, {"1": row, "2": column})
    if diagonal is None:
        return None
    for (r, c), entry in written.items():
        formula = diagonal if r == c else rest
        if not fits(formula, entry, {row: r, column: c}):
            return None
    return rest, diagonal


def scarce(written: dict[tuple[int, int], Node], row: str) -> tuple[Node, Node | None] | None:
    """A diagonal of which only the first and the last entry are written, next to zeros."""
    corners = ((1, 1), (1, LAST), (LAST, 1), (LAST, LAST))
    if set(written) != set(corners):
        return None
    if written[1, LAST] != _ZERO or written[LAST, 1] != _ZERO:
        return None
    diagonal = lettered(written[1, 1], written[1, 1], written[LAST, LAST], row)
    return None if diagonal is None else (_ZERO, diagonal)


def lettered(made: Node, first: Node, second: Node, letter: str) -> Node | None:
    """The formula with a letter where one entry says 1 and the other 2, or its last index."""
    if first == ast.Number("1") and not isinstance(second, ast.Number):
        return Name(letter)
    if isinstance(first, ast.Number) and isinstance(second, ast.Number):
        if (first.text, second.text) == ("1", "2"):
            return Name(letter)
        return made if first.text == second.text else None
    below, other = children(first), children(second)
    if type(first) is not type(second) or len(below) != len(other):
        return None
    if not below:
        return made if first == second else None
    parts = children(made)
    if len(parts) != len(below):
        return None
    changed = [lettered(p, a, b, letter) for p, a, b in zip(parts, below, other, strict=True)]
    if any(part is None for part in changed):
        return None
    if bare(first) != bare(second):
        return None
    waiting = iter(changed)
    return map_children(made, lambda _: next(waiting) or ast.Missing())


def bare(node: Node) -> tuple[object, ...]:
    """What a node is without what stands below it."""
    if isinstance(node, Name):
        return (node.base, node.primes, node.accents, node.font)
    if isinstance(node, ast.Add):
        return node.signs
    return ()


def exchanged(node: Node, letters: dict[str, str]) -> Node:
    """The node with letters for numbers inside labels."""
    if isinstance(node, ast.Number):
        return node
    if isinstance(node, ast.Label):
        items = tuple(
            Name(letters[i.text]) if isinstance(i, ast.Number) and i.text in letters else i
            for i in node.items
        )
        return replace(node, items=items, tex="")
    return map_children(node, lambda child: exchanged(child, letters))


def fits(formula: Node, entry: Node, at: dict[str, int]) -> bool:
    """Whether an entry is the formula at a place; at the last one an index is a letter."""
    if isinstance(formula, Name) and formula.base in at and not formula.subs:
        number = at[formula.base]
        if number == LAST:
            return not isinstance(entry, ast.Number)
        return entry == ast.Number(str(number))
    below, other = children(formula), children(entry)
    if type(formula) is not type(entry) or bare(formula) != bare(entry):
        return False
    if len(below) != len(other):
        return False
    if not below:
        return formula == entry
    return all(fits(a, b, at) for a, b in zip(below, other, strict=True))


def last_index(formula: Node, entry: Node, letter: str) -> Node | None:
    """What stands for a letter in the last entry."""
    if isinstance(formula, Name) and formula.base == letter and not formula.subs:
        return entry
    for a, b in zip(children(formula), children(entry), strict=False):
        found = last_index(a, b, letter)
        if found is not None:
            return found
    return None


def check_last(written: dict[tuple[int, int], Node], pattern: Pattern) -> None:
    """Refuse a last column that is counted by the rows: `D_k - 1` where `D_k` counts the rows."""
    ends: dict[str, Node] = {}
    for (r, c), entry in written.items():
        formula = pattern.diagonal if pattern.diagonal is not None and r == c else pattern.entry
        for number, letter in ((r, pattern.row), (c, pattern.column)):
            end = last_index(formula, entry, letter) if number == LAST else None
            if end is not None and ends.setdefault(letter, end) != end:
                raise UnknownError("the last entries of the matrix count differently")
    if pattern.diagonal is not None or len(ends) < 2:
        return
    first, second = ends[pattern.row], ends[pattern.column]
    for one, other in ((first, second), (second, first)):
        if isinstance(other, ast.Add) and one in other.terms and Sign.MINUS in other.signs:
            raise MismatchError("the last index is that of the other side and one less")


def expanded(numbers: Any, node: ast.Matrix, env: Env) -> Val:
    """The values of a matrix with dots."""
    pattern = pattern_of(node, numbers.scope.profile)
    sides = ((pattern.row, pattern.tall), (pattern.column, pattern.wide))
    letters = [letter for letter, there in sides if there]
    outer = replace(env, every=False)
    if pattern.diagonal is not None:
        values = numbers.built(pattern.diagonal, [pattern.row], outer).v.reshape(-1)
        if pattern.entry == _ZERO:
            return Val(np.diag(values))
        made = numbers.built(pattern.entry, [pattern.row, pattern.column], outer).v.copy()
        if made.shape != (values.size, values.size):
            raise MismatchError("a diagonal in a matrix that is not square")
        np.fill_diagonal(made, values)
        return Val(made)
    built: Val = numbers.built(pattern.entry, letters, outer)
    return Val(built.v.reshape(1, -1)) if not pattern.tall else Val(built.v)
