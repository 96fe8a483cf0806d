r"""Names and what hangs on them: accents, fonts, scripts, primes, and arguments in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.notes.ast import (
    Accented,
    Apply,
    Comparison,
    Group,
    Indexed,
    Indicator,
    Joint,
    Label,
    Name,
    Node,
    Norm,
    Number,
    Power,
    Prefixed,
    Primed,
    Product,
    Space,
    Span,
    Text,
    Transposed,
)
from symbackprop.notes.cursor import ACCENTS, BARS, CLOSERS, OPENERS, STYLES, Cursor
from symbackprop.notes.kinds import (
    Bracket,
    Delimiter,
    Font,
    Prefix,
    ProductOp,
    Relation,
    TransposeStyle,
)
from symbackprop.notes.lexicon import ACTIVATIONS, GREEK
from symbackprop.notes.scripts import (
    is_plain_label,
    known_function,
    label_of,
    read_script,
    take_script,
    tex_of,
)
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Item, is_text, span_of, words_of
from symbackprop.notes.trees import map_children

__all__ = [
    "apply_if_called",
    "attach_scripts",
    "parse_accent",
    "parse_group",
    "parse_name",
    "parse_style",
    "parse_text",
]

_BARE_FUNCTIONS = ACTIVATIONS | frozenset(
    """exp log ln lg sin cos tan cot sinh cosh coth sech tr Tr trace det rank vec Vec diag Diag sgn
    sign max min argmax argmin arctan erf abs lim Var var Cov""".split()
)
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
        return replace(node, font=font, head=head)
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
    return replace(_fonted(node, font, command), span=span)


def _styled_word(cursor: Cursor, word: str, font: Font, head: str, start: int) -> Node:
    """A styled single word; `\\mathbb{R}` with sizes is a space, `\\mathrm{d}` may be a prefix."""
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


def _with_label(node: Node, label: Label, superscript: bool) -> Node:
    """The node with one more label."""
    if isinstance(node, Name):
        if superscript:
            return replace(node, sups=(*node.sups, label))
        return replace(node, subs=(*node.subs, label))
    if isinstance(node, Prefixed) and isinstance(node.operand, Name | Prefixed):
        return replace(node, operand=_with_label(node.operand, label, superscript))
    if isinstance(node, Norm) and not superscript and node.label is None:
        return replace(node, label=label)
    if superscript and label.bracket is Bracket.NONE and len(label.items) == 1:
        return Power(node, label.items[0])
    return Indexed(node, label, superscript)


def _with_primes(node: Node, count: int) -> Node:
    if isinstance(node, Name):
        return replace(node, primes=node.primes + count)
    return Primed(node, count)


def attach_scripts(cursor: Cursor, node: Node, start: int) -> Node:
    """Hang the scripts, primes and plain labels that follow on a node."""
    transposes: list[tuple[TransposeStyle, bool]] = []
    while True:
        before = cursor.position
        kind = cursor.kind()
        if kind in (Kind.SUPER, Kind.SUB):
            cursor.take()
            items = take_script(cursor)
            script = read_script(cursor, items, kind is Kind.SUPER)
            for label in script.labels:
                node = replace(
                    _with_label(node, label, kind is Kind.SUPER), span=cursor.since(start)
                )
            if script.primes:
                node = replace(_with_primes(node, script.primes), span=cursor.since(start))
            transposes.extend((style, bool(script.labels)) for style in script.transposes)
        elif kind is Kind.PRIME:
            count = 0
            while cursor.kind() is Kind.PRIME:
                cursor.take()
                count += 1
            node = replace(_with_primes(node, count), span=cursor.since(start))
        elif _plain_label(cursor, node):
            node = _take_plain_label(cursor, node, start)
        elif _dot_transpose(cursor, before > start):
            cursor.take()
            cursor.take()
            transposes.append((TransposeStyle.DOT_T, False))
        else:
            break
    for style, inside in transposes:
        node = Transposed(node, style, inside, span=cursor.since(start))
    return node


def _plain_label(cursor: Cursor, node: Node) -> bool:
    if not isinstance(node, Name | Prefixed):
        return False
    item = cursor.peek()
    if isinstance(item, Block) and not cursor.spaced() and item.items:
        inner = cursor.inside(item.items)
        return is_plain_label(inner) == len(inner.items)
    if isinstance(node, Name) and known_function(node.base) and node.base not in ACTIVATIONS:
        return False
    return is_plain_label(cursor) > 0


def _take_plain_label(cursor: Cursor, node: Node, start: int) -> Node:
    item = cursor.peek()
    if isinstance(item, Block):
        cursor.take()
        whole = list(item.items)
    else:
        count = is_plain_label(cursor)
        whole = [cursor.take() for _ in range(count)]
    label = label_of(cursor, whole[1:-1], Bracket.SQUARE, whole)
    made = replace(_with_label(node, label, superscript=True), span=cursor.since(start))
    return replace(made, plain_scripts=True) if isinstance(made, Name) else made


def _dot_transpose(cursor: Cursor, something: bool) -> bool:
    """Whether `.T` follows, as in `W.T`."""
    return (
        something
        and cursor.text() == "."
        and cursor.text(1) == "T"
        and not cursor.spaced(1)
        and cursor.kind(2) not in (Kind.SUB, Kind.SUPER)
    )


def parse_group(cursor: Cursor) -> Group:
    """What brackets hold: one item, or several between commas."""
    start = cursor.position
    opener = OPENERS[cursor.text()]
    cursor.take()
    bars, cursor.bars = cursor.bars, 0
    calls, cursor.calls = cursor.calls, True
    items: list[Node] = []
    while True:
        _skip_layout(cursor)
        if cursor.text() in CLOSERS:
            break
        if cursor.at_end:
            raise cursor.error(f"{opener.value[0]} opens and never closes")
        items.append(cursor.grammar.parse_chain(cursor))
        _skip_layout(cursor)
        if cursor.text() in (",", ";", ":") or (cursor.text() in BARS and cursor.bars == 0):
            cursor.take()
        elif cursor.text() not in CLOSERS and not cursor.at_end:
            raise cursor.error(f"expected a comma or {opener.value[1]}")
    closer = CLOSERS[cursor.text()]
    cursor.take()
    cursor.bars, cursor.calls = bars, calls
    delimiter = opener
    if opener is not closer:
        pairs = {
            (Delimiter.ROUND, Delimiter.SQUARE): Delimiter.OPEN_HALF,
            (Delimiter.SQUARE, Delimiter.ROUND): Delimiter.HALF_OPEN,
        }
        if (opener, closer) not in pairs or len(items) != 2:
            raise cursor.error(f"{opener.value[0]} is closed by {closer.value[1]}")
        delimiter = pairs[opener, closer]
    return Group(tuple(items), delimiter, span=cursor.since(start))


def _skip_layout(cursor: Cursor) -> None:
    while cursor.kind() in (Kind.NEWLINE, Kind.AMPERSAND) or cursor.text() in ("\\quad", "\\qquad"):
        cursor.take()


def _function_base(node: Node) -> str:
    """The word that a function is called by, below powers and prefixes."""
    while isinstance(node, Power | Primed):
        node = node.base
    return node.base if isinstance(node, Name) else ""


def apply_if_called(cursor: Cursor, node: Node, start: int) -> Node:
    """Apply a name to the brackets, or the bare argument, that follow it."""
    if not isinstance(node, Name | Primed | Prefixed | Power):
        return node
    base = _function_base(node)
    if base == "1" and isinstance(node, Name):
        return _indicator(cursor, node, start)
    known = known_function(base)
    text = cursor.text()
    if isinstance(node, Power) and not known:
        return node
    if text == "(" or (text in OPENERS and known and not cursor.in_label):
        if cursor.in_label and not known:
            return node
        group = parse_group(cursor)
        primed = (isinstance(node, Name) and node.primes > 0) or isinstance(node, Primed)
        certain = (
            known
            or primed
            or len(group.items) != 1
            or (isinstance(node, Name) and "." in node.base)
        )
        return Apply(
            node, group.items, certain, delimiter=group.delimiter, span=cursor.since(start)
        )
    if known and base in _BARE_FUNCTIONS and cursor.starts_factor() and not cursor.in_label:
        argument = _bare_argument(cursor)
        return Apply(node, (argument,), certain=True, bare=True, span=cursor.since(start))
    return node


def _bare_argument(cursor: Cursor) -> Node:
    r"""What `\log` takes without brackets: a factor, and the names juxtaposed to it."""
    start = cursor.position
    factors = [cursor.grammar.parse_factor(cursor)]
    while _continues_argument(cursor, factors[-1]):
        factors.append(cursor.grammar.parse_factor(cursor))
    if len(factors) == 1:
        return factors[0]
    return juxtaposed(factors, cursor.since(start))


def juxtaposed(factors: list[Node], span: Span) -> Node:
    """A product by juxtaposition."""
    return Product(tuple(factors), (Joint(ProductOp.JUXTAPOSED),) * (len(factors) - 1), span=span)


def _continues_argument(cursor: Cursor, last: Node) -> bool:
    if not isinstance(last, Name | Number | Transposed):
        return False
    token = cursor.peek()
    if not isinstance(token, Token):
        return False
    name = token.text[1:] if token.kind is Kind.COMMAND else token.text
    if known_function(name) or cursor.spaced():
        return False
    return token.kind is Kind.LETTER or (token.kind is Kind.COMMAND and name in GREEK)


def _indicator(cursor: Cursor, node: Name, start: int) -> Node:
    r"""`\mathbb{1}[i = j]`, `\mathbf{1}_{x > 0}`."""
    if cursor.text() in OPENERS:
        group = parse_group(cursor)
        if len(group.items) == 1 and isinstance(group.items[0], Comparison):
            return Indicator(group.items[0], span=cursor.since(start))
        return Apply(node, group.items, delimiter=group.delimiter, span=cursor.since(start))
    for label in node.subs:
        if len(label.items) == 1 and isinstance(label.items[0], Comparison | Group):
            return Indicator(label.items[0], span=cursor.since(start))
    return node


def prefixed(prefix: Prefix, operand: Node, span: Span) -> Node:
    """A prefix on a name; a transpose of the name becomes one of the whole."""
    if isinstance(operand, Transposed):
        inner = prefixed(prefix, operand.base, span)
        return replace(operand, base=replace(inner, span=Span(-1, -1, False)), span=span)
    return Prefixed(prefix, operand, span=span)


def is_relation_inside(cursor: Cursor) -> bool:
    """Whether the brackets that open here hold a relation."""
    depth = 0
    for ahead in range(len(cursor.items) - cursor.position):
        text = cursor.text(ahead)
        depth += (text in OPENERS) - (text in CLOSERS)
        if depth == 0:
            return False
        if depth == 1 and ahead and cursor.relation(ahead) is not None:
            found = cursor.relation(ahead)
            return found is not None and found[0] is not Relation.MAPS
    return False
