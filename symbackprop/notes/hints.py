r"""What an author may tell the checker: silenced formulas, remarks, and what prose alone says.

In Markdown a comment `<!-- symbackprop: ignore -->` or a fenced block named `symbackprop`, in LaTeX
a comment `% symbackprop: ...`. Lines of a hints block:

    shape W1: (h, n)
    loss: cross-entropy
    * is elementwise
    batch: columns
    layout: numerator
    activation g: sigmoid
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from symbackprop.notes.errors import NotesError

__all__ = ["Directive", "DirectiveKind", "Hint", "HintKind", "parse_directive", "parse_hints"]


class HintKind(enum.Enum):
    """What a hint is about."""

    SHAPE = "shape"
    LOSS = "loss"
    PRODUCT = "product"
    BATCH = "batch"
    LAYOUT = "layout"
    ACTIVATION = "activation"


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint: `subject` is the name or sign that it is about, empty for the whole document."""

    kind: HintKind
    subject: str
    value: str
    line: int


class DirectiveKind(enum.Enum):
    """What a comment asks for."""

    IGNORE = "ignore"
    IGNORE_START = "ignore-start"
    IGNORE_END = "ignore-end"
    NOTE = "note"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Directive:
    """A comment to the checker, where it stands in the text, and a hint when it gives one."""

    kind: DirectiveKind
    text: str
    offset: int
    hint: Hint | None = None


_SIMPLE = re.compile(
    r"(?P<kind>loss|batch|layout)\s*:\s*(?P<value>.+)|"
    r"(?P<about>shape|activation)\s+(?P<subject>[^:]+?)\s*:\s*(?P<of>.+)|"
    r"(?P<sign>\*|\.|\\[A-Za-z]+|juxtaposition)\s+is\s+(?P<product>element-?wise|matrix product|"
    r"a matrix product|matmul|hadamard)",
    re.IGNORECASE,
)


def parse_hint(text: str, line: int) -> Hint:
    """The hint that a line gives.

    Raises
    ------
    NotesError
        The line is none of the known hints.
    """
    match = _SIMPLE.fullmatch(text.strip().rstrip("."))
    if match is None:
        raise NotesError(
            f"this hint is not understood: {text.strip()!r}",
            where=f"line {line}",
            help="write for example `shape W1: (h, n)`, `loss: cross-entropy`, "
            "`* is elementwise`, `batch: columns`",
        )
    if match["kind"]:
        return Hint(HintKind(match["kind"].lower()), "", match["value"].strip(), line)
    if match["about"]:
        kind = HintKind(match["about"].lower())
        return Hint(kind, match["subject"].strip(), match["of"].strip(), line)
    wise = match["product"].lower().replace("-", "").removeprefix("a ")
    value = "elementwise" if wise in ("elementwise", "hadamard") else "matrix product"
    return Hint(HintKind.PRODUCT, match["sign"], value, line)


def parse_hints(lines: Iterable[tuple[int, str]]) -> tuple[Hint, ...]:
    """The hints of a block, blank lines and `#` comments skipped."""
    return tuple(
        parse_hint(text, line)
        for line, text in lines
        if text.strip() and not text.lstrip().startswith("#")
    )


def parse_directive(text: str, offset: int, line: int) -> Directive:
    """The directive of a comment: what stands after `symbackprop:`."""
    body = text.strip()
    word = body.split()[0].rstrip(":").lower() if body else ""
    rest = body[len(word) :].lstrip(" :")
    for kind in (
        DirectiveKind.IGNORE_START,
        DirectiveKind.IGNORE_END,
        DirectiveKind.IGNORE,
        DirectiveKind.NOTE,
    ):
        if word == kind.value:
            return Directive(kind, rest, offset)
    return Directive(DirectiveKind.HINT, body, offset, parse_hint(body, line))
