"""w7: a transformer block, normalised before attention and before the dense part."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from benchmarks.workloads.record import Array, Arrays, DType, Result, Workload, products, weights

BATCH, T, D, HEADS = 8, 32, 64, 4
WIDTH = D // HEADS
SCALE = 1 / sqrt(WIDTH)
GELU = sqrt(2 / pi)
CUBIC = 0.044715
EPSILON = 1e-5


def make_block(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make s1, t1, Wq, bq, Wk, bk, Wv, bv, Wo, bo, s2, t2, W1, b1, W2, b2; x, y (8, 32, 64)."""
    params = {"s1": 1 + weights(rng, (D,), D, dtype), "t1": weights(rng, (D,), D, dtype)}
    for name in ("q", "k", "v", "o"):
        params[f"W{name}"] = weights(rng, (D, D), D, dtype)
        params[f"b{name}"] = weights(rng, (D,), D, dtype)
    params |= {
        "s2": 1 + weights(rng, (D,), D, dtype),
        "t2": weights(rng, (D,), D, dtype),
        "W1": weights(rng, (D, 4 * D), D, dtype),
        "b1": weights(rng, (4 * D,), D, dtype),
        "W2": weights(rng, (4 * D, D), 4 * D, dtype),
        "b2": weights(rng, (D,), 4 * D, dtype),
    }
    return params, {n: rng.standard_normal((BATCH, T, D)).astype(dtype) for n in ("x", "y")}


def limit_block(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do the products of rows with weights, and those of each head."""
    dtype = inputs["x"].dtype
    rows, wide = np.ones((BATCH * T, D), dtype), np.ones((BATCH * T, 4 * D), dtype)
    pairs = []
    for name, left, right in [
        *((n, rows, rows) for n in ("Wq", "Wk", "Wv", "Wo")),
        ("W1", rows, wide),
        ("W2", wide, rows),
    ]:
        pairs += [(left, params[name]), (right, params[name].T), (left.T, right)]
    dense = products(*pairs)
    narrow = np.ones((BATCH * HEADS, T, WIDTH), dtype)
    flat = np.ones((BATCH * HEADS, WIDTH, T), dtype)
    square = np.ones((BATCH * HEADS, T, T), dtype)
    squares, narrows = np.empty_like(square), [np.empty_like(narrow) for _ in range(4)]

    def call() -> None:
        dense()
        for _ in range(2):
            np.matmul(narrow, flat, out=squares)
        for out in narrows:
            np.matmul(square, narrow, out=out)

    return call


def normalise(x: Array, scale: Array, shift: Array) -> tuple[Array, Array, Array]:
    """Give the layer norm along the last axis, the normalised x, and 1/deviation."""
    centred = x - x.mean(axis=-1, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    hat = centred * inverse
    return hat * scale + shift, hat, inverse


def normalise_vjp(d: Array, hat: Array, inverse: Array, scale: Array) -> tuple[Array, Array, Array]:
    """Give the cotangents of x, scale and shift of a layer norm."""
    d_hat = d * scale
    dx = inverse * (
        d_hat
        - d_hat.mean(axis=-1, keepdims=True)
        - hat * (d_hat * hat).mean(axis=-1, keepdims=True)
    )
    return dx, (d * hat).sum(axis=0), d.sum(axis=0)


def split_heads(x: Array) -> Array:
    """View rows (batch * time, d) as (batch, head, time, width)."""
    return x.reshape(BATCH, T, HEADS, WIDTH).transpose(0, 2, 1, 3)


def merge_heads(x: Array) -> Array:
    """Copy (batch, head, time, width) back to rows."""
    return x.transpose(0, 2, 1, 3).reshape(BATCH * T, D)


def plain_block(params: Arrays, inputs: Arrays) -> Result:
    """Forward, then backward in the reverse order; rows are (batch * time, d)."""
    p = params
    x = inputs["x"].reshape(BATCH * T, D)
    y = inputs["y"].reshape(BATCH * T, D)
    u, u_hat, u_inverse = normalise(x, p["s1"], p["t1"])
    q, k, v = (split_heads(u @ p[f"W{n}"] + p[f"b{n}"]) for n in ("q", "k", "v"))
    scores = q @ k.transpose(0, 1, 3, 2) * SCALE
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    attention = e / e.sum(axis=-1, keepdims=True)
    mixed = merge_heads(attention @ v)
    r = x + mixed @ p["Wo"] + p["bo"]
    n, n_hat, n_inverse = normalise(r, p["s2"], p["t2"])
    a = n @ p["W1"] + p["b1"]
    t = np.tanh(GELU * (a + CUBIC * a * a * a))
    h = 0.5 * a * (1 + t)
    error = r + h @ p["W2"] + p["b2"] - y
    loss = np.mean(error**2)

    d_out = (2 / error.size) * error
    grads = {"W2": h.T @ d_out, "b2": d_out.sum(axis=0)}
    dh = d_out @ p["W2"].T
    slope = 0.5 * (1 + t) + 0.5 * a * (1 - t**2) * GELU * (1 + 3 * CUBIC * a**2)
    da = dh * slope
    grads |= {"W1": n.T @ da, "b1": da.sum(axis=0)}
    dr, grads["s2"], grads["t2"] = normalise_vjp(da @ p["W1"].T, n_hat, n_inverse, p["s2"])
    dr = dr + d_out
    grads |= {"Wo": mixed.T @ dr, "bo": dr.sum(axis=0)}
    d_mixed = split_heads(dr @ p["Wo"].T)
    d_attention = d_mixed @ v.transpose(0, 1, 3, 2)
    inner = (d_attention * attention).sum(axis=-1, keepdims=True)
    d_scores = attention * (d_attention - inner) * SCALE
    du = np.zeros_like(u)
    for name, d in (
        ("q", d_scores @ k),
        ("k", d_scores.transpose(0, 1, 3, 2) @ q),
        ("v", attention.transpose(0, 1, 3, 2) @ d_mixed),
    ):
        rows = merge_heads(d)
        grads |= {f"W{name}": u.T @ rows, f"b{name}": rows.sum(axis=0)}
        du += rows @ p[f"W{name}"].T
    _, grads["s1"], grads["t1"] = normalise_vjp(du, u_hat, u_inverse, p["s1"])
    return loss, grads


def model_block(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Mean square of block(x) - y."""
    p = params

    def norm(x: Any, scale: Any, shift: Any) -> Any:
        centred = x - xp.mean(x, axis=-1, keepdims=True)
        deviation = xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + EPSILON)
        return centred / deviation * scale + shift

    def heads(x: Any) -> Any:
        return xp.transpose(x.reshape(BATCH, T, HEADS, WIDTH), (0, 2, 1, 3))

    x: Any = inputs["x"]
    u = norm(x, p["s1"], p["t1"])
    q, k, v = (heads(u @ p[f"W{n}"] + p[f"b{n}"]) for n in ("q", "k", "v"))
    attention = xp.softmax(q @ xp.transpose(k, (0, 1, 3, 2)) * SCALE, axis=-1)
    mixed = xp.transpose(attention @ v, (0, 2, 1, 3)).reshape(BATCH, T, D)
    r = x + mixed @ p["Wo"] + p["bo"]
    a = norm(r, p["s2"], p["t2"]) @ p["W1"] + p["b1"]
    h = 0.5 * a * (1 + xp.tanh(GELU * (a + CUBIC * a * a * a)))
    error = r + h @ p["W2"] + p["b2"] - inputs["y"]
    return xp.mean(error * error)


TRANSFORMERS = [
    Workload(
        name="w7_block",
        family="w7",
        title="pre-layer-norm transformer block, d=64, 4 heads, T=32, batch 8, GELU, squared error",
        make=make_block,
        limit=limit_block,
        plain=plain_block,
        model=model_block,
        plain_ratio=1.98,
        must=0.95,
    )
]
