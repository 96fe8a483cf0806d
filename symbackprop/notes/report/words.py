"""What reports say of verdicts: their signs, their words, their counts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from symbackprop.notes.report.page import Page
from symbackprop.notes.verdict import Basis, Equation, Part, Verdict

__all__ = [
    "SIGNS",
    "Detail",
    "details",
    "place",
    "printable",
    "shown_parts",
    "summary",
    "verdict_words",
]

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Sign:
    """The sign of a verdict, where Unicode is shown and where it is not."""

    unicode: str
    ascii: str


SIGNS = {
    Verdict.WRONG: Sign("✗", "x"),
    Verdict.CONVENTION: Sign("≈", "~"),
    Verdict.NOT_CHECKABLE: Sign("?", "?"),
    Verdict.CORRECT: Sign("✓", "+"),
    Verdict.DEFINITION: Sign("≔", "="),
}

_PLURALS = {
    Verdict.WRONG: "wrong",
    Verdict.CONVENTION: "by another convention",
    Verdict.NOT_CHECKABLE: "not checkable",
    Verdict.CORRECT: "correct",
    Verdict.DEFINITION: "definitions",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """Something said of an equation: what it is, its text, and whether that is LaTeX."""

    label: str
    text: str
    latex: bool = False


def printable(text: str) -> str:
    """A text without the characters that steer terminals, and those that turn text around."""
    return _CONTROLS.sub("\ufffd", text)


def verdict_words(part: Part) -> str:
    """The verdict, with the basis of a right one."""
    if part.verdict is Verdict.CORRECT and part.basis is Basis.PROVED:
        return "correct, proved"
    return part.verdict.value


def details(page: Page, part: Part) -> tuple[Detail, ...]:
    """What is said of a part, in the order in which a reader wants it."""
    found = []
    if part.reason:
        found.append(Detail("reason", part.reason))
    if part.repair is not None:
        found.append(Detail("repair", part.repair, latex=True))
    if part.counterexample is not None:
        found.append(Detail("counterexample", part.counterexample))
    if part.reading is not None:
        found.append(Detail("read as", part.reading))
    found.extend(Detail("supposed", text) for text in part.supposed)
    found.extend(Detail("remark", text) for text in part.remarks)
    if page.note_on(part):
        found.append(Detail("author's note", page.note_on(part)))
    return tuple(found)


def shown_parts(equation: Equation) -> tuple[Part, ...]:
    """The parts that have something of their own to say: the worst, and those with remarks."""
    return tuple(
        part
        for part in equation.parts
        if part.verdict in (Verdict.WRONG, Verdict.CONVENTION, Verdict.NOT_CHECKABLE)
        or part.remarks
        or part.supposed
    )


def place(part: Part) -> str:
    """Where a part stands in its file: the line, in a notebook the cell too."""
    lines = (
        f"line {part.line}" if part.line == part.end_line else f"lines {part.line}-{part.end_line}"
    )
    return lines if part.cell is None else f"cell {part.cell}, {lines}"


def summary(pages: Iterable[Page]) -> str:
    """How many equations there are and what they are: `12 equations: 1 wrong, 11 correct`."""
    listed = list(pages)
    total = sum(len(page.report.equations) for page in listed)
    counts = [(sum(page.report.count(v) for page in listed), _PLURALS[v]) for v in Verdict]
    said = ", ".join(f"{count} {word}" for count, word in counts if count)
    text = f"{total} equation{'' if total == 1 else 's'}" + (f": {said}" if said else "")
    silenced = sum(page.silenced for page in listed)
    text = text.replace(" 1 definitions", " 1 definition")
    return text + (f"; {silenced} silenced" if silenced else "")
