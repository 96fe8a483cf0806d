"""The value of an index form, all entries at once: every axis is an axis of one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

from symbackprop.raising.entries import EntryForm
from symbackprop.raising.tree import (
    Big,
    Component,
    Delta,
    Entry,
    Formula,
    Indicator,
    Over,
    Product,
    Value,
)
from symbackprop.raising.values import (
    Array,
    Values,
    children,
    elementwise,
    entries_by_points,
    matrix_value,
)
from symbackprop.sizes import Constraint, Index, evaluate_size

MOST_POINTS: Final = 4_000_000
"""Larger grids are walked point by point."""
_MOST_AXES: Final = 24
_NONE: Final = float("-inf")


def entries_value(form: EntryForm, values: Values) -> Array:
    """The value of an index form: the array of all its entries.

    Raises
    ------
    IndexError
        Where an entry outside of its array is read.
    """
    sizes = [evaluate_size(size, values.sizes) for size in form.sizes]
    points = prod(sizes[: len(form.target)]) * _points(form.body, sizes)
    if points > MOST_POINTS or len(sizes) > _MOST_AXES:
        return entries_by_points(form, values, sizes)
    xp = values.xp
    grid = _Grid(values, sizes)
    with xp.errstate(all="ignore"):
        found = xp.asarray(grid.value(form.body, xp.asarray(True)))
    shape = tuple(sizes[: len(form.target)])
    found = found.reshape(found.shape[: len(shape)]) if found.ndim else found
    return xp.array(xp.broadcast_to(found, shape))


def _points(formula: Formula, sizes: Sequence[int]) -> int:
    """How many points the innermost of nested sums has."""
    if isinstance(formula, Over):
        own = prod(sizes[a] for a in formula.axes)
        return own * _points(formula.body, sizes)
    return max((_points(child, sizes) for child in children(formula)), default=1)


@dataclass(slots=True)
class _Grid:
    """Values of formulas as arrays over all axes; one they do not depend on has size 1."""

    values: Values
    sizes: Sequence[int]
    axes: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        rank = len(self.sizes)
        for a, n in enumerate(self.sizes):
            shape = [n if b == a else 1 for b in range(rank)]
            self.axes.append(self.values.xp.arange(n).reshape(shape))

    def value(self, formula: Formula, seen: Array) -> Array:
        """The value of a formula; only where `seen` holds does anything depend on it."""
        match formula:
            case Over():
                return self._over(formula, seen)
            case Entry(source=source, index=index):
                return self._read(self.values.arrays[source], index, seen)
            case Value(index=index):
                return self.index(index) * 1.0
            case Component(operand=operand, index=index):
                whole = matrix_value(operand, self.values)
                whole = whole if len(index) == 2 else whole.reshape(-1)
                return self._read(whole, index, seen) if index else whole[0]
            case Delta(left=left, right=right):
                return (self.index(left) == self.index(right)) * 1.0
            case Indicator(conditions=conditions):
                return self.holds(conditions) * 1.0
            case Product(factors=factors):
                return self._product(formula, factors, seen)
        args = tuple(self.value(child, seen) for child in children(formula))
        return elementwise(formula, args, self.values)

    def _product(self, formula: Product, factors: Sequence[Formula], seen: Array) -> Array:
        """What stands beside a guard that is 0 may be infinite, or read out of range."""
        guards = [f for f in factors if isinstance(f, (Delta, Indicator))]
        for guard in guards:
            seen = seen & (self.value(guard, seen) != 0)
        rest = tuple(self.value(f, seen) for f in factors if f not in guards)
        if not guards:
            return elementwise(formula, rest, self.values)
        product = elementwise(Product(tuple(factors)), rest, self.values) if rest else 1.0
        return self.values.xp.where(seen, product, 0.0)

    def _over(self, formula: Over, seen: Array) -> Array:
        xp = self.values.xp
        inside = seen & self.holds(formula.conditions)
        body = self.value(formula.body, inside)
        shape = [1] * len(self.sizes)
        for a in formula.axes:
            shape[a] = self.sizes[a]
        full = xp.broadcast_shapes(xp.shape(body), inside.shape, tuple(shape))
        nothing = 0.0 if formula.big is Big.SUM else _NONE
        terms = xp.broadcast_to(xp.where(inside, body, nothing), full)
        if formula.big is Big.SUM:
            return terms.sum(axis=formula.axes, keepdims=True)
        if formula.big is Big.MAX:
            return terms.max(axis=formula.axes, keepdims=True)
        return self._winner(terms, formula.axes)

    def _winner(self, terms: Array, axes: Sequence[int]) -> Array:
        xp = self.values.xp
        last = range(terms.ndim - len(axes), terms.ndim)
        moved = xp.moveaxis(terms, tuple(axes), tuple(last))
        flat = moved.reshape((*moved.shape[: last.start], -1))
        place = flat.argmax(axis=-1) * 1.0
        return xp.expand_dims(place, tuple(axes))

    def _read(self, array: Array, index: Sequence[Index], seen: Array) -> Array:
        xp = self.values.xp
        place = []
        for term, n in zip(index, array.shape, strict=True):
            where = xp.asarray(self.index(term))
            outside = (where < 0) | (where >= n)
            if xp.any(outside & seen):
                raise IndexError(f"an entry outside of an axis of size {n} is read")
            place.append(xp.where(outside, 0, where))
        if not array.size and place:
            shape = xp.broadcast_shapes(*(xp.shape(p) for p in place))
            return xp.zeros(shape)
        return array[tuple(place)]

    def holds(self, conditions: Sequence[Constraint]) -> Array:
        """Where all conditions hold."""
        found = self.values.xp.asarray(True)
        for c in conditions:
            value = self.index(c.term, found)
            found = found & (value == 0 if c.equality else value >= 0)
        return found

    def index(self, term: Index, seen: Any = True) -> Array:
        """The value of an index term."""
        xp = self.values.xp
        total = xp.asarray(self.values.size(term.const))
        for atom, c in term.terms:
            if isinstance(atom, int):
                part = self.axes[atom]
            else:
                array = self.values.arrays[atom.source]
                part = xp.asarray(self._looked_up(array, atom.index)).astype(int)
            total = total + self.values.size(c) * part
        return total

    def _looked_up(self, array: Array, index: Sequence[Index]) -> Array:
        return self._read(array, index, self.values.xp.asarray(False))
