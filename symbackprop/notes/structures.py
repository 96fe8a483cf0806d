r"""Two-dimensional pieces: matrices, cases, and what stands between bars."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.notes.ast import (
    Case,
    Cases,
    Comparison,
    Indicator,
    Matrix,
    Missing,
    Name,
    Node,
    Norm,
    Opaque,
    Row,
    Text,
)
from symbackprop.notes.cursor import BARS, Cursor
from symbackprop.notes.errors import FormulaError
from symbackprop.notes.scripts import tex_of
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import (
    Block,
    Environment,
    Item,
    is_text,
    span_of,
    split_at,
    words_of,
)
from symbackprop.notes.trees import MAX_DEPTH, depth

__all__ = ["condition_of", "parse_bars", "parse_environment", "split_condition"]

_MATRICES = frozenset(
    {"matrix", "bmatrix", "pmatrix", "vmatrix", "Vmatrix", "Bmatrix", "smallmatrix", "array",
     "psmallmatrix", "bsmallmatrix"}
)  # fmt: skip
_CASES = frozenset({"cases", "dcases", "rcases", "numcases"})
_WHEN = ("if", "for", "when", "whenever", "where", "iff", "unless", "on", "in case", "as")
_ELSE = ("otherwise", "else", "elsewhere", "if otherwise", "in other cases", "or else", "o.w.")
_DOUBLE = frozenset({"\\|", "\\Vert", "\\lVert", "\\rVert"})


def parse_environment(cursor: Cursor, item: Environment) -> Node:
    """A matrix, cases, or an error that names the environment."""
    if item.name in _MATRICES:
        return _matrix(cursor, item)
    if item.name in _CASES:
        return _cases(cursor, item)
    raise FormulaError(f"the environment {item.name} is not understood here", item.first.start)


def _rows(items: Sequence[Item]) -> list[list[list[Item]]]:
    rows = [split_at(row, Kind.AMPERSAND) for row in split_at(items, Kind.NEWLINE)]
    return [row for row in rows if any(row)]


def _whole(cursor: Cursor, items: Sequence[Item]) -> Node:
    inner = cursor.inside(items)
    try:
        node = inner.grammar.parse_chain(inner)
        if not inner.at_end:
            raise inner.error("this is not part of a formula")
        if depth(node) > MAX_DEPTH:
            raise inner.error(f"more than {MAX_DEPTH} formulas inside one another")
    except FormulaError as error:
        return Opaque(tex_of(items), error.message, span=span_of(items))
    return node


def _matrix(cursor: Cursor, item: Environment) -> Matrix:
    rows = []
    for cells in _rows(item.items):
        entries = tuple(_whole(cursor, cell) if cell else Missing() for cell in cells)
        span = span_of([entry for cell in cells for entry in cell])
        rows.append(Row(entries, span=span))
    return Matrix(tuple(rows), item.name, span=span_of([item]))


def _trimmed(items: Sequence[Item]) -> list[Item]:
    """The items without punctuation and space at either end."""
    idle = (",", ";", ".", "\\quad", "\\qquad", ":")
    kept = list(items)
    while kept and isinstance(kept[-1], Token) and kept[-1].text in idle:
        kept.pop()
    while kept and isinstance(kept[0], Token) and kept[0].text in idle:
        kept.pop(0)
    return kept


def _unwrapped(items: Sequence[Item]) -> list[Item]:
    r"""The items of a condition with `\text` unpacked, so that `if $x > 0$` reads on."""
    done: list[Item] = []
    position = 0
    while position < len(items):
        item = items[position]
        position += 1
        if is_text(item) and position < len(items):
            body = items[position]
            position += 1
            inner = body.items if isinstance(body, Block) else (body,)
            done.extend(part for part in inner if not _is_dollar(part))
        else:
            done.append(item)
    return done


def _is_dollar(item: Item) -> bool:
    return isinstance(item, Token) and item.text in ("$", "\\(", "\\)")


def _leading_word(items: Sequence[Item]) -> tuple[str, int]:
    """The run of letters that items start with, and how many items it takes."""
    word, taken = "", 0
    for item in items:
        if not isinstance(item, Token) or item.kind not in (Kind.LETTER, Kind.WORD):
            break
        if taken and item.spaced:
            break
        word += item.text
        taken += 1
    return word, taken


def condition_of(cursor: Cursor, items: Sequence[Item]) -> tuple[Node | None, bool]:
    """The condition that items state, and whether it is `otherwise`."""
    rest = _trimmed(_unwrapped(items))
    text = words_of(rest).rstrip(".")
    if text.lower() in _ELSE or not rest:
        return None, bool(rest)
    word, taken = _leading_word(rest)
    while word.lower() in (*_WHEN, "all", "any", "and"):
        rest = rest[taken:]
        word, taken = _leading_word(rest)
    rest = _trimmed(rest)
    if not rest:
        return None, False
    node = _whole(cursor, rest)
    if not isinstance(node, Comparison | Indicator) and not _is_index(node):
        return Text(words_of(rest), span=span_of(items)), False
    return node, False


def _is_index(node: Node) -> bool:
    """Whether a condition is only an index, as in `for all i`."""
    return isinstance(node, Name) and len(node.base) == 1


def split_condition(items: Sequence[Item]) -> tuple[list[Item], list[Item] | None]:
    r"""Split `1 \text{ if } i = j` into the value and the condition with its word."""
    for i, item in enumerate(items):
        word = ""
        if is_text(item) and i + 1 < len(items):
            word = words_of([items[i + 1]]).strip("{} ").lower()
        elif isinstance(item, Token) and item.kind is Kind.WORD:
            word = item.text
        elif isinstance(item, Token) and item.text == "\\forall":
            word = "for"
        if word.split(" ")[0].rstrip(",") in (*_WHEN, "otherwise", "else", "elsewhere"):
            return list(items[:i]), list(items[i:])
        if len(word) > 2 and word[0].isdigit() and word.split(" ")[-1] in _ELSE:
            return _number_in_text(items, i)
    return list(items), None


def _number_in_text(items: Sequence[Item], at: int) -> tuple[list[Item], list[Item]]:
    r"""`\text{0 otherwise}` as the value 0 and the rest."""
    body = items[at + 1]
    assert isinstance(body, Block)
    number = body.items[0]
    rest = Block(body.items[1:], body.first, body.last)
    return [*items[:at], number], [items[at], rest, *items[at + 2 :]]


def _cases(cursor: Cursor, item: Environment) -> Cases:
    made = []
    for cells in _rows(item.items):
        value_items = _trimmed(cells[0])
        condition_items = [part for cell in cells[1:] for part in cell]
        if not condition_items:
            value_items, found = split_condition(value_items)
            value_items, condition_items = _trimmed(value_items), found or []
        value = _whole(cursor, value_items) if value_items else Missing()
        condition, otherwise = condition_of(cursor, condition_items)
        span = span_of([part for cell in cells for part in cell])
        made.append(Case(value, condition, otherwise, span=span))
    return Cases(tuple(made), span=span_of([item]))


def parse_bars(cursor: Cursor) -> Node:
    r"""`|x|` and `\|x\|`, with the label that names the norm."""
    start = cursor.position
    token = cursor.take()
    assert isinstance(token, Token)
    double = token.text in _DOUBLE
    if cursor.text() == "|" and not cursor.spaced() and token.text == "|":
        cursor.take()
        double = True
    outer, cursor.bars = cursor.bars, 1
    calls, cursor.calls = cursor.calls, True
    body = cursor.grammar.parse_chain(cursor)
    if cursor.text() not in BARS:
        raise cursor.error("a bar opens and never closes")
    closing = cursor.take()
    if double and token.text == "|" and cursor.text() == "|":
        cursor.take()
    elif isinstance(closing, Token) and (closing.text in _DOUBLE) != double and token.text != "|":
        raise cursor.error("a bar is closed by another kind of bar")
    cursor.bars, cursor.calls = outer, calls
    return Norm(body, double, span=cursor.since(start))
