"""The reports that templates lay out: Markdown and HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.notes.report.assets import katex_css, katex_js, page_css, page_js
from symbackprop.notes.report.page import Page
from symbackprop.notes.report.words import (
    SIGNS,
    Detail,
    details,
    place,
    printable,
    shown_parts,
    summary,
    verdict_words,
)
from symbackprop.notes.verdict import Equation, Part, Verdict
from symbackprop.rendering import render

__all__ = ["html_text", "markdown_text", "shown_latex"]

_LABEL = re.compile(r"\\(?:label|ref|eqref)\s*\{[^{}]*\}")
_SHOWN = {
    "align": "align*",
    "alignat": "alignat*",
    "equation": "equation*",
    "gather": "gather*",
    "eqnarray": "align*",
    "multline": "gather*",
    "subequations": "gathered",
}
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{(" + "|".join(_SHOWN) + r")\*?\}")
_THREE = re.compile(r"&\s*(=|:=|\\(?:leftarrow|gets|approx|equiv|propto|le|ge)(?![A-Za-z]))\s*&")
_ROWS = re.compile(r"(?<!\\)&|\\\\")
_BEGIN = re.compile(r"\\begin\s*\{")


@dataclass(frozen=True, slots=True)
class Card:
    """An equation or a part of one, laid out."""

    id: str
    where: str
    heading: str
    verdict: str
    words: str
    sign: str
    latex: str
    shown: str
    fence: str
    code: str
    details: tuple[Detail, ...]
    parts: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A document, laid out: all its cards, and those that ask for attention."""

    file: str
    summary: str
    conventions: tuple[str, ...]
    problems: tuple[str, ...]
    cards: tuple[Card, ...]
    flagged: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A button that shows or hides the equations of one verdict."""

    verdict: str
    sign: str
    count: int


def shown_latex(latex: str) -> str:
    r"""LaTeX as KaTeX takes it: rows in an environment, no labels or numbers of its own.

    Examples
    --------
    >>> shown_latex(r"a &= b \\\\ &= c")
    '\\begin{aligned}a &= b \\\\\\\\ &= c\\end{aligned}'
    """
    text = _LABEL.sub("", printable(latex)).strip().rstrip(",")
    text = _ENVIRONMENT.sub(lambda m: rf"\{m[1]}{{{_SHOWN[m[2]]}}}", text)
    text = _THREE.sub(r"&\1", text)
    bare = _BEGIN.search(text) is None
    if bare and _ROWS.search(text):
        return rf"\begin{{aligned}}{text}\end{{aligned}}"
    return text


def _fence(text: str) -> str:
    """A fence of backticks that a text does not hold."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)


def _code(text: str) -> str:
    """A text as a code span in a cell of a Markdown table."""
    bare = " ".join(printable(text).split())
    longest = max((len(run) for run in re.findall("`+", bare)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if "`" in bare else ""
    return f"{ticks}{pad}{bare}{pad}{ticks}".replace("|", "\\|")


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$])")


def _plain(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(printable(text).split()))


def _card(page: Page, part: Part, *, markdown: bool, inner: tuple[Card, ...] = ()) -> Card:
    said = () if inner else details(page, part)
    laid = tuple(
        Detail(
            detail.label,
            _detail_text(detail, markdown),
            detail.latex,
        )
        for detail in said
    )
    return Card(
        part.id,
        place(part),
        _plain(page.heading_of(part)) if markdown else page.heading_of(part),
        part.verdict.value,
        verdict_words(part),
        SIGNS[part.verdict].unicode,
        part.latex.strip(),
        shown_latex(part.latex),
        _fence(part.latex),
        _code(part.latex),
        laid,
        inner,
    )


def _detail_text(detail: Detail, markdown: bool) -> str:
    if not markdown:
        return shown_latex(detail.text) if detail.latex else printable(detail.text)
    return _code(detail.text) if detail.latex else _plain(detail.text)


def _equation(page: Page, equation: Equation, markdown: bool) -> Card:
    inner = tuple(_card(page, part, markdown=markdown) for part in shown_parts(equation))
    return _card(page, equation.whole, markdown=markdown, inner=inner)


def _is_flagged(equation: Equation) -> bool:
    whole = equation.whole
    told = whole.remarks or whole.supposed or shown_parts(equation)
    return equation.verdict not in (Verdict.CORRECT, Verdict.DEFINITION) or bool(told)


def _section(page: Page, markdown: bool) -> Section:
    pairs = [(e, _equation(page, e, markdown)) for e in page.report.equations]
    said = _plain if markdown else printable
    return Section(
        said(page.report.file),
        summary([page]),
        tuple(said(text) for text in page.report.conventions),
        tuple(said(text) for text in page.problems),
        tuple(card for _, card in pairs),
        tuple(card for equation, card in pairs if _is_flagged(equation)),
    )


def markdown_text(pages: Sequence[Page], *, command: str = "symbackprop check") -> str:
    """The report in Markdown: what is not simply right, then a table of everything."""
    sections = [_section(page, True) for page in pages]
    return render("report.md.j2", sections=sections, summary=summary(pages), command=command)


def html_text(pages: Sequence[Page], *, command: str = "symbackprop check") -> str:
    """The report as one HTML file that needs no network: styles, scripts and fonts are in it."""
    macros: dict[str, str] = {}
    for page in pages:
        macros.update(page.macros)
    counts = [(v, sum(page.report.count(v) for page in pages)) for v in Verdict]
    return render(
        "report.html.j2",
        title=", ".join(page.report.file for page in pages),
        sections=[_section(page, False) for page in pages],
        filters=[Filter(v.value, SIGNS[v].unicode, count) for v, count in counts if count],
        summary=summary(pages),
        command=command,
        macros=json.dumps(macros, sort_keys=True).replace("<", "\\u003c"),
        katex_css=katex_css(),
        katex_js=katex_js(),
        page_css=page_css(),
        page_js=page_js(),
    )
