"""Plain SymPy in index notation: IndexedBase, Sum, functions, Max, Piecewise, deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sympy import (
    Basic,
    Determinant,
    Expr,
    Idx,
    Indexed,
    Integer,
    KroneckerDelta,
    MatrixExpr,
    Sum,
    Symbol,
    Trace,
)
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.errors import ShapeError, UnsupportedError
from symbackprop.frontend.entries import Entry
from symbackprop.frontend.importer import Environment, Importer, Job, Rule, short
from symbackprop.frontend.index_survey import Survey, check_construct, is_size, sum_ranges
from symbackprop.frontend.scalar_terms import Letter, Letters, Place, Term, affine, outside
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Kind
from symbackprop.scalars import placeholder
from symbackprop.scalars.adopt import adopt
from symbackprop.sizes import At, Index, Size, as_size, implied, size_symbol

DEPTH_LIMIT = 100
"""Nesting inside one scalar expression, between sums."""

LEAVES = (Indexed, Entry, Sum, Trace, Determinant, MatrixElement, MatrixExpr, Symbol, Idx)


def leaves_of(expression: Basic) -> Iterator[Basic]:
    """The parts of a scalar expression that are no scalar functions of scalars, left to right.

    Raises
    ------
    UnsupportedError
        Where the expression is too deep, or holds a construct that is not supported.
    """
    pending: list[tuple[Basic, int]] = [(expression, 0)]
    while pending:
        here, depth = pending.pop()
        if isinstance(here, KroneckerDelta) or not isinstance(here, LEAVES):
            check_construct(here)
            if depth > DEPTH_LIMIT:
                raise UnsupportedError(
                    f"a scalar expression nested deeper than {DEPTH_LIMIT}: {short(here)}",
                    help="declare deep networks with handles, in a loop of plain Python",
                )
            pending.extend((a, depth + 1) for a in reversed(here.args))
        else:
            yield here


def scalar_needs(importer: Importer, expression: Basic, env: Environment) -> Iterable[Job]:
    """The sums and matrix parts of a scalar expression."""
    for leaf in leaves_of(expression):
        if isinstance(leaf, Sum | Trace | Determinant | MatrixElement | MatrixExpr):
            if leaf is not expression:
                yield leaf, env


def sum_needs(importer: Importer, expression: Sum, env: Environment) -> Iterable[Job]:
    """What is summed, with the indices of the sum."""
    yield expression.function, summed_environment(importer, expression, env)


def summed_environment(importer: Importer, expression: Sum, env: Environment) -> Environment:
    """The indices inside a sum."""
    inside = dict(env)
    ranges = sum_ranges(expression)
    indices = {*inside, *(symbol for symbol, _ in ranges)}
    # the outermost index, which SymPy lists last, becomes the first axis
    for symbol, (low, high) in reversed(ranges):
        for bound in (low, high):
            if any(s in indices for s in bound.free_symbols):
                raise UnsupportedError(
                    f"the bound {bound} of {symbol} depends on another index: {short(expression)}",
                    help="sum over the whole axis of f times Piecewise((1, k <= i), (0, True)), or "
                    "use sb.cumsum",
                )
        size = as_size(high - low + 1)
        inside[symbol] = importer.letters.number(Letter(symbol, as_size_or(low), size))
    return tuple(sorted(inside.items(), key=lambda pair: str(pair[0])))


def as_size_or(bound: Expr) -> Size:
    """The first value of an index, which may be negative."""
    return bound if bound.is_Integer else as_size(bound)


def make_sum(importer: Importer, expression: Sum, env: Environment) -> Term:
    """Σ of what is summed."""
    inside = summed_environment(importer, expression, env)
    bound = dict(inside)
    summed = [bound[symbol] for symbol, _ in sum_ranges(expression)]
    term = importer.term(expression.function, inside)
    return importer.letters.total(term, list(dict.fromkeys(summed)))


class Scalars:
    """Makes terms of scalar expressions, with what a survey of the whole expression told."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey

    def make(self, importer: Importer, expression: Basic, env: Environment) -> Term:
        """A scalar expression as a term, with a tensor for each function in it."""
        return importer.letters.divided(self.term(importer, expression, env))

    def term(self, importer: Importer, expression: Basic, env: Environment) -> Term:
        """A scalar expression as one term: leaves become reads, functions are recognised."""
        reads: dict[tuple[Tensor | None, Place], int] = {}
        known: dict[int, Expr] = {}
        for leaf in leaves_of(expression):
            if id(leaf) not in known:
                known[id(leaf)] = self._leaf(importer, leaf, env, reads)
        return Term(adopt(_rebuilt(expression, known)), tuple(reads))

    def _leaf(
        self,
        importer: Importer,
        leaf: Basic,
        env: Environment,
        reads: dict[tuple[Tensor | None, Place], int],
    ) -> Expr:
        numbers = dict(env)
        if isinstance(leaf, Symbol | Idx) and leaf not in numbers:
            if is_size(self.survey, leaf) and not isinstance(leaf, Idx):
                return size_symbol(leaf.name)
            if isinstance(leaf, Idx):
                raise ShapeError(
                    f"the index {leaf} is bound by no sum and is not among the free indices"
                )
            read: tuple[Tensor | None, Place] = (importer.arrays.variable(leaf.name, ()), ())
        elif leaf in numbers:
            letter = importer.letters.known[numbers[leaf]]
            read = (None, (self.index(importer, leaf, env).shifted(letter.lower * 0),))
        elif isinstance(leaf, Indexed | Entry):
            read = self._entry(importer, leaf, env)
        else:
            term = importer.letters.stored(importer.term(leaf, env))
            (read,) = term.reads
        return placeholder(reads.setdefault(read, len(reads)))

    def _entry(
        self, importer: Importer, leaf: Indexed | Entry, env: Environment
    ) -> tuple[Tensor | None, Place]:
        """An array at an index, checked to stay inside."""
        if isinstance(leaf, Entry):
            tensor: Tensor = leaf.tensor
            origins: tuple[int, ...] = (0,) * len(tensor.shape)
            what = str(leaf)
        else:
            name = str(leaf.base.label)
            shape = self.survey.shape(name)
            origins = self.survey.origins(name)
            tensor, what = importer.arrays.variable(name, shape), str(leaf)
        place: list[Index] = []
        for index, size, origin in zip(leaf.indices, tensor.shape, origins, strict=True):
            term = self.index(importer, index, env).shifted(as_size(origin) * -1)
            check_inside(importer.letters, what, index, term, size)
            place.append(term)
        return tensor, tuple(place)

    def index(self, importer: Importer, index: Expr, env: Environment) -> Index:
        """An index expression as an index term over letters."""
        letters = {s: (n, importer.letters.known[n].lower) for s, n in env}

        def look_up(part: Expr) -> Index | None:
            if not isinstance(part, Indexed | Entry):
                if isinstance(part, Idx):
                    raise ShapeError(f"the index {part} is bound by no sum and is not free")
                return None
            tensor, place = self._entry(importer, part, env)
            if tensor is None or tensor.kind is not Kind.INT:
                raise ShapeError(
                    f"{part} stands in an index, but does not hold integers",
                    help='give a handle for it: inputs=[sb.input(name, m, kind="labels", '
                    "classes=k)]",
                )
            return Index(((At(importer.letters.name(tensor), place), Integer(1)),))

        return affine(str(index), index, letters, look_up)


def check_inside(letters: Letters, what: str, index: Expr, term: Index, size: Size) -> None:
    """Refuse an index that is not proved to stay inside its axis; look-ups are checked at run time.

    Raises
    ------
    ShapeError
        With the index and the size.
    """
    if term.has_look_up():
        return
    box = [letter.size for letter in letters.known]
    above = term.scaled(Integer(-1)).shifted(size - 1)
    if implied(term, box) and implied(above, box):
        return
    number = term.plain_axis()
    if number is not None:
        letter = letters.known[number]
        raise ShapeError(
            f"{what}: the index {letter.symbol} takes {letter.size} values, its axis has {size}",
            help=f"{letter.size} and {size} are unrelated sizes; use one symbol for both",
        )
    raise outside(what, index, size)


def _rebuilt(expression: Basic, known: dict[int, Expr]) -> Expr:
    """The expression with its leaves replaced; its depth is bounded, so this recurses."""
    found = known.get(id(expression))
    if found is not None:
        return found
    if not expression.args:
        return expression
    return expression.func(*(_rebuilt(a, known) for a in expression.args))


def index_rules(survey: Survey) -> tuple[dict[type[Basic], Rule], Rule]:
    """The rules of index notation, and the one for scalar expressions."""
    scalars = Scalars(survey)
    return {Sum: Rule(sum_needs, make_sum)}, Rule(scalar_needs, scalars.make)
