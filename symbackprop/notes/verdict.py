"""Verdicts on equations: what `check` gives back, and its JSON form."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Basis", "Equation", "Part", "Report", "Verdict", "documents_json", "worst"]

VERSION = 1
"""Version of the JSON form."""


class Verdict(enum.Enum):
    """What is said of an equation; the members stand from the worst to the best."""

    WRONG = "wrong"
    CONVENTION = "convention"
    NOT_CHECKABLE = "not-checkable"
    CORRECT = "correct"
    DEFINITION = "definition"


_ORDER = tuple(Verdict)


class Basis(enum.Enum):
    """Why an equation is called right: a proof, or agreement wherever it was evaluated."""

    PROVED = "proved"
    AGREES = "agrees"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; of none, `NOT_CHECKABLE`.

    Examples
    --------
    >>> worst([Verdict.CORRECT, Verdict.CONVENTION]).value
    'convention'
    """
    return min(verdicts, key=_ORDER.index, default=Verdict.NOT_CHECKABLE)


@dataclass(frozen=True, slots=True)
class Part:
    """The verdict on one statement of a formula.

    Attributes
    ----------
    id : str
        The id of the formula, followed by a dot and the part's number in parts.
    line, end_line, cell : int, int, int or None
        Where the formula opens and closes, and in which cell of a notebook.
    latex : str
        The formula, or the piece of it that the part is.
    verdict, basis : Verdict, Basis or None
        The verdict; the basis of a right one.
    reason : str
        One sentence; empty where there is nothing to say.
    remarks, supposed : tuple of str
        What could mislead, and what was supposed that the document does not say.
    repair : str or None
        The smallest edit that makes it right, as LaTeX of the whole statement.
    counterexample : str or None
        Sizes and numbers for which it fails.
    reading : str or None
        How it was read.
    """

    id: str
    line: int
    end_line: int
    cell: int | None
    latex: str
    verdict: Verdict
    basis: Basis | None = None
    reason: str = ""
    remarks: tuple[str, ...] = ()
    supposed: tuple[str, ...] = ()
    repair: str | None = None
    counterexample: str | None = None
    reading: str | None = None

    def to_json(self) -> dict[str, object]:
        """The record as JSON knows it."""
        return {
            "id": self.id,
            "line": self.line,
            "end_line": self.end_line,
            "cell": self.cell,
            "latex": self.latex,
            "verdict": self.verdict.value,
            "basis": None if self.basis is None else self.basis.value,
            "reason": self.reason,
            "remarks": list(self.remarks),
            "supposed": list(self.supposed),
            "repair": self.repair,
            "counterexample": self.counterexample,
            "reading": self.reading,
            "parts": [],
        }


@dataclass(frozen=True, slots=True)
class Equation:
    """The verdict on a formula: that of its worst part, with the parts below it."""

    whole: Part
    parts: tuple[Part, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole formula."""
        return self.whole.verdict

    def to_json(self) -> dict[str, object]:
        """The record as JSON knows it, parts included."""
        return {**self.whole.to_json(), "parts": [part.to_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts on a document and the conventions that were found in it."""

    file: str
    conventions: tuple[str, ...]
    equations: tuple[Equation, ...]

    def to_json(self) -> dict[str, object]:
        """The report as JSON knows it."""
        return {
            "version": VERSION,
            "file": self.file,
            "conventions": list(self.conventions),
            "equations": [equation.to_json() for equation in self.equations],
        }

    def count(self, verdict: Verdict) -> int:
        """How many equations have a verdict."""
        return sum(equation.verdict is verdict for equation in self.equations)


def documents_json(reports: Iterable[Report]) -> dict[str, object]:
    """The JSON form of several reports."""
    return {"version": VERSION, "documents": [report.to_json() for report in reports]}
