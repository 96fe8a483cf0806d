"""Index letters as textbooks choose them: i, j, k, or a letter near the name of its size."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.raising.numbers import (
    MEMBER_AXIS,
    MEMBER_LETTERS,
    STEP_AXIS,
    STEP_LETTERS,
    STEPS_OF_A_DEPTH,
)
from symbackprop.raising.shapes import children
from symbackprop.raising.tree import Formula, SizeTerm
from symbackprop.sizes import At, Index, Size
from symbackprop.sizes.symbols import size_symbols

_POOL = ("i", "j", "k", "l", "q", "r", "s", "t", "u", "v", "a", "b", "c", "m", "n", "p")


@dataclass(frozen=True, slots=True)
class Letters:
    """The letter of each axis of an index form, and the number its first position is called.

    names : axis -> letter
    first : the number of the first position (0 or 1) where no array says otherwise
    firsts : axis -> number of its first position, where that is another one
    """

    names: Mapping[int, str] = field(default_factory=dict)
    first: int = 1
    firsts: Mapping[int, int] = field(default_factory=dict)

    def name(self, a: int) -> str:
        """The letter of an axis; t for steps of a recurrence, i for members of a stack.

        Those of a recurrence inside are s, those of a stack inside j.
        """
        if a in self.names or a < STEP_AXIS:
            return self.names[a]
        if a < MEMBER_AXIS:
            return STEP_LETTERS[(a - STEP_AXIS) // STEPS_OF_A_DEPTH]
        return MEMBER_LETTERS[(a - MEMBER_AXIS) // STEPS_OF_A_DEPTH]

    def shown(self, term: Index, origin: int, plain: Collection[int] | None = ()) -> Index:
        """A position (counted from 0) as it is shown on an axis that starts at `origin`.

        plain : the looked-up nodes whose values are numbers rather than positions; None: all
        """
        moved = term.shifted(_size(origin))
        for atom, c in term.terms:
            if isinstance(atom, At) and (plain is None or atom.source in plain):
                continue
            here = self.firsts.get(atom, self.first) if isinstance(atom, int) else self.first
            moved = moved.shifted(-c * here)
        return moved


def _size(value: int) -> Size:
    zero: Size = Index().const
    return zero + value


def choose_letters(
    axes: Sequence[int],
    sizes: Sequence[Size],
    taken: Collection[str],
    wanted: Mapping[int, str] | None = None,
    first: int = 1,
) -> Letters:
    """A letter for each axis, in order; none that is a size in sight or a name of one letter.

    wanted : axis -> preferred letter
    """
    used = set(taken)
    names: dict[int, str] = {}
    preferred = wanted or {}
    for a in axes:
        options = [*([preferred[a]] if a in preferred else []), *_near(sizes[a]), *_POOL]
        letter = next((x for x in options if x not in used), f"i_{len(names)}")
        used.add(letter)
        names[a] = letter
    return Letters(names, first)


def _near(size: Size) -> list[str]:
    """A capital size lends its small letter: N gives n, T gives t."""
    if size.is_Symbol and len(str(size)) == 1 and str(size).isupper():
        return [str(size).lower()]
    return []


def size_names(sizes: Sequence[Size], formula: Formula) -> set[str]:
    """The size symbols that a printed formula may show."""
    found = {str(s) for size in sizes for s in size_symbols(size)}
    pending = [formula]
    while pending:
        here = pending.pop()
        if isinstance(here, SizeTerm):
            found.add(here.name)
        pending.extend(children(here))
    return found


__all__ = ["At", "Letters", "choose_letters", "size_names"]
