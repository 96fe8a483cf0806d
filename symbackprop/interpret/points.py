"""The points of a comprehension: those of its box in its domain, and index terms at them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from symbackprop.errors import ShapeError
from symbackprop.interpret.context import Context
from symbackprop.ir import Comp
from symbackprop.scalars.fields import Array
from symbackprop.sizes import Constraint, Index

CHUNK = 1 << 18
"""Points looked at together."""


class OutOfRangeError(ShapeError):
    """An index leaves its array."""


@dataclass(frozen=True, slots=True)
class Points:
    """`count` points of a box.   axes: for each axis its value at every point, 1-D."""

    axes: tuple[Array, ...]
    count: int

    def at(self, chosen: Array) -> Points:
        """The points where the boolean array `chosen` holds."""
        return Points(tuple(values[chosen] for values in self.axes), int(np.count_nonzero(chosen)))


def points_of(context: Context, comp: Comp) -> Iterator[Points]:
    """The points of the domain, in chunks; row-major order of the axes within and across chunks."""
    box = context.shape(comp.axes)
    total = math.prod(box)
    for start in range(0, total, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, total))
        axes = np.unravel_index(numbers, box) if box else ()
        yield restricted(context, Points(tuple(axes), len(numbers)), comp.domain)


def restricted(context: Context, points: Points, domain: Sequence[Constraint]) -> Points:
    """The points that satisfy every constraint.

    A look-up may be in range only where other constraints hold, so what can be decided goes
    first.
    """
    pending = sorted(domain, key=lambda c: c.term.has_look_up())
    while pending:
        failure: OutOfRangeError | None = None
        for constraint in pending:
            try:
                values = term_values(context, constraint.term, points)
            except OutOfRangeError as error:
                failure = failure or error
                continue
            points = points.at(values == 0 if constraint.equality else values >= 0)
            pending.remove(constraint)
            failure = None
            break
        if failure is not None:
            raise failure
    return points


def term_values(context: Context, term: Index, points: Points) -> Array:
    """The value of an index term at every point, int64."""
    total = np.full(points.count, context.integer(term.const), dtype=np.int64)
    for atom, c in term.terms:
        if isinstance(atom, int):
            total += context.integer(c) * points.axes[atom]
        else:
            where = places(context, atom.source, atom.index, points)
            total += context.integer(c) * context.values[atom.source][where]
    return total


def places(
    context: Context, source: int, index: Sequence[Index], points: Points
) -> tuple[Array, ...]:
    """Where each point reads an array: one integer array per dim.

    Raises
    ------
    OutOfRangeError
        Where one of them lies outside.
    """
    shape = context.values[source].shape
    return checked_places(context, index, points, shape, source)


def checked_places(
    context: Context,
    index: Sequence[Index],
    points: Points,
    shape: tuple[int, ...],
    node_id: int,
) -> tuple[Array, ...]:
    """Index terms at every point, refused where they leave an array of `shape`."""
    found = tuple(term_values(context, term, points) for term in index)
    for dim, (values, size) in enumerate(zip(found, shape, strict=True)):
        if points.count and (values.min() < 0 or values.max() >= size):
            raise OutOfRangeError(
                f"index {dim} of %{node_id} runs over {values.min()} .. {values.max()}, "
                f"expected 0 .. {size - 1}",
                where=context.where(node_id),
            )
    return found
