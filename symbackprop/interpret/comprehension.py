"""The value of a comprehension, by its definition: every point of the domain writes its body."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symbackprop.errors import InternalError, ShapeError
from symbackprop.interpret.context import Context
from symbackprop.interpret.points import (
    Points,
    checked_places,
    places,
    points_of,
    term_values,
)
from symbackprop.ir import Comp, Operand, Position, Read, Reduction, determined_axes
from symbackprop.scalars import body_sizes, evaluate
from symbackprop.scalars.fields import Array


def comp_value(context: Context, node_id: int, comp: Comp) -> Array:
    """The array of comprehension `node_id`.

    Raises
    ------
    ShapeError
        Where an index leaves its array, or a maximum has no candidate.
    InternalError
        Where an injective write is not.
    """
    match comp.reduction:
        case Reduction.NONE:
            return _placed(context, node_id, comp)
        case Reduction.SUM:
            return _summed(context, node_id, comp)
        case Reduction.MAX:
            return _maximum(context, node_id, comp)
        case Reduction.ARGMAX:
            return _winners(context, node_id, comp)


def _written(
    context: Context, node_id: int, comp: Comp, shape: tuple[int, ...]
) -> Iterator[tuple[Array, Array, Points]]:
    """Per chunk: where each point writes (flat), the body there, the points."""
    for points in points_of(context, comp):
        if not points.count:
            continue
        where = checked_places(context, comp.write, points, shape, node_id)
        flat = np.ravel_multi_index(where, shape) if shape else np.zeros(points.count, np.int64)
        yield np.asarray(flat), _body(context, comp, points), points


def _body(context: Context, comp: Comp, points: Points) -> Array:
    values = [_operand(context, read, points) for read in comp.reads]
    if len(values) == 1 and comp.body.is_Symbol and not body_sizes(comp.body):
        return values[0]
    sizes = {str(s): context.integer(s) for s in body_sizes(comp.body)}
    result = evaluate(comp.body, values, sizes, context.numbers)
    return np.broadcast_to(result, (points.count,))


def _operand(context: Context, read: Operand, points: Points) -> Array:
    if not isinstance(read, Read):
        return term_values(context, read.index, points)
    value = context.values[read.source]
    if not read.index:
        return np.full(points.count, value[()], dtype=value.dtype)
    return np.asarray(value[places(context, read.source, read.index, points)])


def _as_kind(context: Context, values: Array, integral: bool) -> Array:
    if integral or values.dtype != np.int64:
        return values
    return context.numbers.array(values)


def _placed(context: Context, node_id: int, comp: Comp) -> Array:
    shape, integral = context.shape(comp.shape), context.is_integral(node_id)
    out = context.zeros(shape, integral)
    times = np.zeros(out.size, dtype=np.int64)
    for flat, values, _ in _written(context, node_id, comp, shape):
        times += np.bincount(flat, minlength=out.size)
        out.reshape(-1)[flat] = _as_kind(context, values, integral)
    if (times > 1).any():
        raise InternalError("an entry is written twice", where=context.where(node_id))
    return out


def _summed(context: Context, node_id: int, comp: Comp) -> Array:
    shape, integral = context.shape(comp.shape), context.is_integral(node_id)
    out = context.zeros(shape, integral)
    for flat, values, _ in _written(context, node_id, comp, shape):
        np.add.at(out.reshape(-1), flat, _as_kind(context, values, integral))
    return out


def _maximum(context: Context, node_id: int, comp: Comp) -> Array:
    (read,) = comp.reads
    shape = context.shape(comp.shape)
    integral = isinstance(read, Position) or context.is_integral(read.source)
    out = context.zeros(shape, integral)
    entries = out.reshape(-1)
    seen = np.zeros(out.size, dtype=bool)
    for flat, values, _ in _written(context, node_id, comp, shape):
        order = np.argsort(flat, kind="stable")
        entry, start = np.unique(flat[order], return_index=True)
        best = np.maximum.reduceat(_as_kind(context, values, integral)[order], start)
        entries[entry] = np.where(seen[entry], np.maximum(entries[entry], best), best)
        seen[entry] = True
    if not seen.all():
        raise ShapeError(
            "a maximum over no element",
            where=context.where(node_id),
            help="give every entry at least one candidate",
        )
    return out


def _winners(context: Context, node_id: int, comp: Comp) -> Array:
    """The first point, in row-major order of the reduction axes, that has the maximum."""
    shape = context.shape(comp.shape)
    best = _maximum(context, node_id, comp)
    reduced = [a for a in range(len(comp.axes)) if a not in determined_axes(comp.write, comp.axes)]
    box = context.shape(comp.axes)
    last = np.iinfo(np.int64).max
    out = np.full(best.size, last, dtype=np.int64)
    for flat, values, points in _written(context, node_id, comp, shape):
        number = np.zeros(points.count, dtype=np.int64)
        for a in reduced:
            number = number * box[a] + points.axes[a]
        top = best.reshape(-1)[flat]
        wins = (values == top) | ((values != values) & (top != top))
        np.minimum.at(out, flat[wins], number[wins])
    return out.reshape(shape)
