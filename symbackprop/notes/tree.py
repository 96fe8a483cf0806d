r"""Nest tokens: braces become blocks, `\begin..\end` environments, and dressing falls away.

Sizes (`\left`), colours, boxes, labels and spacing carry no meaning and are dropped here; a tag is
kept aside. Nesting is built with a stack and bounded, so that no input can exhaust recursion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from symbackprop.notes.ast import Span
from symbackprop.notes.errors import FormulaError
from symbackprop.notes.tokens import Kind, Token, cover

__all__ = [
    "ALIGNED",
    "Block",
    "Environment",
    "Item",
    "first_token",
    "is_text",
    "last_token",
    "nest",
    "span_of",
    "split_at",
    "words_of",
]

MAX_DEPTH = 40
"""Braces, brackets and environments inside one another."""


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between braces."""

    items: tuple[Item, ...]
    first: Token
    last: Token


@dataclass(frozen=True, slots=True)
class Environment:
    r"""`\begin{name} items \end{name}`."""

    name: str
    items: tuple[Item, ...]
    first: Token
    last: Token


Item = Token | Block | Environment

ALIGNED = frozenset(
    {
        "align", "aligned", "alignat", "alignedat", "eqnarray", "gather", "gathered", "split",
        "equation", "multline", "multlined", "flalign", "displaymath", "math", "dmath",
        "subequations",
    }
)  # fmt: skip
_SIZES = frozenset(
    "\\" + size + side for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")
)
_NOTHING = _SIZES | {
    "\\displaystyle", "\\textstyle", "\\scriptstyle", "\\limits", "\\nolimits", "\\nonumber",
    "\\notag", "\\left", "\\right", "\\middle", "\\hline", "\\bigskip", "\\medskip", "\\smallskip",
    "\\noindent", "\\centering", "\\hfill", "\\hfil", "\\allowbreak", "\\/", "\\begingroup",
    "\\endgroup", "\\relax", "\\qed", "\\small", "\\large", "\\normalsize", "\\footnotesize",
    "\\scriptsize", "\\protect", "\\null", "\\mathstrut", "\\strut", "\\displaylimits", "\\par",
}  # fmt: skip
_DROPPED = {
    "\\label": 1, "\\vspace": 1, "\\phantom": 1, "\\vphantom": 1, "\\hphantom": 1, "\\color": 1,
    "\\footnote": 1, "\\eqref": 1, "\\ref": 1, "\\cite": 1, "\\rule": 2, "\\require": 1,
    "\\intertext": 1, "\\shortintertext": 1, "\\class": 1, "\\cssId": 1, "\\qquad*": 0,
}  # fmt: skip
_UNWRAPPED = {
    "\\boxed": 0, "\\fbox": 0, "\\mathop": 0, "\\mathbin": 0, "\\mathrel": 0, "\\mathord": 0,
    "\\ensuremath": 0, "\\cancel": 0, "\\bcancel": 0, "\\xcancel": 0, "\\underbrace": 0,
    "\\overbrace": 0, "\\textcolor": 1, "\\colorbox": 1, "\\mathinner": 0, "\\smash": 0,
    "\\bbox": 0, "\\hl": 0, "\\framebox": 0, "\\mathclose": 0, "\\mathopen": 0, "\\mathpunct": 0,
}  # fmt: skip
_SPACES = {"\\quad", "\\qquad", "\\hspace", "\\hspace*", "\\hskip", "\\enspace", "\\enskip"}
_SWITCHES = {
    "\\bf": "\\mathbf", "\\rm": "\\mathrm", "\\cal": "\\mathcal", "\\it": "\\mathit",
    "\\sf": "\\mathsf", "\\tt": "\\mathtt", "\\boldmath": "\\mathbf", "\\bfseries": "\\mathbf",
}  # fmt: skip
_TEXTS = frozenset(
    {
        "\\text", "\\textrm", "\\mbox", "\\hbox", "\\textit", "\\textbf", "\\textsf", "\\texttt",
        "\\textnormal", "\\textsc", "\\emph",
    }
)  # fmt: skip
_COLUMNS = frozenset({"array", "tabular", "alignat", "alignedat", "subarray", "alignat*"})


def first_token(item: Item) -> Token:
    """The token that an item starts with."""
    return item if isinstance(item, Token) else item.first


def last_token(item: Item) -> Token:
    """The token that an item ends with."""
    return item if isinstance(item, Token) else item.last


def span_of(items: Sequence[Item]) -> Span:
    """The span of a run of items; an empty run has an inexact span."""
    if not items:
        return Span(-1, -1, exact=False)
    return cover(first_token(items[0]), last_token(items[-1]))


def is_text(item: Item) -> bool:
    r"""Whether the item is `\text` or one of its relatives."""
    return isinstance(item, Token) and item.kind is Kind.COMMAND and item.text in _TEXTS


def _flat(items: Sequence[Item]) -> Iterator[Token]:
    stack: list[Item] = list(reversed(items))
    while stack:
        item = stack.pop()
        if isinstance(item, Token):
            yield item
        else:
            stack.extend(reversed(item.items))


def words_of(items: Sequence[Item]) -> str:
    """The text of items as prose: tokens joined, with a space where the author had one."""
    made = "".join(
        (" " if token.spaced else "") + token.text for token in _flat(items) if not is_text(token)
    )
    return " ".join(made.split())


def split_at(items: Sequence[Item], kind: Kind) -> list[list[Item]]:
    """The items cut at every token of a kind."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.kind is kind:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


class _Frame:
    def __init__(self, opener: Token | None, name: str | None) -> None:
        self.opener = opener
        self.name = name
        self.items: list[Item] = []


def _environment_name(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    r"""The name in braces after `\begin` or `\end`, without a star, and the position after it."""
    if at >= len(tokens) or tokens[at].kind is not Kind.OPEN:
        raise FormulaError("an environment needs a name in braces", tokens[at - 1].start)
    name = ""
    for i in range(at + 1, len(tokens)):
        if tokens[i].kind is Kind.CLOSE:
            return name.rstrip("*"), i + 1
        name += tokens[i].text
    raise FormulaError("an environment needs a name in braces", tokens[at].start)


def _closed(stack: list[_Frame], token: Token, name: str | None, last: Token) -> None:
    frame = stack[-1]
    if frame.opener is None:
        what = "a brace closes" if name is None else f"\\end{{{name}}} stands"
        raise FormulaError(f"{what} here and none is open", token.start)
    if frame.name != name:
        opened = "{" if frame.name is None else f"\\begin{{{frame.name}}}"
        raise FormulaError(f"{opened} is still open here", token.start)
    stack.pop()
    items = tuple(_simplified(frame.items))
    if name is None:
        stack[-1].items.append(Block(items, frame.opener, last))
    else:
        stack[-1].items.append(Environment(name, items, frame.opener, last))


def nest(tokens: Sequence[Token]) -> tuple[tuple[Item, ...], str | None]:
    r"""Nest tokens into blocks and environments; the second value is the `\tag`, when there is one.

    Raises
    ------
    FormulaError
        Braces or environments do not match, or nest deeper than `MAX_DEPTH`.
    """
    stack = [_Frame(None, None)]
    tag: str | None = None
    position = 0
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if token.kind is Kind.OPEN:
            stack.append(_Frame(token, None))
        elif token.kind is Kind.CLOSE:
            _closed(stack, token, None, token)
        elif token.text == "\\begin" and token.kind is Kind.COMMAND:
            name, position = _environment_name(tokens, position)
            stack.append(_Frame(token, name))
            position = _skip_columns(tokens, position, name)
        elif token.text == "\\end" and token.kind is Kind.COMMAND:
            name, position = _environment_name(tokens, position)
            _closed(stack, token, name, tokens[position - 1])
        elif token.text in ("\\tag", "\\tag*") and token.kind is Kind.COMMAND:
            tag, position = _tag(tokens, position)
        else:
            stack[-1].items.append(token)
        if len(stack) > MAX_DEPTH:
            raise FormulaError(f"more than {MAX_DEPTH} braces inside one another", token.start)
    if len(stack) > 1:
        opener = stack[-1].opener
        assert opener is not None
        raise FormulaError("this opens and never closes", opener.start)
    return tuple(_simplified(stack[0].items)), tag


def _tag(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    if at >= len(tokens) or tokens[at].kind is not Kind.OPEN:
        return "", at
    text, depth = "", 0
    for i in range(at, len(tokens)):
        depth += (tokens[i].kind is Kind.OPEN) - (tokens[i].kind is Kind.CLOSE)
        if depth == 0:
            return text.strip(), i + 1
        if i > at:
            text += tokens[i].text
    raise FormulaError("the tag's brace never closes", tokens[at].start)


def _skip_columns(tokens: Sequence[Token], at: int, name: str) -> int:
    """The position after an optional `[t]` and, for arrays, the column letters in braces."""
    if at + 2 < len(tokens) and tokens[at].text == "[" and tokens[at + 2].text == "]":
        at += 3
    if name in _COLUMNS and at < len(tokens) and tokens[at].kind is Kind.OPEN:
        depth = 0
        for i in range(at, len(tokens)):
            depth += (tokens[i].kind is Kind.OPEN) - (tokens[i].kind is Kind.CLOSE)
            if depth == 0:
                return i + 1
    return at


def _simplified(items: Sequence[Item]) -> list[Item]:
    """The items without what only dresses them."""
    done: list[Item] = []
    switch: tuple[int, Token] | None = None
    position = 0
    while position < len(items):
        item = items[position]
        position += 1
        if not isinstance(item, Token) or item.kind is not Kind.COMMAND:
            done.append(item)
            continue
        text = item.text
        if text in _NOTHING:
            position = _after_size(items, position, text, done)
        elif text in _SPACES or text in _DROPPED:
            for _ in range(_DROPPED.get(text, text.startswith("\\hs"))):
                position += _is_block(items, position)
            if text in _SPACES:
                done.append(replace(item, text="\\quad"))
        elif text in _UNWRAPPED:
            position = _unwrap(items, position, text, done)
        elif text in ("\\overset", "\\stackrel", "\\underset"):
            position = _overset(items, position, item, done)
        elif text in _SWITCHES:
            if switch is None:
                switch = (len(done), replace(item, text=_SWITCHES[text]))
        elif text == "\\arg" and position < len(items):
            position = _arg(items, position, item, done)
        else:
            done.append(item)
    return done if switch is None else _switched(done, *switch)


def _switched(items: list[Item], at: int, command: Token) -> list[Item]:
    r"""`a \bf b c` as `a \mathbf{b c}`."""
    rest = items[at:]
    if not rest:
        return items
    block = rest[0]
    if len(rest) > 1 or not isinstance(block, Block):
        block = Block(tuple(rest), first_token(rest[0]), last_token(rest[-1]))
    return [*items[:at], command, block]


def _is_block(items: Sequence[Item], at: int) -> bool:
    return at < len(items) and isinstance(items[at], Block)


def _after_size(items: Sequence[Item], at: int, text: str, done: list[Item]) -> int:
    if at >= len(items):
        return at
    following = items[at]
    if not isinstance(following, Token):
        return at
    if text in ("\\left", "\\right") and following.text == ".":
        return at + 1
    if text == "\\middle" and following.text in ("|", "\\vert"):
        done.append(replace(following, kind=Kind.COMMAND, text="\\mid"))
        return at + 1
    if text.startswith(("\\left", "\\right", "\\big", "\\Big")) and following.text in ("<", ">"):
        command = "\\langle" if following.text == "<" else "\\rangle"
        done.append(replace(following, kind=Kind.COMMAND, text=command))
        return at + 1
    return at


def _unwrap(items: Sequence[Item], at: int, text: str, done: list[Item]) -> int:
    for _ in range(_UNWRAPPED[text]):
        at += _is_block(items, at)
    if at >= len(items):
        return at
    inner = items[at]
    at += 1
    if text in ("\\underbrace", "\\overbrace"):
        done.append(inner)
        script = items[at] if at < len(items) else None
        if isinstance(script, Token) and script.kind in (Kind.SUB, Kind.SUPER):
            at += 2
    elif isinstance(inner, Block):
        done.extend(inner.items)
    else:
        done.append(inner)
    return at


def _overset(items: Sequence[Item], at: int, item: Token, done: list[Item]) -> int:
    r"""`\overset{def}{=}` is the relation below; `\underset{j}{\max}` is `\max_{j}`."""
    if at + 1 >= len(items):
        done.append(item)
        return at
    script, base = items[at], items[at + 1]
    inner = base.items if isinstance(base, Block) else (base,)
    done.extend(inner)
    if item.text == "\\underset" and inner:
        spot = last_token(base)
        done.append(replace(spot, kind=Kind.SUB, text="_"))
        done.append(script)
    return at + 2


def _arg(items: Sequence[Item], at: int, item: Token, done: list[Item]) -> int:
    following = items[at]
    if isinstance(following, Token) and following.text in ("\\max", "\\min"):
        done.append(replace(item, text="\\arg" + following.text[1:]))
        return at + 1
    done.append(item)
    return at
