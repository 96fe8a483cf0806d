"""The formula of a general layer as text and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.derivation.cells import Kind, Member, Quantity
from symbackprop.derivation.families import Families, General, GeneralTerm
from symbackprop.derivation.indexmaps import IndexMap
from symbackprop.printing import (
    Context,
    Dialect,
    Latex,
    LayerMark,
    Layout,
    Level,
    Notation,
    Printer,
    Spelling,
    spelling,
)
from symbackprop.raising import Formula, arranged
from symbackprop.raising.rebuild import with_children
from symbackprop.raising.tree import Negative, Ref


@dataclass(frozen=True, slots=True)
class GeneralLine:
    """One line: both sides, and the layers it holds for ("" where it is of no layer)."""

    left: str
    right: str
    layers: str


def general_lines(
    families: Families, dialect: Dialect, loss: str = "loss"
) -> tuple[GeneralLine, ...]:
    """The general formulas of a network as lines."""
    return tuple(_line(general, dialect, loss) for general in families.formulas)


def _line(general: General, dialect: Dialect, loss: str) -> GeneralLine:
    dots = r"\dots" if isinstance(dialect, Latex) else "..."
    tagged = general.quantity.layered
    layers = general.layers.text(dots) if tagged and not general.layers.single else ""
    index = (general.layers.low.text() if general.layers.single else "l") if tagged else None
    right = _right(general, dialect)
    return GeneralLine(_left(general.quantity, index, dialect, loss), right, layers)


def _left(quantity: Quantity, index: str | None, dialect: Dialect, loss: str) -> str:
    value = member_spelling(Quantity(Kind.VALUE, quantity.family), index, dialect.notation)
    if quantity.kind is Kind.VALUE:
        return dialect.name(value)
    whole = dialect.gradient(dialect.name(spelling(loss)), value)
    if quantity.kind is Kind.GRADIENT:
        return whole
    own = dialect.name(member_spelling(quantity, index, dialect.notation))
    return own if own == whole else f"{own} = {whole}"


def member_spelling(quantity: Quantity, index: str | None, notation: Notation) -> Spelling:
    """How a member of a family is spelled, at an index such as ``l+1``."""
    name = quantity.family
    if quantity.kind is Kind.COTANGENT:
        name = dict(notation.deltas).get(name, f"d{name}")
    base = spelling(name)
    if index is None:
        return base
    marks = {
        LayerMark.SQUARE: f"[{index}]",
        LayerMark.ROUND: f"({index})",
        LayerMark.BARE: index,
    }
    text, plain = (f"{t}[{index}]" for t in (base.text, base.ascii))
    if notation.layer is LayerMark.SUBSCRIPT:
        return Spelling(base.base, ",".join(x for x in (base.sub, index) if x), "", text, plain)
    return Spelling(base.base, base.sub, marks[notation.layer], text, plain)


def _is_flipped(quantity: Quantity, notation: Notation) -> bool:
    """Whether the letter of a quantity, or the gradient that it is, stands for its transpose."""
    flipped = quantity.family in notation.flipped
    if quantity.kind is Kind.VALUE:
        return flipped
    return flipped is not (notation.layout is Layout.NUMERATOR)


def _right(general: General, dialect: Dialect) -> str:
    parts: list[str] = []
    alone = len(general.terms) == 1
    for term in general.terms:
        formula, names = _marked(term, general, dialect.notation)
        minus = isinstance(formula, Negative) and not alone
        inner = formula.operand if minus and isinstance(formula, Negative) else formula
        level = Level.BIG if term.over or not alone else Level.SUM
        text = _summed(term, Printer(dialect, Context(names)).text(inner, level), dialect)
        sign = (" - " if minus else " + ") if parts else ("-" if minus else "")
        parts.append(sign + text)
    return "".join(parts)


def _summed(term: GeneralTerm, text: str, dialect: Dialect) -> str:
    if term.over is None:
        return text
    first, last = term.over.low.text(), term.over.high.text()
    return f"{dialect.summed([('l', first, last)], [])} {text}"


def _marked(
    term: GeneralTerm, general: General, notation: Notation
) -> tuple[Formula, dict[int, Spelling]]:
    """The term over the letters of the notation, every member of a family a name of its own."""
    pending = list(_in_order(term, general.members))
    names: dict[int, Spelling] = {}
    flipped: set[int] = set()

    def walk(here: Formula) -> Formula:
        if isinstance(here, Ref):
            quantity, index = general.members[here.source]
            found = None
            if index is not None:
                place = next(k for k, (s, _) in enumerate(pending) if s == here.source)
                found = pending.pop(place)[1].text()
            key = len(names)
            names[key] = member_spelling(quantity, found, notation)
            if _is_flipped(quantity, notation):
                flipped.add(key)
            return Ref(key, here.form, here.batch)
        return with_children(here, walk)

    # another layout turns the order of the members round, so they are told apart before
    marked = walk(term.formula)
    return arranged(marked, flipped, _is_flipped(general.quantity, notation)), names


def _in_order(term: GeneralTerm, members: dict[int, Member]) -> Sequence[tuple[int, IndexMap]]:
    """Each member of the term with its map, in the order in which they stand."""
    found: list[int] = []

    def walk(here: Formula) -> Formula:
        if isinstance(here, Ref) and members[here.source][1] is not None:
            found.append(here.source)
        return with_children(here, walk)

    walk(term.formula)
    return list(zip(found, term.maps, strict=True))


def text_lines(families: Families, dialect: Dialect) -> list[str]:
    """The general formulas, a line each, with their layers at the end."""
    lines = general_lines(families, dialect)
    pairs = [(f"{line.left} = {line.right}", line.layers) for line in lines]
    width = max((len(text) for text, _ in pairs), default=0)
    return [f"{text:<{width}}   {layers}".rstrip() for text, layers in pairs]


def latex_lines(families: Families, dialect: Latex) -> str:
    """The general formulas as one aligned display."""
    rows = []
    for line in general_lines(families, dialect):
        layers = rf" && {line.layers}" if line.layers else ""
        rows.append(f"  {line.left} &= {line.right}{layers}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"
