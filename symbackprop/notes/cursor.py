"""A place in a list of items, and the tables that say what a token may begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from symbackprop.notes.ast import Node, Span
from symbackprop.notes.errors import FormulaError
from symbackprop.notes.kinds import Big, Delimiter, Font, ProductOp, Relation
from symbackprop.notes.lexicon import GREEK, NO_VOCABULARY, Vocabulary, merge_words
from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Item, is_text, span_of, words_of

__all__ = [
    "ACCENTS",
    "ARROWS",
    "BIG_OPERATORS",
    "CLOSERS",
    "DOTS",
    "JOINTS",
    "OPENERS",
    "RELATIONS",
    "STYLES",
    "Cursor",
    "Grammar",
]

MAX_NESTING = 36
"""Factors inside one another, by brackets or arguments."""

JOINTS = {
    "\\cdot": ProductOp.CDOT, "\\cdotp": ProductOp.CDOT, ".": ProductOp.DOT, "*": ProductOp.STAR,
    "\\ast": ProductOp.AST, "\\star": ProductOp.AST, "\\odot": ProductOp.ODOT,
    "\\circ": ProductOp.CIRC, "\\bullet": ProductOp.BULLET, "\\times": ProductOp.TIMES,
    "\\otimes": ProductOp.OTIMES, "@": ProductOp.AT, "\\oplus": ProductOp.OPLUS,
    "\\oslash": ProductOp.SLASHED_CIRCLE, "\\bigodot": ProductOp.ODOT,
    "\\centerdot": ProductOp.CDOT,
}  # fmt: skip
RELATIONS = {
    "=": Relation.EQUAL, ":=": Relation.DEFINED, "\\coloneqq": Relation.DEFINED,
    "\\coloneq": Relation.DEFINED, "\\triangleq": Relation.EQUAL_BY_DEFINITION,
    "\\overset": Relation.EQUAL, "\\doteq": Relation.EQUAL_BY_DEFINITION,
    "\\equiv": Relation.EQUIVALENT, "\\approx": Relation.APPROXIMATE,
    "\\simeq": Relation.APPROXIMATE, "\\cong": Relation.APPROXIMATE,
    "\\propto": Relation.PROPORTIONAL, "\\neq": Relation.NOT_EQUAL, "\\ne": Relation.NOT_EQUAL,
    "!=": Relation.NOT_EQUAL, "==": Relation.EQUAL, "<": Relation.LESS, "\\lt": Relation.LESS,
    "\\leq": Relation.LESS_EQUAL, "\\le": Relation.LESS_EQUAL, "<=": Relation.LESS_EQUAL,
    "\\leqslant": Relation.LESS_EQUAL, ">": Relation.GREATER, "\\gt": Relation.GREATER,
    "\\geq": Relation.GREATER_EQUAL, "\\ge": Relation.GREATER_EQUAL,
    ">=": Relation.GREATER_EQUAL, "\\geqslant": Relation.GREATER_EQUAL,
    "\\ll": Relation.MUCH_LESS, "\\gg": Relation.MUCH_GREATER, "\\in": Relation.IN,
    "\\notin": Relation.NOT_IN, "\\subset": Relation.SUBSET, "\\subseteq": Relation.SUBSET,
    "\\sim": Relation.DISTRIBUTED, ":": Relation.MAPS, "\\colon": Relation.MAPS,
    "\\mid": Relation.GIVEN, "+=": Relation.ADD_ASSIGNED, "-=": Relation.SUBTRACT_ASSIGNED,
    "\\mapsto": Relation.MAPS_TO, "\\gets": Relation.ASSIGNED,
}  # fmt: skip
ARROWS = {
    "\\Rightarrow": Relation.TO, "\\implies": Relation.TO, "\\Longrightarrow": Relation.TO,
    "\\Leftarrow": Relation.ASSIGNED, "\\impliedby": Relation.ASSIGNED,
    "\\Longleftarrow": Relation.ASSIGNED, "\\iff": Relation.TO, "\\Leftrightarrow": Relation.TO,
    "\\Longleftrightarrow": Relation.TO, "\\leftrightarrow": Relation.TO,
    "\\rightarrow": Relation.TO, "\\to": Relation.TO, "\\longrightarrow": Relation.TO,
    "\\leftarrow": Relation.ASSIGNED, "\\longleftarrow": Relation.ASSIGNED,
    "\\leadsto": Relation.TO, "\\rightsquigarrow": Relation.TO, "\\therefore": Relation.TO,
    "\\because": Relation.ASSIGNED, "\\hookrightarrow": Relation.TO, "\\vdash": Relation.TO,
}  # fmt: skip
OPENERS = {
    "(": Delimiter.ROUND, "[": Delimiter.SQUARE, "\\{": Delimiter.CURLY,
    "\\lbrace": Delimiter.CURLY, "\\langle": Delimiter.ANGLE, "\\lfloor": Delimiter.FLOOR,
    "\\lceil": Delimiter.CEILING, "\\lbrack": Delimiter.SQUARE, "\\lparen": Delimiter.ROUND,
}  # fmt: skip
CLOSERS = {
    ")": Delimiter.ROUND, "]": Delimiter.SQUARE, "\\}": Delimiter.CURLY,
    "\\rbrace": Delimiter.CURLY, "\\rangle": Delimiter.ANGLE, "\\rfloor": Delimiter.FLOOR,
    "\\rceil": Delimiter.CEILING, "\\rbrack": Delimiter.SQUARE, "\\rparen": Delimiter.ROUND,
}  # fmt: skip
BARS = frozenset({"|", "\\|", "\\vert", "\\Vert", "\\lvert", "\\rvert", "\\lVert", "\\rVert"})
BIG_OPERATORS = {
    "\\sum": Big.SUM, "\\prod": Big.PROD, "\\max": Big.MAX, "\\min": Big.MIN,
    "\\argmax": Big.ARGMAX, "\\argmin": Big.ARGMIN, "\\int": Big.INTEGRAL, "\\lim": Big.LIMIT,
    "\\sup": Big.SUP, "\\inf": Big.INF, "\\bigcup": Big.UNION, "\\bigcap": Big.INTERSECTION,
    "\\Sigma": Big.SUM, "\\oint": Big.INTEGRAL, "\\coprod": Big.PROD,
}  # fmt: skip
DOTS = frozenset(
    {"\\dots", "\\ldots", "\\cdots", "\\vdots", "\\ddots", "\\dotsc", "\\dotsb", "\\dotsm",
     "\\hdots", "\\iddots", "\\udots"}
)  # fmt: skip
STYLES = {
    "\\mathbf": Font.BOLD, "\\boldsymbol": Font.BOLD, "\\bm": Font.BOLD, "\\pmb": Font.BOLD,
    "\\symbf": Font.BOLD, "\\textbf": Font.BOLD, "\\vb": Font.BOLD, "\\mathbfit": Font.BOLD,
    "\\mathrm": Font.ROMAN, "\\mathit": Font.PLAIN, "\\mathnormal": Font.PLAIN,
    "\\mathcal": Font.CALLIGRAPHIC, "\\mathscr": Font.CALLIGRAPHIC, "\\cal": Font.CALLIGRAPHIC,
    "\\mathbb": Font.BLACKBOARD, "\\mathds": Font.BLACKBOARD, "\\Bbb": Font.BLACKBOARD,
    "\\mathbbm": Font.BLACKBOARD, "\\mathsf": Font.SANS, "\\mathfrak": Font.FRAKTUR,
    "\\mathtt": Font.ROMAN, "\\operatorname": Font.ROMAN, "\\operatorname*": Font.ROMAN,
    "\\mathbfsf": Font.BOLD, "\\boldmath": Font.BOLD,
}  # fmt: skip
ACCENTS = {
    "\\hat": "hat", "\\widehat": "hat", "\\tilde": "tilde", "\\widetilde": "tilde",
    "\\bar": "bar", "\\overline": "bar", "\\vec": "vec", "\\overrightarrow": "vec",
    "\\dot": "dot", "\\ddot": "ddot", "\\underline": "underline", "\\check": "check",
    "\\breve": "breve", "\\mathring": "ring", "\\acute": "acute", "\\grave": "grave",
}  # fmt: skip
_STRUCTURE = frozenset(
    {"\\frac", "\\dfrac", "\\tfrac", "\\cfrac", "\\sqrt", "\\nabla", "\\partial"}
)
_STOPS = frozenset({"\\quad", "\\qquad", "\\over", "\\colon", "\\mid", "\\forall", "\\exists"})
_WORDS = frozenset({"if", "for", "and", "otherwise", "else", "where", "iff"})


@dataclass(frozen=True, slots=True)
class Grammar:
    """What every cursor of a formula shares: the vocabulary and the parsers, smallest first."""

    parse_factor: Callable[[Cursor], Node]
    parse_term: Callable[[Cursor], Node]
    parse_sum: Callable[[Cursor], Node]
    parse_chain: Callable[[Cursor], Node]
    vocabulary: Vocabulary = field(default=NO_VOCABULARY)


class Cursor:
    """A position in a list of items that moves forward only.

    `bars` counts the vertical bars that are open, `nesting` the factors being parsed; `calls` is
    off while a name must not take the brackets after it.
    """

    def __init__(
        self,
        items: Sequence[Item],
        grammar: Grammar,
        nesting: int = 0,
        in_label: bool = False,
    ) -> None:
        self.items = _without_blank_text(merge_words(items, grammar.vocabulary))
        self.grammar = grammar
        self.nesting = nesting
        self.in_label = in_label
        self.position = 0
        self.bars = 0
        self.calls = True

    def inside(self, items: Sequence[Item], in_label: bool | None = None) -> Cursor:
        """A cursor on items nested in these."""
        label = self.in_label if in_label is None else in_label
        return Cursor(items, self.grammar, self.nesting, label)

    def peek(self, ahead: int = 0) -> Item | None:
        """The item at `ahead` from here; None past the end."""
        index = self.position + ahead
        return self.items[index] if index < len(self.items) else None

    def text(self, ahead: int = 0) -> str:
        """The text of the token at `ahead`; empty for a block or past the end."""
        item = self.peek(ahead)
        return item.text if isinstance(item, Token) else ""

    def kind(self, ahead: int = 0) -> Kind | None:
        """The kind of the token at `ahead`; None for a block or past the end."""
        item = self.peek(ahead)
        return item.kind if isinstance(item, Token) else None

    def spaced(self, ahead: int = 0) -> bool:
        """Whether the author left a space before the item at `ahead`."""
        item = self.peek(ahead)
        token = item if isinstance(item, Token) or item is None else item.first
        return token is not None and token.spaced

    def take(self) -> Item:
        """The item here; the cursor moves on."""
        item = self.items[self.position]
        self.position += 1
        return item

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.items)

    def since(self, start: int) -> Span:
        """The span from item `start` to the one before the cursor."""
        return span_of(self.items[start : self.position])

    def offset(self) -> int:
        """Where the cursor stands in the formula."""
        item = self.peek()
        if item is None:
            item = self.items[-1] if self.items else None
            if item is None:
                return 0
            return item.end if isinstance(item, Token) else item.last.end
        return item.start if isinstance(item, Token) else item.first.start

    def error(self, message: str) -> FormulaError:
        """An error at the cursor."""
        return FormulaError(message, self.offset())

    def enter(self) -> None:
        """Count one more factor inside the others."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(f"more than {MAX_NESTING} formulas inside one another")

    def leave(self) -> None:
        """A factor is done."""
        self.nesting -= 1

    def relation(self, ahead: int = 0) -> tuple[Relation, int] | None:
        """The relation that stands at `ahead` and how many tokens spell it."""
        text = self.text(ahead)
        if not text:
            return None
        pair = text + self.text(ahead + 1) if not self.spaced(ahead + 1) else ""
        if len(pair) == 2 and pair in RELATIONS:
            return RELATIONS[pair], 2
        if text == "\\not" and self.text(ahead + 1) in ("=", "\\in"):
            negated = Relation.NOT_IN if self.text(ahead + 1) == "\\in" else Relation.NOT_EQUAL
            return negated, 2
        found = RELATIONS.get(text)
        if text == "<" and self.in_label:
            return None
        return (found, 1) if found else None

    def starts_factor(self) -> bool:
        """Whether a factor may begin here without a joint."""
        item = self.peek()
        if item is None:
            return False
        if not isinstance(item, Token):
            return True
        if item.kind is Kind.WORD:
            return item.text not in _WORDS
        if item.kind in (Kind.NUMBER, Kind.LETTER):
            return True
        if item.kind not in (Kind.COMMAND, Kind.SYMBOL):
            return False
        text = item.text
        if text in BARS:
            return self.bars == 0 and self.bar_closes()
        if item.kind is Kind.SYMBOL:
            return text in OPENERS or (text == "." and self.dots() > 0)
        return not (
            text in JOINTS
            or text in RELATIONS
            or text in ARROWS
            or text in CLOSERS
            or text in _STOPS
            or text in ("\\pm", "\\mp", "\\div", "\\not")
        )

    def starts_name(self, ahead: int = 0) -> bool:
        """Whether the item at `ahead` begins a name: a letter, an accent or a style."""
        item = self.peek(ahead)
        if isinstance(item, Block):
            return len(item.items) > 0 and not is_text(item.items[0]) and _opens_name(item)
        if not isinstance(item, Token):
            return False
        if item.kind in (Kind.LETTER, Kind.WORD):
            return item.text not in _WORDS
        if item.kind is not Kind.COMMAND:
            return False
        name = item.text[1:]
        return name in GREEK or item.text in STYLES or item.text in ACCENTS or name == "ell"

    def bar_closes(self) -> bool:
        """Whether the bar here has a partner before the brackets around it close."""
        depth = 0
        if self.kind(1) is Kind.SUB:
            return False
        for index in range(self.position + 1, len(self.items)):
            item = self.items[index]
            text = item.text if isinstance(item, Token) else ""
            if text in BARS and depth == 0:
                return True
            depth += (text in OPENERS) - (text in CLOSERS)
            if depth < 0:
                return False
        return False

    def dots(self) -> int:
        """How many full stops of an ellipsis start here; 0 when fewer than two."""
        count = 0
        while self.text(count) == ".":
            count += 1
        return count if count >= 2 else 0


def _opens_name(block: Block) -> bool:
    """Whether the first token inside nested braces is a letter or something that dresses one."""
    item: Item = block
    while isinstance(item, Block):
        if not item.items:
            return False
        item = item.items[0]
    if not isinstance(item, Token):
        return False
    if item.kind in (Kind.LETTER, Kind.WORD):
        return True
    return item.kind is Kind.COMMAND and (
        item.text[1:] in GREEK or item.text in STYLES or item.text in ACCENTS
    )


def _without_blank_text(items: list[Item]) -> list[Item]:
    r"""The items without `\text{ }` and empty braces."""
    if not any(isinstance(item, Block) and not item.items for item in items):
        return items
    done: list[Item] = []
    for item in items:
        if isinstance(item, Block) and not words_of([item]):
            if done and is_text(done[-1]):
                done.pop()
                continue
            before = done[-1] if done else None
            commanded = isinstance(before, Token) and before.kind in (
                Kind.COMMAND,
                Kind.SUB,
                Kind.SUPER,
            )
            if not commanded:
                continue
        done.append(item)
    return done
