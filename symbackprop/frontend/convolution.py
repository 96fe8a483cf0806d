"""Convolutions and pooling over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sympy import Expr, Integer, expand, floor

from symbackprop.errors import ShapeError
from symbackprop.frontend.comprehend import comprehend, positions
from symbackprop.frontend.record import describe
from symbackprop.frontend.structure import exact_quotient
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Read, Reduction
from symbackprop.scalars import placeholder
from symbackprop.sizes import (
    Constraint,
    Index,
    Size,
    as_size,
    axis,
    is_nonnegative,
    is_positive,
    same_size,
)

Dim: TypeAlias = int | str | Expr
PerAxis: TypeAlias = Dim | Sequence[Dim]
_P0, _P1 = placeholder(0), placeholder(1)


@dataclass(frozen=True, slots=True)
class Window:
    """How a window slides along one axis: position ``stride * o + dilation * k - padding``."""

    length: Size
    size: Size
    stride: Size
    padding: Size
    dilation: Size

    def output(self) -> Size:
        """⌊(length + 2 padding − dilation (size − 1) − 1)/stride⌋ + 1."""
        slack = self.slack()
        if self.stride == 1:
            return as_size(slack + 1)
        return as_size(floor(slack / self.stride) + 1)

    def slack(self) -> Expr:
        """How far the window can slide: >= 0 where it fits."""
        return expand(self.length + 2 * self.padding - self.dilation * (self.size - 1) - 1)

    def facts(self) -> tuple[Size, ...]:
        """What must hold and is not proved: the window fits, its last place is inside."""
        needed = (self.slack(), expand(self.slack() - self.stride * (self.output() - 1)))
        return tuple(size for size in needed if not is_nonnegative(size))

    def position(self, o: Index, k: Index) -> Index:
        """The place of tap `k` of window `o`."""
        return o.scaled(self.stride) + k.scaled(self.dilation).shifted(-self.padding)

    def inside(self, place: Index) -> tuple[Constraint, ...]:
        """What keeps a place off the padding."""
        if self.padding == 0:
            return ()
        above = place.scaled(Integer(-1)).shifted(self.length - 1)
        return Constraint(place), Constraint(above)


def per_axis(what: str, value: PerAxis, count: int) -> list[Size]:
    """One size for each spatial axis."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != count:
            raise ShapeError(f"{what}: expected {count} numbers, found {len(value)}")
        return [as_size(v) for v in value]
    return [as_size(value)] * count


def windows(
    what: str,
    x: Tensor,
    sizes: Sequence[Size],
    stride: PerAxis,
    padding: PerAxis,
    dilation: PerAxis,
) -> list[Window]:
    """The windows over the last axes of `x`.

    Raises
    ------
    ShapeError
        When a window is larger than its padded axis, or a number is out of place.
    """
    count = len(sizes)
    lengths = x.shape[len(x.shape) - count :]
    strides = per_axis(f"{what}: stride", stride, count)
    paddings = per_axis(f"{what}: padding", padding, count)
    dilations = per_axis(f"{what}: dilation", dilation, count)
    found: list[Window] = []
    for n, k, s, p, d in zip(lengths, sizes, strides, paddings, dilations, strict=True):
        for value, name in ((s, "stride"), (d, "dilation"), (k, "window")):
            if not is_positive(value):
                raise ShapeError(f"{what}: the {name} must be positive, found {value}")
        window = Window(n, k, s, p, d)
        slack = window.slack()
        if not is_nonnegative(slack) and is_positive(-slack):
            raise ShapeError(
                f"{what}: a window of {k} (dilation {d}) is larger than an axis of size {n} "
                f"with padding {p}",
                help=f"in {describe(x)}; pad it by at least {-slack} in total",
            )
        found.append(window)
    return found


def _split_channels(what: str, channels: Size, groups: Size, holder: Tensor) -> Size:
    share = exact_quotient(channels, groups)
    if share is None:
        raise ShapeError(
            f"{what}: {groups} groups do not divide {channels} channels of {describe(holder)}",
            help="declare the channels as a multiple: c = g*q for sizes g, q",
        )
    return share


def conv(
    x: Tensor,
    w: Tensor,
    *,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: Dim = 1,
) -> Tensor:
    """y[f, o] = Σ_c,k w[f, c, k] x[c, s·o + d·k − p]: the correlation of `x` with a kernel.

    Parameters
    ----------
    x : Tensor of shape (channels, *spatial) or (batch, channels, *spatial)
    w : Tensor of shape (filters, channels / groups, *window)
    stride, padding, dilation : size or one for each spatial axis
    groups : size

    Raises
    ------
    ShapeError
        When ranks, channels or windows do not fit.
    """
    spatial = len(w.shape) - 2
    _check_rank("conv", x, w, spatial)
    count = as_size(groups)
    c_group = _split_channels("conv", x.shape[-spatial - 1], count, x)
    f_group = _split_channels("conv", w.shape[0], count, w)
    if not same_size(c_group, w.shape[1]):
        raise ShapeError(
            f"conv: the kernel {describe(w)} has {w.shape[1]} channels, each group of {describe(x)}"
            f" has {c_group}"
        )
    sliding = windows("conv", x, w.shape[2:], stride, padding, dilation)
    batch = x.shape[: len(x.shape) - spatial - 1]
    b = len(batch)
    group, f, first = axis(b), axis(b + 1), b + 2
    c = axis(first + spatial)
    outs = positions(spatial, first)
    taps = positions(spatial, first + spatial + 1)
    places = [s.position(o, k) for s, o, k in zip(sliding, outs, taps, strict=True)]
    heights = [s.output() for s in sliding]
    filters = group.scaled(f_group) + f
    return comprehend(
        [x, w],
        [*batch, w.shape[0], *heights],
        [*batch, count, f_group, *heights, c_group, *w.shape[2:]],
        _P0 * _P1,
        [
            Read(0, (*positions(b), group.scaled(c_group) + c, *places)),
            Read(1, (filters, c, *taps)),
        ],
        (*positions(b), filters, *outs),
        [t for s, place in zip(sliding, places, strict=True) for t in s.inside(place)],
        facts=[fact for s in sliding for fact in s.facts()],
    )


def _check_rank(what: str, x: Tensor, w: Tensor, spatial: int) -> None:
    if spatial < 1 or len(x.shape) not in (spatial + 1, spatial + 2):
        raise ShapeError(
            f"{what}: {describe(x)} and the kernel {describe(w)} do not fit",
            help="an input of (channels, *spatial) or (batch, channels, *spatial) takes a "
            "kernel of (filters, channels, *window)",
        )


def conv1d(
    x: Tensor,
    w: Tensor,
    *,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: Dim = 1,
) -> Tensor:
    """`conv` over one spatial axis; a kernel of shape (filters, channels, window)."""
    _kernel_rank("conv1d", w, 3)
    return conv(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv2d(
    x: Tensor,
    w: Tensor,
    *,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: Dim = 1,
) -> Tensor:
    """`conv` over two spatial axes; a kernel of shape (filters, channels, height, width)."""
    _kernel_rank("conv2d", w, 4)
    return conv(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _kernel_rank(what: str, w: Tensor, rank: int) -> None:
    if len(w.shape) != rank:
        raise ShapeError(f"{what}: expected a kernel with {rank} axes, found {describe(w)}")


def conv_transpose(
    x: Tensor,
    w: Tensor,
    *,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    output_padding: PerAxis = 0,
) -> Tensor:
    """y[f, s·i + d·k − p] += Σ_c x[c, i] w[c, f, k]: what a convolution does to its cotangent.

    Parameters
    ----------
    x : Tensor of shape (channels, *spatial) or (batch, channels, *spatial)
    w : Tensor of shape (channels, filters, *window)
    """
    spatial = len(w.shape) - 2
    _check_rank("conv_transpose", x, w, spatial)
    if not same_size(w.shape[0], x.shape[-spatial - 1]):
        raise ShapeError(
            f"conv_transpose: the kernel {describe(w)} takes {w.shape[0]} channels, {describe(x)} "
            f"has {x.shape[-spatial - 1]}"
        )
    given = [per_axis("conv_transpose", v, spatial) for v in (stride, padding, dilation)]
    extra = per_axis("conv_transpose", output_padding, spatial)
    lengths = x.shape[len(x.shape) - spatial :]
    sliding: list[Window] = []
    for n, k, s, p, d, e in zip(lengths, w.shape[2:], *given, extra, strict=True):
        length = as_size((n - 1) * s - 2 * p + d * (k - 1) + 1 + e)
        if not is_positive(length) and is_nonnegative(-length):
            raise ShapeError(f"conv_transpose: padding {p} leaves nothing of {describe(x)}")
        sliding.append(Window(length, k, s, p, d))
    batch = x.shape[: len(x.shape) - spatial - 1]
    b = len(batch)
    f, c = axis(b), axis(b + 1)
    ins, taps = positions(spatial, b + 2), positions(spatial, b + 2 + spatial)
    places = [s.position(i, k) for s, i, k in zip(sliding, ins, taps, strict=True)]
    return comprehend(
        [x, w],
        [*batch, w.shape[1], *(s.length for s in sliding)],
        [*batch, w.shape[1], w.shape[0], *lengths, *w.shape[2:]],
        _P0 * _P1,
        [Read(0, (*positions(b), c, *ins)), Read(1, (c, f, *taps))],
        (*positions(b), f, *places),
        [t for s, place in zip(sliding, places, strict=True) for t in s.inside(place)],
        facts=[s.length - 1 for s in sliding if not is_positive(s.length)],
    )


def _pooled(
    what: str,
    x: Tensor,
    window: Sequence[Dim],
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
) -> tuple[list[Window], list[Size], list[Size], tuple[Index, ...], list[Constraint]]:
    """The windows of a pooling: shape and axes of the result, the place read, and its domain."""
    sizes = [as_size(k) for k in window]
    if not sizes or len(sizes) > len(x.shape):
        raise ShapeError(f"{what}: a window of {len(sizes)} axes over {describe(x)}")
    steps = list(window) if stride is None else stride
    sliding = windows(what, x, sizes, steps, padding, dilation)
    for s in sliding:
        if s.padding != 0 and not is_nonnegative(s.size - 2 * s.padding):
            raise ShapeError(
                f"{what}: padding {s.padding} is more than half of a window of {s.size}",
                help="a window must not lie in the padding altogether",
            )
    kept = x.shape[: len(x.shape) - len(sizes)]
    heights = [s.output() for s in sliding]
    first = len(kept)
    outs = positions(len(sizes), first)
    taps = positions(len(sizes), first + len(sizes))
    places = tuple(s.position(o, k) for s, o, k in zip(sliding, outs, taps, strict=True))
    domain = [t for s, place in zip(sliding, places, strict=True) for t in s.inside(place)]
    shape = [*kept, *heights]
    return sliding, shape, [*shape, *sizes], (*positions(first), *places), domain


def max_pool(
    x: Tensor,
    window: Sequence[Dim],
    *,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
) -> Tensor:
    """The greatest entry in each window over the last axes; padding never wins.

    stride : default: the window;  ties go by the network's policy
    """
    sliding, shape, axes, index, domain = _pooled("max_pool", x, window, stride, padding, dilation)
    return comprehend(
        [x],
        shape,
        axes,
        _P0,
        [Read(0, index)],
        None,
        domain,
        Reduction.MAX,
        [fact for s in sliding for fact in s.facts()],
    )


def avg_pool(
    x: Tensor,
    window: Sequence[Dim],
    *,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    counted: bool = True,
) -> Tensor:
    """The mean over each window of the last axes; `counted`: padding counts as zeros."""
    sliding, shape, axes, index, domain = _pooled("avg_pool", x, window, stride, padding, 1)
    facts = [fact for s in sliding for fact in s.facts()]
    total: Tensor = comprehend([x], shape, axes, _P0, [Read(0, index)], None, domain, facts=facts)
    if counted or not domain:
        number: Expr = Integer(1)
        for s in sliding:
            number = number * s.size
        averaged: Tensor = total / number
        return averaged
    count: Tensor = comprehend([x], shape, axes, Integer(1), [], None, domain, facts=facts)
    return total / count
