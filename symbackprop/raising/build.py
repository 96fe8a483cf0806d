"""Constructors of formulas: flat products, transposes pushed inwards, a reader's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from symbackprop.raising.shapes import is_scalar, sources, weight
from symbackprop.raising.tree import (
    ONE,
    ZERO,
    Add,
    Apply,
    Entry,
    Eye,
    Form,
    Formula,
    Hadamard,
    Inner,
    MatMul,
    MatrixFunction,
    Negative,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Quotient,
    Ref,
    SizeTerm,
    Transpose,
    Unnamed,
    Whole,
)

_LAST = 1 << 40


def add(terms: Iterable[Formula]) -> Formula:
    """The sum, flat, in a reader's order: what is added before what is subtracted."""
    flat: list[Formula] = []
    for term in terms:
        if isinstance(term, Add):
            flat.extend(term.terms)
        elif term != ZERO:
            flat.append(term)
    if not flat:
        return ZERO
    if len(flat) == 1:
        return flat[0]
    common = _common_front(flat)
    if common:
        return scaled(common, ordered_sum([_without(t, common) for t in flat], _term_key))
    return ordered_sum(flat, _term_key)


def ordered_sum(terms: Iterable[Formula], key: Callable[[Formula], tuple[object, ...]]) -> Add:
    """The sum of terms in the order of `key`; of sizes ``n - 2`` and ``n + 1``, not ``-2 + n``."""
    signed = [_signed(term) for term in terms]
    if any(sources(term) for term in signed):
        return Add(tuple(sorted(signed, key=key)))
    # sizes and numbers: the numbers last, as everybody writes a size
    return Add(tuple(sorted(signed, key=lambda t: (key(t)[0], isinstance(t, Number), key(t)))))


def _signed(term: Formula) -> Formula:
    """A number below zero as one that is subtracted."""
    if isinstance(term, Number) and term.numerator < 0:
        return Negative(Number(-term.numerator, term.denominator))
    return term


def _front(term: Formula) -> tuple[Formula, ...]:
    """The scalars in front of a term, its sign aside; of a scalar term its factors."""
    inner = term.operand if isinstance(term, Negative) else term
    if is_scalar(inner):
        return inner.factors if isinstance(inner, Product) else (inner,)
    return inner.factors[:-1] if isinstance(inner, Product) else ()


def _common_front(terms: Sequence[Formula]) -> list[Formula]:
    """The scalars that stand in front of every term; not a number before sums over everything."""
    shared = Counter(_front(terms[0]))
    for term in terms[1:]:
        shared &= Counter(_front(term))
    if all(is_scalar(term) for term in terms):
        shared = Counter({f: n for f, n in shared.items() if not isinstance(f, Number)})
    return list(shared.elements())


def _without(term: Formula, common: Sequence[Formula]) -> Formula:
    inner = term.operand if isinstance(term, Negative) else term
    front = list(_front(term))
    for factor in common:
        front.remove(factor)
    core = inner.factors[-1] if isinstance(inner, Product) and not is_scalar(inner) else inner
    rest = scaled(front, ONE if is_scalar(inner) else core)
    return negative(rest) if isinstance(term, Negative) else rest


def all_negative(formula: Formula) -> bool:
    """Whether the formula is a sum of subtracted terms only."""
    return isinstance(formula, Add) and all(isinstance(t, Negative) for t in formula.terms)


def without_signs(formula: Formula) -> Formula:
    """Minus a sum of subtracted terms."""
    assert isinstance(formula, Add)
    return ordered_sum((negative(t) for t in formula.terms), _term_key)


def _term_key(term: Formula) -> tuple[object, ...]:
    """What is added first, and numbers before products before names."""
    if isinstance(term, Negative):
        return (1, *_rank(term.operand))
    return (0, *_rank(term))


@lru_cache(maxsize=65536)
def _rank(formula: Formula) -> tuple[int, int, int, str]:
    """Numbers, products, names; then by the first name read, then large before small."""
    if isinstance(formula, Number):
        return (-1 if formula.denominator == 1 else 2, 0, 0, "")
    core = formula.factors[-1] if isinstance(formula, Product) else formula
    found = sources(core)
    first = found[0] if found else _LAST
    heavy = isinstance(core, Norm) and bool(found)
    product = bool(found) and isinstance(core, (MatMul, Inner, Norm, Hadamard))
    return (0 if product else 1, first, -weight(core) if heavy else weight(core), repr(formula))


def negative(formula: Formula) -> Formula:
    """Minus a formula, with double minus gone."""
    match formula:
        case Negative(operand=operand):
            return operand
        case Number(numerator=p, denominator=q):
            return Number(-p, q)
    return Negative(formula)


def scaled(scalars: Sequence[Formula], formula: Formula) -> Formula:
    """Scalars times a formula: numbers, then sizes, then the rest, gathered in front."""
    front: list[Formula] = []
    sign = False
    for scalar in (*scalars, formula) if is_scalar(formula) else scalars:
        while isinstance(scalar, Negative):
            scalar, sign = scalar.operand, not sign
        if all_negative(scalar):
            scalar, sign = without_signs(scalar), not sign
        front.extend(scalar.factors if isinstance(scalar, Product) else (scalar,))
    rest = None if is_scalar(formula) else formula
    while isinstance(rest, Negative):
        rest, sign = rest.operand, not sign
    if isinstance(rest, Product):
        front.extend(rest.factors[:-1])
        rest = rest.factors[-1]
    number, others = _number_of(front)
    if number.numerator == 0:
        return ZERO
    if number.numerator < 0:
        number, sign = Number(-number.numerator, number.denominator), not sign
    if any(isinstance(x, Quotient) for x in others):
        others = [x for x in _one_fraction(others, number) if x != ONE]
        number = ONE
    ordered = sorted(others, key=_factor_key)
    if number != ONE:
        ordered.insert(0, number)
    if rest is not None:
        ordered.append(rest)
    result = ONE if not ordered else ordered[0] if len(ordered) == 1 else Product(tuple(ordered))
    return negative(result) if sign else result


def _number_of(factors: Iterable[Formula]) -> tuple[Number, list[Formula]]:
    p, q = 1, 1
    others: list[Formula] = []
    for factor in factors:
        if isinstance(factor, Number):
            p, q = p * factor.numerator, q * factor.denominator
        else:
            others.append(factor)
    return reduced(p, q), others


def reduced(p: int, q: int) -> Number:
    """The fraction ``p / q`` in lowest terms."""
    a, b = abs(p), q
    while b:
        a, b = b, a % b
    return Number(p // a, q // a) if a else Number(0)


def _one_fraction(factors: list[Formula], number: Number) -> list[Formula]:
    """Gather quotients of scalars into one: ``a (1/m) (1/n)`` is ``a / (m n)``."""
    top: list[Formula] = []
    bottom: list[Formula] = []
    for factor in factors:
        if isinstance(factor, Quotient):
            top.append(factor.numerator)
            bottom.append(factor.denominator)
        else:
            top.append(factor)
    numerator = [t for x in top for t in (x.factors if isinstance(x, Product) else (x,))]
    up, numerator = _number_of(numerator)
    up = reduced(up.numerator * number.numerator, up.denominator * number.denominator)
    bottom = [t for x in bottom for t in (x.factors if isinstance(x, Product) else (x,))]
    down, bottom = _number_of(bottom)
    sizes = Counter(x for x in numerator if isinstance(x, SizeTerm))
    below = Counter(x for x in bottom if isinstance(x, SizeTerm))
    for size in (sizes & below).elements():
        numerator.remove(size)
        bottom.remove(size)
    value = reduced(up.numerator * down.denominator, up.denominator * down.numerator)
    lower = scaled(bottom, Number(value.denominator))
    if lower == ONE:
        return [scaled(numerator, Number(value.numerator))]
    return [Quotient(scaled(numerator, Number(value.numerator)), lower)]


def _factor_key(factor: Formula) -> tuple[object, ...]:
    """Constants and sizes, then names, then the rest."""
    found = sources(factor)
    kind = 0 if not found else 1 if isinstance(factor, Ref) else 2
    return (kind, *hadamard_key(factor))


@lru_cache(maxsize=65536)
def hadamard_key(factor: Formula) -> tuple[int, int, int, str]:
    """Matrix products first, functions last; between them by the first name read."""
    kind = 1
    match factor:
        case MatMul() | Inner() | Norm() | Unnamed(tensor=Form()):
            kind = 0
        case Apply() | Unnamed():
            kind = 2
        case Power(base=Apply() | Unnamed()):
            kind = 2
    found = sources(factor)
    # what a sum is made of is known only with its last part
    first = (found[-1] if isinstance(factor, Add) else found[0]) if found else _LAST
    return (kind, first, weight(factor), repr(factor))


def hadamard(factors: Iterable[Formula]) -> Formula:
    """The entrywise product, flat, with scalars in front and ones left out."""
    flat: list[Formula] = []
    front: list[Formula] = []
    ones: list[Formula] = []
    for factor in factors:
        while isinstance(factor, Negative):
            factor = factor.operand
            front.append(Number(-1))
        if isinstance(factor, Product) and not is_scalar(factor):
            front.extend(factor.factors[:-1])
            factor = factor.factors[-1]
        if is_scalar(factor):
            front.append(factor)
        elif isinstance(factor, Hadamard):
            flat.extend(factor.factors)
        elif isinstance(factor, Ones):
            ones.append(factor)
        else:
            flat.append(factor)
    if not flat:
        return scaled(front, ones[0]) if ones else scaled(front, ONE)
    turned = [f.operand for f in flat if isinstance(f, Transpose)]
    if len(turned) == len(flat) > 1:
        return scaled(front, Transpose(Hadamard(tuple(sorted(turned, key=hadamard_key)))))
    ordered = tuple(sorted(flat, key=hadamard_key))
    return scaled(front, ordered[0] if len(ordered) == 1 else Hadamard(ordered))


def matmul(factors: Iterable[Formula]) -> Formula:
    """The matrix product, flat, with scalars and signs in front and identities left out."""
    flat: list[Formula] = []
    front: list[Formula] = []
    eye: Formula | None = None
    for factor in factors:
        while isinstance(factor, Negative):
            factor = factor.operand
            front.append(Number(-1))
        if isinstance(factor, Product) and not is_scalar(factor):
            front.extend(factor.factors[:-1])
            factor = factor.factors[-1]
        if isinstance(factor, Eye):
            eye = factor
        elif isinstance(factor, MatMul):
            flat.extend(factor.factors)
        else:
            flat.append(factor)
    if not flat:
        assert eye is not None
        return scaled(front, eye)
    return scaled(front, flat[0] if len(flat) == 1 else MatMul(tuple(flat)))


def inner(left: Formula, right: Formula) -> Formula:
    """``left^T right`` of two columns, with scalars and signs in front."""
    front: list[Formula] = []
    sides: list[Formula] = []
    for side in (left, right):
        while isinstance(side, Negative):
            side = side.operand
            front.append(Number(-1))
        if isinstance(side, Product):
            front.extend(side.factors[:-1])
            side = side.factors[-1]
        if all_negative(side):
            side = without_signs(side)
            front.append(Number(-1))
        sides.append(side)
    return scaled([*front, Inner(sides[0], sides[1])], ONE)


def diag(column: Formula) -> Formula:
    """The diagonal matrix of a column."""
    match column:
        case Ones(size=size):
            return Eye(size)
        case Negative(operand=operand):
            return negative(diag(operand))
        case Product(factors=factors):
            return scaled(factors[:-1], diag(factors[-1]))
        case Power(base=base, exponent=Number(numerator=-1, denominator=1)):
            return Whole(MatrixFunction.INVERSE, diag(base))
        case Quotient(numerator=Number() as top, denominator=base):
            return scaled([top], Whole(MatrixFunction.INVERSE, diag(base)))
        case Quotient(numerator=Ones(), denominator=base):
            return Whole(MatrixFunction.INVERSE, diag(base))
    return Whole(MatrixFunction.DIAG, column)


def quotient(top: Formula, bottom: Formula) -> Formula:
    """A quotient, entry by entry; numbers and signs go in front."""
    if bottom == ONE:
        return top
    if is_scalar(bottom) and not is_scalar(top):
        return scaled([Quotient(ONE, bottom)], top)
    match top, bottom:
        case (Negative(operand=operand), _):
            return negative(quotient(operand, bottom))
        case (_, Negative(operand=operand)):
            return negative(quotient(top, operand))
        case (Number(numerator=p, denominator=q), Number(numerator=r, denominator=s)):
            return reduced(p * s, q * r) if r > 0 else reduced(-p * s, -q * r)
        case (Number(numerator=p, denominator=q), _) if p < 0:
            return negative(Quotient(Number(-p, q), bottom))
    return Quotient(top, bottom)


__all__ = [
    "Entry",
    "Ref",
    "add",
    "diag",
    "hadamard",
    "hadamard_key",
    "inner",
    "matmul",
    "negative",
    "quotient",
    "reduced",
    "scaled",
]
