"""w10: a chain of elementwise functions over a million numbers; no product at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads.record import Array, Arrays, DType, Result, Workload

N = 1_000_000


def make_chain(rng: np.random.Generator, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make scalars w, b and vectors x, s of a million entries, s of signs."""
    params = {"w": np.array(1.25, dtype), "b": np.array(-0.5, dtype)}
    x: Array = rng.standard_normal(N).astype(dtype)
    s: Array = rng.choice([-1.0, 1.0], N).astype(dtype)
    return params, {"x": x, "s": s}


def limit_chain(params: Arrays, inputs: Arrays) -> Callable[[], object]:
    """Read each input once: add up its entries."""
    x, s = inputs["x"], inputs["s"]
    return lambda: (x.sum(), s.sum())


def plain_chain(params: Arrays, inputs: Arrays) -> Result:
    """Mean of softplus(-s t), t = tanh(w x + b)."""
    x, s = inputs["x"], inputs["s"]
    t = np.tanh(params["w"] * x + params["b"])
    u = -s * t
    loss = np.mean(np.maximum(u, 0) + np.log1p(np.exp(-np.abs(u))))
    sigma = 1 / (1 + np.exp(-u))
    dz = -s * sigma * (1 - t**2) / len(x)
    return loss, {"w": np.sum(dz * x), "b": np.sum(dz)}


def model_chain(xp: Any, params: Arrays, inputs: Arrays) -> Any:
    """Mean of softplus(-s tanh(w x + b))."""
    t = xp.tanh(params["w"] * inputs["x"] + params["b"])
    return xp.mean(xp.softplus(-inputs["s"] * t))


ELEMENTWISE = [
    Workload(
        name="w10_elem",
        family="w10",
        title="mean(softplus(-s tanh(w x + b))) over a million elements",
        make=make_chain,
        limit=limit_chain,
        plain=plain_chain,
        model=model_chain,
        plain_ratio=16.7,
        must=0.65,
    )
]
