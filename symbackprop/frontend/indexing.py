"""Reading entries elsewhere: transposes, slices, integers, look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

from sympy import Expr, Integer, floor

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.comprehend import comprehend, positions
from symbackprop.frontend.record import Record, T, describe
from symbackprop.ir import Kind, Read
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Index, Size, as_size, axis, constant, is_nonnegative

_P0 = placeholder(0)


def reindex(
    x: T,
    shape: Sequence[Size],
    index: Sequence[Index],
    others: Sequence[T] = (),
    facts: Sequence[Size] = (),
) -> T:
    """``out[i] = x[index]`` over the axes of `shape`; `others` are operands of look-ups."""
    return comprehend([x, *others], shape, shape, _P0, [Read(0, tuple(index))], facts=facts)


def normal_axis(what: str, x: Record, k: int, extra: int = 0) -> int:
    """The axis `k`, counted from the end where negative.

    Raises
    ------
    ShapeError
        When there is no such axis.
    """
    rank = len(x.shape) + extra
    if isinstance(k, bool) or not isinstance(k, int) or not -rank <= k < rank:
        raise ShapeError(f"{what}: {describe(x)} has no axis {k}")
    return k % rank


def transpose(x: T, *axes: int) -> T:
    """The axes of `x` in another order; by default the last two swapped."""
    rank = len(x.shape)
    if axes:
        order = [normal_axis("transpose", x, k) for k in axes]
        if sorted(order) != list(range(rank)):
            raise ShapeError(
                f"transpose: {axes} is no order of the {rank} axes of {describe(x)}",
                help="name each axis once",
            )
    else:
        order = list(range(rank))
        if rank >= 2:
            order[-2:] = [rank - 1, rank - 2]
    place = {a: k for k, a in enumerate(order)}
    return reindex(x, [x.shape[a] for a in order], [axis(place[a]) for a in range(rank)])


@dataclass(slots=True)
class _Taking:
    """A subscript under way: the shape so far, how each axis is read, what is assumed."""

    x: Record
    shape: list[Size]
    index: list[Index]
    tables: list[Record]
    facts: list[Size]
    gathered: tuple[int, int] | None = None


def take(x: T, key: Any) -> T:
    """``x[key]``: integers, slices, ``...``, ``None`` and integer tensors.

    Sizes may be symbols; a slice that cannot be proved to fit adds the fact that it does. Several
    integer tensors are broadcast against each other, as in NumPy, and stand together.

    Raises
    ------
    ShapeError
        When a position is outside, or there are too many.
    InvalidExpressionError
        When a subscript is of another type.
    """
    keys = _expanded(x, key if isinstance(key, tuple) else (key,))
    state = _Taking(x, [], [], [], [])
    tensors = [k for k in keys if isinstance(k, Record)]
    for item in keys:
        if item is None:
            state.shape.append(Integer(1))
        elif isinstance(item, Record):
            _look_up(state, item, tensors)
        elif isinstance(item, slice):
            _slice(state, item)
        else:
            _integer(state, item)
    others: list[T] = [t for t in state.tables if isinstance(t, type(x))]
    return reindex(x, state.shape, state.index, others, state.facts)


def _expanded(x: Record, keys: tuple[Any, ...]) -> list[Any]:
    """The subscripts with ``...`` written out and full slices at the end."""
    used = sum(1 for k in keys if k is not None and not isinstance(k, EllipsisType))
    rank = len(x.shape)
    if used > rank:
        raise ShapeError(f"{describe(x)} has {rank} axes, found {used} subscripts")
    fill = [slice(None)] * (rank - used)
    dots = [n for n, k in enumerate(keys) if isinstance(k, EllipsisType)]
    if len(dots) > 1:
        raise InvalidExpressionError("a subscript holds more than one ...")
    at = dots[0] if dots else len(keys)
    return [*keys[:at], *fill, *keys[at + len(dots) :]]


def _integer(state: _Taking, item: Any) -> None:
    size = state.x.shape[len(state.index)]
    if isinstance(item, bool) or not isinstance(item, int | Expr):
        raise InvalidExpressionError(
            f"{describe(state.x)}: a subscript of type {type(item).__name__}",
            help="integers, sizes, slices, ..., None and integer tensors are subscripts",
        )
    position = _from_end(item, size)
    _require(state, position, f"position {item}", size)
    _require(state, size - 1 - position, f"position {item}", size)
    state.index.append(constant(position))


def _from_end(item: int | Expr, size: Size) -> Size:
    if isinstance(item, Expr) and not item.is_Integer:
        return as_size(item)
    number = Integer(item)
    return size + number if number < 0 else number


def _require(state: _Taking, slack: Size, what: str, size: Size) -> None:
    """Require ``slack >= 0``: an error where it is negative, a fact where it is not proved."""
    if is_nonnegative(slack):
        return
    if slack.is_Integer or is_nonnegative(-slack - 1):
        raise ShapeError(f"{describe(state.x)}: {what} is outside an axis of size {size}")
    state.facts.append(slack)


def _slice(state: _Taking, item: slice) -> None:
    size = state.x.shape[len(state.index)]
    step = 1 if item.step is None else item.step
    if isinstance(step, bool) or not isinstance(step, int) or step == 0:
        raise InvalidExpressionError(f"{describe(state.x)}: the step of a slice is {step!r}")
    first, stop = _bounds(item, size, step)
    if first.is_Integer and stop.is_Integer and (stop - first) * step <= 0:
        length: Size = Integer(0)
        _require(state, size - first, f"slice {item.start}:{item.stop}", size)
    else:
        span = (stop - first) * _sign(step)
        length = as_size(floor((span - 1) / abs(step)) + 1)
        _check_slice(state, item, first, stop, step, size)
        last = as_size(span - 1 - abs(step) * (length - 1))
        if not is_nonnegative(last):
            state.facts.append(last)
    new = len(state.shape)
    state.shape.append(length)
    state.index.append(axis(new).scaled(Integer(step)).shifted(first))


def _sign(step: int) -> int:
    return 1 if step > 0 else -1


def _bounds(item: slice, size: Size, step: int) -> tuple[Size, Size]:
    """The first position and the one behind the last, in the direction of the step."""
    if step > 0:
        first = Integer(0) if item.start is None else _from_end(item.start, size)
        stop = size if item.stop is None else _from_end(item.stop, size)
        if size.is_Integer and stop.is_Integer:
            stop = min(stop, size)
        return first, stop
    first = size - 1 if item.start is None else _from_end(item.start, size)
    stop = Integer(-1) if item.stop is None else _from_end(item.stop, size)
    return first, stop


def _check_slice(
    state: _Taking, item: slice, first: Size, stop: Size, step: int, size: Size
) -> None:
    text = f"slice {item.start}:{item.stop}:{item.step}"
    low, high = (first, stop) if step > 0 else (stop + 1, first + 1)
    for slack in (low, size - high, high - low):
        _require(state, slack, text, size)


def _look_up(state: _Taking, table: Record, tensors: Sequence[Record]) -> None:
    if table.kind is not Kind.INT:
        raise InvalidExpressionError(
            f"{describe(state.x)}: subscript {describe(table)} does not hold integers",
            help='declare it with kind="int" or kind="labels"',
        )
    if state.gathered is None:
        rank = max(len(t.shape) for t in tensors)
        state.gathered = (len(state.shape), rank)
        for k in range(rank):
            sizes = [t.shape[k - rank + len(t.shape)] for t in tensors if k >= rank - len(t.shape)]
            real = [s for s in sizes if s != 1]
            if any(s != real[0] for s in real):
                raise ShapeError(
                    "subscripts do not fit each other: " + ", ".join(map(describe, tensors))
                )
            state.shape.append(real[0] if real else Integer(1))
    first, rank = state.gathered
    inner = tuple(
        constant(0) if size == 1 else axis(first + rank - len(table.shape) + k)
        for k, size in enumerate(table.shape)
    )
    if table not in state.tables:
        state.tables.append(table)
    place = 1 + state.tables.index(table)
    state.index.append(Index(((At(place, inner), Integer(1)),)))


__all__ = ["normal_axis", "positions", "reindex", "take", "transpose"]
