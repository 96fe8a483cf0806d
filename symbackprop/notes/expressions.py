r"""Expressions, smallest part first: factor, term, sum, chain of relations.

A term stays a flat chain of factors with the joints between them; nothing here decides whether a
product is of matrices or of entries. Nesting is counted, so that no input exhausts recursion.
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.notes.ast import (
    Add,
    Comparison,
    Dots,
    Group,
    Indicator,
    Joint,
    Name,
    Negative,
    Node,
    Number,
    Prefixed,
    Product,
    Span,
    Transposed,
)
from symbackprop.notes.calls import apply_if_called, attach_scripts, is_relation_inside, parse_group
from symbackprop.notes.cursor import (
    ACCENTS,
    ARROWS,
    BARS,
    BIG_OPERATORS,
    CLOSERS,
    DOTS,
    JOINTS,
    OPENERS,
    STYLES,
    Cursor,
    Grammar,
)
from symbackprop.notes.kinds import Delimiter, ProductOp, Sign
from symbackprop.notes.lexicon import NO_VOCABULARY, Vocabulary
from symbackprop.notes.names import parse_accent, parse_name, parse_style, parse_text
from symbackprop.notes.operators import (
    divide,
    parse_big,
    parse_fraction,
    parse_nabla,
    parse_partial,
    parse_prefix,
    parse_root,
)
from symbackprop.notes.structures import parse_bars, parse_environment
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Environment, is_text, last_token

__all__ = ["grammar_for", "parse_chain", "parse_factor", "parse_sum", "parse_term"]

_SIGNS = {"+": Sign.PLUS, "-": Sign.MINUS, "\\pm": Sign.PLUS_MINUS, "\\mp": Sign.PLUS_MINUS}
_FRACTIONS = frozenset({"\\frac", "\\dfrac", "\\tfrac", "\\cfrac", "\\sfrac", "\\nicefrac"})
_COMMANDS = {
    "\\sqrt": parse_root,
    "\\nabla": parse_nabla,
    "\\partial": parse_partial,
    **dict.fromkeys(_FRACTIONS, parse_fraction),
    **dict.fromkeys(STYLES, parse_style),
    **dict.fromkeys(ACCENTS, parse_accent),
}


def grammar_for(vocabulary: Vocabulary = NO_VOCABULARY) -> Grammar:
    """The grammar with a document's vocabulary."""
    return Grammar(parse_factor, parse_term, parse_sum, parse_chain, vocabulary)


def parse_chain(cursor: Cursor) -> Node:
    """A sum, or sums with relations between them."""
    start = cursor.position
    sides = [parse_sum(cursor)]
    relations = []
    while (found := cursor.relation()) is not None:
        cursor.position += found[1]
        relations.append(found[0])
        sides.append(parse_sum(cursor))
    if not relations:
        return sides[0]
    return Comparison(tuple(sides), tuple(relations), span=cursor.since(start))


def _take_sign(cursor: Cursor) -> Sign | None:
    sign = _SIGNS.get(cursor.text())
    if sign is not None:
        cursor.take()
    return sign


def parse_sum(cursor: Cursor) -> Node:
    """Terms with signs between them."""
    start = cursor.position
    first = _take_sign(cursor)
    terms = [_signed_term(cursor)]
    signs = [first or Sign.PLUS]
    while (sign := _take_sign(cursor)) is not None:
        signs.append(sign)
        terms.append(_signed_term(cursor))
    if len(terms) > 1:
        return Add(tuple(terms), tuple(signs), span=cursor.since(start))
    if first is Sign.MINUS:
        return Negative(terms[0], span=cursor.since(start))
    return terms[0]


def _signed_term(cursor: Cursor) -> Node:
    """A term after a sign; more signs before it are folded in."""
    start = cursor.position
    negative = False
    while (sign := _take_sign(cursor)) is not None:
        negative ^= sign is Sign.MINUS
    term = parse_term(cursor)
    return Negative(term, span=cursor.since(start)) if negative else term


def _joint(cursor: Cursor, factors: int) -> Joint | None:
    """The joint here; None when the term ends. A joint by nothing takes no token."""
    text = cursor.text()
    item = cursor.peek()
    if text == "." and cursor.text(1) == "*" and factors:
        return Joint(ProductOp.ODOT, ".*")
    if isinstance(item, Token) and text in JOINTS:
        if text == "." and cursor.dots() == 0 and _ends_sentence(cursor):
            return None
        if text != "." or cursor.dots() == 0:
            return Joint(JOINTS[text], item.text)
    return Joint(ProductOp.JUXTAPOSED) if factors and cursor.starts_factor() else None


def _ends_sentence(cursor: Cursor) -> bool:
    """Whether a full stop here is punctuation: nothing that it could multiply follows."""
    cursor.position += 1
    multiplies = cursor.starts_factor()
    cursor.position -= 1
    return not multiplies


def parse_term(cursor: Cursor) -> Node:
    """A chain of factors with the joints between them."""
    start = cursor.position
    minus = False
    while (sign := _take_sign(cursor)) is not None:
        minus ^= sign is Sign.MINUS
    inner_start = cursor.position
    factors = [_quotient(cursor)]
    joints: list[Joint] = []
    while (joint := _joint(cursor, len(factors))) is not None:
        if joint.op is not ProductOp.JUXTAPOSED:
            cursor.position += len(joint.tex) if joint.tex == ".*" else 1
        joints.append(joint)
        factors.append(_signed_factor(cursor))
    node = factors[0]
    if joints:
        node = Product(tuple(factors), tuple(joints), span=cursor.since(inner_start))
    return Negative(node, span=cursor.since(start)) if minus else node


def _signed_factor(cursor: Cursor) -> Node:
    start = cursor.position
    minus = False
    while (sign := _take_sign(cursor)) is not None:
        minus ^= sign is Sign.MINUS
    factor = _quotient(cursor)
    return Negative(factor, span=cursor.since(start)) if minus else factor


def _quotient(cursor: Cursor) -> Node:
    """Factors with `/` between them."""
    start = cursor.position
    node = parse_factor(cursor)
    while cursor.text() in ("/", "\\div") or (cursor.text() == "\\over"):
        cursor.take()
        below_start = cursor.position
        below = parse_factor(cursor)
        if isinstance(below, Number) and cursor.kind() is Kind.LETTER and not cursor.spaced():
            unit = parse_factor(cursor)
            joint = Joint(ProductOp.JUXTAPOSED)
            below = Product((below, unit), (joint,), span=cursor.since(below_start))
        node = divide(node, below, cursor.since(start))
    return node


def parse_factor(cursor: Cursor) -> Node:
    """A primary with the scripts on it, applied to the brackets after it."""
    cursor.enter()
    start = cursor.position
    node = parse_prefix(cursor)
    if node is None:
        node = _primary(cursor)
    node = attach_scripts(cursor, node, start)
    if cursor.calls:
        called = apply_if_called(cursor, node, start)
        if called is not node:
            node = attach_scripts(cursor, called, start)
    cursor.leave()
    return node


def _primary(cursor: Cursor) -> Node:
    item = cursor.peek()
    start = cursor.position
    if item is None:
        raise cursor.error("a formula is missing here")
    if isinstance(item, Block):
        return _block(cursor, item)
    if isinstance(item, Environment):
        cursor.take()
        return parse_environment(cursor, item)
    if item.kind is Kind.NUMBER:
        return _number(cursor, item)
    if item.kind in (Kind.LETTER, Kind.WORD):
        return parse_name(cursor)
    text = item.text
    if text in OPENERS:
        calls, cursor.calls = cursor.calls, True
        group = parse_group(cursor)
        cursor.calls = calls
        return group
    if text in BARS:
        return parse_bars(cursor)
    if text in DOTS or cursor.dots():
        cursor.position += max(1, cursor.dots())
        return Dots(
            text if text in DOTS else "." * (cursor.position - start), span=cursor.since(start)
        )
    if text in JOINTS:
        return _placeholder(cursor, item)
    if item.kind is Kind.COMMAND:
        return _command(cursor, item)
    raise cursor.error(f"{text!r} is not expected here")


def _placeholder(cursor: Cursor, item: Token) -> Node:
    r"""The dot of `f(\cdot)`."""
    following = cursor.text(1)
    if item.kind is Kind.COMMAND and (following in CLOSERS or following == ","):
        start = cursor.position
        cursor.take()
        return Name(item.text[1:], head=item.text, span=cursor.since(start))
    raise cursor.error(f"nothing stands before {item.text!r} to be multiplied")


def _number(cursor: Cursor, item: Token) -> Node:
    start = cursor.position
    cursor.take()
    node = Number(item.text, span=cursor.since(start))
    if item.text == "1" and cursor.text() in OPENERS and is_relation_inside(cursor):
        group = parse_group(cursor)
        if len(group.items) == 1:
            return Indicator(group.items[0], span=cursor.since(start))
        return Group((node, group), Delimiter.BRACE, span=cursor.since(start))
    return node


def _block(cursor: Cursor, item: Block) -> Node:
    """What braces hold; braces around a single name or bracket fall away."""
    start = cursor.position
    cursor.take()
    inner = cursor.inside(item.items)
    if not inner.items:
        raise cursor.error("empty braces stand where a formula is expected")
    node = parse_chain(inner)
    if not inner.at_end:
        raise inner.error("this is not part of a formula")
    span = cursor.since(start)
    if isinstance(node, Add | Product | Negative | Comparison):
        return Group((node,), Delimiter.BRACE, span=span)
    return replace(node, span=span)


def _command(cursor: Cursor, item: Token) -> Node:
    text = item.text
    known = _COMMANDS.get(text)
    if known is not None:
        return known(cursor)
    if is_text(item):
        return parse_text(cursor)
    if text in BIG_OPERATORS and not _plain_function(cursor, text):
        return parse_big(cursor)
    if text in CLOSERS or text in ARROWS or not text[1:].isalpha():
        raise cursor.error(f"{text} is not expected here")
    node = parse_name(cursor)
    if isinstance(cursor.peek(), Block) and not _is_function_command(text):
        raise cursor.error(f"{text} is not a known command")
    return node


def _plain_function(cursor: Cursor, text: str) -> bool:
    r"""Whether `\max` and its like take arguments in brackets instead of a range."""
    if text == "\\Sigma":
        return cursor.kind(1) not in (Kind.SUB, Kind.SUPER) or not _has_range(cursor)
    if text in ("\\sum", "\\prod", "\\int", "\\bigcup", "\\bigcap", "\\oint", "\\coprod"):
        return False
    return cursor.kind(1) is not Kind.SUB


def _has_range(cursor: Cursor) -> bool:
    script = cursor.peek(2)
    return isinstance(script, Block) and any(
        isinstance(item, Token) and item.text == "=" for item in script.items
    )


def _is_function_command(text: str) -> bool:
    return text[1:] in _TAKING_BRACES


_TAKING_BRACES = frozenset(
    """log ln exp sin cos tan tanh sinh cosh max min det arctan alpha beta gamma delta epsilon
    varepsilon theta lambda mu nu sigma phi varphi psi omega eta rho tau pi zeta kappa Gamma Delta
    Theta Lambda Sigma Phi Psi Omega ell infty prime sup inf""".split()
)
_Placeholder = (Prefixed, Transposed, Span, last_token)
