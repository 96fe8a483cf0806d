r"""Operators that take what follows them: fractions, derivatives, nabla, sums and extrema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.notes.ast import (
    Apply,
    BigOperator,
    Comparison,
    Derivative,
    Fraction,
    Group,
    Name,
    Node,
    Number,
    Opaque,
    Prefixed,
    Product,
    Range,
    Root,
    Span,
    Transposed,
)
from symbackprop.notes.calls import parse_group, prefixed
from symbackprop.notes.cursor import BIG_OPERATORS, OPENERS, Cursor
from symbackprop.notes.errors import FormulaError
from symbackprop.notes.kinds import Big, Bracket, DerivativeForm, Prefix, Relation
from symbackprop.notes.scripts import take_script, tex_of
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Item, span_of, split_at, words_of

__all__ = [
    "BIG_WORDS",
    "divide",
    "parse_big",
    "parse_fraction",
    "parse_nabla",
    "parse_partial",
    "parse_prefix",
    "parse_root",
]

BIG_WORDS = {
    "max": Big.MAX, "min": Big.MIN, "argmax": Big.ARGMAX, "argmin": Big.ARGMIN, "lim": Big.LIMIT,
    "sup": Big.SUP, "inf": Big.INF, "sum": Big.SUM, "E": Big.EXPECTATION,
}  # fmt: skip
_HEADS = {
    "\\partial": Prefix.PARTIAL, "d": Prefix.D, "\\delta": Prefix.SMALL_DELTA,
    "\\Delta": Prefix.BIG_DELTA, "\\mathrm": Prefix.D, "\\operatorname": Prefix.D,
    "\\text": Prefix.D, "\\textrm": Prefix.D, "\\dd": Prefix.D, "\\mathop": Prefix.D,
    "D": Prefix.D,
}  # fmt: skip
_INTERCHANGEABLE = frozenset({Prefix.PARTIAL, Prefix.D})


def _argument(cursor: Cursor, what: str) -> list[Item]:
    """One argument of a command: a block, a token, or the first digit of a number."""
    item = cursor.peek()
    if item is None:
        raise cursor.error(f"{what} is missing here")
    if isinstance(item, Token) and item.kind is Kind.NUMBER and len(item.text) > 1:
        first = replace(item, text=item.text[0], end=item.start + 1, right=None)
        cursor.items[cursor.position] = replace(
            item, text=item.text[1:], start=item.start + 1, spaced=False, left=None
        )
        return [first]
    return take_script(cursor)


def _head(items: Sequence[Item]) -> tuple[Prefix, int, int] | None:
    """The d or curly d that items start with: its kind, the order, how many items it takes."""
    first = items[0] if items else None
    if not isinstance(first, Token) or first.text not in _HEADS:
        return None
    prefix, taken = _HEADS[first.text], 1
    if prefix is Prefix.D and first.kind is Kind.COMMAND and first.text != "\\dd":
        if len(items) < 2 or words_of(items[1:2]) not in ("d", "D"):
            return None
        taken = 2
    order = 1
    following = items[taken] if taken < len(items) else None
    if isinstance(following, Token) and following.kind is Kind.SUB:
        return None
    if isinstance(following, Token) and following.kind is Kind.SUPER:
        power = words_of(items[taken + 1 : taken + 2])
        if not power.strip("{} ").isdigit() or first.text in ("D", "\\delta"):
            return None
        order, taken = int(power.strip("{} ")[:2]), taken + 2
    return prefix, order, taken


def _whole(cursor: Cursor, items: Sequence[Item]) -> Node:
    inner = cursor.inside(items)
    node = inner.grammar.parse_chain(inner)
    if not inner.at_end:
        raise inner.error("this is not part of a formula")
    return node


def _variables(cursor: Cursor, items: Sequence[Item]) -> tuple[Node, ...]:
    r"""The variables of `\partial x \partial y`."""
    inner = cursor.inside(items)
    made: list[Node] = []
    while not inner.at_end:
        head = _head(inner.items[inner.position :])
        if head is None:
            break
        inner.position += head[2]
        if inner.at_end:
            raise inner.error("a variable is missing after the d")
        start = inner.position
        made.append(inner.grammar.parse_factor(inner))
        follows = inner.items[inner.position :]
        if follows and _head(follows) is None:
            inner.position = start
            made[-1] = inner.grammar.parse_chain(inner)
    if not inner.at_end:
        raise inner.error("this is not a variable")
    return tuple(made)


def _without_order(variable: Node, order: int) -> Node:
    r"""The variable of `\partial x^2` without the order."""
    if order > 1 and isinstance(variable, Name) and variable.sups:
        label = variable.sups[-1]
        if label.bracket is Bracket.NONE and label.items == (Number(str(order)),):
            return replace(variable, sups=variable.sups[:-1], span=Span(-1, -1, exact=False))
    return variable


def _matching(above: Prefix, below: Prefix) -> bool:
    return above is below or {above, below} <= _INTERCHANGEABLE


def parse_fraction(cursor: Cursor) -> Node:
    r"""`\frac{a}{b}`, `\frac{\partial L}{\partial W}`, or `\frac{d}{dW}` with what it acts on."""
    start = cursor.position
    cursor.take()
    above = cursor.inside(_argument(cursor, "the numerator")).items
    below = cursor.inside(_argument(cursor, "the denominator")).items
    span = cursor.since(start)
    over, under = _head(above), _head(below)
    if over and under and _matching(over[0], under[0]) and under[2] < len(below):
        variables = _variables(cursor, below)
        variables = tuple(_without_order(variable, over[1]) for variable in variables)
        rest = above[over[2] :]
        target = _whole(cursor, rest) if rest else None
        made = Derivative(target, variables, over[0], DerivativeForm.FRACTION, over[1], span=span)
        return made if rest else _with_operand(cursor, made, start)
    if not above or not below:
        raise cursor.error("a fraction needs a numerator and a denominator")
    return Fraction(_whole(cursor, above), _whole(cursor, below), span=span)


def _with_operand(cursor: Cursor, operator: Derivative, start: int) -> Node:
    """Give an operator the group, or the rest of the term, that it stands before."""
    if not cursor.starts_factor():
        return replace(operator, form=DerivativeForm.OPERATOR)
    item = cursor.peek()
    if isinstance(item, Block) or cursor.text() in OPENERS:
        target = cursor.grammar.parse_factor(cursor)
    else:
        target = cursor.grammar.parse_term(cursor)
    return replace(operator, target=target, form=DerivativeForm.OPERATOR, span=cursor.since(start))


def divide(above: Node, below: Node, span: Span) -> Node:
    r"""`a/b`; `\partial L/\partial W` and `dL/dW` are derivatives."""
    under = below.base if isinstance(below, Transposed) else below
    if isinstance(under, Prefixed):
        found: tuple[Prefix, Node] | None = None
        if isinstance(above, Prefixed):
            found = above.prefix, above.operand
        elif isinstance(above, Apply) and isinstance(above.function, Prefixed):
            inner = Apply(above.function.operand, above.arguments, above.certain)
            found = above.function.prefix, inner
        elif isinstance(above, Apply) and above.function == Name("d"):
            found = Prefix.D, Group(above.arguments)
        if found is not None and _matching(found[0], under.prefix):
            made = Derivative(
                found[1], (under.operand,), found[0], DerivativeForm.INLINE, span=span
            )
            if isinstance(below, Transposed):
                bare = replace(made, span=Span(-1, -1, exact=False))
                return replace(below, base=bare, span=span)
            return made
        if isinstance(above, Name) and above.base == "d" and not above.subs and not above.sups:
            return Derivative(None, (under.operand,), Prefix.D, DerivativeForm.INLINE, span=span)
    return Fraction(above, below, inline=True, span=span)


def parse_nabla(cursor: Cursor) -> Node:
    r"""`\nabla_W L`, `\nabla_{z} (D)`, `\nabla f`, or `\nabla_W` alone."""
    start = cursor.position
    cursor.take()
    variables: tuple[Node, ...] = ()
    order = 1
    while cursor.kind() in (Kind.SUB, Kind.SUPER):
        below = cursor.kind() is Kind.SUB
        cursor.take()
        items = take_script(cursor)
        if below:
            variables = _list(cursor, items)
        elif words_of(items).isdigit():
            order = int(words_of(items)[:2])
        else:
            raise cursor.error("this superscript of nabla is not understood")
    target = cursor.grammar.parse_factor(cursor) if cursor.starts_factor() else None
    return Derivative(
        target, variables, Prefix.NABLA, DerivativeForm.SUBSCRIPT, order, span=cursor.since(start)
    )


def _list(cursor: Cursor, items: Sequence[Item]) -> tuple[Node, ...]:
    inner = cursor.inside(items)
    made = [inner.grammar.parse_chain(inner)]
    while inner.text() == ",":
        inner.take()
        made.append(inner.grammar.parse_chain(inner))
    if not inner.at_end:
        raise inner.error("this is not a variable")
    return tuple(made)


def parse_partial(cursor: Cursor) -> Node:
    r"""`\partial_x f`, or `\partial W` as half of a fraction."""
    start = cursor.position
    cursor.take()
    if cursor.kind() is Kind.SUB:
        cursor.take()
        variables = _list(cursor, take_script(cursor))
        target = cursor.grammar.parse_factor(cursor) if cursor.starts_factor() else None
        return Derivative(
            target,
            variables,
            Prefix.PARTIAL,
            DerivativeForm.SUBSCRIPT,
            span=cursor.since(start),
        )
    return _prefixed(cursor, Prefix.PARTIAL, start)


def _prefixed(cursor: Cursor, prefix: Prefix, start: int) -> Node:
    if not cursor.starts_name():
        if prefix is Prefix.PARTIAL:
            if not cursor.starts_factor():
                return Name("partial", head="\\partial", span=cursor.since(start))
            operand = cursor.grammar.parse_factor(cursor)
            return Prefixed(prefix, operand, span=cursor.since(start))
        raise cursor.error("a name is missing after the prefix")
    cursor.enter()
    operand = _prefix_operand(cursor)
    cursor.leave()
    return prefixed(prefix, operand, cursor.since(start))


def _prefix_operand(cursor: Cursor) -> Node:
    """The name after a prefix with its scripts, not applied to what follows."""
    calls, cursor.calls = cursor.calls, False
    operand = cursor.grammar.parse_factor(cursor)
    cursor.calls = calls
    return operand


def parse_prefix(cursor: Cursor) -> Node | None:
    r"""`dW`, `\delta x`, `\Delta W`, `\mathrm{d}W`; None when the letter stands for itself."""
    token = cursor.peek()
    if not isinstance(token, Token) or token.text not in _HEADS or cursor.in_label:
        return None
    if token.text in ("\\partial", "D"):
        return None
    head = _head(cursor.items[cursor.position :])
    if head is None or head[1] != 1 or not cursor.starts_name(head[2]):
        return None
    start = cursor.position
    cursor.position += head[2]
    if head[0] is Prefix.D and cursor.text() in cursor.grammar.vocabulary.pre:
        following = cursor.peek(1)
        if isinstance(following, Token) and not following.spaced and cursor.starts_name(1):
            inner_start = cursor.position
            cursor.take()
            inner = _prefixed(cursor, Prefix.PRE, inner_start)
            return prefixed(Prefix.D, inner, cursor.since(start))
    return _prefixed(cursor, head[0], start)


def parse_root(cursor: Cursor) -> Node:
    r"""`\sqrt{x}`, `\sqrt[3]{x}`."""
    start = cursor.position
    cursor.take()
    degree: Node | None = None
    if cursor.text() == "[":
        group = parse_group(cursor)
        degree = group.items[0] if len(group.items) == 1 else None
    body = _whole(cursor, _argument(cursor, "what is under the root"))
    return Root(body, degree, span=cursor.since(start))


def parse_big(cursor: Cursor) -> Node:
    r"""`\sum_{i=1}^{n} x_i`: the range, then the term that follows as the body."""
    start = cursor.position
    token = cursor.take()
    assert isinstance(token, Token)
    op = BIG_OPERATORS.get(token.text) or BIG_WORDS[token.text]
    span = Range()
    while cursor.kind() in (Kind.SUB, Kind.SUPER):
        below = cursor.kind() is Kind.SUB
        cursor.take()
        items = take_script(cursor)
        if below:
            span = replace(_range(cursor, items), upper=span.upper)
        else:
            span = replace(span, upper=_lenient(cursor, items))
    body = cursor.grammar.parse_term(cursor) if _has_body(cursor) else None
    return BigOperator(op, span, body, head=token.text, span=cursor.since(start))


def _has_body(cursor: Cursor) -> bool:
    return cursor.starts_factor() or cursor.text() in ("-", "+")


def _lenient(cursor: Cursor, items: Sequence[Item]) -> Node:
    """The formula that items make, opaque when they make none."""
    inner = cursor.inside(items, in_label=True)
    try:
        node = inner.grammar.parse_chain(inner)
        if not inner.at_end:
            raise inner.error("this is not part of a range")
    except FormulaError as error:
        return Opaque(tex_of(items), error.message, span=span_of(items))
    return node


def _range(cursor: Cursor, items: Sequence[Item]) -> Range:
    r"""What stands below a big operator: `i=1`, `j \neq k`, `i, j`, `n \in N`, `batch`."""
    indices: list[Node] = []
    conditions: list[Node] = []
    lower: Node | None = None
    for line in _lines(items):
        for part in _parts(line):
            node = _lenient(cursor, part)
            if isinstance(node, Comparison):
                if node.relations == (Relation.EQUAL,):
                    indices.append(node.sides[0])
                    lower = node.sides[1]
                else:
                    indices.extend(_index_of(node))
                    conditions.append(node)
            elif isinstance(node, Product) and all(
                isinstance(factor, Name) and len(factor.base) == 1 for factor in node.factors
            ):
                indices.extend(node.factors)
            elif isinstance(node, Name):
                indices.append(node)
            else:
                conditions.append(node)
    return Range(tuple(indices), lower, None, tuple(conditions), span=span_of(items))


def _index_of(node: Comparison) -> tuple[Node, ...]:
    """The index that a condition is about: the left side, the middle of `1 <= i <= n`."""
    side = node.sides[1] if len(node.sides) == 3 else node.sides[0]
    return (side,) if isinstance(side, Name) else ()


def _lines(items: Sequence[Item]) -> list[list[Item]]:
    r"""The lines of a `\substack`, or the items themselves."""
    first = items[0] if items else None
    if isinstance(first, Token) and first.text == "\\substack" and len(items) == 2:
        body = items[1]
        return split_at(body.items if isinstance(body, Block) else [body], Kind.NEWLINE)
    return [list(items)]


def _parts(items: Sequence[Item]) -> list[list[Item]]:
    parts: list[list[Item]] = [[]]
    depth = 0
    for item in items:
        text = item.text if isinstance(item, Token) else ""
        depth += (text in OPENERS) - (text in (")", "]", "\\}"))
        if text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(item)
    return [part for part in parts if part]
