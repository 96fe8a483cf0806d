"""w1 to w4: networks of dense layers. Rows are samples, weights are (in, out)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

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
from symbackprop.data import load_digits


def layer_parameters(rng: np.random.Generator, sizes: list[int], dtype: DType) -> dict[str, Array]:
    """Draw W1, b1, W2, b2, ... for layers of these sizes."""
    params = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        params[f"W{layer}"] = weights(rng, (n_in, n_out), n_in, dtype)
        params[f"b{layer}"] = weights(rng, (n_out,), n_in, dtype)
    return params


def make_mlp(
    sizes: list[int], batch: int, rng: np.random.Generator, dtype: DType
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make a classifier on random inputs."""
    params = layer_parameters(rng, sizes, dtype)
    x: Array = rng.standard_normal((batch, sizes[0])).astype(dtype)
    return params, {"x": x, "y": one_hot(rng, batch, sizes[-1], dtype)}


def make_tiny(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make the 3-2-1 network and one sample."""
    params = layer_parameters(rng, [3, 2, 1], dtype)
    return params, {
        "x": rng.standard_normal((1, 3)).astype(dtype),
        "y": np.ones((1, 1), dtype),
    }


def make_digits(
    batch: int, rng: np.random.Generator, dtype: DType
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make the 64-32-10 network and the first digits."""
    images, labels = load_digits()
    return layer_parameters(rng, [64, 32, 10], dtype), {
        "x": (images[:batch] / 16).astype(dtype),
        "y": np.eye(10, dtype=dtype)[labels[:batch]],
    }


def limit_mlp(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do the forward products, then the gradient of W and, but for layer 1, of h, backwards."""
    layers = len(params) // 2
    batch = len(inputs["x"])
    forward: list[tuple[Array, Array]] = []
    backward: list[tuple[Array, Array]] = []
    for layer in range(1, layers + 1):
        w = params[f"W{layer}"]
        h = inputs["x"] if layer == 1 else np.ones((batch, w.shape[0]), w.dtype)
        d = np.ones((batch, w.shape[1]), w.dtype)
        forward.append((h, w))
        backward += [(d, w.T)] if layer > 1 else []
        backward.append((h.T, d))
    return products(*forward, *backward[::-1])


def plain_tiny(params: Arrays, inputs: Arrays) -> Result:
    """Sigmoid twice and binary cross entropy."""
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    x, y = inputs["x"], inputs["y"]
    m = len(x)
    a1 = 1 / (1 + np.exp(-(x @ W1 + b1)))
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    loss = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
    d2 = (a2 - y) / m
    d1 = (d2 @ W2.T) * a1 * (1 - a1)
    return loss, {
        "W1": x.T @ d1,
        "b1": np.sum(d1, axis=0),
        "W2": a1.T @ d2,
        "b2": np.sum(d2, axis=0),
    }


def plain_tanh(params: Arrays, inputs: Arrays) -> Result:
    """Tanh layers, then softmax with cross entropy."""
    layers = len(params) // 2
    x, y = inputs["x"], inputs["y"]
    h = [x]
    for layer in range(1, layers):
        h.append(np.tanh(h[-1] @ params[f"W{layer}"] + params[f"b{layer}"]))
    z = h[-1] @ params[f"W{layers}"] + params[f"b{layers}"]
    loss, d = softmax_cross_entropy(z, y)
    grads = {}
    for layer in range(layers, 0, -1):
        grads[f"W{layer}"] = h[layer - 1].T @ d
        grads[f"b{layer}"] = np.sum(d, axis=0)
        if layer > 1:
            d = (d @ params[f"W{layer}"].T) * (1 - h[layer - 1] ** 2)
    return loss, grads


def plain_relu(params: Arrays, inputs: Arrays) -> Result:
    """Relu layers, then softmax with cross entropy."""
    layers = len(params) // 2
    x, y = inputs["x"], inputs["y"]
    h = [x]
    for layer in range(1, layers):
        h.append(np.maximum(h[-1] @ params[f"W{layer}"] + params[f"b{layer}"], 0))
    z = h[-1] @ params[f"W{layers}"] + params[f"b{layers}"]
    loss, d = softmax_cross_entropy(z, y)
    grads = {}
    for layer in range(layers, 0, -1):
        grads[f"W{layer}"] = h[layer - 1].T @ d
        grads[f"b{layer}"] = np.sum(d, axis=0)
        if layer > 1:
            d = (d @ params[f"W{layer}"].T) * (h[layer - 1] > 0)
    return loss, grads


def softmax_cross_entropy(z: Array, y: Array) -> tuple[Any, Array]:
    """Give the mean cross entropy of one-hot rows and its gradient in the logits."""
    m = len(z)
    shifted = z - np.max(z, axis=1, keepdims=True)
    e = np.exp(shifted)
    s = np.sum(e, axis=1, keepdims=True)
    loss = -np.sum(y * (shifted - np.log(s))) / m
    return loss, (e / s - y) / m


def model_tiny(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Mean of softplus(z) - y z, which is the binary cross entropy of sigmoid(z)."""
    a1 = xp.sigmoid(inputs["x"] @ params["W1"] + params["b1"])
    z = a1 @ params["W2"] + params["b2"]
    return xp.mean(xp.softplus(z) - inputs["y"] * z)


def model_mlp(activation: str, xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Mean cross entropy of the softmax of a stack of dense layers."""
    layers = len(params) // 2
    h: Any = inputs["x"]
    for layer in range(1, layers):
        z = h @ params[f"W{layer}"] + params[f"b{layer}"]
        h = xp.tanh(z) if activation == "tanh" else xp.relu(z)
    z = h @ params[f"W{layers}"] + params[f"b{layers}"]
    return -xp.sum(inputs["y"] * xp.log_softmax(z, axis=1)) / len(inputs["x"])


_TANH = partial(model_mlp, "tanh")
_RELU = partial(model_mlp, "relu")

MLPS = [
    Workload(
        name="w1_tiny",
        family="w1",
        title="3-2-1 sigmoid MLP, binary cross entropy, batch 1",
        make=make_tiny,
        limit=limit_mlp,
        plain=plain_tiny,
        model=model_tiny,
        plain_ratio=10.4,
        must=1.0,
    ),
    *(
        Workload(
            name=f"w2_digits{batch}",
            family="w2",
            title=f"digits, MLP 64-32-10 tanh, softmax cross entropy, batch {batch}",
            make=partial(make_digits, batch),
            limit=limit_mlp,
            plain=plain_tanh,
            model=_TANH,
            plain_ratio=ratio,
            must=must,
        )
        for batch, ratio, must in ((32, 7.16, 0.85), (256, 3.75, 0.8))
    ),
    Workload(
        name="w3_mnist",
        family="w3",
        title="MLP 784-512-256-10 relu, softmax cross entropy, batch 128",
        make=partial(make_mlp, [784, 512, 256, 10], 128),
        limit=limit_mlp,
        plain=plain_relu,
        model=_RELU,
        plain_ratio=1.06,
        must=1.03,
    ),
    Workload(
        name="w4_deep",
        family="w4",
        title="50 tanh layers of 128, then 10 classes, softmax cross entropy, batch 64",
        make=partial(make_mlp, [128] * 51 + [10], 64),
        limit=limit_mlp,
        plain=plain_tanh,
        model=_TANH,
        plain_ratio=1.12,
        must=1.0,
    ),
]
