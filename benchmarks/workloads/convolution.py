"""w5: a small convolutional classifier of the digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads.mlp import softmax_cross_entropy
from benchmarks.workloads.record import Array, Arrays, DType, Result, Workload, products, weights
from symbackprop.data import load_digits

BATCH = 64


def make_cnn(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make K (3, 3, 8), c (8,), W (72, 10), b (10,); x (64, 8, 8), y (64, 10)."""
    images, labels = load_digits()
    params = {
        "K": weights(rng, (3, 3, 8), 9, dtype),
        "c": weights(rng, (8,), 9, dtype),
        "W": weights(rng, (72, 10), 72, dtype),
        "b": weights(rng, (10,), 72, dtype),
    }
    return params, {
        "x": (images[:BATCH] / 16).reshape(BATCH, 8, 8).astype(dtype),
        "y": np.eye(10, dtype=dtype)[labels[:BATCH]],
    }


def limit_cnn(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do the products of the two layers, each in its fastest layout; nine taps for a patch."""
    dtype = inputs["x"].dtype
    patches = np.ones((9, BATCH * 36), dtype)
    maps = np.ones((8, BATCH * 36), dtype)
    flat, d = np.ones((BATCH, 72), dtype), np.ones((BATCH, 10), dtype)
    kernel, w = params["K"].reshape(9, 8).T.copy(), params["W"]
    convolution = products((kernel, patches), (patches, maps.T), copy=False)
    dense = products((w.T, flat.T), (d.T, flat), (w, d.T))

    def call() -> None:
        convolution()
        dense()

    return call


def plain_cnn(params: Arrays, inputs: Arrays) -> Result:
    """Windows as rows of a matrix; the pool shares its gradient among ties."""
    K, W = params["K"], params["W"]
    x, y = inputs["x"], inputs["y"]
    m = len(x)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    cols = windows.reshape(m * 36, 9)
    maps = np.maximum(cols @ K.reshape(9, 8) + params["c"], 0)
    cells = maps.reshape(m, 3, 2, 3, 2, 8)
    pool = cells.max(axis=(2, 4), keepdims=True)
    flat = pool.reshape(m, 72)
    loss, d = softmax_cross_entropy(flat @ W + params["b"], y)
    winners = cells == pool
    shares = winners / winners.sum(axis=(2, 4), keepdims=True, dtype=x.dtype)
    d_cells = shares * (d @ W.T).reshape(m, 3, 1, 3, 1, 8)
    d_maps = d_cells.reshape(m * 36, 8) * (maps > 0)
    return loss, {
        "K": (cols.T @ d_maps).reshape(3, 3, 8),
        "c": np.sum(d_maps, axis=0),
        "W": flat.T @ d,
        "b": np.sum(d, axis=0),
    }


def model_cnn(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Convolve by nine slices, relu, maximum over 2 x 2, dense, cross entropy."""
    x: Any = inputs["x"]
    m = len(x)
    taps = [x[:, i : i + 6, j : j + 6].reshape(m * 36, 1) for i in range(3) for j in range(3)]
    maps = xp.relu(xp.concatenate(taps, axis=1) @ params["K"].reshape(9, 8) + params["c"])
    pool = xp.max(maps.reshape(m, 3, 2, 3, 2, 8), axis=(2, 4))
    z = pool.reshape(m, 72) @ params["W"] + params["b"]
    return -xp.sum(inputs["y"] * xp.log_softmax(z, axis=1)) / m


CONVOLUTIONS = [
    Workload(
        name="w5_cnn",
        family="w5",
        title="digits, valid 3x3 convolution to 8 channels, relu, 2x2 max-pool, dense 10, batch 64",
        make=make_cnn,
        limit=limit_cnn,
        plain=plain_cnn,
        model=model_cnn,
        plain_ratio=29.7,
        must=0.35,
    )
]
