r"""What hangs on a name or a factor: scripts, primes, brackets to group or to call with."""

from __future__ import annotations

from dataclasses import replace

from symbackprop.notes.ast import (
    NOWHERE,
    Apply,
    Comparison,
    Evaluated,
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
    Span,
    Transposed,
)
from symbackprop.notes.cursor import BARS, CLOSERS, OPENERS, Cursor
from symbackprop.notes.kinds import (
    Bracket,
    Delimiter,
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
)
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block

__all__ = [
    "apply_if_called",
    "attach_scripts",
    "is_relation_inside",
    "parse_group",
    "prefixed",
]

_BARE_FUNCTIONS = ACTIVATIONS | frozenset(
    """exp log ln lg sin cos tan cot sinh cosh coth sech tr Tr trace det rank vec Vec diag Diag sgn
    sign max min argmax argmin arctan erf abs lim Var var Cov""".split()
)


def _with_label(node: Node, label: Label, superscript: bool) -> Node:
    """The node with one more label."""
    if isinstance(node, Name):
        if superscript:
            return replace(node, sups=(*node.sups, label))
        return replace(node, subs=(*node.subs, label))
    if isinstance(node, Prefixed) and isinstance(node.operand, Name | Prefixed):
        inner = replace(_with_label(node.operand, label, superscript), span=NOWHERE)
        return replace(node, operand=inner)
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
        elif cursor.text() == "|" and cursor.kind(1) is Kind.SUB and cursor.bars == 0:
            cursor.take()
            cursor.take()
            items = take_script(cursor)
            point = label_of(cursor, items, Bracket.NONE, items)
            node = Evaluated(node, point, span=cursor.since(start))
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
