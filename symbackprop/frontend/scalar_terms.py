"""Scalar expressions over letters: what index notation is made of on its way to comprehensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Expr, Integer, Mul, Symbol, expand

from symbackprop.errors import ShapeError, UnsupportedError
from symbackprop.frontend.comprehend import comprehend, split
from symbackprop.frontend.contraction import contract
from symbackprop.frontend.recognise import recognise
from symbackprop.frontend.record import Computed, Record
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Operand, Position, Read, Reduction
from symbackprop.scalars import placeholder, placeholder_index
from symbackprop.sizes import Constraint, Index, Size, axis, constant

Place = tuple[Index, ...]
"""Index terms whose axes are letters and whose look-ups name tensors by serial."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An index symbol over a range: its number is its axis in index terms."""

    symbol: Symbol
    lower: Size
    size: Size


@dataclass(frozen=True, slots=True)
class Term:
    """A scalar expression: `body` over reads; a read of None is the value of its index."""

    body: Expr
    reads: tuple[tuple[Tensor | None, Place], ...] = ()

    def letters(self) -> tuple[int, ...]:
        """The letters that it depends on, ascending."""
        return tuple(sorted({a for _, place in self.reads for t in place for a in t.axes()}))


@dataclass(slots=True)
class Letters:
    """All letters and tensors of an expression, and the tensors made of equal definitions."""

    known: list[Letter] = field(default_factory=list)
    numbers: dict[Letter, int] = field(default_factory=dict)
    tensors: dict[int, Tensor] = field(default_factory=dict)
    made: dict[object, Tensor] = field(default_factory=dict)

    def number(self, letter: Letter) -> int:
        """The number of a letter; a new one gets the next."""
        found = self.numbers.setdefault(letter, len(self.known))
        if found == len(self.known):
            self.known.append(letter)
        return found

    def size(self, number: int) -> Size:
        """The size of a letter."""
        return self.known[number].size

    def name(self, tensor: Tensor) -> int:
        """The serial by which look-ups name a tensor."""
        self.tensors[tensor.serial] = tensor
        return tensor.serial

    def tensor(
        self,
        body: Expr,
        reads: Sequence[tuple[Tensor | None, Place]],
        out: Sequence[int],
        summed: Sequence[int] = (),
        domain: Sequence[Constraint] = (),
        reduction: Reduction = Reduction.SUM,
    ) -> Tensor:
        """The tensor over `out` of a body, reduced over `summed`; equal ones are made once."""
        operands = self._operands(reads, domain)
        place = {number: k for k, number in enumerate((*out, *summed))}
        sources = {t.serial: k for k, t in enumerate(operands)}

        def local(term: Index) -> Index:
            return term.renamed(place.__getitem__).map_sources(sources)

        moved: list[Operand] = []
        for tensor, index in reads:
            terms = tuple(local(t) for t in index)
            moved.append(
                Position(terms[0]) if tensor is None else Read(sources[tensor.serial], terms)
            )
        shape = [self.size(a) for a in out]
        axes = [self.size(a) for a in (*out, *summed)]
        limits = tuple(Constraint(local(c.term), c.equality) for c in domain)
        key = (tuple(operands), tuple(axes), len(out), body, tuple(moved), limits, reduction)
        if key not in self.made:
            self.made[key] = _made(operands, shape, axes, body, moved, limits, reduction)
        return self.made[key]

    def _operands(
        self, reads: Sequence[tuple[Tensor | None, Place]], domain: Sequence[Constraint]
    ) -> list[Tensor]:
        found = {t.serial: t for t, _ in reads if t is not None}
        terms = [t for _, place in reads for t in place] + [c.term for c in domain]
        for term in terms:
            for look_up in term.look_ups():
                found[look_up.source] = self.tensors[look_up.source]
        return list(found.values())

    def stored(self, term: Term) -> Term:
        """The term as one read of a tensor over its letters."""
        if term.body == placeholder(0) and len(term.reads) == 1 and term.reads[0][0] is not None:
            return term
        out = term.letters()
        made = self.tensor(term.body, term.reads, out)
        return Term(placeholder(0), ((made, tuple(axis(a) for a in out)),))

    def divided(self, term: Term) -> Term:
        """The term with its functions recognised and stored, as elementwise tensors are."""
        reads = list(term.reads)

        def store(part: Expr) -> Expr:
            (read,) = self.stored(compacted(part, reads)).reads
            reads.append(read)
            return placeholder(len(reads) - 1)

        body = split(recognise(term.body), store)
        return compacted(body, reads)

    def total(self, term: Term, summed: Sequence[int]) -> Term:
        """Σ over letters: a product becomes a contraction, anything else a sum of a tensor."""
        out = [a for a in term.letters() if a not in summed]
        coefficient, factors = _product(term)
        if len(factors) > 1:
            return Term(
                placeholder(0),
                (
                    (
                        self._contracted(factors, coefficient, out, summed),
                        tuple(axis(a) for a in out),
                    ),
                ),
            )
        simple = self.stored(term)
        made = self.tensor(placeholder(0), simple.reads, out, summed)
        return Term(placeholder(0), ((made, tuple(axis(a) for a in out)),))

    def _contracted(
        self,
        factors: Sequence[tuple[Tensor, Place]],
        coefficient: Expr,
        out: Sequence[int],
        summed: Sequence[int],
    ) -> Tensor:
        looks_up = any(t.has_look_up() for _, place in factors for t in place)
        if len(factors) == 2 or looks_up:
            body = coefficient
            for k in range(len(factors)):
                body = body * placeholder(k)
            return self.tensor(body, factors, out, summed)
        order = [*out, *summed]
        local = {a: k for k, a in enumerate(order)}
        moved = [(t, tuple(i.renamed(local.__getitem__) for i in place)) for t, place in factors]
        key = ("contract", tuple(moved), coefficient, tuple(order), len(out))
        if key not in self.made:
            sizes = [self.size(a) for a in order]
            self.made[key] = contract(moved, sizes, list(range(len(out))), coefficient)
        return self.made[key]


def _made(
    operands: Sequence[Tensor],
    shape: Sequence[Size],
    axes: Sequence[Size],
    body: Expr,
    reads: Sequence[Operand],
    domain: Sequence[Constraint],
    reduction: Reduction,
) -> Tensor:
    if operands and (len(axes) > len(shape) or domain or reduction is not Reduction.SUM):
        return comprehend(operands, shape, axes, body, reads, None, domain, reduction)
    here = tuple(axis(k) for k in range(len(shape)))
    pointwise = len(axes) == len(shape) and not domain and reduction is Reduction.SUM
    definition = Computed(
        tuple(operands),
        tuple(axes),
        body,
        tuple(reads),
        here,
        tuple(domain),
        Reduction.NONE if pointwise else reduction,
        pointwise=pointwise,
    )
    kind = operands[0].kind if len(operands) == 1 and body == placeholder(0) else None
    return Tensor(shape, definition) if kind is None else Tensor(shape, definition, kind=kind)


def _product(term: Term) -> tuple[Expr, list[tuple[Tensor, Place]]]:
    """The coefficient and the factors of a product of reads; no factors for anything else."""
    coefficient: Expr = Integer(1)
    factors: list[tuple[Tensor, Place]] = []
    for factor in Mul.make_args(term.body):
        base, power = factor.as_base_exp()
        k = placeholder_index(base)
        if k is None:
            if any(placeholder_index(s) is not None for s in factor.free_symbols):
                return Integer(1), []
            coefficient = coefficient * factor
            continue
        tensor, place = term.reads[k]
        if tensor is None or power != 1:
            return Integer(1), []
        factors.append((tensor, place))
    return coefficient, factors


def compacted(body: Expr, reads: Sequence[tuple[Tensor | None, Place]]) -> Term:
    """The term of a body that uses some of `reads`, each once."""
    used = sorted(k for s in body.free_symbols if (k := placeholder_index(s)) is not None)
    place: dict[tuple[Tensor | None, Place], int] = {}
    moves = {placeholder(k): placeholder(place.setdefault(reads[k], len(place))) for k in used}
    return Term(body.xreplace(moves), tuple(place))


def affine(
    what: str,
    expression: Expr,
    letters: dict[Symbol, tuple[int, Size]],
    look_up: Callable[[Expr], Index | None],
) -> Index:
    """An index expression as an index term.

    letters : symbol -> (number, lower end);  look_up : what an array entry in an index means

    Raises
    ------
    UnsupportedError
        When it is not affine in the letters.
    """
    total = constant(0)
    for part in expand(expression).as_ordered_terms():
        coefficient, found = Integer(1), None
        for factor in Mul.make_args(part):
            inner = _atom(factor, letters, look_up)
            if inner is None:
                coefficient = coefficient * factor
            elif found is None:
                found = inner
            else:
                raise _not_affine(what, expression)
        if any(s in letters for s in coefficient.free_symbols):
            raise _not_affine(what, expression)
        total = total + (constant(coefficient) if found is None else found.scaled(coefficient))
    return total


def _atom(
    factor: Expr,
    letters: dict[Symbol, tuple[int, Size]],
    look_up: Callable[[Expr], Index | None],
) -> Index | None:
    if factor in letters:
        number, lower = letters[factor]
        return axis(number).shifted(lower)
    return look_up(factor)


def _not_affine(what: str, expression: Expr) -> UnsupportedError:
    return UnsupportedError(
        f"{what}: the index {expression} is not affine in the index symbols",
        help="an index is a sum of index symbols times sizes, like 2*i + k - 1",
    )


def outside(what: str, index: Expr, size: Size) -> ShapeError:
    """The error for an index that leaves its axis."""
    return ShapeError(
        f"{what}: the index {index} does not stay inside an axis of size {size}",
        help="the range of an index and the axis it runs over have the same size symbol",
    )


def all_letters(terms: Iterable[Index]) -> tuple[int, ...]:
    """The letters in index terms, each once, in order."""
    return tuple(dict.fromkeys(a for t in terms for a in t.axes()))


__all__ = [
    "Letter",
    "Letters",
    "Place",
    "Record",
    "Term",
    "affine",
    "all_letters",
    "compacted",
    "outside",
]
