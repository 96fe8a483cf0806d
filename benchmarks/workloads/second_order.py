"""w8: Hessians, where the structure of the network is worth more than any compiler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.workloads.mlp import layer_parameters
from benchmarks.workloads.record import Array, Arrays, DType, Result, Workload, products, weights

SAMPLES, FEATURES = 512, 256
SIDE, RANK = 200, 5
WIDTH, LAYERS, BATCH = 24, 10, 8


def make_logreg(
    rng: np.random.Generator, dtype: DType
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make w (256,); X (512, 256), y (512,) of zeros and ones."""
    X: Array = rng.standard_normal((SAMPLES, FEATURES)).astype(dtype)
    y: Array = rng.integers(0, 2, SAMPLES).astype(dtype)
    return {"w": weights(rng, (FEATURES,), FEATURES, dtype)}, {"X": X, "y": y}


def limit_logreg(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do one symmetric product."""
    Y = inputs["X"].copy()
    out = np.empty((FEATURES, FEATURES), Y.dtype)
    return lambda: np.dot(Y.T, Y, out=out)


def plain_logreg(params: Arrays, inputs: Arrays) -> Result:
    """Give Xᵀ diag(p (1 - p) / m) X."""
    X = inputs["X"]
    p = 1 / (1 + np.exp(-(X @ params["w"])))
    return None, {"w": X.T @ ((p * (1 - p) / len(X))[:, None] * X)}


def model_logreg(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Mean of softplus(z) - y z."""
    z = inputs["X"] @ params["w"]
    return xp.mean(xp.softplus(z) - inputs["y"] * z)


def make_factors(
    rng: np.random.Generator, dtype: DType
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make U, V (200, 5); A (200, 200) and the mask M of its known entries."""
    params = {name: weights(rng, (SIDE, RANK), RANK, dtype) for name in ("U", "V")}
    A: Array = rng.standard_normal((SIDE, SIDE)).astype(dtype)
    M: Array = (rng.random((SIDE, SIDE)) < 0.5).astype(dtype)
    return params, {"A": A, "M": M}


def limit_factors(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do the product of the mask with all v vᵀ."""
    return products((inputs["M"], np.ones((SIDE, RANK * RANK), inputs["M"].dtype)))


def factor_blocks(params: Arrays, inputs: Arrays) -> Array:
    """Give the blocks 2 sum_j M_ij v_j v_jᵀ, shape (200, 5, 5)."""
    V = params["V"]
    outer: Array = np.einsum("jk,jl->jkl", V, V)
    blocks: Array = np.tensordot(2 * inputs["M"], outer, axes=1)
    return blocks


def plain_factors(params: Arrays, inputs: Arrays) -> Result:
    """Put the blocks on the diagonal of a Hessian of zeros, shape (200, 5, 200, 5)."""
    H = np.zeros((SIDE, RANK, SIDE, RANK), inputs["M"].dtype)
    rows = np.arange(SIDE)
    H[rows, :, rows, :] = factor_blocks(params, inputs)
    return None, {"U": H}


def plain_factor_blocks(params: Arrays, inputs: Arrays) -> Result:
    """Give the blocks alone."""
    return None, {"U": factor_blocks(params, inputs)}


def model_factors(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Sum of M (A - U Vᵀ)²."""
    V: Any = params["V"]
    error = inputs["A"] - params["U"] @ V.T
    return xp.sum(inputs["M"] * error * error)


def model_factor_row(xp: Any, row: Any, params: Arrays, inputs: Arrays) -> Any:
    """Sum over one row a, m of A, M of m (a - u Vᵀ)²."""
    V: Any = params["V"]
    error = inputs["A"] - row @ V.T
    return xp.sum(inputs["M"] * error * error)


def make_net(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make ten layers of width 24; x, y (8, 24)."""
    params = layer_parameters(rng, [WIDTH] * (LAYERS + 1), dtype)
    params = {name: value * np.sqrt(dtype(2)) for name, value in params.items()}
    return params, {n: rng.standard_normal((BATCH, WIDTH)).astype(dtype) for n in ("x", "y")}


def limit_net(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Do the chain of Jacobians for all samples, their squares, and the outer product."""
    dtype = inputs["x"].dtype
    outer = products((np.ones((WIDTH**2, BATCH), dtype), np.ones((BATCH, WIDTH**2), dtype)))
    jacobians = np.ones((BATCH, WIDTH, WIDTH), dtype)
    out = np.empty_like(jacobians)
    matrices = [params[f"W{n}"] for n in range(2, LAYERS + 1)]

    def call() -> None:
        for W in matrices:
            np.matmul(jacobians, W, out=out)
        np.matmul(jacobians, jacobians, out=out)
        outer()

    return call


def plain_net(params: Arrays, inputs: Arrays) -> Result:
    """Give sum_s x_si x_sj B_s,ab / m with B = J Jᵀ and J the derivative of the output by z1."""
    x = inputs["x"]
    m = len(x)
    h, masks = x, []
    for n in range(1, LAYERS):
        z = h @ params[f"W{n}"] + params[f"b{n}"]
        masks.append(z > 0)
        h = np.maximum(z, 0)
    J = masks[0][:, :, None] * params["W2"]
    for n in range(3, LAYERS + 1):
        J = (J * masks[n - 2][:, None, :]) @ params[f"W{n}"]
    B = (J @ J.transpose(0, 2, 1)).reshape(m, WIDTH**2)
    outer = (x[:, :, None] * x[:, None, :]).reshape(m, WIDTH**2) / m
    H = (outer.T @ B).reshape(WIDTH, WIDTH, WIDTH, WIDTH)
    return None, {"W1": H.transpose(0, 2, 1, 3).copy()}


def model_net(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Half the squared error of a relu network, summed over outputs, mean over samples."""
    h: Any = inputs["x"]
    for n in range(1, LAYERS):
        h = xp.relu(h @ params[f"W{n}"] + params[f"b{n}"])
    error = h @ params[f"W{LAYERS}"] + params[f"b{LAYERS}"] - inputs["y"]
    return xp.sum(error * error) / (2 * len(h))


_FACTORS = Workload(
    name="w8_mf",
    family="w8_mf",
    title="Hessian in U of the masked matrix factorisation error, 200x200, rank 5",
    make=make_factors,
    limit=limit_factors,
    plain=plain_factors,
    model=model_factors,
    plain_ratio=6.42,
    must=1.0,
    hessian_of="U",
)

HESSIANS = [
    Workload(
        name="w8_logreg",
        family="w8_logreg",
        title="Hessian of mean logistic loss, n=256, 512 samples",
        make=make_logreg,
        limit=limit_logreg,
        plain=plain_logreg,
        model=model_logreg,
        plain_ratio=1.65,
        must=1.0,
        hessian_of="w",
    ),
    _FACTORS,
    replace(
        _FACTORS,
        name="w8_mfc",
        title=_FACTORS.title + ", its diagonal blocks only",
        plain=plain_factor_blocks,
        plain_ratio=2.83,
        row_model=model_factor_row,
    ),
    Workload(
        name="w8_nn",
        family="w8_nn",
        title="Hessian of the first layer of a 10-layer relu net of width 24, batch 8",
        make=make_net,
        limit=limit_net,
        plain=plain_net,
        model=model_net,
        plain_ratio=1.99,
        must=1.1,
        hessian_of="W1",
    ),
]
