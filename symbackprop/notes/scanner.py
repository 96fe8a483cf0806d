r"""Find formulas in text: `$..$`, `$$..$$`, `\(..\)`, `\[..\]`, fences and environments.

Code, comments and verbatim text are blanked first, offsets kept, so that nothing in them is read.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from symbackprop.notes.hints import Directive, Hint, parse_directive, parse_hints

__all__ = ["Found", "Lines", "Scan", "Syntax", "scan"]


class Syntax(enum.Enum):
    """How the text around the formulas is written."""

    MARKDOWN = "markdown"
    LATEX = "latex"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Found:
    """A formula in a text: where its delimiter opens, its content, and where it ends."""

    start: int
    content: int
    latex: str
    end: int
    display: bool


@dataclass(slots=True)
class Scan:
    """What a text holds: formulas, directives and hints; `masked` is the text without code."""

    found: list[Found] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    masked: str = ""
    problems: list[tuple[int, str]] = field(default_factory=list)


class Lines:
    """Line and column of an offset."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line(self, offset: int) -> int:
        """The 1-based line."""
        return bisect_right(self.starts, offset)

    def column(self, offset: int) -> int:
        """The 1-based column."""
        return offset - self.starts[self.line(offset) - 1] + 1


_FENCE = re.compile(
    r"^(?P<indent>[ >\t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)\n(?P<body>.*?)"
    r"(?:^[ >\t]*(?P=fence)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_HTML_COMMENT = re.compile(r"<!--(?P<body>.*?)(?:-->|\Z)", re.DOTALL)
_CODE_TAGS = re.compile(r"<(pre|code|script|style)\b.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_GITLAB = re.compile(r"\$`([^`\n]+)`\$")
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)*?(?<!`)\1(?!`)", re.DOTALL)
_TEX_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%(?P<body>[^\n]*)")
_VERBATIM = re.compile(
    r"\\begin\{(verbatim|lstlisting|minted|comment|Verbatim|alltt|tikzpicture)\*?\}.*?"
    r"(?:\\end\{\1\*?\}|\Z)|\\verb\*?([^A-Za-z\s])[^\n]*?\2",
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"\s*symbackprop\s*:(?P<text>.*)", re.DOTALL)
_ENVIRONMENTS = (
    "align|alignat|equation|gather|eqnarray|multline|flalign|displaymath|math|dmath|aligned|"
    "subequations|gathered|split"
)
_MATH = re.compile(
    rf"""(?P<skip>\\\$|\\\\(?![\[\](),]))
      | \$\$(?P<double>.+?)\$\$
      | \\\\\[(?P<escaped>.+?)\\\\\]
      | (?<!\\)\\\[(?P<bracket>.+?)(?<!\\)\\\]
      | \\\\\((?P<escaped_inline>.+?)\\\\\)
      | (?<!\\)\\\((?P<round>.+?)(?<!\\)\\\)
      | \\begin\{{(?P<name>{_ENVIRONMENTS})(?P<star>\*?)\}}
            (?P<body>.*?)\\end\{{(?P=name)(?P=star)\}}
      | \$(?!\$)(?P<single>(?:\\.|[^$\\])+?)\$(?!\$)
      | \$\$(?P<open>)""",
    re.VERBOSE | re.DOTALL,
)
_PROSE = re.compile(r"(?:[A-Za-z]{2,}[ ,.]+){3,}")
_MATHS = re.compile(r"[\\^_={}]")


def _blanked(text: str, pattern: re.Pattern[str]) -> str:
    """The text with every match blanked, line ends kept."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def _fences(text: str, done: Scan, lines: Lines) -> str:
    """Blank fenced blocks; those named `math` are formulas, those named `symbackprop` hints."""

    def read(match: re.Match[str]) -> str:
        name = match["info"].strip().strip("{}").split(" ")[0].lower().lstrip(".")
        body, at = match["body"], match.start("body")
        if name in ("math", "latex-math", "katex"):
            start = match.start("fence")
            done.found.append(_formula(body, at, start, match.end(), display=True))
        elif name == "symbackprop":
            first = lines.line(at)
            done.hints.extend(parse_hints(enumerate(body.splitlines(), first)))
        return re.sub(r"[^\n]", " ", match.group())

    return _FENCE.sub(read, text)


def _formula(latex: str, at: int, start: int, end: int, display: bool) -> Found:
    stripped = latex.strip()
    lead = len(latex) - len(latex.lstrip())
    return Found(start, at + lead, stripped, end, display)


def _comments(text: str, pattern: re.Pattern[str], done: Scan, lines: Lines) -> str:
    """Blank comments; what one says to the checker is kept as a directive."""

    def read(match: re.Match[str]) -> str:
        asked = _DIRECTIVE.fullmatch(match["body"])
        if asked is not None:
            for part in asked["text"].splitlines() or [""]:
                if part.strip():
                    line = lines.line(match.start())
                    done.directives.append(parse_directive(part, match.start(), line))
        return re.sub(r"[^\n]", " ", match.group())

    return pattern.sub(read, text)


def scan(text: str, syntax: Syntax) -> Scan:
    """Find the formulas and directives of a text.

    Raises
    ------
    NotesError
        A hint is not understood.
    """
    done = Scan()
    lines = Lines(text)
    if syntax is Syntax.LATEX:
        text = _blanked(text, _VERBATIM)
        text = _comments(text, _TEX_COMMENT, done, lines)
        ending = text.find("\\end{document}")
        text = text if ending < 0 else text[:ending]
    else:
        text = _comments(text, _HTML_COMMENT, done, lines)
        text = _fences(text, done, lines)
        text = _blanked(text, _CODE_TAGS)
        text = _GITLAB.sub(lambda match: f"$ {match.group(1)} $", text)
        text = _blanked(text, _INLINE_CODE)
    done.masked = text
    done.found.extend(_formulas(text, done, quoted=syntax is not Syntax.LATEX))
    done.found.sort(key=lambda found: found.start)
    return done


_DISPLAYS = ("double", "escaped", "bracket")
_INLINES = ("escaped_inline", "round", "single")


def _formulas(text: str, done: Scan, quoted: bool) -> Iterator[Found]:
    position = 0
    while (match := _MATH.search(text, position)) is not None:
        position = match.end()
        if match["skip"] is not None:
            continue
        if match["open"] is not None:
            done.problems.append((match.start(), "$$ opens a formula that never closes"))
            continue
        if match["name"] is not None:
            yield _formula(match.group(), match.start(), match.start(), match.end(), display=True)
            continue
        group = next(name for name in (*_DISPLAYS, *_INLINES) if match[name] is not None)
        latex = match[group]
        display = group in _DISPLAYS
        if group == "single" and not _is_inline(latex):
            position = match.start() + 1
            continue
        if quoted and "\n" in latex:
            latex = _unquoted(text, match.start(), latex)
        if latex.strip():
            yield _formula(latex, match.start(group), match.start(), match.end(), display)


def _is_inline(latex: str) -> bool:
    """Whether what stands between single dollars is a formula, and no price or prose."""
    if re.search(r"\n\s*\n", latex):
        return False
    if _MATHS.search(latex):
        return len(latex) < 2_000
    return not _PROSE.search(latex) and not re.match(r"\d[\d.,]*\s+[a-z]{2,}", latex)


def _unquoted(text: str, start: int, latex: str) -> str:
    """The formula without the `>` that quote its lines."""
    opening = text.rfind("\n", 0, start) + 1
    if not re.match(r"[ \t]*>", text[opening:start]):
        return latex
    return re.sub(r"(?m)^[ \t>]+", lambda match: " " * len(match.group()), latex)
