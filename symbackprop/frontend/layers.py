"""Attention, normalisation and dropout, as compositions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sympy import Expr, Integer, sqrt

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.comprehend import aligned, broadcast_shape, comprehend, positions
from symbackprop.frontend.contraction import matmul
from symbackprop.frontend.functions import ELEMENTWISE
from symbackprop.frontend.indexing import normal_axis, transpose
from symbackprop.frontend.record import Computed, describe
from symbackprop.frontend.reductions import expand, mean, sum
from symbackprop.frontend.structure import exact_quotient, product, reshape
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Kind, Read
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Constraint, Index, as_size, same_size

Dim: TypeAlias = int | str | Expr
Scalar: TypeAlias = int | float | Expr | Tensor
EPSILON = 1e-5


def masked_softmax(
    z: Tensor, *, mask: Tensor | None = None, causal: bool = False, axis: int = -1
) -> Tensor:
    """Softmax over the entries that `mask` keeps; a row without any gives 0.

    mask : booleans that broadcast to the shape of `z`, true where an entry counts
    causal : whether position i sees only positions k <= i of the last axis

    Raises
    ------
    ShapeError
        When the mask does not fit.
    """
    k = normal_axis("softmax", z, axis)
    others, domain = _kept(z, mask, causal)
    here = positions(len(z.shape))
    p0, p1 = placeholder(0), placeholder(1)
    e = comprehend(
        [z, *others],
        z.shape,
        z.shape,
        ELEMENTWISE["exp"].record.build(p0),
        [Read(0, here)],
        here,
        domain,
    )
    total = sum(e, k)
    rest = tuple(t for a, t in enumerate(here) if a != k)
    # the mask is operand 1 in `domain`, so the sum comes last
    operands = [e, *others, total]
    return comprehend(
        operands,
        z.shape,
        z.shape,
        p0 / p1,
        [Read(0, here), Read(len(operands) - 1, rest)],
        here,
        domain,
    ).relabel(hint="P", block="softmax")


def _kept(z: Tensor, mask: Tensor | None, causal: bool) -> tuple[list[Tensor], list[Constraint]]:
    """The mask as operand 1, and what it and causality demand of a position."""
    here = positions(len(z.shape))
    domain: list[Constraint] = []
    if causal:
        if len(z.shape) < 2:
            raise ShapeError(f"causal softmax: {describe(z)} has no queries and keys")
        domain.append(Constraint(here[-2] - here[-1]))
    if mask is None:
        return [], domain
    if mask.kind is not Kind.BOOL:
        raise InvalidExpressionError(
            f"mask: {describe(mask)} does not hold booleans", help='declare it with kind="bool"'
        )
    shape = broadcast_shape("mask", [z, mask])
    if len(shape) != len(z.shape) or not all(map(same_size, shape, z.shape)):
        raise ShapeError(f"mask: {describe(mask)} does not fit {describe(z)}")
    value = At(1, aligned(mask, len(z.shape)))
    domain.append(Constraint(Index(((value, Integer(1)),), Integer(-1)), equality=True))
    return [mask], domain


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    causal: bool = False,
    scaled: bool = True,
) -> Tensor:
    """softmax(q kᵀ / √d) v.

    Parameters
    ----------
    q, k, v : Tensor of shape (..., queries, d), (..., keys, d), (..., keys, e)
    mask : Tensor of booleans, optional
        Broadcasts to (..., queries, keys); true where a key is seen.
    causal : bool
        Query i sees keys 0 .. i only.

    Raises
    ------
    ShapeError
        When the shapes do not fit.
    """
    for x, name in ((q, "q"), (k, "k"), (v, "v")):
        if len(x.shape) < 2:
            raise ShapeError(f"attention: {name} is {describe(x)}, expected (..., length, width)")
    if not same_size(q.shape[-1], k.shape[-1]):
        raise ShapeError(f"attention: widths differ: q is {describe(q)}, k is {describe(k)}")
    if not same_size(k.shape[-2], v.shape[-2]):
        raise ShapeError(f"attention: lengths differ: k is {describe(k)}, v is {describe(v)}")
    q, k, v = (_called(x, name) for x, name in ((q, "Q"), (k, "K"), (v, "V")))
    scores = matmul(q, transpose(k))
    if scaled:
        scores = scores / sqrt(q.shape[-1])
    scores = scores.relabel(hint="S")
    weights = masked_softmax(scores, mask=mask, causal=causal)
    return matmul(weights, v).relabel(block="attention")


def _called(x: Tensor, name: str) -> Tensor:
    """A value with a name to be called by, unless it has one or is a part of another."""
    moved = isinstance(x.definition, Computed) and x.definition.body == placeholder(0)
    plain = x.label.name or x.label.hint or moved
    return x if plain or not isinstance(x.definition, Computed) else x.relabel(hint=name)


def multi_head_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    *,
    heads: Dim,
    context: Tensor | None = None,
    mask: Tensor | None = None,
    causal: bool = False,
) -> Tensor:
    """Concatenated heads of attention, times `w_o`.

    Parameters
    ----------
    x : Tensor of shape (..., length, width)
    w_q, w_k, w_v : Tensor of shape (width, heads·d)
    w_o : Tensor of shape (heads·d, width)
    context : Tensor, optional
        What keys and values are made of (cross attention); default `x`.

    Raises
    ------
    ShapeError
        When the heads do not divide the width.
    """
    source = x if context is None else context
    count = as_size(heads)
    q = split_heads(matmul(x, w_q).relabel(hint="Q"), count)
    k = split_heads(matmul(source, w_k).relabel(hint="K"), count)
    v = split_heads(matmul(source, w_v).relabel(hint="V"), count)
    return matmul(merge_heads(attention(q, k, v, mask=mask, causal=causal)), w_o)


def split_heads(x: Tensor, heads: Expr) -> Tensor:
    """(..., length, heads·d) as (..., heads, length, d)."""
    width = exact_quotient(x.shape[-1], heads)
    if width is None:
        raise ShapeError(
            f"attention: {heads} heads do not divide the width {x.shape[-1]} of {describe(x)}",
            help="declare the width as a multiple: heads*d",
        )
    split = reshape(x, *x.shape[:-1], heads, width)
    rank = len(split.shape)
    return transpose(split, *range(rank - 3), rank - 2, rank - 3, rank - 1)


def merge_heads(x: Tensor) -> Tensor:
    """(..., heads, length, d) as (..., length, heads·d)."""
    rank = len(x.shape)
    moved = transpose(x, *range(rank - 3), rank - 2, rank - 3, rank - 1)
    return reshape(moved, *moved.shape[:-2], product(moved.shape[-2:]))


def _standardised(x: Tensor, axes: tuple[int, ...], eps: Scalar) -> Tensor:
    """x̂ = (x − μ)/σ, with μ and σ² over `axes`, σ² + eps under the root."""
    x = _called(x, "z")
    centred = x - mean(x, axes, keepdims=True)
    variance = mean(centred**2, axes)
    sigma = ELEMENTWISE["sqrt"](variance + eps).relabel(hint="sigma")
    return (centred / expand(sigma, axes)).relabel(hint="xhat")


def _scaled(
    what: str, x: Tensor, gamma: Tensor | None, beta: Tensor | None, axes: Sequence[int]
) -> Tensor:
    """γ x + β, with γ and β along `axes` of `x`."""
    for given, multiply in ((gamma, True), (beta, False)):
        if given is None:
            continue
        sizes = [x.shape[a] for a in axes]
        if len(given.shape) != len(axes) or not all(map(same_size, given.shape, sizes)):
            raise ShapeError(
                f"{what}: {describe(given)} does not fit the axes {tuple(axes)} of {describe(x)}"
            )
        others = tuple(a for a in range(len(x.shape)) if a not in axes)
        laid = expand(given, others)
        x = laid * x if multiply else x + laid
    return x


def _axes(what: str, x: Tensor, axis: int | Sequence[int]) -> tuple[int, ...]:
    listed = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(sorted(normal_axis(what, x, a) for a in listed))


def layer_norm(
    x: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    *,
    axis: int | Sequence[int] = -1,
    eps: Scalar = EPSILON,
) -> Tensor:
    """γ (x − μ)/√(σ² + eps) + β, with μ and σ² over `axis`; γ and β have its shape."""
    axes = _axes("layer_norm", x, axis)
    made = _scaled("layer_norm", _standardised(x, axes, eps), gamma, beta, axes)
    return made.relabel(block="layer_norm")


def batch_norm(
    x: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    *,
    axis: int | Sequence[int] = 0,
    eps: Scalar = EPSILON,
) -> Tensor:
    """γ (x − μ)/√(σ² + eps) + β, with μ and σ² over the batch; γ and β have the other axes.

    axis : the axes averaged over; of images (batch, channels, h, w): (0, 2, 3)
    """
    axes = _axes("batch_norm", x, axis)
    others = [a for a in range(len(x.shape)) if a not in axes]
    made = _scaled("batch_norm", _standardised(x, axes, eps), gamma, beta, others)
    return made.relabel(block="batch_norm")


def rms_norm(
    x: Tensor,
    gamma: Tensor | None = None,
    *,
    axis: int | Sequence[int] = -1,
    eps: Scalar = EPSILON,
) -> Tensor:
    """γ x/√(mean x² + eps)."""
    axes = _axes("rms_norm", x, axis)
    rms = ELEMENTWISE["sqrt"](mean(x**2, axes) + eps).relabel(hint="r")
    scaled = (x / expand(rms, axes)).relabel(hint="xhat")
    return _scaled("rms_norm", scaled, gamma, None, axes).relabel(block="rms_norm")


def dropout(x: Tensor, mask: Tensor, rate: Scalar | None = None) -> Tensor:
    """The product x ⊙ mask/(1 − rate) with a given mask; without a rate x ⊙ mask."""
    shape = broadcast_shape("dropout", [x, mask])
    if len(shape) != len(x.shape) or not all(map(same_size, shape, x.shape)):
        raise ShapeError(f"dropout: the mask {describe(mask)} does not fit {describe(x)}")
    if isinstance(rate, int | float) and not 0 <= rate < 1:
        raise ShapeError(f"dropout: a rate of {rate} is not in [0, 1)")
    return x * mask if rate is None else x * mask / (1 - rate)
