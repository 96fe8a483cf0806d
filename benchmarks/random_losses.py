"""Losses for random networks, each with its value over JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jax
import jax.numpy as jnp

import symbackprop as sb
from benchmarks.random_kit import Built, Workshop


def loss(shop: Workshop, z: Built) -> Built:
    """One of the losses of a matrix, with a penalty now and then."""
    name = shop.one_of(list(LOSSES))
    if z.ties and name in UNEQUAL:
        name = "mse"
    shop.used.append(name)
    made = LOSSES[name](shop, z)
    if shop.chance(0.2):
        return _penalised(shop, made)
    return made


def _target(shop: Workshop, z: Built, **declared: Any) -> Built:
    return shop.input("y", *z.tensor.shape, **declared)


def _labels(shop: Workshop, z: Built) -> Built:
    m, k = z.tensor.shape
    return shop.input("y", m, kind="labels", classes=k)


def _picked(scores: Any, labels: Any) -> Any:
    return jnp.take_along_axis(scores, jnp.asarray(labels, int)[:, None], 1)[:, 0]


def _entropy(z: Any, y: Any) -> Any:
    return -jnp.mean((y * jax.nn.log_softmax(z)).sum(-1))


def _cross_entropy(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z, **shop.one_of(({"one_hot": True}, {"probabilities": True}, {})))
    if shop.chance(0.5):
        made = sb.cross_entropy(sb.softmax(z.tensor), y.tensor)
    else:
        made = sb.cross_entropy(z.tensor, y.tensor, logits=True)
    return z.with_(y, made, _entropy)


def _of_labels(shop: Workshop, z: Built) -> Built:
    y = _labels(shop, z)
    made = sb.cross_entropy(z.tensor, y.tensor, logits=True)
    return z.with_(y, made, lambda a, i: -jnp.mean(_picked(jax.nn.log_softmax(a), i)))


def _nll(shop: Workshop, z: Built) -> Built:
    y = _labels(shop, z)
    made = sb.nll(sb.log_softmax(z.tensor), y.tensor)
    return z.with_(y, made, lambda a, i: -jnp.mean(_picked(jax.nn.log_softmax(a), i)))


def _weighted(shop: Workshop, z: Built) -> Built:
    weights = shop.input("w", z.tensor.shape[1], positive=True)
    y = _target(shop, z, one_hot=True)
    made = sb.cross_entropy(
        z.tensor, y.tensor, logits=True, weights=weights.tensor, reduction=sb.functions.sum
    )
    both = y.with_(weights, None, jnp.multiply)
    return z.with_(both, made, lambda a, w: -(w * jax.nn.log_softmax(a)).sum())


def _binary(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    if shop.chance(0.5):
        made = sb.binary_cross_entropy(sb.sigmoid(z.tensor), y.tensor)
    else:
        made = sb.binary_cross_entropy(z.tensor, y.tensor, logits=True)
    return z.with_(y, made, lambda a, b: jnp.mean(jax.nn.softplus(a) - b * a))


def _kl(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z, probabilities=True)
    made = sb.kl_divergence(y.tensor, sb.softmax(z.tensor))
    return z.with_(y, made, lambda a, p: (p * (jnp.log(p) - jax.nn.log_softmax(a))).sum(1).mean())


def _mse(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    return z.with_(y, sb.mse(z.tensor, y.tensor), lambda a, b: jnp.mean((a - b) ** 2))


def _squared(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    made = sb.squared_error(z.tensor, y.tensor)
    return z.with_(y, made, lambda a, b: jnp.sum((a - b) ** 2))


def _absolute(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    made = sb.absolute_error(z.tensor, y.tensor)
    return z.with_(y, made, lambda a, b: jnp.mean(jnp.abs(a - b)))


def _huber(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)

    def over_jax(a: Any, b: Any) -> Any:
        d = jnp.abs(a - b)
        return jnp.where(d <= 0.5, d**2 / 2, 0.5 * (d - 0.25)).mean()

    return z.with_(y, sb.huber(z.tensor, y.tensor, delta=0.5), over_jax)


def _hinge(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    made = sb.hinge(z.tensor, y.tensor)
    return z.with_(y, made, lambda a, b: jax.nn.relu(1 - a * b).mean())


def _cosine(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    made = sb.mean(sb.cosine_similarity(z.tensor, y.tensor))

    def over_jax(a: Any, b: Any) -> Any:
        lengths = jnp.sqrt((a**2).sum(1) * (b**2).sum(1))
        return ((a * b).sum(1) / lengths).mean()

    return z.with_(y, made, over_jax)


def _greatest(shop: Workshop, z: Built) -> Built:
    return z.then(sb.sum(sb.max(z.tensor, 1)), lambda a: a.max(1).sum())


def _linear(shop: Workshop, z: Built) -> Built:
    y = _target(shop, z)
    return z.with_(y, sb.sum(z.tensor * y.tensor), lambda a, b: (a * b).sum())


def _root(shop: Workshop, z: Built) -> Built:
    return z.then(sb.frobenius(z.tensor), lambda a: jnp.sqrt((a**2).sum()))


def _penalised(shop: Workshop, made: Built) -> Built:
    kind = shop.one_of(("l1", "l2"))
    shop.used.append(kind)
    P = shop.param("P", shop.size())
    penalty = getattr(sb, kind)(P.tensor)
    norm = jnp.abs if kind == "l1" else jnp.square
    return made.with_(P, made.tensor + penalty / 2, lambda a, p: a + norm(p).sum() / 2)


LOSSES: Final[dict[str, Callable[[Workshop, Built], Built]]] = {
    "cross_entropy": _cross_entropy,
    "labels": _of_labels,
    "nll": _nll,
    "class weights": _weighted,
    "binary_cross_entropy": _binary,
    "kl_divergence": _kl,
    "mse": _mse,
    "squared_error": _squared,
    "absolute_error": _absolute,
    "huber": _huber,
    "hinge": _hinge,
    "cosine_similarity": _cosine,
    "max of rows": _greatest,
    "linear": _linear,
    "frobenius": _root,
}

UNEQUAL: Final = ("max of rows", "cosine_similarity", "frobenius")
"""Not of entries that may be equal or all 0."""
