"""Where random networks begin: rows, words, images, signals and sequences, down to a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jax
import jax.numpy as jnp

import symbackprop as sb
from benchmarks.random_elementwise import applied
from benchmarks.random_kit import Built, Workshop

Start = Callable[[Workshop], Built]


def rows(shop: Workshop) -> Built:
    """A batch of vectors."""
    return shop.input("x", sb.dims("m")[0], shop.size())


def words(shop: Workshop) -> Built:
    """Embedded words."""
    shop.used.append("embedding")
    table = shop.param("E", shop.size(), shop.size())
    ids = shop.input("i", sb.dims("m")[0], kind="labels", classes=table.tensor.shape[0])
    made = sb.embedding(table.tensor, ids.tensor)
    return table.with_(ids, made, lambda t, i: t[i], ties=True)


# images and signals


def images(shop: Workshop) -> Built:
    """Convolutions and pools of a batch of images."""
    x = shop.named(_convolved(shop, shop.input("x", 2, 4, 6, 5), 2), "Z")
    if shop.chance(0.5):
        x = applied(shop, x, shop.one_of(("relu", "tanh", "silu", "sigmoid")))
    if shop.chance(0.3):
        x = _image_norm(shop, x)
    if shop.chance(0.6) and min(x.tensor.shape[2:]) >= 3:
        x = shop.named(_pooled(shop, x), "M")
    return _flat(shop, x)


def signals(shop: Workshop) -> Built:
    """A convolution of a batch of signals."""
    x = shop.named(_convolved(shop, shop.input("x", 3, 4, 7), 1), "Z")
    if shop.chance(0.5):
        x = applied(shop, x, shop.one_of(("relu", "tanh", "silu")))
    return _flat(shop, x)


def _flat(shop: Workshop, x: Built) -> Built:
    if shop.chance(0.5):
        shop.used.append("flatten")
        made = x.then(sb.flatten(x.tensor, 1), lambda z: z.reshape(z.shape[0], -1))
        return shop.named(made, "F")
    axes = tuple(range(2, len(x.tensor.shape)))
    shop.used.append("mean")
    return x.then(sb.mean(x.tensor, axes), lambda z: z.mean(axes))


def _convolved(shop: Workshop, x: Built, rank: int) -> Built:
    strides = ((1, 1), (2, 1), (2, 2), (3, 2)) if rank == 2 else ((1,), (2,), (3,))
    stride = shop.one_of(strides)
    padding = shop.one_of(((0, 0), (1, 0), (2, 2)) if rank == 2 else ((0,), (2,)))
    dilation = shop.one_of(((1, 1), (1, 2), (2, 1)) if rank == 2 else ((1,), (2,)))
    if shop.chance(0.15):
        return _transposed(shop, x, stride, dilation)
    groups = shop.one_of((1, 1, 2))
    window = shop.one_of(((3, 2), (2, 2), (1, 1)) if rank == 2 else ((3,), (2,)))
    K = shop.param("K", shop.one_of((2, 4)), 4 // groups, *window)
    shop.used.append(f"conv{rank}d")
    _say(shop, stride, padding, dilation)
    if groups > 1:
        shop.used.append("groups")
    made = sb.conv(
        x.tensor, K.tensor, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    made_of = x.with_(K, made, lambda z, w: convolution(z, w, stride, padding, dilation, groups))
    if shop.chance(0.5):
        return made_of
    b = shop.param("b", made.shape[1])
    shape = (-1, *(1,) * rank)
    laid = b.tensor[(slice(None), *(None,) * rank)]
    return made_of.with_(b, made + laid, lambda z, c: z + c.reshape(shape))


def _say(
    shop: Workshop, stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> None:
    for name, values, usual in (
        ("stride", stride, 1),
        ("padding", padding, 0),
        ("dilation", dilation, 1),
    ):
        if any(value != usual for value in values):
            shop.used.append(name)


def convolution(
    x: Any,
    w: Any,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Any:
    """The convolution of JAX."""
    pads = [(p, p) for p in padding]
    return jax.lax.conv_general_dilated(
        jnp.asarray(x), w, stride, pads, rhs_dilation=dilation, feature_group_count=groups
    )


def _transposed(
    shop: Workshop, x: Built, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Built:
    rank = len(stride)
    K = shop.param("K", 4, 2, *(2,) * rank)
    shop.used.append("conv_transpose")
    made = sb.conv_transpose(x.tensor, K.tensor, stride=stride, dilation=dilation)

    def over_jax(z: Any, w: Any) -> Any:
        sizes = [(i - 1) * s + d + 1 for i, s, d in zip(z.shape[2:], stride, dilation, strict=True)]
        zero = jnp.zeros((z.shape[0], w.shape[1], *sizes))
        pull = jax.vjp(lambda y: convolution(y, w, stride, (0,) * rank, dilation), zero)[1]
        return pull(jnp.asarray(z))[0]

    return x.with_(K, made, over_jax)


def _image_norm(shop: Workshop, x: Built) -> Built:
    shop.used.append("batch_norm of images")
    axes = (0, 2, 3)

    def over_jax(z: Any) -> Any:
        centred = z - z.mean(axes, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5)

    return x.then(sb.batch_norm(x.tensor, axis=axes), over_jax)


def _pooled(shop: Workshop, x: Built) -> Built:
    window, stride = shop.one_of(((2, 2), (3, 2))), shop.one_of(((1, 1), (2, 2), (3, 2)))
    padding = shop.one_of(((0, 0), (1, 0), (1, 1)))
    largest = shop.chance(0.5) and not (x.ties and shop.used[-1] != "relu")
    shop.used.append("max_pool" if largest else "avg_pool")
    pads = ((0, 0), (0, 0), *((p, p) for p in padding))
    dims, steps = (1, 1, *window), (1, 1, *stride)

    def windows(z: Any, init: float, reducer: Any) -> Any:
        return jax.lax.reduce_window(z, init, reducer, dims, steps, pads)

    if largest:
        made = sb.max_pool(x.tensor, window, stride=stride, padding=padding)
        return x.then(made, lambda z: windows(z, -jnp.inf, jax.lax.max), ties=True)
    counted = shop.chance(0.5)
    made = sb.avg_pool(x.tensor, window, stride=stride, padding=padding, counted=counted)

    def average(z: Any) -> Any:
        count = window[0] * window[1] if counted else windows(jnp.ones(z.shape), 0.0, jax.lax.add)
        return windows(z, 0.0, jax.lax.add) / count

    return x.then(made, average, ties=True)


# sequences


def sequences(shop: Workshop) -> Built:
    """A recurrent layer over a sequence: its last state, or one of the sums of all of them."""
    T, m = sb.dims("T m")
    n, h = shop.size(), shop.size()
    kind = shop.one_of(("rnn", "lstm", "gru"))
    shop.used.append(kind)
    X = shop.input("X", T, m, n)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    W = [shop.param("W", h, n) for _ in range(gates)]
    U = [shop.param("U", h, h) for _ in range(gates)]
    b = [shop.param("b", h) for _ in range(gates)]
    reverse, masked = shop.chance(0.3), shop.chance(0.3)
    masks = [shop.input("ragged", T, m)] if masked else []
    shop.used.extend(["reverse"] * reverse + ["ragged"] * masked)
    weights = [[w.tensor for w in group] for group in (W, U, b)]
    if kind == "rnn":
        weights = [group[0] for group in weights]
    chosen = masks[0].tensor if masks else None
    states, last = getattr(sb, kind)(X.tensor, *weights, reverse=reverse, mask=chosen)
    last = last[0] if kind == "lstm" else last
    every = shop.chance(0.4)
    if every:
        shop.used.append("all states")

    def value(v: Any) -> Any:
        given = [[w.value(v) for w in group] for group in (W, U, b)]
        mask = masks[0].value(v) if masks else None
        found = recurrence(kind, jnp.asarray(X.value(v)), *given, reverse=reverse, mask=mask)
        return sum(h * (t + 1) for t, h in enumerate(found)) if every else found[reverse - 1]

    if not every:
        return Built(last, value)
    ramp = sb.cumsum(sb.ones(T))
    return Built(sb.einsum("tmh,t->mh", states, ramp), value)


def recurrence(
    kind: str,
    X: Any,
    W: list[Any],
    U: list[Any],
    b: list[Any],
    *,
    reverse: bool = False,
    mask: Any = None,
) -> list[Any]:
    """All states, in the order of time."""
    h = c = jnp.zeros((X.shape[1], U[0].shape[0]))
    states = []
    order = range(len(X))
    for t in reversed(order) if reverse else order:
        new, cell = _step(kind, X[t], h, c, W, U, b)
        if mask is not None:
            keep = mask[t][:, None]
            new, cell = keep * new + (1 - keep) * h, keep * cell + (1 - keep) * c
        h, c = new, cell
        states.append(h)
    return states[::-1] if reverse else states


def _step(
    kind: str, x: Any, h: Any, c: Any, W: list[Any], U: list[Any], b: list[Any]
) -> tuple[Any, Any]:
    z = [x @ w.T + offset for w, offset in zip(W, b, strict=True)]
    if kind == "rnn":
        return jnp.tanh(z[0] + h @ U[0].T), c
    if kind == "gru":
        r, u = (jax.nn.sigmoid(z[k] + h @ U[k].T) for k in range(2))
        new = jnp.tanh(z[2] + (r * h) @ U[2].T)
        return (1 - u) * new + u * h, c
    i, f, g, o = (
        head(z[k] + h @ U[k].T)
        for k, head in enumerate((jax.nn.sigmoid, jax.nn.sigmoid, jnp.tanh, jax.nn.sigmoid))
    )
    c = f * c + i * g
    return o * jnp.tanh(c), c


STARTS: Final[tuple[Start, ...]] = (*(rows,) * 8, words, *(images,) * 3, signals, *(sequences,) * 2)
"""As often as they are drawn."""
