"""Constructors of index forms: a reader's order, common factors in front, deltas summed away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from symbackprop.raising.build import negative, quotient, reduced
from symbackprop.raising.rebuild import substituted
from symbackprop.raising.shapes import children
from symbackprop.raising.tree import (
    ONE,
    ZERO,
    Add,
    Apply,
    Big,
    Delta,
    Entry,
    Formula,
    Indicator,
    Negative,
    Number,
    Over,
    Power,
    Product,
    Quotient,
    Unnamed,
    Value,
)
from symbackprop.sizes import Constraint, Index

_LAST = 1 << 40


def entry_product(factors: Iterable[Formula]) -> Formula:
    """A product of scalars: numbers, sizes, entries by their indices, deltas and sums last."""
    p, q = 1, 1
    flat: list[Formula] = []
    below: list[Formula] = []
    guards: list[Constraint] = []
    pending = list(factors)[::-1]
    while pending:
        factor = pending.pop()
        match factor:
            case Negative(operand=operand):
                p = -p
                pending.append(operand)
            case Product(factors=inner):
                pending.extend(reversed(inner))
            case Quotient(numerator=top, denominator=bottom):
                below.append(bottom)
                pending.append(top)
            case Number():
                p, q = p * factor.numerator, q * factor.denominator
            case Indicator():
                guards.extend(factor.conditions)
            case _:
                flat.append(factor)
    if p == 0:
        return ZERO
    number = reduced(abs(p), q)
    if guards:
        flat.append(Indicator(in_order(guards)))
    ordered = sorted(_powers(flat), key=factor_key)
    if below:
        top = _joined([Number(number.numerator), *_without_last(ordered)])
        bottom = entry_product([Number(number.denominator), *below])
        result = _joined([quotient(top, bottom), *_last_ones(ordered)])
    else:
        result = _joined([number, *ordered])
    return negative(result) if p < 0 else result


def in_order(conditions: Iterable[Constraint]) -> tuple[Constraint, ...]:
    """Conditions, each once; those that look something up may rely on those that do not."""
    found = dict.fromkeys(conditions)
    return tuple(sorted(found, key=lambda c: (any(c.term.look_ups()), c.key())))


def _powers(factors: Sequence[Formula]) -> list[Formula]:
    """The factors with equal ones as a power; a delta is its own square."""
    found: list[Formula] = []
    for factor, count in Counter(factors).items():
        if count == 1 or isinstance(factor, Delta):
            found.append(factor)
        elif isinstance(factor, Power) and isinstance(factor.exponent, Number):
            n = factor.exponent
            found.append(Power(factor.base, reduced(n.numerator * count, n.denominator)))
        else:
            found.append(Power(factor, Number(count)))
    return found


def _stays_outside(factor: Formula) -> bool:
    return isinstance(factor, (Delta, Indicator, Over))


def _without_last(factors: Sequence[Formula]) -> list[Formula]:
    return [f for f in factors if not _stays_outside(f)]


def _last_ones(factors: Sequence[Formula]) -> list[Formula]:
    return [f for f in factors if _stays_outside(f)]


def _joined(factors: Sequence[Formula]) -> Formula:
    kept = [f for f in factors if f != ONE]
    if not kept:
        return ONE
    return kept[0] if len(kept) == 1 else Product(tuple(kept))


@lru_cache(maxsize=65536)
def factor_key(factor: Formula) -> tuple[object, ...]:
    """Constants, then by the first axis and name read; sums in brackets, deltas and Σ last."""
    kind = 0
    match factor:
        case Add():
            kind = 1
        case Unnamed() | Apply():
            kind = 2
        case Delta():
            kind = 3
        case Indicator():
            kind = 4
        case Over():
            kind = 5
    axes, names = _reads(factor)
    if not axes and not names and kind < 3:
        return (-1, -1, repr(factor))
    first_axis = min(axes, default=-1)
    if kind <= 2:
        return (0, first_axis, min(names, default=-1), kind, repr(factor))
    return (kind, first_axis, min(names, default=_LAST), 0, repr(factor))


@lru_cache(maxsize=65536)
def _reads(formula: Formula) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes and the nodes a formula mentions."""
    axes: set[int] = set()
    names: set[int] = set()
    terms: tuple[Index, ...] = ()
    match formula:
        case Entry():
            names.add(formula.source)
            terms = formula.index
        case Value(index=index):
            terms = (index,)
        case Delta():
            terms = (formula.left, formula.right)
        case Indicator(conditions=conditions) | Over(conditions=conditions):
            terms = tuple(c.term for c in conditions)
    for term in terms:
        axes.update(term.axes())
        names.update(look_up.source for look_up in term.look_ups())
    for child in children(formula):
        more_axes, more_names = _reads(child)
        axes.update(more_axes)
        names.update(more_names)
    if isinstance(formula, Over):
        axes.difference_update(formula.axes)
    return tuple(sorted(axes)), tuple(sorted(names))


def entry_sum(terms: Iterable[Formula]) -> Formula:
    """A sum of scalars: what is added before what is subtracted, common factors in front."""
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
    common = _common([_factors(t) for t in flat])
    if common and any(isinstance(f, Delta) for t in flat for f in _factors(t)):
        rest = [_without(t, common) for t in flat]
        return entry_product([*common, _plain_sum(rest)])
    return _plain_sum(flat)


def _plain_sum(terms: Iterable[Formula]) -> Formula:
    return Add(tuple(sorted(terms, key=_term_key)))


def _term_key(term: Formula) -> tuple[object, ...]:
    inner = term.operand if isinstance(term, Negative) else term
    _, names = _reads(inner)
    number = 0 if isinstance(inner, Number) else 1
    holds_sum = 0 if isinstance(inner, (Over, Product)) and names else 1
    first = names[0] if names else _LAST
    return (isinstance(term, Negative), number, holds_sum, first, repr(inner))


def _factors(term: Formula) -> tuple[Formula, ...]:
    inner = term.operand if isinstance(term, Negative) else term
    if isinstance(inner, Product):
        return inner.factors
    return (inner,)


def _common(groups: list[tuple[Formula, ...]]) -> list[Formula]:
    found: list[Formula] = []
    for factor in groups[0]:
        least = min(group.count(factor) for group in groups)
        if least and factor not in found and not isinstance(factor, Number):
            found.extend([factor] * least)
    return found


def _without(term: Formula, common: Sequence[Formula]) -> Formula:
    left = list(_factors(term))
    for factor in common:
        left.remove(factor)
    rest = entry_product(left)
    return negative(rest) if isinstance(term, Negative) else rest


def over(
    big: Big, axes: tuple[int, ...], conditions: tuple[Constraint, ...], body: Formula
) -> Formula:
    """`body` over a range; a sum uses deltas up and leaves constants in front."""
    conditions = in_order(conditions)
    if big is not Big.SUM:
        return Over(big, axes, conditions, body)
    if body == ZERO:
        return ZERO
    for factor in _factors(body):
        if isinstance(factor, Delta) and not conditions:
            solved = _solved(factor, axes)
            if solved is not None:
                a, value = solved
                rest = _without(body, [factor])
                left = tuple(x for x in axes if x != a)
                moved = substituted(rest, {a: value})
                return over(big, left, conditions, moved) if left else moved
    outside = [f for f in _factors(body) if _is_free(f, axes)]
    inner = _without(body, outside)
    if isinstance(inner, Negative):
        outside.append(Number(-1))
        inner = inner.operand
    if isinstance(inner, Over) and inner.big is Big.SUM:
        axes, conditions = (*axes, *inner.axes), in_order((*conditions, *inner.conditions))
        inner = inner.body
    return entry_product([*outside, Over(big, axes, conditions, inner)])


def _is_free(factor: Formula, axes: tuple[int, ...]) -> bool:
    """Whether a factor may stand before the sum."""
    return not any(a in axes for a in _reads(factor)[0])


def _solved(delta: Delta, axes: tuple[int, ...]) -> tuple[int, Index] | None:
    for mine, other in ((delta.left, delta.right), (delta.right, delta.left)):
        a = mine.plain_axis()
        if a is not None and a in axes and a not in tuple(other.axes()):
            return a, other
    return None


__all__ = ["entry_product", "entry_sum", "factor_key", "over"]
