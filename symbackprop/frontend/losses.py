"""Softmax and its kin, and losses."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Integer

from symbackprop.errors import ShapeError
from symbackprop.frontend.comprehend import comprehend, elementwise, pointwise, positions
from symbackprop.frontend.functions import ELEMENTWISE
from symbackprop.frontend.indexing import normal_axis
from symbackprop.frontend.record import describe
from symbackprop.frontend.reductions import mean, norm, sum
from symbackprop.frontend.tensor import Tensor, scalar
from symbackprop.ir import Kind, Read
from symbackprop.scalars import Absolute, Step, Where, XLogY, placeholder
from symbackprop.sizes import At, Index, Size, same_size

Reduce = Callable[[Tensor], Tensor] | None
"""How the losses of a batch become one: `mean`, `sum`, or None to keep them."""

_P0, _P1 = placeholder(0), placeholder(1)


def softmax(z: Tensor, axis: int = -1) -> Tensor:
    """The softmax e^z / Σ e^z along `axis`."""
    k = normal_axis("softmax", z, axis)
    e = ELEMENTWISE["exp"](z)
    return (e / sum(e, k, keepdims=True)).relabel(hint="p", block="softmax")


def log_softmax(z: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of softmax, z − log Σ e^z along `axis`."""
    k = normal_axis("log_softmax", z, axis)
    total = sum(ELEMENTWISE["exp"](z), k, keepdims=True)
    return (z - ELEMENTWISE["log"](total)).relabel(block="log_softmax")


def combined(losses: Tensor, reduction: Reduce) -> Tensor:
    """The losses of a batch as one; a single loss stays as it is."""
    return losses if reduction is None or not losses.shape else reduction(losses)


def pick(p: Tensor, labels: Tensor, axis: int = -1) -> Tensor:
    """The entry of `p` along `axis` that each label says: ``p[i, labels[i]]``.

    Raises
    ------
    ShapeError
        When the labels do not have the shape of `p` without that axis.
    """
    k = normal_axis("labels", p, axis)
    rest = [size for a, size in enumerate(p.shape) if a != k]
    if len(labels.shape) != len(rest) or not all(map(same_size, labels.shape, rest)):
        raise ShapeError(
            f"labels do not fit: {describe(labels)} for {describe(p)} with classes along axis {k}",
            help="one label for each entry of the other axes",
        )
    return _gather(p, labels, k, rest)


def _gather(p: Tensor, labels: Tensor, k: int, rest: list[Size]) -> Tensor:
    here = positions(len(rest))
    chosen = Index(((At(1, here), Integer(1)),))
    index = (*here[:k], chosen, *here[k:])
    return comprehend([p, labels], rest, rest, _P0, [Read(0, index)])


def cross_entropy(
    p: Tensor,
    y: Tensor,
    *,
    logits: bool = False,
    axis: int = -1,
    weights: Tensor | None = None,
    reduction: Reduce = mean,
) -> Tensor:
    """−Σ y log p along `axis`; for labels −log p_y. With 0 log 0 = 0.

    Parameters
    ----------
    p : Tensor
        Probabilities; where `logits` is set, what softmax makes them from.
    y : Tensor
        One-hot or soft targets of the same shape, or labels (``kind="labels"``) without the
        axis of classes.
    weights : Tensor of shape (classes,), optional
        A weight for each class.
    reduction : callable or None
        What makes one loss of those of a batch.

    Raises
    ------
    ShapeError
        When targets or weights do not fit.
    """
    k = normal_axis("cross_entropy", p, axis)
    if logits:
        p = softmax(p, k)
    if weights is not None and (
        len(weights.shape) != 1 or not same_size(weights.shape[0], p.shape[k])
    ):
        raise ShapeError(
            f"cross_entropy: weights {describe(weights)} for {p.shape[k]} classes along axis {k}"
        )
    if y.kind is Kind.INT:
        each = -ELEMENTWISE["log"](pick(p, y, k))
        if weights is not None:
            each = weights[y] * each
        return combined(each, reduction)
    same_shape("cross_entropy", p, y)
    terms = ELEMENTWISE["xlogy"](y, p)
    if weights is not None:
        terms = along(weights, k, len(p.shape)) * terms
    return combined(-sum(terms, k), reduction)


def along(v: Tensor, k: int, rank: int) -> Tensor:
    """A vector laid along axis `k` of `rank` axes, of size 1 elsewhere."""
    key = tuple(slice(None) if a == k else None for a in range(rank))
    laid: Tensor = v[key]
    return laid


def same_shape(what: str, a: Tensor, b: Tensor) -> None:
    """Refuse operands of different shapes.

    Raises
    ------
    ShapeError
        With both.
    """
    if len(a.shape) != len(b.shape) or not all(map(same_size, a.shape, b.shape)):
        raise ShapeError(
            f"{what}: shapes differ: {describe(a)} and {describe(b)}",
            help='predictions and targets have one shape; labels are declared with kind="labels"',
        )


def squared_error(h: Tensor, y: Tensor) -> Tensor:
    """Σ (h − y)²."""
    same_shape("squared_error", h, y)
    return sum((h - y) ** 2)


def mse(h: Tensor, y: Tensor) -> Tensor:
    """The mean of (h − y)² over all entries."""
    same_shape("mse", h, y)
    return mean((h - y) ** 2)


def absolute_error(h: Tensor, y: Tensor, *, reduction: Reduce = mean) -> Tensor:
    """|h − y|."""
    same_shape("absolute_error", h, y)
    return combined(ELEMENTWISE["abs"](h - y), reduction)


def huber(
    h: Tensor, y: Tensor, *, delta: int | float | Expr = 1, reduction: Reduce = mean
) -> Tensor:
    """d²/2 where |d| <= δ, else δ(|d| − δ/2), for d = h − y."""
    same_shape("huber", h, y)
    width = scalar("huber", h, delta)
    size = Absolute(_P0)
    body = Where(Step(width - size, Integer(1)), _P0**2 / 2, width * (size - width / 2))
    return combined(pointwise("huber", body, [h - y]), reduction)


def hinge(h: Tensor, y: Tensor, *, reduction: Reduce = mean) -> Tensor:
    """max(0, 1 − y h), for targets −1 and 1."""
    same_shape("hinge", h, y)
    return combined(ELEMENTWISE["relu"](1 - y * h), reduction)


def binary_cross_entropy(
    p: Tensor, y: Tensor, *, logits: bool = False, reduction: Reduce = mean
) -> Tensor:
    """−y log p − (1 − y) log(1 − p), with 0 log 0 = 0; with `logits`, p = σ of what is given."""
    same_shape("binary_cross_entropy", p, y)
    if logits:
        p = ELEMENTWISE["sigmoid"](p)
    body = -XLogY(_P1, _P0) - XLogY(1 - _P1, 1 - _P0)
    return combined(elementwise("binary_cross_entropy", body, [p, y]), reduction)


def kl_divergence(y: Tensor, p: Tensor, *, axis: int = -1, reduction: Reduce = mean) -> Tensor:
    """Σ y log y − y log p along `axis`: D(y ‖ p), with 0 log 0 = 0."""
    k = normal_axis("kl_divergence", p, axis)
    same_shape("kl_divergence", p, y)
    body = XLogY(_P0, _P0) - XLogY(_P0, _P1)
    return combined(sum(elementwise("kl_divergence", body, [y, p]), k), reduction)


def nll(log_p: Tensor, labels: Tensor, *, axis: int = -1, reduction: Reduce = mean) -> Tensor:
    """−log p at the label."""
    return combined(-pick(log_p, labels, axis), reduction)


def cosine_similarity(a: Tensor, b: Tensor, axis: int = -1) -> Tensor:
    """aᵀb/(‖a‖‖b‖) along `axis`."""
    same_shape("cosine_similarity", a, b)
    return sum(a * b, axis) / (norm(a, axis) * norm(b, axis))


def l1(w: Tensor) -> Tensor:
    """Σ |w|."""
    return sum(ELEMENTWISE["abs"](w))


def l2(w: Tensor) -> Tensor:
    """Σ w²."""
    return sum(w**2)


def frobenius(w: Tensor) -> Tensor:
    """‖w‖ = √(Σ w²)."""
    return norm(w)
