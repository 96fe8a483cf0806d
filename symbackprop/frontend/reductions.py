"""Sums, means, extremes and norms over any axes."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Integer

from symbackprop.errors import ShapeError
from symbackprop.frontend.comprehend import comprehend, elementwise, positions
from symbackprop.frontend.contraction import contract
from symbackprop.frontend.functions import ELEMENTWISE
from symbackprop.frontend.indexing import normal_axis, reindex
from symbackprop.frontend.record import Computed, Label, Record, T, describe
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Read, Reduction
from symbackprop.scalars import placeholder
from symbackprop.sizes import Index, Size, axis

Axes = int | Sequence[int] | None
FACTOR_LIMIT = 8
_P0, _P1 = placeholder(0), placeholder(1)


def reduced_axes(what: str, x: Record, axes: Axes) -> tuple[int, ...]:
    """The axes meant, each once, ascending; None means all."""
    if axes is None:
        return tuple(range(len(x.shape)))
    listed = (axes,) if isinstance(axes, int) else tuple(axes)
    found = sorted(normal_axis(what, x, k) for k in listed)
    if len(set(found)) < len(found):
        raise ShapeError(f"{what}: {describe(x)}: axis given twice in {listed}")
    return tuple(found)


def reduce(x: T, axes: tuple[int, ...], reduction: Reduction) -> T:
    """`x` reduced over `axes`; a sum of a longer product goes two factors at a time."""
    if reduction is Reduction.SUM:
        factors = product_factors(x)
        if len(factors) > 2:
            out = [k for k in range(len(x.shape)) if k not in axes]
            return contract(factors, x.shape, out)
    kept = [k for k in range(len(x.shape)) if k not in axes]
    order = [*kept, *axes]
    place = {a: n for n, a in enumerate(order)}
    return comprehend(
        [x],
        [x.shape[a] for a in kept],
        [x.shape[a] for a in order],
        _P0,
        [Read(0, tuple(axis(place[a]) for a in range(len(x.shape))))],
        positions(len(kept)),
        reduction=reduction,
    )


def product_factors(x: T) -> list[tuple[T, tuple[Index, ...]]]:
    """The factors of an unnamed product with different indices, and how each is read."""
    pending: list[tuple[T, tuple[Index, ...]]] = [(x, positions(len(x.shape)))]
    found: list[tuple[T, tuple[Index, ...]]] = []
    while pending and len(found) + len(pending) <= FACTOR_LIMIT:
        factor, index = pending.pop()
        definition = factor.definition
        if factor.label != Label() or not isinstance(definition, Computed):
            found.append((factor, index))
        elif definition.pointwise and definition.body == _P0 * _P1:
            here = dict(enumerate(index))
            for read in reversed(definition.reads):
                assert isinstance(read, Read)
                operand = definition.operands[read.source]
                assert isinstance(operand, type(x))
                pending.append((operand, tuple(t.substitute(here) for t in read.index)))
        else:
            found.append((factor, index))
    uniform = len({index for _, index in found}) < 2
    return [] if pending or uniform else found


def expand(x: T, axes: tuple[int, ...]) -> T:
    """`x` with axes of size 1 put in so that they are `axes` of the result."""
    rank = len(x.shape) + len(axes)
    kept = [k for k in range(rank) if k not in axes]
    shape: list[Size] = [Integer(1)] * rank
    index: list[Index] = []
    for size, k in zip(x.shape, kept, strict=True):
        shape[k] = size
        index.append(axis(k))
    return reindex(x, shape, index)


def _kept(x: T, axes: tuple[int, ...], keepdims: bool) -> T:
    return expand(x, axes) if keepdims and axes else x


def count(x: Record, axes: tuple[int, ...]) -> Expr:
    """How many entries are reduced."""
    total: Expr = Integer(1)
    for k in axes:
        total = total * x.shape[k]
    return total


def sum(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Σ x over `axis`; all axes by default. A sum over no entries is 0."""
    axes = reduced_axes("sum", x, axis)
    return _kept(reduce(x, axes, Reduction.SUM), axes, keepdims)


def mean(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """(1/m) Σ x over `axis`; all axes by default."""
    axes = reduced_axes("mean", x, axis)
    total = reduce(x, axes, Reduction.SUM)
    return _kept(elementwise("mean", _P0 / count(x, axes), [total]), axes, keepdims)


def max(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The greatest entry along `axis`; ties go by the network's policy."""
    axes = _nonempty("max", x, axis)
    return _kept(reduce(x, axes, Reduction.MAX), axes, keepdims)


def min(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The least entry along `axis`: −max(−x)."""
    axes = _nonempty("min", x, axis)
    return _kept(-reduce(-x, axes, Reduction.MAX), axes, keepdims)


def argmax(x: Tensor, axis: Axes = None) -> Tensor:
    """The position of the greatest entry along `axis`, the first where several are; no gradient."""
    return reduce(x, _nonempty("argmax", x, axis), Reduction.ARGMAX)


def _nonempty(what: str, x: Record, axes: Axes) -> tuple[int, ...]:
    found = reduced_axes(what, x, axes)
    if any(x.shape[k] == 0 for k in found):
        raise ShapeError(f"{what}: {describe(x)} has no entry along axis {found}")
    return found


def var(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The mean of (x − mean x)² over `axis`, divided by m."""
    return mean((x - mean(x, axis, keepdims=True)) ** 2, axis, keepdims)


def norm(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """√(Σ x²) over `axis`: the 2-norm of a vector, the Frobenius norm of a matrix."""
    return ELEMENTWISE["sqrt"](sum(x**2, axis, keepdims))


def logsumexp(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The logarithm of Σ e^x over `axis`."""
    return ELEMENTWISE["log"](sum(ELEMENTWISE["exp"](x), axis, keepdims))
