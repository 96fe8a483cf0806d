"""What a chain of factors may mean: every grouping and kind of product that conforms.

A joint says which products it can be. A reading's cost says how far it is from what everybody would
read: 0 natural, 1 usual in some notes, 2 only where nothing else conforms. Where a document has a
sign for the entrywise product, an entrywise product without it is never natural.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symbackprop.notes.judge.values import MismatchError
from symbackprop.notes.kinds import ProductOp

__all__ = ["HADAMARD", "IMPLICIT", "Reading", "Readings", "distinct", "natural", "readings"]

Reading = tuple[Any, int]
Readings = list[Reading]

HADAMARD = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.BULLET, ProductOp.STAR,
                      ProductOp.AST})  # fmt: skip
_MATRIX_FIRST = frozenset({ProductOp.JUXTAPOSED, ProductOp.CDOT, ProductOp.DOT, ProductOp.TIMES,
                           ProductOp.AT})  # fmt: skip
IMPLICIT = 10
"""The cost of an entrywise product without the document's sign for it."""
MOST = 12
"""Readings that are kept of one formula."""


def distinct(found: Readings) -> Readings:
    """Readings with different values, the cheapest of equal ones, cheap ones first."""
    best: dict[bytes, Reading] = {}
    for value, cost in sorted(found, key=lambda reading: reading[1]):
        best.setdefault(value.key(), (value, cost))
    return list(best.values())[:MOST]


def _pair(ops: Any, joint: ProductOp, a: Any, b: Any, strict: bool) -> Readings:
    """The products of two values that a joint can mean."""
    if a.shape == () or b.shape == ():
        return [(ops.scale(a, b) if a.shape == () else ops.scale(b, a), 0)]
    found: Readings = []
    problem: MismatchError | None = None
    if joint in _MATRIX_FIRST or joint in (ProductOp.STAR, ProductOp.AST):
        try:
            cost = 0 if joint in _MATRIX_FIRST else 1
            found.append((ops.matmul(a, b), cost))
        except MismatchError as error:
            problem = error
    circled = _circled(ops, joint, a, b)
    if circled:
        return circled
    try:
        if joint is not ProductOp.AT:
            found.append((ops.multiply(a, b), _entrywise_cost(joint, strict)))
    except MismatchError as error:
        problem = problem or error
    if joint in (ProductOp.CDOT, ProductOp.DOT) and a.shape == b.shape and 1 in a.shape:
        found.append((ops.total(ops.multiply(a, b)), 0 if strict else 1))
    if not found:
        if 1 in (*a.shape, *b.shape):
            for number, other in ((a, b), (b, a)):
                if number.is_scalar:
                    return [(ops.scale(number, other), 1)]
        raise problem or MismatchError("the product does not conform")
    return found


def _entrywise_cost(joint: ProductOp, strict: bool) -> int:
    """How far an entrywise product is from what a joint usually means."""
    if strict and joint in _MATRIX_FIRST:
        return IMPLICIT
    if joint is ProductOp.JUXTAPOSED:
        return 2
    return int(joint in (ProductOp.CDOT, ProductOp.DOT, ProductOp.TIMES))


def _circled(ops: Any, joint: ProductOp, a: Any, b: Any) -> Readings:
    """What a slash or a cross in a circle means: a quotient, an outer product, an entrywise one."""
    if joint is ProductOp.SLASHED_CIRCLE:
        return [(quotient(ops, a, b), 0)]
    if joint is not ProductOp.OTIMES or 1 not in a.shape or 1 not in b.shape:
        return []
    if a.shape == b.shape:
        return [(ops.outer(a, b), 0), (ops.multiply(a, b), 0)]
    return [(ops.outer(a, b), 0)]


def quotient(ops: Any, a: Any, b: Any) -> Any:
    """The quotient entry by entry."""
    if a.shape != b.shape:
        raise MismatchError("a quotient entry by entry of different shapes")
    return ops.divide(a, b)


def readings(
    ops: Any, factors: Sequence[Readings], joints: Sequence[ProductOp], strict: bool = False
) -> Readings:
    """All readings of a chain, by dynamic programming over its intervals."""
    n = len(factors)
    table: dict[tuple[int, int], Readings] = {(i, i): list(factors[i]) for i in range(n)}
    problem: MismatchError | None = None
    for width in range(1, n):
        for i in range(n - width):
            k = i + width
            found: Readings = []
            for split in range(i, k):
                joint = joints[split]
                inner = [joints[j] for j in range(i, k) if j != split]
                extra = int(joint not in HADAMARD and any(j in HADAMARD for j in inner))
                for a, first in table[i, split]:
                    for b, second in table[split + 1, k]:
                        try:
                            made = _pair(ops, joint, a, b, strict)
                        except MismatchError as error:
                            problem = problem or error
                            continue
                        scalar = a.shape == () or b.shape == ()
                        add = 0 if scalar else extra
                        found.extend((v, max(first, second, cost + add)) for v, cost in made)
            table[i, k] = distinct(found)
    if not table[0, n - 1]:
        raise problem or MismatchError("the product does not conform")
    return table[0, n - 1]


def natural(ops: Any, factors: Sequence[Any], joints: Sequence[ProductOp]) -> Any:
    """The first reading that conforms: matrix products before entrywise ones."""
    groups: list[list[tuple[ProductOp, Any]]] = [[(ProductOp.JUXTAPOSED, factors[0])]]
    split: list[ProductOp] = []
    for joint, factor in zip(joints, factors[1:], strict=True):
        if joint in HADAMARD:
            groups.append([(joint, factor)])
            split.append(joint)
        else:
            groups[-1].append((joint, factor))
    parts = [_fold(ops, group) for group in groups]
    made = parts[0]
    for joint, part in zip(split, parts[1:], strict=True):
        made = first_of(ops, joint, made, part)
    return made


def _fold(ops: Any, group: list[tuple[ProductOp, Any]]) -> Any:
    made = group[0][1]
    for joint, factor in group[1:]:
        made = first_of(ops, joint, made, factor)
    return made


def first_of(ops: Any, joint: ProductOp, a: Any, b: Any) -> Any:
    """The most natural product of two values that conforms."""
    if a.shape == () or b.shape == ():
        return ops.scale(a, b) if a.shape == () else ops.scale(b, a)
    attempts = [ops.multiply, ops.matmul] if joint in HADAMARD else [ops.matmul, ops.multiply]
    if joint in (ProductOp.ODOT, ProductOp.CIRC, ProductOp.BULLET):
        attempts = attempts[:1]
    if joint is ProductOp.OTIMES:
        attempts = [ops.outer]
    if joint is ProductOp.SLASHED_CIRCLE:
        return quotient(ops, a, b)
    problem: MismatchError | None = None
    for attempt in attempts:
        try:
            return ops.trying(attempt, a, b)
        except MismatchError as error:
            problem = problem or error
    raise problem or MismatchError("the product does not conform")
