"""Moving entries: reshape, concatenate, pad, tile, cumulative sums, one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sympy import Expr, Integer, cancel

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.comprehend import comprehend, elementwise, positions
from symbackprop.frontend.indexing import normal_axis, reindex
from symbackprop.frontend.record import Computed, Record, describe, shape_text
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Kind, Read, Reduction
from symbackprop.scalars import exact_number, placeholder
from symbackprop.sizes import (
    At,
    Constraint,
    Index,
    Size,
    as_size,
    axis,
    constant,
    same_size,
    size_symbols,
)

Dim: TypeAlias = int | str | Expr
_P0 = placeholder(0)


def mixed_radix(sizes: Sequence[Size], first: int = 0) -> Index:
    """The row-major position of the axes ``first, first + 1, ...``."""
    total = constant(0)
    for k, size in enumerate(sizes):
        total = total.scaled(size) + axis(first + k)
    return total


def product(sizes: Sequence[Size]) -> Size:
    """The number of entries of a shape."""
    total: Expr = Integer(1)
    for size in sizes:
        total = total * size
    return as_size(total)


def exact_quotient(size: Size, by: Size) -> Size | None:
    """``size / by`` where it is a polynomial with integer coefficients, else None."""
    if by == 0:
        return None
    found = cancel(size / by).expand()
    symbols = size_symbols(found)
    if found.is_Integer or (symbols and found.is_polynomial(*symbols)):
        whole = all(c.is_Integer for c in found.as_coefficients_dict().values())
        return as_size(found) if whole else None
    return None


def reshape(x: Tensor, *shape: Dim) -> Tensor:
    """The entries of `x` in row-major order in another shape; one size may be -1.

    Raises
    ------
    ShapeError
        When the number of entries is another.
    """
    total = product(x.shape)
    target = _target(x, shape, total)
    if not same_size(product(target), total):
        raise ShapeError(
            f"reshape: {describe(x)} has {total} entries, {shape_text(target)} has "
            f"{product(target)}"
        )
    flat = x
    if len(x.shape) != 1:
        flat = comprehend(
            [x], [total], x.shape, _P0, [Read(0, positions(len(x.shape)))], [mixed_radix(x.shape)]
        )
    return flat if len(target) == 1 else reindex(flat, target, [mixed_radix(target)])


def _target(x: Tensor, shape: Sequence[Dim], total: Size) -> list[Size]:
    open_at = [k for k, size in enumerate(shape) if isinstance(size, int) and size == -1]
    if len(open_at) > 1:
        raise ShapeError(f"reshape: more than one size is -1 in {tuple(shape)}")
    target = [Integer(1) if k in open_at else as_size(size) for k, size in enumerate(shape)]
    if open_at:
        rest = exact_quotient(total, product(target))
        if rest is None:
            raise ShapeError(
                f"reshape: the {total} entries of {describe(x)} do not divide by {product(target)}"
            )
        target[open_at[0]] = rest
    return target


def full(value: int | float | Expr, *shape: Dim) -> Tensor:
    """The tensor whose every entry is `value`: a number or an expression in sizes."""
    sizes = tuple(as_size(size) for size in shape)
    body = exact_number(value)
    here = positions(len(sizes))
    return Tensor(sizes, Computed((), sizes, body, (), here, (), Reduction.NONE, pointwise=True))


def zeros(*shape: Dim) -> Tensor:
    """Zeros."""
    return full(0, *shape)


def ones(*shape: Dim) -> Tensor:
    """Ones."""
    return full(1, *shape)


def eye(size: Dim) -> Tensor:
    """The identity matrix."""
    n = as_size(size)
    write = (axis(0), axis(0))
    made = Computed((), (n,), Integer(1), (), write, (), Reduction.SUM, pointwise=False)
    return Tensor((n, n), made)


def flatten(x: Tensor, start: int = 0) -> Tensor:
    """The axes from `start` on as one, in row-major order."""
    k = normal_axis("flatten", x, start) if x.shape else 0
    return reshape(x, *x.shape[:k], product(x.shape[k:]))


def concatenate(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors one behind the other along `axis`; their other sizes agree.

    Raises
    ------
    ShapeError
        When they do not.
    """
    if not tensors:
        raise ShapeError("concatenate: nothing to put together")
    first = tensors[0]
    k = normal_axis("concatenate", first, axis)
    for other in tensors[1:]:
        fits = len(other.shape) == len(first.shape) and all(
            a == k or same_size(s, t)
            for a, (s, t) in enumerate(zip(first.shape, other.shape, strict=True))
        )
        if not fits:
            raise ShapeError(
                f"concatenate: shapes do not fit along axis {k}: {describe(first)} and "
                f"{describe(other)}",
                help="all sizes but that one must be equal",
            )
    shape = list(first.shape)
    shape[k] = as_size(sum((t.shape[k] for t in tensors), Integer(0)))
    offset: Size = Integer(0)
    parts: list[Tensor] = []
    for tensor in tensors:
        parts.append(placed(tensor, shape, {k: offset}))
        offset = offset + tensor.shape[k]
    return total(parts)


def total(parts: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape, as one node."""
    body = sum((placeholder(n) for n in range(len(parts))), Integer(0))
    return elementwise("sum", body, parts)


def placed(x: Tensor, shape: Sequence[Size], offsets: dict[int, Size]) -> Tensor:
    """`x` inside a larger tensor of zeros, shifted by `offsets` along axes."""
    here = positions(len(x.shape))
    write = [t.shifted(offsets[k]) if k in offsets else t for k, t in enumerate(here)]
    return comprehend([x], shape, x.shape, _P0, [Read(0, here)], write)


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    if not tensors:
        raise ShapeError("stack: nothing to put together")
    k = normal_axis("stack", tensors[0], axis, extra=1)
    key = [slice(None)] * len(tensors[0].shape)
    return concatenate([t[(*key[:k], None, *key[k:])] for t in tensors], k)


def pad(x: Tensor, widths: Sequence[tuple[Dim, Dim]], value: int | float = 0) -> Tensor:
    """`x` with ``(before, after)`` entries of `value` added along each axis."""
    if len(widths) != len(x.shape):
        raise ShapeError(f"pad: {describe(x)} has {len(x.shape)} axes, found {len(widths)} widths")
    pairs = [(as_size(a), as_size(b)) for a, b in widths]
    shape = [as_size(a + size + b) for size, (a, b) in zip(x.shape, pairs, strict=True)]
    offsets = {k: a for k, (a, _) in enumerate(pairs) if a != 0}
    if value == 0:
        return placed(x, shape, offsets)
    shifted: Tensor = placed(x - value, shape, offsets)
    return shifted + value


def tile(x: Tensor, *times: Dim) -> Tensor:
    """`x` repeated as a whole, ``times[k]`` times along axis k."""
    if len(times) != len(x.shape):
        raise ShapeError(f"tile: {describe(x)} has {len(x.shape)} axes, found {len(times)} numbers")
    counts = [as_size(t) for t in times]
    rank = len(counts)
    write = [axis(k).scaled(size) + axis(rank + k) for k, size in enumerate(x.shape)]
    shape = [as_size(t * size) for t, size in zip(counts, x.shape, strict=True)]
    return comprehend([x], shape, [*counts, *x.shape], _P0, [Read(0, positions(rank, rank))], write)


def repeat(x: Tensor, times: Dim, axis: int = -1) -> Tensor:
    """Each entry of `x` `times` times in a row along `axis`."""
    k = normal_axis("repeat", x, axis)
    count = as_size(times)
    here = list(positions(len(x.shape)))
    write = list(here)
    write[k] = write[k].scaled(count) + positions(1, len(here))[0]
    shape = [as_size(s * count) if a == k else s for a, s in enumerate(x.shape)]
    return comprehend([x], shape, [*x.shape, count], _P0, [Read(0, tuple(here))], write)


def cumsum(x: Tensor, axis: int = -1) -> Tensor:
    """The sum of the entries up to each position along `axis`."""
    k = normal_axis("cumsum", x, axis)
    rank = len(x.shape)
    inner = positions(1, rank)[0]
    index = [inner if a == k else t for a, t in enumerate(positions(rank))]
    up_to = Constraint(positions(rank)[k] - inner)
    return comprehend(
        [x], x.shape, [*x.shape, x.shape[k]], _P0, [Read(0, tuple(index))], None, [up_to]
    )


def integers(what: str, x: Record) -> None:
    """Refuse what does not hold integers.

    Raises
    ------
    InvalidExpressionError
        With how to declare them.
    """
    if x.kind is not Kind.INT:
        raise InvalidExpressionError(
            f"{what}: {describe(x)} does not hold integers",
            help='declare it with kind="labels" and its classes',
        )


def one_hot(labels: Tensor, classes: Dim) -> Tensor:
    """The vector that is 1 at each label and 0 elsewhere, along a new last axis."""
    integers("one_hot", labels)
    here = positions(len(labels.shape))
    chosen = Index(((At(0, here), Integer(1)),))
    shape = [*labels.shape, as_size(classes)]
    made = comprehend([labels], shape, labels.shape, Integer(1), [], [*here, chosen])
    return made


def embedding(table: Tensor, ids: Tensor) -> Tensor:
    """The rows of `table` that `ids` say: ``table[ids]``."""
    integers("embedding", ids)
    rows: Tensor = table[ids]
    return rows


def segment_sum(x: Tensor, ids: Tensor, segments: Dim) -> Tensor:
    """The sum of the rows of `x` with the same id: ``out[ids[i]] += x[i]``."""
    integers("segment_sum", ids)
    if not x.shape or len(ids.shape) != 1 or not same_size(ids.shape[0], x.shape[0]):
        raise ShapeError(
            f"segment_sum: {describe(ids)} does not give an id for each row of {describe(x)}"
        )
    here = positions(len(x.shape))
    chosen = Index(((At(1, here[:1]), Integer(1)),))
    shape = [as_size(segments), *x.shape[1:]]
    return comprehend([x, ids], shape, x.shape, _P0, [Read(0, here)], [chosen, *here[1:]])
