r"""Read a set of notes: Markdown, LaTeX with its `\input` files, a notebook, or plain text.

A document is its formulas in order, each with its line, the prose beside it and an id that survives
edits elsewhere, together with the macros, words and hints that the whole document shares.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from symbackprop.notes.errors import FormulaError, NotesError
from symbackprop.notes.hints import DirectiveKind, Hint
from symbackprop.notes.lexicon import NO_VOCABULARY, Vocabulary, vocabulary_of
from symbackprop.notes.macros import Macro, collect, expand
from symbackprop.notes.scanner import Found, Lines, Scan, Syntax, scan
from symbackprop.notes.statements import Parsed, parse_formula
from symbackprop.notes.tokens import tokenize
from symbackprop.notes.tree import nest

__all__ = ["Document", "Formula", "Prose", "formula_id", "read_document", "read_text"]

MAX_BYTES = 20_000_000
"""Size of one file."""

MAX_FILES = 200
"""Files that one LaTeX document may draw in."""

_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{([^{}]+)\}")
_HEADING = re.compile(
    r"^[ \t]{0,3}#{1,6}[ \t]+(?P<atx>[^\n]*?)[ \t#]*$|"
    r"\\(?:chapter|(?:sub)*section|paragraph)\*?\{(?P<tex>[^{}]*)\}",
    re.MULTILINE,
)
_LAYOUT = re.compile(r"\s+|\\(?:displaystyle|left|right|quad|qquad|nonumber)(?![A-Za-z])|\\[,;:! ]")
_SYNTAXES = {
    ".tex": Syntax.LATEX,
    ".ltx": Syntax.LATEX,
    ".latex": Syntax.LATEX,
    ".txt": Syntax.TEXT,
    ".text": Syntax.TEXT,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula of a document.

    Attributes
    ----------
    id : str
        Hash of the formula's text and its count among equal ones.
    latex : str
        The formula without its delimiters; an environment keeps its own.
    line, end_line : int
        1-based lines of the opening and of the closing delimiter, in the file or the cell.
    column : int
        1-based column of the opening delimiter.
    content_line, content_column : int
        Where `latex` starts.
    display : bool
        Whether it stands on its own.
    file : str
        The file it stands in, as it was reached.
    cell : int or None
        1-based cell of a notebook.
    before, after : str
        The text between it and the neighbouring displays, at most 400 characters.
    heading : str
        The heading above it.
    ignored : bool
        Whether the author silenced it.
    note : str
        The author's remark on it.
    """

    id: str
    latex: str
    line: int
    end_line: int
    column: int
    content_line: int
    content_column: int
    display: bool
    file: str
    cell: int | None = None
    before: str = ""
    after: str = ""
    heading: str = ""
    ignored: bool = False
    note: str = ""

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column in the file of an offset into `latex`."""
        above = self.latex[:offset]
        rows = above.count("\n")
        if rows == 0:
            return self.content_line, self.content_column + len(above)
        return self.content_line + rows, len(above) - above.rfind("\n")


@dataclass(frozen=True, slots=True)
class Prose:
    """A line of text between displays, inline formulas included."""

    text: str
    line: int
    file: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Formulas in order, with what the whole document shares."""

    name: str
    formulas: tuple[Formula, ...]
    prose: tuple[Prose, ...]
    macros: dict[str, Macro] = field(default_factory=dict)
    vocabulary: Vocabulary = NO_VOCABULARY
    hints: tuple[Hint, ...] = ()
    problems: tuple[str, ...] = ()

    def parse(self, formula: Formula) -> Parsed:
        """The statements of one of its formulas."""
        return parse_formula(formula.latex, self.macros, self.vocabulary)


def formula_id(latex: str, occurrence: int) -> str:
    """The id of a formula: of its text without layout, and which of the equal ones it is."""
    bare = _LAYOUT.sub("", latex).rstrip(".,;")
    made = hashlib.sha256(bare.encode("utf-8")).hexdigest()[:10]
    return made if occurrence == 0 else f"{made}-{occurrence + 1}"


@dataclass(slots=True)
class _Piece:
    """A run of text that is read at one go: a file, or a cell."""

    text: str
    file: str
    syntax: Syntax
    cell: int | None = None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotesError(f"the file is larger than {MAX_BYTES} bytes", where=str(path))
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotesError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise NotesError(
            f"is not UTF-8: byte {error.start}", where=str(path), help="save it as UTF-8"
        ) from error


def _latex_pieces(path: Path, name: str) -> Iterator[_Piece]:
    r"""A LaTeX file and, where it draws them in, the files at or below its folder."""
    root = path.resolve().parent
    stack: list[tuple[str, Path, str | None]] = [(name, path, None)]
    seen: set[Path] = set()
    while stack:
        label, here, text = stack.pop()
        if text is None:
            resolved = here.resolve()
            if resolved in seen or len(seen) >= MAX_FILES:
                continue
            seen.add(resolved)
            text = _read(here).replace("\r\n", "\n").replace("\r", "\n")
        yield _Piece(text, label, Syntax.LATEX)
        drawn = []
        for match in _INPUT.finditer(re.sub(r"(?<!\\)%[^\n]*", "", text)):
            wanted = match.group(1).strip()
            target = root / wanted
            if not target.suffix:
                target = target.with_suffix(".tex")
            if target.resolve().is_relative_to(root) and target.is_file():
                drawn.append((str(target.relative_to(root)), target, None))
        stack.extend(reversed(drawn))


def _notebook_pieces(text: str, name: str) -> Iterator[_Piece]:
    try:
        cells = json.loads(text)["cells"]
    except json.JSONDecodeError as error:
        raise NotesError(
            f"is not a notebook: {error.msg}", where=f"{name}:{error.lineno}:{error.colno}"
        ) from error
    except (KeyError, TypeError, RecursionError) as error:
        raise NotesError("is not a notebook: it has no cells", where=name) from error
    if not isinstance(cells, list):
        raise NotesError("is not a notebook: its cells are no list", where=name)
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "markdown":
            continue
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        yield _Piece("".join(map(str, lines)), name, Syntax.MARKDOWN, number)


def read_document(path: Path | str) -> Document:
    """Read a file of notes; its suffix says how it is written.

    Parameters
    ----------
    path : Path or str
        A Markdown (`.md`), LaTeX (`.tex`), notebook (`.ipynb`) or text file.

    Raises
    ------
    NotesError
        The file cannot be read, is no notebook, or gives a hint that is not understood.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".ipynb":
        pieces = list(_notebook_pieces(_read(path), path.name))
    elif _SYNTAXES.get(suffix) is Syntax.LATEX:
        pieces = list(_latex_pieces(path, path.name))
    else:
        syntax = _SYNTAXES.get(suffix, Syntax.MARKDOWN)
        text = _read(path).replace("\r\n", "\n").replace("\r", "\n")
        pieces = [_Piece(text, path.name, syntax)]
    return _document(path.name, pieces)


def read_text(text: str, syntax: Syntax = Syntax.MARKDOWN, name: str = "notes") -> Document:
    r"""Read notes from a string.

    Examples
    --------
    >>> document = read_text("Then $$dW = dz\\, a^T$$ follows.")
    >>> [formula.line for formula in document.formulas]
    [1]
    """
    return _document(name, [_Piece(text, name, syntax)])


def _document(name: str, pieces: list[_Piece]) -> Document:
    macros: dict[str, Macro] = {}
    for piece in pieces:
        macros.update(collect(piece.text))
    formulas: list[Formula] = []
    prose: list[Prose] = []
    hints: list[Hint] = []
    problems: list[str] = []
    counts: Counter[str] = Counter()
    for piece in pieces:
        scanned = scan(piece.text, piece.syntax)
        lines = Lines(piece.text)
        hints.extend(scanned.hints)
        hints.extend(d.hint for d in scanned.directives if d.hint is not None)
        problems.extend(
            f"{piece.file}:{lines.line(offset)}: {text}" for offset, text in scanned.problems
        )
        formulas.extend(_formulas(piece, scanned, lines, counts))
        prose.extend(_prose(piece, scanned, lines))
    return Document(
        name,
        tuple(formulas),
        tuple(prose),
        macros,
        _vocabulary(formulas, macros),
        tuple(hints),
        tuple(problems),
    )


def _vocabulary(formulas: list[Formula], macros: dict[str, Macro]) -> Vocabulary:
    nested = []
    for formula in formulas:
        try:
            nested.append(nest(expand(tokenize(formula.latex), macros))[0])
        except FormulaError:
            continue
    return vocabulary_of(nested)


def _prose(piece: _Piece, scanned: Scan, lines: Lines) -> Iterator[Prose]:
    """The lines of text that no display takes up."""
    text = list(scanned.masked)
    for found in scanned.found:
        if found.display:
            for i in range(found.start, min(found.end, len(text))):
                text[i] = text[i] if text[i] == "\n" else " "
    for number, line in enumerate("".join(text).split("\n"), 1):
        if line.strip():
            yield Prose(line.strip(), number, piece.file, piece.cell)


def _formulas(
    piece: _Piece, scanned: Scan, lines: Lines, counts: Counter[str]
) -> Iterator[Formula]:
    headings = [
        (match.start(), (match["atx"] or match["tex"] or "").strip())
        for match in _HEADING.finditer(scanned.masked)
    ]
    silenced = _silenced(scanned, lines)
    notes = _notes(scanned, lines)
    displays = [found for found in scanned.found if found.display]
    ends = [0, *(found.end for found in displays)]
    starts = [*(found.start for found in displays), len(scanned.masked)]
    order = 0
    for position, found in enumerate(scanned.found):
        bare = formula_id(found.latex, 0)
        occurrence, counts[bare] = counts[bare], counts[bare] + 1
        while starts[order] < found.start:
            order += 1
        following = starts[order + 1] if found.display else starts[order]
        heading = ""
        for offset, title in headings:
            if offset > found.start:
                break
            heading = title
        yield Formula(
            formula_id(found.latex, occurrence),
            found.latex,
            lines.line(found.start),
            lines.line(max(found.start, found.end - 1)),
            lines.column(found.start),
            lines.line(found.content),
            lines.column(found.content),
            found.display,
            piece.file,
            piece.cell,
            scanned.masked[max(ends[order], found.start - 400) : found.start].strip(),
            scanned.masked[found.end : min(following, found.end + 400)].strip(),
            heading,
            position in silenced,
            notes.get(position, ""),
        )


def _next_formula(found: list[Found], offset: int, line: int, lines: Lines) -> int | None:
    """The formula that a comment is about: on its line, or the next one."""
    here = [i for i, item in enumerate(found) if lines.line(item.start) == line]
    if here:
        return here[-1]
    later = [i for i, item in enumerate(found) if item.start > offset]
    return later[0] if later else None


def _silenced(scanned: Scan, lines: Lines) -> set[int]:
    """Positions of the formulas that comments silence."""
    done: set[int] = set()
    opened: int | None = None
    for directive in scanned.directives:
        if directive.kind is DirectiveKind.IGNORE:
            line = lines.line(directive.offset)
            about = _next_formula(scanned.found, directive.offset, line, lines)
            if about is not None:
                done.add(about)
        elif directive.kind is DirectiveKind.IGNORE_START:
            opened = directive.offset
        elif directive.kind is DirectiveKind.IGNORE_END and opened is not None:
            done |= _between(scanned.found, opened, directive.offset)
            opened = None
    if opened is not None:
        done |= _between(scanned.found, opened, len(scanned.masked))
    return done


def _between(found: list[Found], start: int, end: int) -> set[int]:
    return {i for i, item in enumerate(found) if start < item.start < end}


def _notes(scanned: Scan, lines: Lines) -> dict[int, str]:
    """The authors' remarks by position of the formula that they are on."""
    done: dict[int, str] = {}
    for directive in scanned.directives:
        if directive.kind is DirectiveKind.NOTE:
            line = lines.line(directive.offset)
            about = _next_formula(scanned.found, directive.offset, line, lines)
            if about is not None:
                done[about] = directive.text
    return done
