"""`symbackprop check`: a verdict on every equation of a set of notes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from symbackprop.cli.options import choices, force_option, output_option, write
from symbackprop.cli.terminal import WIDTH, complain, is_lively, shows_unicode
from symbackprop.notes.check import check
from symbackprop.notes.document import read_document
from symbackprop.notes.errors import NotesError
from symbackprop.notes.report.data import json_text, junit_text, sarif_text
from symbackprop.notes.report.layout import html_text, markdown_text
from symbackprop.notes.report.page import Page, fails, ids_of, page_of, without
from symbackprop.notes.report.text import Line, report_lines
from symbackprop.notes.verdict import Verdict


class Format(Enum):
    """What a report is written in."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"
    JUNIT = "junit"


class FailOn(Enum):
    """The best verdict that still fails a check."""

    WRONG = "wrong"
    CONVENTION = "convention"
    NOT_CHECKABLE = "not-checkable"
    NEVER = "never"


_LIMITS = {
    FailOn.WRONG: Verdict.WRONG,
    FailOn.CONVENTION: Verdict.CONVENTION,
    FailOn.NOT_CHECKABLE: Verdict.NOT_CHECKABLE,
    FailOn.NEVER: None,
}
_MARKS = {
    Format.TEXT: "convention",
    Format.JSON: '"version": 1',
    Format.MARKDOWN: "Written by symbackprop check",
    Format.HTML: "Written by symbackprop check",
    Format.SARIF: '"name": "symbackprop"',
    Format.JUNIT: "symbackprop check",
}
_COLOURS = {
    Verdict.WRONG: "red",
    Verdict.CONVENTION: "yellow",
    Verdict.NOT_CHECKABLE: "blue",
    Verdict.CORRECT: "green",
    Verdict.DEFINITION: None,
}


@click.command("check", epilog="Example: symbackprop check notes.md --format html -o report.html")
@click.argument(
    "notes", nargs=-1, required=True, metavar="NOTES...", type=click.Path(path_type=Path)
)
@click.option("--format", "form", type=choices(Format), default="text", show_default=True)
@output_option
@force_option
@click.option(
    "--fail-on",
    type=choices(FailOn),
    default="wrong",
    show_default=True,
    help="Exit with 1 when an equation is as bad as this, or worse.",
)
@click.option("--ignore", metavar="ID", multiple=True, help="Leave an equation out; repeatable.")
def command(
    notes: tuple[Path, ...],
    form: str,
    output: Path | None,
    force: bool,
    fail_on: str,
    ignore: tuple[str, ...],
) -> int:
    """Say of every equation in notes whether it is right.

    Reads Markdown (.md), LaTeX (.tex), notebooks (.ipynb) and plain text (.txt).
    Exit status 0: nothing wrong; 1: something is wrong; 2: a file could not be read.
    """
    pages, unread = _checked(notes)
    known = {name for page in pages for name in ids_of(page)}
    for name in ignore:
        if name not in known:
            complain(f"warning: --ignore {name}: no equation has this id")
    pages = [without(page, ignore) for page in pages]
    limit = _LIMITS[FailOn(fail_on)]
    if pages:
        _give(pages, Format(form), output, force, limit, several=len(notes) > 1)
    if unread:
        return 2
    return 1 if any(fails(page, limit) for page in pages) else 0


def _checked(notes: Sequence[Path]) -> tuple[list[Page], int]:
    """Check every file; say which could not be read, and how many those were."""
    pages = []
    unread = 0
    with _progress(len(notes)) as tell:
        for path in notes:
            try:
                document = read_document(path)
            except NotesError as error:
                complain(error.describe())
                unread += 1
                continue
            tell(f"{path}, {len(document.formulas)} formulas")
            pages.append(page_of(document, check(document, path.as_posix())))
    return pages, unread


class _Teller:
    """Say what is being done, where someone looks on."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.done = 0
        self.task = None if progress is None else progress.add_task("reading", total=total)

    def __call__(self, text: str) -> None:
        self.done += 1
        if self.progress is not None and self.task is not None:
            said = f"{self.done}/{self.total} {text}"
            self.progress.update(self.task, completed=self.done - 1, description=said)


@contextmanager
def _progress(total: int) -> Iterator[_Teller]:
    """Draw progress on standard error while it is a terminal."""
    if not is_lively(sys.stderr):
        yield _Teller(None, total)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Teller(progress, total)


def _give(
    pages: list[Page],
    form: Format,
    output: Path | None,
    force: bool,
    limit: Verdict | None,
    *,
    several: bool,
) -> None:
    unicode = output is not None or shows_unicode()
    if form is Format.TEXT and output is None:
        for line in report_lines(pages, unicode=unicode, width=WIDTH):
            click.echo(_coloured(line))
        return
    text = _text(pages, form, limit, several=several, unicode=unicode)
    if output is None:
        click.echo(text, nl=False)
    else:
        write(output, text, mark=_MARKS[form], force=force)
        complain(f"wrote {output}")


def _coloured(line: Line) -> str:
    """A line with its colour, where the terminal shows colours and nobody forbids them."""
    if not is_lively(sys.stdout) or os.environ.get("NO_COLOR"):
        return line.text
    colour = _COLOURS[line.role] if line.role is not None else None
    return click.style(line.text, fg=colour, bold=line.heading)


def _text(
    pages: list[Page], form: Format, limit: Verdict | None, *, several: bool, unicode: bool
) -> str:
    names = " ".join(page.report.file for page in pages)
    said = f"symbackprop check {names} --format {form.value}"
    match form:
        case Format.TEXT:
            return "".join(line.text + "\n" for line in report_lines(pages, unicode=unicode))
        case Format.JSON:
            return json_text(pages, several=several, unicode=unicode)
        case Format.MARKDOWN:
            return markdown_text(pages, command=said)
        case Format.HTML:
            return html_text(pages, command=said)
        case Format.SARIF:
            return sarif_text(pages, unicode=unicode)
        case Format.JUNIT:
            return junit_text(pages, limit=limit)
