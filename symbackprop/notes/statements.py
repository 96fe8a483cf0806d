r"""From a display to its statements: rows, separators, chains of relations, inherited left sides.

A display may hold several equations, joined by space, commas, arrows or words, on several lines.
What states a relation becomes a `Statement`, what states none a `Fragment`; a side that cannot be
parsed stays in its statement as an opaque node, so that nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from symbackprop.notes.ast import (
    NOWHERE,
    Case,
    Cases,
    Group,
    Missing,
    Node,
    Opaque,
    Span,
)
from symbackprop.notes.cursor import ARROWS, Cursor, Grammar
from symbackprop.notes.errors import FormulaError
from symbackprop.notes.expressions import grammar_for
from symbackprop.notes.kinds import Delimiter, Relation
from symbackprop.notes.lexicon import NO_VOCABULARY, Vocabulary, merge_words
from symbackprop.notes.macros import Macro, expand
from symbackprop.notes.pieces import Connective, Piece, Role, depths, pieces_of
from symbackprop.notes.scripts import tex_of
from symbackprop.notes.structures import condition_of, split_condition
from symbackprop.notes.tokens import tokenize
from symbackprop.notes.tree import Item, nest, span_of, words_of
from symbackprop.notes.trees import MAX_DEPTH, depth

__all__ = ["Fragment", "Parsed", "Statement", "Unparsed", "parse_formula", "parse_items"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A chain of relations: `sides[0] relations[0] sides[1] ...`.

    `inherited` says that the left side is missing and stands in an earlier display. `conditions`
    are what the author says it holds for, `notes` the prose beside it.
    """

    sides: tuple[Node, ...]
    relations: tuple[Relation, ...]
    connective: Connective
    conditions: tuple[Node, ...] = ()
    notes: tuple[str, ...] = ()
    inherited: bool = False
    span: Span = NOWHERE


@dataclass(frozen=True, slots=True)
class Fragment:
    """A formula that states no relation."""

    node: Node
    connective: Connective
    conditions: tuple[Node, ...] = ()
    notes: tuple[str, ...] = ()
    span: Span = NOWHERE


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A formula, or a piece of one, that cannot be cut into statements, and why."""

    tex: str
    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a formula says; `source` is the text that spans point into."""

    source: str
    parts: tuple[Statement | Fragment | Unparsed, ...]
    tag: str | None = None


def parse_formula(
    latex: str,
    macros: Mapping[str, Macro] | None = None,
    vocabulary: Vocabulary = NO_VOCABULARY,
) -> Parsed:
    r"""Parse the LaTeX of one formula, without its delimiters.

    Parameters
    ----------
    latex : str
        The formula, environments included.
    macros : mapping of str to Macro, optional
        The document's macros.
    vocabulary : Vocabulary, optional
        The document's words.

    Returns
    -------
    Parsed
        Its statements; a formula that cannot be tokenized or nested is one `Unparsed`.

    Examples
    --------
    >>> parsed = parse_formula(r"dW = dz\, a^{T}")
    >>> len(parsed.parts), parsed.parts[0].relations[0].name
    (1, 'EQUAL')
    """
    try:
        items, tag = nest(expand(tokenize(latex), macros or {}))
    except FormulaError as error:
        where = Span(error.offset, len(latex))
        return Parsed(latex, (Unparsed(latex, error.message, where),))
    return Parsed(latex, parse_items(items, vocabulary), tag)


def parse_items(
    items: Sequence[Item], vocabulary: Vocabulary = NO_VOCABULARY
) -> tuple[Statement | Fragment | Unparsed, ...]:
    """Parse nested items into statements."""
    grammar = grammar_for(vocabulary)
    reader = _Reader(grammar)
    try:
        for piece in pieces_of(merge_words(items, vocabulary)):
            reader.read(piece)
    except FormulaError as error:
        reader.done.append(Unparsed(tex_of(items), error.message, span_of(items)))
    return tuple(reader.done)


class _Reader:
    """Collects statements piece by piece; remembers the conditions still waiting for one."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.done: list[Statement | Fragment | Unparsed] = []
        self.waiting: tuple[Node, ...] = ()
        self.notes: tuple[str, ...] = ()

    def cursor(self, items: Sequence[Item]) -> Cursor:
        return Cursor(items, self.grammar)

    def side(self, items: Sequence[Item]) -> Node:
        """One side of a relation; opaque with the reason when it cannot be parsed."""
        if not items:
            return Missing()
        try:
            cursor = self.cursor(items)
            if not cursor.items:
                return Missing()
            node = self.grammar.parse_sum(cursor)
            if not cursor.at_end:
                raise cursor.error("this is not part of a formula")
            if depth(node) > MAX_DEPTH:
                raise cursor.error(f"more than {MAX_DEPTH} formulas inside one another")
        except FormulaError as error:
            span = Span(error.offset, error.offset, exact=False)
            return Opaque(tex_of(items), error.message, span=span)
        return node

    def sides(self, items: Sequence[Item]) -> tuple[list[Node], list[Relation]]:
        """The sides of a chain and the relations between them."""
        cursor = self.cursor(items)
        sides: list[Node] = []
        relations: list[Relation] = []
        start = 0
        for position, width, relation in _relations(cursor):
            sides.append(self.side(cursor.items[start:position]))
            relations.append(relation)
            start = position + width
        sides.append(self.side(cursor.items[start:]))
        return sides, relations

    def read(self, piece: Piece) -> None:
        """Take in one piece."""
        if piece.role is Role.NOTE:
            self.note(words_of(piece.items))
        elif piece.role is Role.CONDITION:
            self.condition(piece)
        elif piece.role is Role.SEQUENCE:
            self.sequence(piece)
        else:
            self.formula(piece)

    def note(self, text: str) -> None:
        if self.done and not isinstance(self.done[-1], Unparsed):
            last = self.done[-1]
            self.done[-1] = replace(last, notes=(*last.notes, text))
        else:
            self.notes = (*self.notes, text)

    def condition(self, piece: Piece) -> None:
        node, otherwise = condition_of(self.cursor([]), piece.items)
        if node is None:
            if otherwise:
                self.note("otherwise")
            return
        if piece.leads or not self.done or isinstance(self.done[-1], Unparsed):
            self.waiting = (*self.waiting, node)
        else:
            last = self.done[-1]
            self.done[-1] = replace(last, conditions=(*last.conditions, node))

    def sequence(self, piece: Piece) -> None:
        r"""More of a list that the last side began: `i = 1, \dots, n`."""
        node = self.side(piece.items)
        last = self.done[-1] if self.done else None
        if isinstance(last, Statement):
            end = last.sides[-1]
            items = end.items if isinstance(end, Group) and not end.span.exact else (end,)
            grouped = Group((*items, node), Delimiter.BRACE)
            self.done[-1] = replace(last, sides=(*last.sides[:-1], grouped))
        elif isinstance(last, Fragment):
            items = last.node.items if isinstance(last.node, Group) else (last.node,)
            self.done[-1] = replace(last, node=Group((*items, node), Delimiter.BRACE))
        else:
            self.done.append(Fragment(node, piece.connective, span=span_of(piece.items)))

    def formula(self, piece: Piece) -> None:
        value, tail = split_condition(piece.items)
        conditions: tuple[Node, ...] = ()
        otherwise = False
        if tail is not None:
            condition, otherwise = condition_of(self.cursor([]), tail)
            conditions = () if condition is None else (condition,)
        sides, relations = self.sides(value)
        span = span_of(piece.items)
        if not relations:
            if tail is not None and self.merge_case(sides[0], conditions, otherwise):
                return
            self.fragment(sides[0], piece, conditions, span)
            return
        if isinstance(sides[0], Missing) and self.extend(piece, sides, relations, conditions, span):
            return
        made = Statement(
            tuple(sides),
            tuple(relations),
            piece.connective,
            (*self.waiting, *conditions),
            self.notes,
            isinstance(sides[0], Missing),
            span,
        )
        self.waiting, self.notes = (), ()
        self.done.append(made)

    def fragment(self, node: Node, piece: Piece, conditions: tuple[Node, ...], span: Span) -> None:
        if isinstance(node, Missing):
            self.waiting = (*self.waiting, *conditions)
            return
        made = Fragment(node, piece.connective, (*self.waiting, *conditions), self.notes, span)
        self.waiting, self.notes = (), ()
        self.done.append(made)

    def extend(
        self,
        piece: Piece,
        sides: list[Node],
        relations: list[Relation],
        conditions: tuple[Node, ...],
        span: Span,
    ) -> bool:
        """Continue the chain of the last statement, as a row that starts with `=` does."""
        last = self.done[-1] if self.done else None
        whole = Span(last.span.start, span.end, exact=False) if last is not None else span
        if isinstance(last, Statement):
            self.done[-1] = replace(
                last,
                sides=(*last.sides, *sides[1:]),
                relations=(*last.relations, *relations),
                conditions=(*last.conditions, *self.waiting, *conditions),
                span=whole,
            )
        elif isinstance(last, Fragment):
            self.done[-1] = Statement(
                (last.node, *sides[1:]),
                tuple(relations),
                last.connective,
                (*last.conditions, *self.waiting, *conditions),
                last.notes,
                span=whole,
            )
        else:
            return False
        self.waiting = ()
        return True

    def merge_case(self, value: Node, conditions: tuple[Node, ...], otherwise: bool) -> bool:
        r"""Join `0 \text{ otherwise}` to the `x = 1 \text{ if } ...` before it, as cases."""
        last = self.done[-1] if self.done else None
        if not isinstance(last, Statement) or isinstance(value, Missing):
            return False
        end = last.sides[-1]
        case = Case(value, conditions[0] if conditions else None, otherwise)
        if isinstance(end, Cases):
            merged = Cases((*end.cases, case))
        elif last.conditions:
            merged = Cases((Case(end, last.conditions[-1]), case))
            last = replace(last, conditions=last.conditions[:-1])
        else:
            return False
        self.done[-1] = replace(last, sides=(*last.sides[:-1], merged))
        return True


def _relations(cursor: Cursor) -> list[tuple[int, int, Relation]]:
    """Where relations stand outside brackets: position, width, kind."""
    found: list[tuple[int, int, Relation]] = []
    depth = depths(cursor.items)
    position = 0
    while position < len(cursor.items):
        cursor.position = position
        here = cursor.relation() if depth[position] == 0 else None
        text = cursor.text()
        if here is None and depth[position] == 0 and text in ARROWS:
            here = ARROWS[text], 1
        if here is not None:
            found.append((position, here[1], here[0]))
            position += here[1]
        else:
            position += 1
    cursor.position = 0
    return found
