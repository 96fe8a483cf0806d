"""A checked document with what its reader wants beside the verdicts: places, remarks, macros."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from symbackprop.notes.document import Document
from symbackprop.notes.macros import Macro
from symbackprop.notes.verdict import Equation, Part, Report, Verdict, worst

__all__ = ["FAILING", "Page", "fails", "ids_of", "page_of", "without"]

FAILING = (Verdict.WRONG, Verdict.CONVENTION, Verdict.NOT_CHECKABLE)
"""The verdicts that may fail a check, the worst first."""


@dataclass(frozen=True, slots=True)
class Page:
    """A report with what its document says of its formulas.

    Attributes
    ----------
    report : Report
        The verdicts.
    files : dict of str to str
        Id of a formula -> the file that it stands in, for documents of several files.
    headings, notes : dict of str to str
        Id of a formula -> the heading above it, and its author's remark on it.
    macros : dict of str to str
        Macros of the document, as KaTeX takes them.
    silenced : int
        How many formulas the author or the caller silenced.
    problems : tuple of str
        What could not be read in the document.
    """

    report: Report
    files: dict[str, str] = field(default_factory=dict)
    headings: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    silenced: int = 0
    problems: tuple[str, ...] = ()

    def file_of(self, part: Part) -> str:
        """The file in which a part stands."""
        inner = self.files.get(_formula(part))
        if inner is None:
            return self.report.file
        return (Path(self.report.file).parent / inner).as_posix()

    def note_on(self, part: Part) -> str:
        """The author's remark on a formula, empty where there is none."""
        return self.notes.get(_formula(part), "")

    def heading_of(self, part: Part) -> str:
        """The heading above a formula."""
        return self.headings.get(_formula(part), "")


def _formula(part: Part) -> str:
    """The id of the formula that a part belongs to."""
    return part.id.partition(".")[0]


def page_of(document: Document, report: Report) -> Page:
    """Put a report beside what its document says."""
    main = Path(report.file).name
    formulas = document.formulas
    return Page(
        report,
        {f.id: f.file for f in formulas if f.file != main and f.file != report.file},
        {f.id: f.heading for f in formulas if f.heading},
        {f.id: f.note for f in formulas if f.note},
        {
            macro.name: _spelled(macro)
            for macro in document.macros.values()
            if macro.name.startswith("\\") and macro.default is None
        },
        sum(f.ignored for f in formulas),
        document.problems,
    )


def _spelled(macro: Macro) -> str:
    """The body of a macro as LaTeX."""
    made = ""
    for token in macro.body:
        swallows = made[-1:].isalpha() and token.text[:1].isalpha()
        made += (" " if token.spaced or swallows else "") + token.text
    return made


def ids_of(page: Page) -> Iterable[str]:
    """The ids of a page's equations and of their parts."""
    for equation in page.report.equations:
        yield equation.whole.id
        yield from (part.id for part in equation.parts)


def without(page: Page, ids: Container[str]) -> Page:
    """Leave out equations, or parts of them, by their ids."""
    kept = []
    left_out = 0
    for equation in page.report.equations:
        trimmed = _trimmed(equation, ids)
        if trimmed is None:
            left_out += 1
        else:
            kept.append(trimmed)
    report = replace(page.report, equations=tuple(kept))
    return replace(page, report=report, silenced=page.silenced + left_out)


def _trimmed(equation: Equation, ids: Container[str]) -> Equation | None:
    """An equation without the parts that are left out; None when nothing is left."""
    if equation.whole.id in ids:
        return None
    parts = tuple(part for part in equation.parts if part.id not in ids)
    if len(parts) == len(equation.parts):
        return equation
    if not parts:
        return None
    verdict = worst(part.verdict for part in parts)
    chosen = next(part for part in parts if part.verdict is verdict)
    whole = replace(
        chosen, id=equation.whole.id, latex=equation.whole.latex, cell=equation.whole.cell
    )
    return Equation(whole, parts)


def fails(page: Page, limit: Verdict | None) -> bool:
    """Whether an equation is as bad as `limit` or worse; nothing fails None."""
    if limit is None:
        return False
    bad = FAILING[: FAILING.index(limit) + 1]
    return any(equation.verdict in bad for equation in page.report.equations)
