r"""Shapes that a document states: `X \in \mathbb{R}^{N \times D}`, lists, and prose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.document import Document
from symbackprop.notes.kinds import ProductOp, Relation
from symbackprop.notes.resolve.profile import Profile, Ref
from symbackprop.notes.resolve.prose import shape_lines
from symbackprop.notes.statements import Fragment, Parsed, Statement, parse_formula

__all__ = ["name_in", "shape_key", "stated_shapes"]

VECTOR = ""
"""The second size of a vector, which may be a column or a row."""

_SAYS = r"[^$.;]{0,40}?\b(?:is|are|has|have|of|shape|shapes|size|dimensions?)\b[^$.;]{0,30}?"
_PROSE = re.compile(
    r"\$(?P<name>[^$]{1,30})\$(?:" + _SAYS + r"|[^$.;]{0,8}(?:维度|形状|大小)[^$.;]{0,4})"
    r"\$(?P<shape>[^$]{3,40})\$"
)


def stated_shapes(
    document: Document, parsed: list[Parsed], profile: Profile
) -> dict[str, tuple[str, str]]:
    """The two sizes of every name whose shape the document states."""
    shapes: dict[str, tuple[str, str]] = {}
    for node, pair in (*_listed(document), *_members(parsed), *_told(document)):
        ref = profile.ref(node)
        if ref.comps or ref.power is not None:
            continue
        shapes.setdefault(shape_key(ref), pair)
    return shapes


def shape_key(ref: Ref) -> str:
    """What the shape of a name is kept under: its key, with the numbers of its labels."""
    marks = (label.text if isinstance(label, ast.Number) else "?" for label in ref.labels)
    return ref.key + "".join(f"[{mark}]" for mark in marks)


def _listed(document: Document) -> Iterator[tuple[Name, tuple[str, str]]]:
    """Names with sizes in lists such as `- W: (h, n)`."""
    for text, first, second in shape_lines(document):
        node = name_in(document, text)
        if node is not None:
            yield node, (first, second)


def name_in(document: Document, text: str) -> Name | None:
    """The name that a text is, if it is one."""
    if "^(" in text:
        text = text.replace("^(", "^{(").replace(")", ")}")
    parsed = parse_formula(text, document.macros, document.vocabulary)
    part = parsed.parts[0] if len(parsed.parts) == 1 else None
    node = part.node if isinstance(part, Fragment) else None
    return node if isinstance(node, Name) else None


def _members(parsed: list[Parsed]) -> Iterator[tuple[Name, tuple[str, str]]]:
    r"""Names that lie in some `\mathbb{R}^{a \times b}`, those before a comma included."""
    for one in parsed:
        waiting: list[Name] = []
        for part in one.parts:
            if isinstance(part, Fragment):
                waiting = [*waiting, part.node] if isinstance(part.node, Name) else []
                continue
            if isinstance(part, Statement):
                pair = _space(part)
                if pair is not None:
                    here = [side for side in part.sides[:-1] if isinstance(side, Name)]
                    for node in (*waiting, *here[:1]):
                        yield node, pair
            waiting = []


def _space(statement: Statement) -> tuple[str, str] | None:
    last = statement.sides[-1]
    if not isinstance(last, ast.Space) or statement.relations[-1] is not Relation.IN:
        return None
    if last.field_name != "R":
        return None
    if not last.sizes:
        return ("1", "1")
    return _pair(list(last.sizes))


def _pair(sizes: list[Node]) -> tuple[str, str] | None:
    if len(sizes) > 2:
        return None
    texts = [_size(node) for node in sizes]
    if any(text is None for text in texts):
        return None
    first, second = (*texts, VECTOR)[:2]
    assert first is not None
    assert second is not None
    return first, second


def _size(node: Node) -> str | None:
    """A size as a word; none for a product or a sum."""
    if isinstance(node, ast.Number) and node.text.isdigit():
        return node.text
    if not isinstance(node, Name) or node.primes:
        return None
    marks = ""
    for label in (*node.subs, *node.sups):
        if len(label.items) != 1:
            return None
        item = label.items[0]
        if isinstance(item, Name) and not item.subs and not item.sups:
            if item.base in ("l", "ell", "k", "L"):
                return f"{node.base}^{item.base}"
            marks += "_" + item.base
        elif isinstance(item, ast.Number):
            marks += "_" + item.text
        else:
            return f"{node.base}^?"
    return node.base + marks


def _told(document: Document) -> Iterator[tuple[Name, tuple[str, str]]]:
    """Names that prose gives a shape: `$X$ is of shape $(n, m)$`."""
    for line in document.prose:
        for match in _PROSE.finditer(line.text):
            node = name_in(document, match["name"])
            parsed = parse_formula(match["shape"], document.macros, document.vocabulary)
            part = parsed.parts[0] if len(parsed.parts) == 1 else None
            if node is None or not isinstance(part, Fragment):
                continue
            pair = _sizes(part.node)
            if pair is not None:
                yield node, pair


def _sizes(node: Node) -> tuple[str, str] | None:
    r"""The sizes in `(a, b)` or `a \times b`."""
    if isinstance(node, ast.Group) and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, ast.Group) and len(node.items) == 2:
        return _pair(list(node.items))
    if isinstance(node, ast.Product) and len(node.factors) == 2:
        if node.joints[0].op is ProductOp.TIMES:
            return _pair(list(node.factors))
    return None
