r"""Cut a display into pieces: one relation chain, condition or remark each.

Rows, wide spaces, commas, arrows and connecting words separate; a row that starts or ends with an
operator continues, brackets hold together what is in them.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from symbackprop.notes.cursor import ARROWS, CLOSERS, DOTS, JOINTS, OPENERS, RELATIONS
from symbackprop.notes.kinds import Relation
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import ALIGNED, Block, Environment, Item, is_text, split_at, words_of

__all__ = ["Connective", "Piece", "Role", "depths", "pieces_of"]


class Connective(enum.Enum):
    """How a piece follows from the one before it."""

    NONE = "none"
    IMPLIED = "implied"
    BECAUSE = "because"
    AND = "and"
    WHERE = "where"


class Role(enum.Enum):
    """What a piece is."""

    FORMULA = "formula"
    CONDITION = "condition"
    SEQUENCE = "sequence"
    NOTE = "note"


@dataclass(slots=True)
class Piece:
    """Items between two separators; `leads` marks a condition that stands before its statement."""

    items: list[Item]
    connective: Connective = Connective.NONE
    role: Role = Role.FORMULA
    leads: bool = False
    separator: str = field(default="")


_CONDITIONS = frozenset({"if", "for", "when", "whenever", "iff", "unless", "forall", "as", "on"})
_WHERE = frozenset({"where", "with", "given", "let", "setting", "assuming", "assume", "using"})
_BECAUSE = frozenset({"since", "because", "as"})
_IMPLIED = frozenset({"so", "thus", "hence", "therefore", "then", "gives", "yields", "implies"})
_AND = frozenset({"and", "or", "but", "also", "while", "whereas", "similarly", "likewise"})
_ELSE = frozenset({"otherwise", "else", "elsewhere"})
_SYSTEMS = frozenset({"cases", "array", "dcases", "rcases", "matrix", "tabular"})
_IMPLICATIONS = frozenset(
    {"\\Rightarrow", "\\implies", "\\Longrightarrow", "\\iff", "\\Leftrightarrow",
     "\\Longleftrightarrow", "\\therefore", "\\leadsto", "\\rightsquigarrow", "\\Leftarrow",
     "\\impliedby", "\\Longleftarrow", "\\because"}
)  # fmt: skip
_SIGNS = frozenset({"+", "-", "\\pm", "\\mp", "/"})
_MODIFIERS = frozenset({"+", "\\pm", "/"}) | frozenset(JOINTS)


def depths(items: Sequence[Item]) -> list[int]:
    """How many matched brackets each item stands in; brackets themselves count as inside."""
    pairs: list[tuple[int, int]] = []
    stack: list[int] = []
    for i, item in enumerate(items):
        text = item.text if isinstance(item, Token) else ""
        if text in OPENERS:
            stack.append(i)
        elif text in CLOSERS and stack:
            pairs.append((stack.pop(), i))
    change = [0] * (len(items) + 1)
    for start, end in pairs:
        change[start] += 1
        change[end + 1] -= 1
    made, depth = [], 0
    for step in change[:-1]:
        depth += step
        made.append(depth)
    return made


def _text(item: Item | None) -> str:
    return item.text if isinstance(item, Token) else ""


def _newline(near: Item) -> Token:
    spot = near if isinstance(near, Token) else near.first
    return replace(spot, kind=Kind.NEWLINE, text="\\\\")


def _flattened(items: Sequence[Item]) -> list[Item]:
    """The items with the rows of alignment environments among them."""
    done: list[Item] = []
    changed = False
    for item in items:
        if isinstance(item, Environment) and item.name in ALIGNED:
            done.extend((_newline(item), *item.items, _newline(item)))
            changed = True
        else:
            done.append(item)
    if changed:
        return _flattened(done)
    system = _system(done)
    return done if system is None else _flattened(system)


def _system(items: list[Item]) -> list[Item] | None:
    """The rows of a lone array or cases whose rows are equations; None for anything else."""
    kept = [item for item in items if _text(item) not in ("\\{", "\\}", ",", ".", ";")]
    if len(kept) != 1 or not isinstance(kept[0], Environment) or kept[0].name not in _SYSTEMS:
        return None
    rows = [row for row in split_at(kept[0].items, Kind.NEWLINE) if row]
    if not rows or not all(_states(row) for row in rows):
        return None
    return list(kept[0].items)


def _states(row: list[Item]) -> bool:
    """Whether a row of an array is an equation: its relation stands before or after the first &."""
    cells = split_at(row, Kind.AMPERSAND)
    opens = len(cells) > 1 and bool(cells[1]) and _text(cells[1][0]) in RELATIONS
    return opens or any(_text(item) in RELATIONS for item in cells[0])


def _without_alignment(row: list[Item]) -> list[Item]:
    """The row with `&` dropped where it aligns, and made a wide space where it separates."""
    done: list[Item] = []
    for i, item in enumerate(row):
        if not isinstance(item, Token) or item.kind is not Kind.AMPERSAND:
            done.append(item)
            continue
        before = _text(done[-1]) if done else "\\\\"
        after = _text(row[i + 1]) if i + 1 < len(row) else "\\\\"
        if not _aligns(before) and not _aligns(after):
            done.append(replace(item, kind=Kind.COMMAND, text="\\quad"))
    return done


def _aligns(text: str) -> bool:
    return (
        text in RELATIONS
        or text in _MODIFIERS
        or text in ("-", "&", "\\\\", "\\quad", "\\qquad")
        or text in ARROWS
    )


def _trim(items: list[Item]) -> list[Item]:
    while items and _text(items[-1]) in ("\\quad", "\\qquad", ",", ";"):
        items = items[:-1]
    while items and _text(items[0]) in ("\\quad", "\\qquad", ",", ";"):
        items = items[1:]
    if items and _text(items[-1]) == "." and (len(items) < 2 or _text(items[-2]) != "."):
        items = items[:-1]
    if len(items) > 4 and _text(items[-4]) == "." and _is_tag(items[-3:]):
        items = items[:-4]
    return items


def _rows(items: Sequence[Item]) -> list[list[Item]]:
    """The rows of a display, continued ones joined."""
    depth = depths(items)
    rows: list[list[Item]] = [[]]
    for item, here in zip(items, depth, strict=True):
        if isinstance(item, Token) and item.kind is Kind.NEWLINE and here == 0:
            rows.append([])
        else:
            rows[-1].append(item)
    done: list[list[Item]] = []
    for row in rows:
        clean = _trim(_without_alignment(row))
        if not clean:
            continue
        if done and _continues(done[-1], clean):
            done[-1] = [*done[-1], *clean]
        else:
            done.append(clean)
    return done


def _continues(before: list[Item], row: list[Item]) -> bool:
    """Whether a row goes on with the one before: an operator stands at the cut."""
    last, first = _text(before[-1]), _text(row[0])
    if last in _MODIFIERS or last == "-" or (last in RELATIONS and last != ":"):
        return first not in RELATIONS
    if first in _MODIFIERS and first != ".":
        return True
    states = any(_text(item) in RELATIONS for item in row)
    return first == "-" and not states


def pieces_of(items: Sequence[Item]) -> list[Piece]:
    """The pieces of a display in order."""
    done: list[Piece] = []
    for row in _rows(_flattened(items)):
        cut = _arrows(_cut(row))
        done.extend(_roles(cut))
    return done


def _cut(row: list[Item]) -> list[Piece]:
    """Cut a row at separators outside brackets; each piece remembers what stood before it."""
    depth = depths(row)
    pieces = [Piece([])]
    position = 0
    while position < len(row):
        item = row[position]
        text = _text(item)
        width = 0
        connective = Connective.NONE
        if depth[position] == 0:
            if text in ("\\quad", "\\qquad", ",", ";") or _ends(row, position, text):
                width = 1
            elif text in ARROWS:
                width, connective = 1, _arrow(text)
            elif is_text(item) and position + 1 < len(row):
                width, connective = _separating_text(row, position)
        if width:
            marker = "text" if is_text(item) else text
            pieces.append(Piece([], connective, separator=marker))
            if marker == "text" and connective is Connective.NONE:
                pieces[-1].items = row[position : position + width]
                pieces[-1].role = Role.NOTE
                pieces.append(Piece([], separator="text"))
            position += width
        else:
            pieces[-1].items.append(item)
            position += 1
    return pieces


def _ends(row: list[Item], position: int, text: str) -> bool:
    """Whether a full stop ends a sentence inside the row."""
    if text != "." or position + 1 >= len(row):
        return False
    return _text(row[position + 1]) in ("\\quad", "\\qquad", "\\\\")


def _arrow(text: str) -> Connective:
    if ARROWS[text] is Relation.ASSIGNED:
        return Connective.BECAUSE
    return Connective.IMPLIED


def _separating_text(row: list[Item], position: int) -> tuple[int, Connective]:
    """Whether a text separates: a connecting word, or prose that is no factor."""
    words = words_of([row[position + 1]]).strip("{} ")
    bare = words.rstrip(" ,:;.").lower()
    first = bare.split(" ")[0] if bare else ""
    if bare in _AND or (first in ("and",) and len(bare.split(" ")) < 3):
        return 2, Connective.AND
    if bare in _IMPLIED:
        return 2, Connective.IMPLIED
    if bare in _WHERE:
        return 2, Connective.WHERE
    if bare in _BECAUSE:
        return 2, Connective.BECAUSE
    if first.rstrip(",") in _CONDITIONS | _ELSE or words[:1].isdigit() or "$" in words:
        return 0, Connective.NONE
    before = _text(row[position - 1]) if position else ""
    factor = before in _SIGNS or before in JOINTS or before in RELATIONS or before in OPENERS
    if factor or " " not in words:
        return 0, Connective.NONE
    return 2, Connective.NONE


def _has_relation(items: Sequence[Item]) -> bool:
    depth = depths(items)
    return any(
        here == 0 and (_text(item) in RELATIONS or _text(item) == "\\not")
        for item, here in zip(items, depth, strict=True)
    )


def _arrows(pieces: list[Piece]) -> list[Piece]:
    r"""Join pieces again where a plain arrow is a relation: `W \leftarrow W - g`, `f: A \to B`."""
    done: list[Piece] = []
    for piece in pieces:
        plain = piece.separator in ARROWS and piece.separator not in _IMPLICATIONS
        before = done[-1] if done else None
        if plain and before is not None and before.items and piece.items:
            mapping = any(_text(item) in (":", "\\colon") for item in before.items)
            stated = _has_relation(before.items) or _has_relation(piece.items)
            if mapping or not stated:
                arrow = _arrow_token(before.items[-1], piece.separator)
                before.items.extend((arrow, *piece.items))
                continue
        done.append(piece)
    return done


def _arrow_token(near: Item, text: str) -> Token:
    spot = near if isinstance(near, Token) else near.last
    return replace(spot, kind=Kind.COMMAND, text=text, start=spot.end)


def _condition_word(items: Sequence[Item]) -> bool:
    """Whether items start with if, for, when."""
    if not items:
        return False
    first = items[0]
    if is_text(first) and len(items) > 1:
        word = words_of([items[1]]).strip("{} ").lower().split(" ")[0].rstrip(",")
    elif isinstance(first, Token) and first.kind is Kind.WORD:
        word = first.text
    else:
        word = _text(first).lstrip("\\")
    return word in _CONDITIONS or word in _ELSE


def _is_tag(items: Sequence[Item]) -> bool:
    """Whether items are an equation number in brackets."""
    if not 3 <= len(items) <= 5 or _text(items[0]) not in ("(", "["):
        return False
    inner = items[1:-1]
    return all(isinstance(item, Token) and item.kind is Kind.NUMBER for item in inner) and (
        _text(items[-1]) in (")", "]")
    )


def _is_dots(items: Sequence[Item]) -> bool:
    return bool(items) and all(_text(item) in DOTS or _text(item) == "." for item in items)


def _roles(pieces: list[Piece]) -> list[Piece]:
    """Say what each piece of a row is; glue what an operator joins across a separator."""
    done: list[Piece] = []
    listing = False
    for piece in pieces:
        piece.items = _trim(piece.items)
        if not piece.items:
            if piece.connective is not Connective.NONE:
                done.append(piece)
            continue
        before = done[-1] if done else None
        if before is not None and not before.items:
            done.pop()
            if piece.connective is Connective.NONE:
                piece.connective = before.connective
            before = done[-1] if done else None
        if piece.role is Role.NOTE:
            listing = False
        elif _condition_word(piece.items):
            piece.role, listing = Role.CONDITION, False
            piece.leads = not any(p.role is Role.FORMULA for p in done)
        elif before is not None and before.role is Role.FORMULA and _is_tag(piece.items):
            piece.role = Role.NOTE
        elif before is not None and _glues(before, piece):
            before.items.extend(piece.items)
            continue
        elif before is not None and (_is_dots(piece.items) or listing) and piece.separator == ",":
            piece.role, listing = Role.SEQUENCE, not _has_relation(piece.items)
            if not listing:
                piece.role = Role.FORMULA
        else:
            listing = False
        done.append(piece)
    return [piece for piece in done if piece.items]


def _glues(before: Piece, piece: Piece) -> bool:
    """Whether an operator at the cut joins two pieces, or a relation continues over a space."""
    if before.role is not Role.FORMULA or piece.separator not in ("\\quad", "\\qquad"):
        return False
    last, first = _text(before.items[-1]), _text(piece.items[0])
    if last in _MODIFIERS or last in ("-", "=") or last in RELATIONS:
        return True
    return first in _MODIFIERS or first in RELATIONS or first == "-" or _is_block(piece)


def _is_block(piece: Piece) -> bool:
    return len(piece.items) == 1 and isinstance(piece.items[0], Block)
