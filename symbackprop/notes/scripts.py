r"""Scripts: labels, transposes and primes, as authors pack them into one superscript.

`^{[l]T}`, `^{(l)\top}`, `^{\langle t\rangle T}`, `^{[3]^{T}}`, `^{l'}`, `^{[l](i)}`: brackets make
labels, a final T makes a transpose, the rest is one bare label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.notes.ast import Label, Name, Node, Number, Opaque, Product
from symbackprop.notes.cursor import ACCENTS, STYLES, Cursor
from symbackprop.notes.errors import FormulaError
from symbackprop.notes.kinds import Bracket, TransposeStyle
from symbackprop.notes.lexicon import FUNCTIONS, GREEK
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Item, is_text, span_of, words_of

__all__ = ["Script", "read_script", "take_script", "tex_of"]

_TRANSPOSES = {
    "T": TransposeStyle.T,
    "\\top": TransposeStyle.TOP,
    "\\intercal": TransposeStyle.INTERCAL,
    "\\transpose": TransposeStyle.TOP,
    "\\dagger": TransposeStyle.HERMITIAN,
}
_STYLED = {
    "\\mathrm": TransposeStyle.ROMAN_T,
    "\\mathsf": TransposeStyle.SANS_T,
    "\\text": TransposeStyle.TEXT_T,
    "\\textrm": TransposeStyle.TEXT_T,
    "\\operatorname": TransposeStyle.ROMAN_T,
    "\\mathbf": TransposeStyle.ROMAN_T,
    "\\mathtt": TransposeStyle.SANS_T,
    "\\mathit": TransposeStyle.T,
    "\\mathsfit": TransposeStyle.SANS_T,
}
_BRACKETS = {
    "[": (Bracket.SQUARE, "]"),
    "(": (Bracket.ROUND, ")"),
    "\\langle": (Bracket.ANGLE, "\\rangle"),
    "<": (Bracket.ANGLE, ">"),
    "\\{": (Bracket.CURLY, "\\}"),
    "\\lbrack": (Bracket.SQUARE, "\\rbrack"),
}
_INDEX_SIGNS = frozenset({"+", "-"})
_MARKS = frozenset({"+", "-", "*", "\\ast", "\\star", "\\circ", "\\pm", "\\dagger", "!", "\\#"})


@dataclass(frozen=True, slots=True)
class Script:
    """What one superscript or subscript says."""

    labels: tuple[Label, ...] = ()
    transposes: tuple[TransposeStyle, ...] = ()
    primes: int = 0


def tex_of(items: Sequence[Item]) -> str:
    """The LaTeX of items, macros expanded."""
    parts: list[str] = []
    stack: list[Item | str] = list(reversed(items))
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
        elif isinstance(item, Block):
            stack.extend(("}", *reversed(item.items), "{"))
        elif isinstance(item, Token):
            if (
                parts
                and item.text[:1].isalpha()
                and parts[-1][:1] == "\\"
                and parts[-1][-1].isalpha()
            ):
                parts.append(" ")
            parts.append(item.text)
        else:
            inner = reversed(item.items)
            stack.extend((f"\\end{{{item.name}}}", *inner, f"\\begin{{{item.name}}}"))
    return "".join(parts)


def take_script(cursor: Cursor) -> list[Item]:
    """The items of the script that follows a caret or an underscore."""
    item = cursor.peek()
    if item is None:
        raise cursor.error("a script is missing here")
    cursor.take()
    if isinstance(item, Block):
        return list(item.items)
    taken: list[Item] = [item]
    if isinstance(item, Token) and (item.text in STYLES or item.text in ACCENTS or is_text(item)):
        following = cursor.peek()
        if following is not None:
            taken.append(cursor.take())
    elif isinstance(item, Token) and item.kind is Kind.PRIME:
        while cursor.kind() is Kind.PRIME:
            taken.append(cursor.take())
    elif isinstance(item, Token) and item.text in ("\\frac", "\\tfrac"):
        for _ in range(2):
            if cursor.peek() is not None:
                taken.append(cursor.take())
    return taken


def _transpose_at(items: Sequence[Item], at: int) -> tuple[TransposeStyle, int] | None:
    """A transpose mark at `at`, and how many items it takes."""
    item = items[at]
    if isinstance(item, Block) and len(item.items) >= 1:
        inner = _transpose_at(item.items, 0)
        return (inner[0], 1) if inner and inner[1] == len(item.items) else None
    if not isinstance(item, Token):
        return None
    if item.text in _TRANSPOSES:
        return _TRANSPOSES[item.text], 1
    if item.text in _STYLED and at + 1 < len(items):
        following = items[at + 1]
        text = words_of([following])
        if text in ("T", "\\top", "\\intercal"):
            return _STYLED[item.text], 2
    return None


def _closing(items: Sequence[Item], at: int, closer: str) -> int | None:
    opener = items[at]
    assert isinstance(opener, Token)
    depth = 0
    for i in range(at, len(items)):
        item = items[i]
        if isinstance(item, Token):
            depth += (item.text == opener.text) - (item.text == closer)
            if depth == 0:
                return i
    return None


def _is_index(items: Sequence[Item]) -> bool:
    """Whether items are a layer or an example: `l`, `3`, `l-1`, `(N)`."""
    return 0 < len(items) <= 3 and all(
        isinstance(item, Token)
        and (item.kind in (Kind.LETTER, Kind.NUMBER) or item.text in _INDEX_SIGNS)
        for item in items
    )


def _bracketed(cursor: Cursor, items: Sequence[Item], at: int) -> tuple[Label, int] | None:
    """A label in brackets that starts at `at`, and the position after it."""
    item = items[at]
    if not isinstance(item, Token) or item.text not in _BRACKETS:
        return None
    bracket, closer = _BRACKETS[item.text]
    end = _closing(items, at, closer)
    if end is None:
        return None
    inner = items[at + 1 : end]
    return label_of(cursor, inner, bracket, items[at : end + 1]), end + 1


def label_of(
    cursor: Cursor, items: Sequence[Item], bracket: Bracket, whole: Sequence[Item]
) -> Label:
    """A label with the comma-separated items it holds; what cannot be parsed stays opaque."""
    made: list[Node] = []
    for part in _commas(items):
        if part:
            made.append(_label_item(cursor, part))
    word = ""
    if len(made) == 1:
        word = _word(made[0])
    return Label(tuple(made), bracket, word, tex_of(whole), span=span_of(whole))


def _commas(items: Sequence[Item]) -> list[list[Item]]:
    parts: list[list[Item]] = [[]]
    depth = 0
    for item in items:
        text = item.text if isinstance(item, Token) else ""
        depth += (text in _BRACKETS) - (text in ("]", ")", "\\rangle", "\\}"))
        if text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _label_item(cursor: Cursor, items: Sequence[Item]) -> Node:
    inner = cursor.inside(items, in_label=True)
    try:
        node = inner.grammar.parse_chain(inner)
        if not inner.at_end:
            raise inner.error("this is not part of a label")
    except FormulaError as error:
        return Opaque(tex_of(items), error.message, span=span_of(items))
    return node


def _word(node: Node) -> str:
    """The word that a label is, when it is one: `prev`, `batch`; not `ij`."""
    if isinstance(node, Name) and len(node.base) > 1 and not node.subs and not node.sups:
        known = node.base in GREEK or node.base == "ell"
        return node.base if node.base.isalpha() and not known else ""
    if isinstance(node, Product) and all(
        isinstance(factor, Name) and len(factor.base) == 1 and not factor.subs
        for factor in node.factors
    ):
        letters = "".join(factor.base for factor in node.factors if isinstance(factor, Name))
        return letters if len(letters) >= 4 and letters.isalpha() else ""
    return ""


def read_script(cursor: Cursor, items: Sequence[Item], superscript: bool) -> Script:
    """Read the content of a script.

    Parameters
    ----------
    cursor : Cursor
        Where the script stands, for its grammar and depth.
    items : sequence of Item
        The script's content without its braces.
    superscript : bool
        A transpose can only stand above.
    """
    labels: list[Label] = []
    transposes: list[TransposeStyle] = []
    primes, at = 0, 0
    while at < len(items):
        item = items[at]
        mark = _transpose_at(items, at) if superscript else None
        if mark is not None and (
            at > 0 or mark[1] == len(items) or _only_marks(items, at + mark[1])
        ):
            transposes.append(mark[0])
            at += mark[1]
            continue
        label = _bracketed(cursor, items, at)
        if label is not None and _ends_label(items, label[1], superscript):
            labels.append(label[0])
            at = label[1]
            continue
        if isinstance(item, Token) and (item.kind is Kind.PRIME or item.text == "\\prime"):
            primes += 1
            at += 1
        elif isinstance(item, Token) and item.kind is Kind.SUPER and at + 1 < len(items):
            following = items[at + 1]
            nested = following.items if isinstance(following, Block) else (following,)
            inner = read_script(cursor, nested, superscript)
            labels.extend(inner.labels)
            transposes.extend(inner.transposes)
            primes += inner.primes
            at += 2
        elif isinstance(item, Token) and item.text == "," and labels:
            at += 1
        elif isinstance(item, Token) and item.text in _MARKS and len(items) == 1:
            mark_name = Name(item.text.lstrip("\\"), head=item.text, span=span_of(items))
            return Script((Label((mark_name,), tex=item.text, span=mark_name.span),))
        elif isinstance(item, Block) and len(items) == 1:
            return read_script(cursor, item.items, superscript)
        else:
            rest, tail = _bare_and_marks(items[at:], superscript)
            labels.append(label_of(cursor, rest, Bracket.NONE, rest))
            transposes.extend(tail.transposes)
            primes += tail.primes
            break
    return Script(tuple(labels), tuple(transposes), primes)


def _only_marks(items: Sequence[Item], at: int) -> bool:
    """Whether only primes and transposes are left."""
    while at < len(items):
        item = items[at]
        mark = _transpose_at(items, at)
        if mark is not None:
            at += mark[1]
        elif isinstance(item, Token) and item.kind is Kind.PRIME:
            at += 1
        else:
            return False
    return True


def _ends_label(items: Sequence[Item], at: int, superscript: bool) -> bool:
    """Whether a bracket that ends before `at` was a whole label and not part of a formula."""
    if at >= len(items):
        return True
    item = items[at]
    if _transpose_at(items, at) is not None and superscript:
        return True
    if not isinstance(item, Token):
        return False
    return item.kind in (Kind.PRIME, Kind.SUPER) or item.text in ("\\prime", ",", *_BRACKETS)


def _bare_and_marks(items: Sequence[Item], superscript: bool) -> tuple[Sequence[Item], Script]:
    """Split a bare label from the transpose or primes after it: `lT`, `l'`, `-T`."""
    rest = list(items)
    transposes: list[TransposeStyle] = []
    while superscript and len(rest) > 1:
        mark = _transpose_at(rest, len(rest) - 1)
        if mark is None and len(rest) > 2:
            mark = _transpose_at(rest, len(rest) - 2)
            if mark is not None and mark[1] != 2:
                mark = None
        if mark is None:
            break
        before = rest[: len(rest) - mark[1]]
        if [item.text for item in before if isinstance(item, Token)] == ["-"]:
            one = before[0]
            assert isinstance(one, Token)
            rest = [one, Token(Kind.NUMBER, "1", one.start, one.end, region=-1)]
        elif _is_index(before) and not _signed_end(before):
            rest = before
        else:
            break
        transposes.append(mark[0])
    return rest, Script((), tuple(transposes), 0)


def _signed_end(items: Sequence[Item]) -> bool:
    last = items[-1]
    return isinstance(last, Token) and last.text in _INDEX_SIGNS


def is_plain_label(cursor: Cursor) -> int:
    """How many items a label written on the line takes here (`W[l]`, `A[l-1]`); 0 for none."""
    if cursor.text() != "[" or cursor.spaced():
        return 0
    end = _closing(cursor.items, cursor.position, "]")
    if end is None:
        return 0
    inner = cursor.items[cursor.position + 1 : end]
    first = inner[0] if inner else None
    if not _is_index(inner) or not isinstance(first, Token) or first.text in _INDEX_SIGNS:
        return 0
    if len(inner) == 2:
        return 0
    return end + 1 - cursor.position


def is_number(node: Node) -> bool:
    """Whether a label item is a plain number."""
    return isinstance(node, Number)


def known_function(name: str) -> bool:
    """Whether a word is a function that everybody knows."""
    return name in FUNCTIONS or name.startswith(("np.", "numpy.", "tf.", "torch.", "jnp."))
