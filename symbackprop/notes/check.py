"""Check a set of notes: from a file to a verdict on every equation."""

from __future__ import annotations

from pathlib import Path

from symbackprop.notes.document import Document, Formula, read_document
from symbackprop.notes.verdict import Equation, Part, Report, Verdict

__all__ = ["check", "check_document"]


def check_document(path: Path | str) -> Report:
    """Read a file of notes and judge every equation in it.

    Raises
    ------
    NotesError
        The file cannot be read.
    """
    return check(read_document(path), str(path))


def check(document: Document, file: str = "") -> Report:
    """Judge every equation of a document."""
    equations = tuple(_unjudged(formula) for formula in document.formulas if not formula.ignored)
    return Report(file or document.name, (), equations)


def _unjudged(formula: Formula) -> Equation:
    return Equation(
        Part(
            formula.id,
            formula.line,
            formula.end_line,
            formula.cell,
            formula.latex,
            Verdict.NOT_CHECKABLE,
            reason="nothing is judged yet",
        )
    )
