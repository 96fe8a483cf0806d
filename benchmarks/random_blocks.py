"""Layers for random networks: from a matrix to a matrix, each with its value over JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jax
import jax.numpy as jnp

import symbackprop as sb
from benchmarks.random_elementwise import elementwise, parametric_relu
from benchmarks.random_kit import Built, Workshop

Block = Callable[[Workshop, Built], Built]


def dense(shop: Workshop, x: Built) -> Built:
    """X W, mostly with a bias."""
    return dense_to(shop, x, shop.size())


def dense_to(shop: Workshop, x: Built, width: Any) -> Built:
    """X W of this width."""
    W = shop.param("W", x.tensor.shape[-1], width)
    shop.used.append("matmul")
    made = x.with_(W, x.tensor @ W.tensor, jnp.matmul)
    made = Built(made.tensor, made.value)
    if shop.chance(0.3):
        return shop.named(made, "Z") if shop.chance(0.5) else made
    shop.used.append("bias")
    b = shop.param("b", width)
    made = made.with_(b, made.tensor + b.tensor, jnp.add)
    return shop.named(made, "Z") if shop.chance(0.6) else made


def residual(shop: Workshop, x: Built) -> Built:
    """X + f(x)."""
    shop.used.append("residual")
    y = elementwise(shop, dense_to(shop, x, x.tensor.shape[-1]))
    return x.with_(y, x.tensor + y.tensor, jnp.add)


def normalised(shop: Workshop, x: Built) -> Built:
    """A norm of layers, of batches, or of roots of mean squares; with gain and shift or without."""
    kind = shop.one_of(("layer_norm", "batch_norm", "rms_norm"))
    shop.used.append(kind)
    axis = 0 if kind == "batch_norm" else -1
    size = x.tensor.shape[-1]
    over_jax = rms if kind == "rms_norm" else standardised
    plain = Built(None, lambda v: over_jax(x.value(v), axis), x.ties)
    function = getattr(sb, kind)
    if shop.chance(0.5):
        return Built(function(x.tensor), plain.value, x.ties)
    gamma = shop.param("gamma", size)
    scaled = plain.with_(gamma, None, jnp.multiply)
    if kind == "rms_norm":
        return Built(function(x.tensor, gamma.tensor), scaled.value, x.ties)
    beta = shop.param("beta", size)
    made = function(x.tensor, gamma.tensor, beta.tensor)
    return scaled.with_(beta, made, jnp.add)


def standardised(x: Any, axis: int) -> Any:
    """(x − μ)/σ."""
    centred = x - x.mean(axis, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5)


def rms(x: Any, axis: int) -> Any:
    """X over the root of its mean square."""
    return x / jnp.sqrt((x**2).mean(axis, keepdims=True) + 1e-5)


def softmax(shop: Workshop, x: Built) -> Built:
    """Softmax or its logarithm, along rows or columns."""
    name, axis = shop.one_of(("softmax", "log_softmax")), int(shop.rng.integers(2))
    shop.used.append(name)
    function = getattr(jax.nn, name)
    return x.then(getattr(sb, name)(x.tensor, axis), lambda z: function(z, axis))


def masked_softmax(shop: Workshop, x: Built) -> Built:
    """Softmax over what a mask keeps."""
    shop.used.append("masked_softmax")
    keep = shop.input("keep", *x.tensor.shape, kind="bool")
    return x.with_(keep, sb.masked_softmax(x.tensor, mask=keep.tensor), seen, ties=True)


def seen(z: Any, mask: Any) -> Any:
    """Softmax over the entries of a mask; 0 where there is none."""
    e = jnp.where(mask, jnp.exp(jnp.where(mask, z, 0.0)), 0.0)
    total = e.sum(-1, keepdims=True)
    return jnp.where(total > 0, e / jnp.where(total > 0, total, 1.0), 0.0)


def dropout(shop: Workshop, x: Built) -> Built:
    """Dropout with a given mask."""
    shop.used.append("dropout")
    keep = shop.input("keep", *x.tensor.shape, kind="bool")
    made = sb.dropout(x.tensor, keep.tensor, 0.25)
    return x.with_(keep, made, lambda z, k: z * k / 0.75, ties=True)


def attention(shop: Workshop, x: Built) -> Built:
    """Rows that attend to rows, or to those of another input; masked, causal, or free."""
    n, d = x.tensor.shape[-1], shop.size()
    shop.used.append("attention")
    other = x
    if shop.chance(0.3):
        shop.used.append("cross attention")
        other = shop.input("C", shop.size(), n)
    q, k, v = (
        y.with_(w, y.tensor @ w.tensor, jnp.matmul)
        for y, w in zip((x, other, other), (shop.param("W", n, d) for _ in range(3)), strict=True)
    )
    masks: list[Built] = []
    causal = other is x and shop.chance(0.4)
    shape = (q.tensor.shape[0], k.tensor.shape[0])
    if not causal and shop.chance(0.5):
        shop.used.append("mask")
        masks.append(shop.input("mask", *shape, kind="bool"))
    if causal:
        shop.used.append("causal")

    def value(given: Any) -> Any:
        scores = q.value(given) @ k.value(given).T / jnp.sqrt(q.value(given).shape[-1])
        free = jnp.ones(scores.shape, bool)
        mask = masks[0].value(given) if masks else (jnp.tril(free) if causal else free)
        return seen(scores, mask) @ v.value(given)

    chosen = masks[0].tensor if masks else None
    made = sb.attention(q.tensor, k.tensor, v.tensor, mask=chosen, causal=causal)
    return Built(made, value, bool(masks))


def multi_head(shop: Workshop, x: Built) -> Built:
    """Two heads of attention."""
    n, d = x.tensor.shape[-1], shop.size()
    shop.used.append("multi_head_attention")
    causal = shop.chance(0.5)
    ins = [shop.param("W", n, 2 * d) for _ in range(3)]
    out = shop.param("W", 2 * d, n)

    def value(v: Any) -> Any:
        z = x.value(v)
        q, k, u = (jnp.swapaxes((z @ w.value(v)).reshape(z.shape[0], 2, -1), 0, 1) for w in ins)
        scores = q @ jnp.swapaxes(k, 1, 2) / jnp.sqrt(q.shape[-1])
        mask = jnp.ones(scores.shape, bool)
        found = seen(scores, jnp.tril(mask) if causal else mask) @ u
        return jnp.swapaxes(found, 0, 1).reshape(z.shape[0], -1) @ out.value(v)

    weights = [w.tensor for w in (*ins, out)]
    made = sb.multi_head_attention(x.tensor, *weights, heads=2, causal=causal)
    return Built(made, value)


def moved(shop: Workshop, x: Built) -> Built:
    """The entries in another place: turned, reshaped, cut, padded, repeated, put together."""
    name = shop.one_of(list(MOVES))
    shop.used.append(name)
    return MOVES[name](shop, x)


def _concatenate(shop: Workshop, x: Built) -> Built:
    y = elementwise(shop, x)
    axis = int(shop.rng.integers(2))
    made = sb.concatenate([x.tensor, y.tensor], axis)
    return x.with_(y, made, lambda a, b: jnp.concatenate([a, b], axis))


def _stack(shop: Workshop, x: Built) -> Built:
    y = elementwise(shop, x)
    weights = shop.param("s", 2)
    both = x.with_(y, sb.stack([x.tensor, y.tensor], 2), lambda a, b: jnp.stack([a, b], 2))
    return both.with_(weights, both.tensor @ weights.tensor, jnp.matmul)


def _gather(shop: Workshop, x: Built) -> Built:
    m = x.tensor.shape[0]
    rows = shop.input("i", shop.size(), kind="labels", classes=m)
    return x.with_(rows, x.tensor[rows.tensor], lambda z, i: z[i], ties=True)


def _one_hot(shop: Workshop, x: Built) -> Built:
    m, n = x.tensor.shape
    y = shop.input("i", m, kind="labels", classes=n)
    made = x.tensor + sb.one_hot(y.tensor, n) * x.tensor**2
    return x.with_(y, made, lambda z, i: z + jax.nn.one_hot(i, z.shape[1], dtype=z.dtype) * z**2)


def _segments(shop: Workshop, x: Built) -> Built:
    m = x.tensor.shape[0]
    ids = shop.input("i", m, kind="labels", classes=4)
    made = sb.segment_sum(x.tensor, ids.tensor, 4)
    return x.with_(ids, made, lambda z, i: jax.ops.segment_sum(z, i, 4), ties=True)


def _sorted(shop: Workshop, x: Built) -> Built:
    v = shop.param("s", x.tensor.shape[-1])
    made = x.tensor * v.tensor[sb.argsort(v.tensor)]
    return x.with_(v, made, lambda z, s: z * jnp.sort(s))


def _cumsum(shop: Workshop, x: Built) -> Built:
    axis = int(shop.rng.integers(2))
    return x.then(sb.cumsum(x.tensor, axis), lambda z: jnp.cumsum(z, axis))


def _pad(shop: Workshop, x: Built) -> Built:
    widths, value = shop.one_of((((1, 2), (0, 1)), ((0, 0), (2, 0)))), shop.one_of((0, 0.5))
    made = sb.pad(x.tensor, widths, value)
    return x.then(made, lambda z: jnp.pad(z, widths, constant_values=value), ties=True)


def _kron(shop: Workshop, x: Built) -> Built:
    A = shop.param("A", 2, 2)
    return x.with_(A, sb.kron(A.tensor, x.tensor), lambda z, a: jnp.kron(a, z))


def _diagonal(shop: Workshop, x: Built) -> Built:
    n = x.tensor.shape[-1]
    d, R = shop.param("s", n), shop.param("R", n, n)
    inner = d.with_(
        R,
        sb.diag(d.tensor) @ R.tensor + sb.diag(sb.diag(R.tensor)),
        lambda a, b: jnp.diag(a) @ b + jnp.diag(jnp.diag(b)),
    )
    return x.with_(inner, x.tensor @ inner.tensor, jnp.matmul)


MOVES: Final[dict[str, Block]] = {
    "transpose": lambda shop, x: x.then(x.tensor.T, jnp.transpose),
    "reshape": lambda shop, x: x.then(
        sb.reshape(x.tensor, *x.tensor.shape[::-1]), lambda z: z.reshape(z.shape[::-1])
    ),
    "slice": lambda shop, x: x.then(
        x.tensor[1:, :-1] + x.tensor[:-1, 1:], lambda z: z[1:, :-1] + z[:-1, 1:]
    ),
    "reverse": lambda shop, x: x.then(x.tensor[::-1] * x.tensor, lambda z: z[::-1] * z, ties=True),
    "concatenate": _concatenate,
    "stack": _stack,
    "tile": lambda shop, x: x.then(
        sb.tile(x.tensor, 2, 1), lambda z: jnp.tile(z, (2, 1)), ties=True
    ),
    "repeat": lambda shop, x: x.then(
        sb.repeat(x.tensor, 3, 1), lambda z: jnp.repeat(z, 3, 1), ties=True
    ),
    "pad": _pad,
    "cumsum": _cumsum,
    "gather": _gather,
    "one_hot": _one_hot,
    "segment_sum": _segments,
    "sort": _sorted,
    "kron": _kron,
    "diag": _diagonal,
}


def reduced(shop: Workshop, x: Built) -> Built:
    """X beside a reduction of it over an axis."""
    name, axis = shop.one_of(list(REDUCTIONS)), int(shop.rng.integers(2))
    if x.ties and name in ("max", "min", "norm"):
        name = "mean"
    shop.used.append(name)
    total = getattr(sb, name)(x.tensor, axis, keepdims=True)
    over_jax = REDUCTIONS[name]
    ties = name in ("max", "min")
    return x.then(x.tensor - total / 2, lambda z: z - over_jax(z, axis) / 2, x.ties or ties)


REDUCTIONS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "sum": lambda z, k: z.sum(k, keepdims=True),
    "mean": lambda z, k: z.mean(k, keepdims=True),
    "max": lambda z, k: z.max(k, keepdims=True),
    "min": lambda z, k: z.min(k, keepdims=True),
    "var": lambda z, k: z.var(k, keepdims=True),
    "norm": lambda z, k: jnp.sqrt((z**2).sum(k, keepdims=True)),
    "logsumexp": lambda z, k: jax.nn.logsumexp(z, axis=k, keepdims=True),
}


def algebra(shop: Workshop, x: Built) -> Built:
    """Products over several indices, and functions of matrices."""
    name = shop.one_of(list(ALGEBRA))
    shop.used.append(name)
    return ALGEBRA[name](shop, x)


def _einsum(shop: Workshop, x: Built) -> Built:
    h = shop.size()
    A, u = shop.param("A", x.tensor.shape[-1], h), shop.param("u", h)
    made = sb.einsum("mn,nh,h->mh", x.tensor, A.tensor, u.tensor)
    value = x.value
    return Built(made, lambda v: jnp.einsum("mn,nh,h->mh", value(v), A.value(v), u.value(v)))


def _bilinear(shop: Workshop, x: Built) -> Built:
    n, h = x.tensor.shape[-1], shop.size()
    A = shop.param("A", h, n, n)
    made = sb.einsum("mi,hij,mj->mh", x.tensor, A.tensor, x.tensor)
    return x.with_(A, made, lambda z, a: jnp.einsum("mi,hij,mj->mh", z, a, z))


def _outer(shop: Workshop, x: Built) -> Built:
    m, n = x.tensor.shape
    u, w = shop.param("u", m), shop.param("u", n)
    both = u.with_(w, sb.outer(u.tensor, w.tensor), jnp.outer)
    return x.with_(both, x.tensor + both.tensor, jnp.add)


def _positive(shop: Workshop, n: Any) -> Built:
    """A well-conditioned square matrix: R Rᵀ/4 + 1."""
    R = shop.param("R", n, n)
    return R.then(
        R.tensor @ R.tensor.T / 4 + sb.eye(n), lambda r: r @ r.T / 4 + jnp.eye(r.shape[0])
    )


def _solve(shop: Workshop, x: Built) -> Built:
    S = _positive(shop, x.tensor.shape[0])
    return x.with_(S, sb.solve(S.tensor, x.tensor), lambda z, s: jnp.linalg.solve(s, z))


def _inverse(shop: Workshop, x: Built) -> Built:
    S = _positive(shop, x.tensor.shape[-1])
    made = x.tensor @ sb.inverse(S.tensor)
    return x.with_(S, made, lambda z, s: z @ jnp.linalg.inv(s))


def _logdet(shop: Workshop, x: Built) -> Built:
    S = _positive(shop, x.tensor.shape[-1])
    made = x.tensor + sb.logdet(S.tensor)
    return x.with_(S, made, lambda z, s: z + jnp.linalg.slogdet(s)[1])


def _forms(shop: Workshop, x: Built) -> Built:
    n = x.tensor.shape[-1]
    S, u = shop.param("S", n, n), shop.param("u", n)
    form = S.with_(
        u,
        sb.quadratic_form(u.tensor, S.tensor) / 8 + sb.trace(S.tensor),
        lambda s, w: w @ s @ w / 8 + jnp.trace(s),
    )
    return x.with_(form, x.tensor + form.tensor, jnp.add)


ALGEBRA: Final[dict[str, Block]] = {
    "einsum": _einsum,
    "bilinear": _bilinear,
    "outer": _outer,
    "solve": _solve,
    "inverse": _inverse,
    "logdet": _logdet,
    "quadratic_form": _forms,
}

BLOCKS: Final[tuple[Block, ...]] = (
    *(dense,) * 3,
    *(elementwise,) * 5,
    parametric_relu,
    residual,
    *(normalised,) * 2,
    softmax,
    masked_softmax,
    dropout,
    attention,
    multi_head,
    *(moved,) * 4,
    *(reduced,) * 2,
    *(algebra,) * 2,
)
"""As often as they are drawn."""
