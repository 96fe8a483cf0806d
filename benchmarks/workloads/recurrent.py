"""w6 and w9: an LSTM over 20 steps, and one GRU cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads.mlp import softmax_cross_entropy
from benchmarks.workloads.record import (
    Array,
    Arrays,
    DType,
    Result,
    Workload,
    one_hot,
    products,
    weights,
)

T, BATCH, N_IN, HIDDEN, CLASSES = 20, 32, 32, 64, 10


def make_lstm(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make Wx (32, 256), Wh (64, 256), b (256,) for the gates i, f, g, o, and V (64, 10), c (10,).

    x is (20, 32, 32): time, batch, inputs. The first h and c are zero.
    """
    params = {
        "Wx": weights(rng, (N_IN, 4 * HIDDEN), N_IN, dtype),
        "Wh": weights(rng, (HIDDEN, 4 * HIDDEN), HIDDEN, dtype),
        "b": weights(rng, (4 * HIDDEN,), HIDDEN, dtype),
        "V": weights(rng, (HIDDEN, CLASSES), HIDDEN, dtype),
        "c": weights(rng, (CLASSES,), HIDDEN, dtype),
    }
    x: Array = rng.standard_normal((T, BATCH, N_IN)).astype(dtype)
    return params, {"x": x, "y": one_hot(rng, BATCH, CLASSES, dtype)}


def limit_lstm(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do the input products at once for all steps, the recurrent ones step by step."""
    dtype = inputs["x"].dtype
    x = inputs["x"].reshape(T * BATCH, N_IN)
    h, d = np.ones((BATCH, HIDDEN), dtype), np.ones((BATCH, 4 * HIDDEN), dtype)
    hs, ds = np.ones((T * BATCH, HIDDEN), dtype), np.ones((T * BATCH, 4 * HIDDEN), dtype)
    dz = np.ones((BATCH, CLASSES), dtype)
    Wh, V = params["Wh"], params["V"]
    forward = [(x, params["Wx"]), *[(h, Wh)] * T, (h, V)]
    backward = [(h.T, dz), (dz, V.T), *[(d, Wh.T)] * (T - 1), (hs.T, ds), (x.T, ds)]
    return products(*forward, *backward)


def sigmoid(x: Array) -> Array:
    """Give 1/(1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def plain_lstm(params: Arrays, inputs: Arrays) -> Result:
    """Loop forward keeping the gates, loop backward summing the gradients."""
    Wx, Wh, b, V = params["Wx"], params["Wh"], params["b"], params["V"]
    x, n = inputs["x"], HIDDEN
    h = c = np.zeros((x.shape[1], n), x.dtype)
    kept = []
    for x_t in x:
        z = x_t @ Wx + h @ Wh + b
        i, f, o = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n]), sigmoid(z[:, 3 * n :])
        g = np.tanh(z[:, 2 * n : 3 * n])
        c_before, h_before = c, h
        c = f * c + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        kept.append((x_t, h_before, c_before, i, f, g, o, tanh_c))
    loss, dz = softmax_cross_entropy(h @ V + params["c"], inputs["y"])
    grads = {"V": h.T @ dz, "c": np.sum(dz, axis=0)}
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh = dz @ V.T
    dc = np.zeros_like(dh)
    for x_t, h_before, c_before, i, f, g, o, tanh_c in reversed(kept):
        dc = dc + dh * o * (1 - tanh_c**2)
        d = np.concatenate(
            [
                dc * g * i * (1 - i),
                dc * c_before * f * (1 - f),
                dc * i * (1 - g**2),
                dh * tanh_c * o * (1 - o),
            ],
            axis=1,
        )
        dWx += x_t.T @ d
        dWh += h_before.T @ d
        db += np.sum(d, axis=0)
        dh = d @ Wh.T
        dc = dc * f
    return loss, {"Wx": dWx, "Wh": dWh, "b": db, **grads}


def model_lstm(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Scan over time, then classify the last h."""
    Wx, Wh, b = params["Wx"], params["Wh"], params["b"]
    n = HIDDEN

    def step(carry: tuple[Any, Any], x_t: Any) -> tuple[Any, Any]:
        h, c = carry
        z = x_t @ Wx + h @ Wh + b
        i, f = xp.sigmoid(z[:, :n]), xp.sigmoid(z[:, n : 2 * n])
        g, o = xp.tanh(z[:, 2 * n : 3 * n]), xp.sigmoid(z[:, 3 * n :])
        c = f * c + i * g
        return o * xp.tanh(c), c

    zero = xp.zeros_like(inputs["x"][0] @ Wx[:, :n])
    h, _ = xp.scan(step, (zero, zero), inputs["x"])
    z = h @ params["V"] + params["c"]
    return -xp.sum(inputs["y"] * xp.log_softmax(z, axis=1)) / len(z)


def make_gru(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make Wx, Wh (64, 192), bx, bh (192,) for r, u, n; x, h, y (32, 64)."""
    params = {
        "Wx": weights(rng, (64, 192), 64, dtype),
        "Wh": weights(rng, (64, 192), 64, dtype),
        "bx": weights(rng, (192,), 64, dtype),
        "bh": weights(rng, (192,), 64, dtype),
    }
    return params, {name: rng.standard_normal((32, 64)).astype(dtype) for name in ("x", "h", "y")}


def limit_gru(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do both forward products and both gradients of the weights."""
    d = np.ones((32, 192), inputs["x"].dtype)
    x, h = inputs["x"], inputs["h"]
    return products((x, params["Wx"]), (h, params["Wh"]), (x.T, d), (h.T, d))


def plain_gru(params: Arrays, inputs: Arrays) -> Result:
    """Step r, u, n, then h' = (1 - u) n + u h, against y in the mean square."""
    x, h, y = inputs["x"], inputs["h"], inputs["y"]
    n = h.shape[1]
    zx = x @ params["Wx"] + params["bx"]
    zh = h @ params["Wh"] + params["bh"]
    gates = sigmoid(zx[:, : 2 * n] + zh[:, : 2 * n])
    r, u = gates[:, :n], gates[:, n:]
    candidate = np.tanh(zx[:, 2 * n :] + r * zh[:, 2 * n :])
    keep = 1 - u
    error = keep * candidate + u * h - y
    loss = (error**2).sum() / error.size
    dh = 2 / error.size * error
    d_n = dh * keep * (1 - candidate**2)
    d_u = dh * (h - candidate) * u * keep
    d_r = d_n * zh[:, 2 * n :] * r * (1 - r)
    dzx = np.concatenate([d_r, d_u, d_n], axis=1)
    dzh = dzx.copy()
    dzh[:, 2 * n :] *= r
    return loss, {
        "Wx": x.T @ dzx,
        "Wh": h.T @ dzh,
        "bx": dzx.sum(axis=0),
        "bh": dzh.sum(axis=0),
    }


def model_gru(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Mean square of h' - y."""
    h: Any = inputs["h"]
    n = h.shape[1]
    zx = inputs["x"] @ params["Wx"] + params["bx"]
    zh = h @ params["Wh"] + params["bh"]
    r = xp.sigmoid(zx[:, :n] + zh[:, :n])
    u = xp.sigmoid(zx[:, n : 2 * n] + zh[:, n : 2 * n])
    candidate = xp.tanh(zx[:, 2 * n :] + r * zh[:, 2 * n :])
    error = (1 - u) * candidate + u * h - inputs["y"]
    return xp.mean(error * error)


RECURRENT = [
    Workload(
        name="w6_lstm",
        family="w6",
        title="LSTM, T=20, 32 inputs, 64 hidden, batch 32, softmax cross entropy on the last h",
        make=make_lstm,
        limit=limit_lstm,
        plain=plain_lstm,
        model=model_lstm,
        plain_ratio=2.60,
        must=0.95,
    ),
    Workload(
        name="w9_gru",
        family="w9",
        title="one GRU cell, 64 inputs, 64 hidden, batch 32, mean squared error",
        make=make_gru,
        limit=limit_gru,
        plain=plain_gru,
        model=model_gru,
        plain_ratio=2.67,
        must=0.95,
    ),
]
