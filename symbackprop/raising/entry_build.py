"""Constructors of index forms: a reader's order, common factors in front, deltas summed away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from symbackprop.raising.build import all_negative, negative, ordered_sum, quotient, reduced
from symbackprop.raising.rebuild import substituted
from symbackprop.raising.shapes import children, weight
from symbackprop.raising.tree import (
    ONE,
    ZERO,
    Add,
    Apply,
    Big,
    Component,
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
    Ref,
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
        named = max(names, default=-1) if kind == 1 else min(names, default=-1)
        return (0, first_axis, named, kind, repr(factor))
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
        case Component():
            terms = formula.index
        case Ref():
            names.add(formula.source)
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
    common = _common(flat)
    if common:
        return entry_product([*common, _plain_sum([_without(t, common) for t in flat])])
    return _plain_sum(flat)


def _plain_sum(terms: Iterable[Formula]) -> Formula:
    return ordered_sum(terms, _term_key)


def _term_key(term: Formula) -> tuple[object, ...]:
    inner = term.operand if isinstance(term, Negative) else term
    _, names = _reads(inner)
    kind = 2
    if isinstance(inner, Number):
        kind = 0 if inner.denominator == 1 else 3
    elif isinstance(inner, (Over, Product)) and names:
        kind = 1
    heavy = holds_sum(inner)
    size = -weight(inner) if heavy else weight(inner)
    first = names[0] if names else _LAST
    return (isinstance(term, Negative), kind, not heavy, first, size, repr(inner))


@lru_cache(maxsize=65536)
def holds_sum(formula: Formula) -> bool:
    """Whether a sum over a range stands somewhere in the formula."""
    return isinstance(formula, Over) or any(holds_sum(child) for child in children(formula))


def _factors(term: Formula) -> tuple[Formula, ...]:
    """The factors of a term, its sign aside; a denominator gives a factor ``1/d``."""
    inner = term.operand if isinstance(term, Negative) else term
    found: list[Formula] = []
    for factor in inner.factors if isinstance(inner, Product) else (inner,):
        if isinstance(factor, Quotient):
            top = factor.numerator
            found.extend(top.factors if isinstance(top, Product) else (top,))
            found.append(Quotient(ONE, factor.denominator))
        else:
            found.append(factor)
    return tuple(f for f in found if f != ONE)


def _common(terms: Sequence[Formula]) -> list[Formula]:
    """The factors of every term that are worth a bracket.

    Constants are, but before sums over everything; others are where a delta is left behind.
    """
    groups = [_factors(t) for t in terms]
    shared = Counter(groups[0])
    for group in groups[1:]:
        shared &= Counter(group)
    deltas = any(isinstance(f, Delta) for group in groups for f in group)
    sums = all(any(isinstance(f, Over) for f in group) for group in groups)
    return [f for f in shared.elements() if deltas or (not sums and not _reads(f)[1])]


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
    if isinstance(inner, Add) and all_negative(inner):
        outside.append(Number(-1))
        inner = _plain_sum(negative(t) for t in inner.terms)
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
