"""Domains that only keep positions in range.

Zero margins around what is read, or a wider buffer to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.codegen.stable import Entry
from symbackprop.codegen.storage import Task
from symbackprop.ir import Comp, Reduction
from symbackprop.scalars import placeholder
from symbackprop.sizes import Index, Size, as_size, constant, is_nonnegative
from symbackprop.sizes.facts import lower_bound

ZERO = as_size(0)


@dataclass(frozen=True, slots=True)
class Margin:
    """How far positions reach below 0 and beyond the end of an axis."""

    low: Size = ZERO
    high: Size = ZERO


def margins(
    terms: Sequence[Index], shape: Sequence[Size], sizes: Sequence[Size]
) -> tuple[Margin, ...] | None:
    """The margins that hold every position, or None where that cannot be told."""
    found: list[Margin] = []
    for term, size in zip(terms, shape, strict=True):
        low = _excess(term, sizes)
        high = _excess(constant(size - 1) - term, sizes)
        if low is None or high is None:
            return None
        found.append(Margin(low, high))
    return tuple(found)


def _excess(term: Index, sizes: Sequence[Size]) -> Size | None:
    """How far below 0 a term can fall."""
    least = lower_bound(term, sizes, {})
    if least is None:
        return None
    if is_nonnegative(least):
        return ZERO
    return -least if is_nonnegative(-least) else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a domain.

    padded : number of an operand -> margins of each dim
    cropped : whether the write drops what falls outside
    masked : whether the domain must be computed as a mask
    """

    padded: dict[int, tuple[Margin, ...]]
    cropped: bool
    masked: bool


def plan(task: Task, shapes: Sequence[tuple[Size, ...] | None]) -> Plan:
    """Cover every constraint of the domain by a padded operand or a cropped write.

    Or ask for a mask.

    shapes : of the operands, dims in the order of their index terms; None for a position
    """
    comp = task.comp
    if not comp.domain:
        return Plan({}, False, False)
    fallback = Plan({}, any(_outside(comp.write, comp.shape, comp.axes)), True)
    covered: set[object] = set()
    padded: dict[int, tuple[Margin, ...]] = {}
    for k, (entry, shape) in enumerate(zip(task.found, shapes, strict=True)):
        if shape is None or not any(_outside(entry.index, shape, comp.axes)):
            continue
        found = margins(entry.index, shape, comp.axes)
        if found is None or any(t.has_look_up() for t in entry.index):
            return fallback
        if not _vanishes(task, k):
            return fallback
        padded[k] = found
        covered.update(_ranges(entry, shape))
    outside = any(_outside(comp.write, comp.shape, comp.axes))
    if outside:
        if margins(comp.write, comp.shape, comp.axes) is None:
            return fallback
        covered.update(_ranges(Entry(None, comp.write), comp.shape))
    if all(not c.equality and c.term in covered for c in comp.domain):
        return Plan(padded, outside, False)
    return fallback


def _vanishes(task: Task, k: int) -> bool:
    """Whether an operand outside its array contributes nothing.

    0 to a sum, the least value to a maximum.
    """
    if task.comp.reduction is Reduction.MAX:
        return True
    if task.comp.reduction is Reduction.ARGMAX:
        return False
    return bool(task.body.xreplace({placeholder(k): 0}) == 0)


def _outside(terms: Sequence[Index], shape: Sequence[Size], sizes: Sequence[Size]) -> list[bool]:
    found = []
    for term, size in zip(terms, shape, strict=True):
        low, high = _excess(term, sizes), _excess(constant(size - 1) - term, sizes)
        found.append(low != 0 or high != 0)
    return found


def _ranges(entry: Entry, shape: Sequence[Size]) -> list[Index]:
    """The terms that are >= 0 where an entry is in range."""
    return [
        bound
        for term, size in zip(entry.index, shape, strict=True)
        for bound in (term, constant(size - 1) - term)
    ]


def is_plain(comp: Comp) -> bool:
    """Whether a comprehension has no domain."""
    return not comp.domain
