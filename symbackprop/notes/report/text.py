"""The report for a terminal: a line for each equation, details below what is not plainly right.

Lines are pairs of a role and a text; who prints them chooses a colour for the role. What a colour
says, a sign and a word say too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from symbackprop.notes.report.page import Page
from symbackprop.notes.report.words import (
    SIGNS,
    details,
    place,
    printable,
    shown_parts,
    summary,
    verdict_words,
)
from symbackprop.notes.verdict import Equation, Part, Verdict

__all__ = ["Line", "report_lines"]

_INDENT = 4
_LABEL = 15


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report; `role` is a verdict's line, a heading (None), or a detail."""

    text: str
    role: Verdict | None = None
    heading: bool = False


def report_lines(pages: Sequence[Page], *, unicode: bool = True, width: int = 80) -> list[Line]:
    """The lines of a report, each at most `width` characters.

    Parameters
    ----------
    pages : sequence of Page
        The checked documents.
    unicode : bool
        Whether signs may be other than ASCII. Formulas are shown as written; what the stream cannot
        hold of them is escaped.
    width : int
        The longest line.
    """
    lines: list[Line] = []
    for page in pages:
        lines.extend(_page(page, unicode, width))
        lines.append(Line(""))
    lines.extend(Line(t, None, True) for t in textwrap.wrap(summary(pages), width))
    return [Line(_shown(line.text, unicode)[:width], line.role, line.heading) for line in lines]


def _shown(text: str, unicode: bool) -> str:
    """A line as the stream can show it."""
    bare = printable(text)
    if unicode:
        return bare
    bare = bare.replace("\ufffd", "?").replace("…", "~")
    return bare.encode("ascii", "backslashreplace").decode("ascii")


def _page(page: Page, unicode: bool, width: int) -> Iterator[Line]:
    yield Line(_cut(page.report.file, width), None, True)
    for text in page.report.conventions:
        yield from _wrapped("convention", text, 2, width)
    for text in page.problems:
        yield from _wrapped("not read", text, 2, width)
    for equation in page.report.equations:
        yield from _equation(page, equation, unicode, width)


def _equation(page: Page, equation: Equation, unicode: bool, width: int) -> Iterator[Line]:
    yield _headline(equation.whole, equation.whole.line, unicode, width)
    parts = shown_parts(equation)
    if parts:
        for part in parts:
            yield from _part(page, part, unicode, width)
        return
    yield from _details(page, equation.whole, width)


def _headline(part: Part, line: int, unicode: bool, width: int) -> Line:
    sign = SIGNS[part.verdict].unicode if unicode else SIGNS[part.verdict].ascii
    where = f"{line}" if part.cell is None else f"{part.cell}:{line}"
    start = f"{sign} {part.verdict.value:<13} {where:>6}  "
    return Line(start + _cut(" ".join(part.latex.split()), width - len(start)), part.verdict)


def _part(page: Page, part: Part, unicode: bool, width: int) -> Iterator[Line]:
    sign = SIGNS[part.verdict].unicode if unicode else SIGNS[part.verdict].ascii
    start = f"  {sign} {verdict_words(part)}: "
    yield Line(start + _cut(" ".join(part.latex.split()), width - len(start)), part.verdict)
    yield from _details(page, part, width)


def _details(page: Page, part: Part, width: int) -> Iterator[Line]:
    said = details(page, part)
    for detail in said:
        yield from _wrapped(detail.label, detail.text, _INDENT, width)
    if said and part.verdict in (Verdict.WRONG, Verdict.CONVENTION):
        yield from _wrapped("where", f"{page.file_of(part)}, {place(part)}, id {part.id}", 4, width)


def _wrapped(label: str, text: str, indent: int, width: int) -> Iterable[Line]:
    start = " " * indent + f"{label:<{_LABEL}}"
    rows = textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )
    return [Line(row) for row in rows]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
