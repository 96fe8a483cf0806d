r"""Names and what hangs on them: accents, fonts, scripts, primes, and arguments in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.notes.ast import (
    NOWHERE,
    Accented,
    Group,
    Label,
    Name,
    Node,
    Number,
    Product,
    Space,
    Text,
)
from symbackprop.notes.cursor import ACCENTS, STYLES, Cursor
from symbackprop.notes.kinds import (
    Delimiter,
    Font,
    ProductOp,
)
from symbackprop.notes.lexicon import GREEK
from symbackprop.notes.scripts import (
    take_script,
    tex_of,
)
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Item, is_text, span_of, words_of
from symbackprop.notes.trees import MAX_DEPTH, depth, map_children

__all__ = ["parse_accent", "parse_name", "parse_style", "parse_text"]

_GREEK_NAMES = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varsigma": "sigma",
                "varrho": "rho", "varpi": "pi"}  # fmt: skip


def parse_name(cursor: Cursor) -> Node:
    r"""A bare name: a letter, a word, a Greek letter, a function, `\ell`, an unknown command."""
    start = cursor.position
    token = cursor.take()
    assert isinstance(token, Token)
    base = token.text
    if token.kind is Kind.COMMAND:
        base = base[1:]
        base = _GREEK_NAMES.get(base, base)
    name: Name = Name(base, head=token.text, span=cursor.since(start))
    following = cursor.peek()
    if (
        isinstance(following, Token)
        and following.kind is Kind.NUMBER
        and not following.spaced
        and not cursor.in_label
        and following.text.isdigit()
        and (token.kind is not Kind.COMMAND or base in GREEK)
    ):
        cursor.take()
        number = Number(following.text, span=span_of([following]))
        label = Label((number,), tex=following.text, span=number.span)
        name = replace(name, subs=(label,), plain_scripts=True, span=cursor.since(start))
    return name


def _word_text(items: Sequence[Item]) -> str:
    """The single word that items spell; empty when they spell something else."""
    text = words_of(items).replace("{", "").replace("}", "")
    joined = text.replace(" ", "").replace("-", "_").replace("_", "")
    letters = all(
        (isinstance(item, Token) and item.kind in (Kind.LETTER, Kind.WORD, Kind.NUMBER))
        or (isinstance(item, Token) and item.text in ("-", "_"))
        for item in items
    )  # fmt: skip
    if letters and joined.isalnum() and " " not in text and not joined.isdigit():
        return text
    return ""


def parse_text(cursor: Cursor) -> Node:
    r"""`\text{Div}` is a name, `\text{other terms}` is prose."""
    start = cursor.position
    cursor.take()
    body = cursor.peek()
    if body is None:
        raise cursor.error("the text is missing its braces")
    cursor.take()
    items = list(body.items) if isinstance(body, Block) else [body]
    word = _word_text(items)
    span = cursor.since(start)
    if word:
        head = tex_of(cursor.items[start : cursor.position])
        return Name(word, font=Font.ROMAN, head=head, span=span)
    return Text(words_of(items), span=span)


def _fonted(node: Node, font: Font, command: str) -> Node:
    """The node with every name in it set in a font."""

    def change(below: Node) -> Node:
        return _fonted(below, font, command)

    if isinstance(node, Label):
        return node
    if isinstance(node, Name):
        head = node.head if node.head.startswith(command) else f"{command}{{{node.head}}}"
        return replace(node, font=font, head=head, span=NOWHERE)
    return map_children(node, change)


def parse_style(cursor: Cursor) -> Node:
    r"""`\mathbf{W}`, `\mathrm{softmax}`, `\mathbb{R}^{n}`, `\operatorname*{argmax}`."""
    start = cursor.position
    command = cursor.text()
    cursor.take()
    body = cursor.peek()
    if body is None:
        raise cursor.error(f"{command} needs something to set")
    cursor.take()
    font = STYLES[command]
    items = list(body.items) if isinstance(body, Block) else [body]
    span = cursor.since(start)
    head = tex_of(cursor.items[start : cursor.position])
    inner = cursor.inside(items)
    word = _word_text(items)
    roman = font in (Font.ROMAN, Font.SANS) or command == "\\mathit"
    if word and (len(word) == 1 or roman):
        return _styled_word(cursor, word, font, head, start)
    if words_of(items).isdigit():
        return Name(words_of(items), font=font, head=head, span=span)
    if not items:
        raise cursor.error(f"{command} needs something to set")
    if roman and len(items) > 1 and "".join(words_of(items).split()).isalpha():
        return Name("".join(words_of(items).split()), font=Font.ROMAN, head=head, span=span)
    node = inner.grammar.parse_chain(inner)
    if not inner.at_end:
        raise inner.error("this cannot be set in a font")
    if depth(node) > MAX_DEPTH:
        raise inner.error(f"more than {MAX_DEPTH} formulas inside one another")
    return replace(_fonted(node, font, command), span=span)


def _styled_word(cursor: Cursor, word: str, font: Font, head: str, start: int) -> Node:
    r"""A styled single word; `\mathbb{R}` with sizes is a space, `\mathrm{d}` may be a prefix."""
    if word in ("R", "C", "Z", "N", "Q") and font is Font.BLACKBOARD:
        return _space(cursor, word, start)
    return Name(word, font=font, head=head, span=cursor.since(start))


def _space(cursor: Cursor, field_name: str, start: int) -> Node:
    sizes: tuple[Node, ...] = ()
    if cursor.kind() is Kind.SUPER:
        cursor.take()
        items = take_script(cursor)
        inner = cursor.inside(items, in_label=True)
        node = inner.grammar.parse_chain(inner)
        if not inner.at_end and inner.text() != ",":
            raise inner.error("this is not a size")
        sizes = _sizes(node)
        while inner.text() == ",":
            inner.take()
            sizes = (*sizes, inner.grammar.parse_chain(inner))
    elif cursor.kind() is Kind.SUB:
        cursor.take()
        take_script(cursor)
    return Space(field_name, sizes, span=cursor.since(start))


def _sizes(node: Node) -> tuple[Node, ...]:
    r"""`h \times n` as two sizes, `(h, n)` as two, `d_k` as one."""
    if isinstance(node, Group) and node.delimiter is not Delimiter.BRACE:
        return _sizes(node.items[0]) if len(node.items) == 1 else node.items
    if isinstance(node, Product):
        parts: list[list[Node]] = [[node.factors[0]]]
        kept: list[list[int]] = [[]]
        for i, joint in enumerate(node.joints):
            if joint.op in (ProductOp.TIMES, ProductOp.STAR, ProductOp.AST):
                parts.append([node.factors[i + 1]])
                kept.append([])
            else:
                parts[-1].append(node.factors[i + 1])
                kept[-1].append(i)
        return tuple(
            part[0]
            if len(part) == 1
            else Product(tuple(part), tuple(node.joints[i] for i in joints), span=part[0].span)
            for part, joints in zip(parts, kept, strict=True)
        )
    return (node,)


def parse_accent(cursor: Cursor) -> Node:
    r"""`\hat{y}`, `\bar{W}`, `\widetilde c`; on more than a name it stays an accent."""
    start = cursor.position
    command = cursor.text()
    accent = ACCENTS[command]
    cursor.take()
    body = cursor.peek()
    if body is None:
        raise cursor.error(f"{command} needs something below it")
    if isinstance(body, Block):
        cursor.take()
        inner = cursor.inside(body.items)
        node = inner.grammar.parse_chain(inner)
        if not inner.at_end:
            raise inner.error("this cannot carry an accent")
    elif cursor.text() in STYLES:
        node = parse_style(cursor)
    elif cursor.text() in ACCENTS:
        cursor.enter()
        node = parse_accent(cursor)
        cursor.leave()
    elif is_text(body):
        node = parse_text(cursor)
    else:
        node = parse_name(cursor) if isinstance(body, Token) else Text("")
    span = cursor.since(start)
    if isinstance(node, Name):
        head = f"{command}{{{node.head}}}"
        return replace(node, accents=(accent, *node.accents), head=head, span=span)
    return Accented(node, accent, span=span)
