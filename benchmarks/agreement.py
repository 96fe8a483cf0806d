"""Check that all variants compute the same before any of them is timed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.variants import Variant, to_numpy
from benchmarks.workloads.record import Array, DType, Workload

TOLERANCE: dict[DType, float] = {np.float64: 1e-10, np.float32: 2e-4}

Reference = tuple[float | None, dict[str, Array]]


def reference_of(workload: Workload, variants: Sequence[Variant]) -> Reference:
    """Compute the workload by JAX in float64; by the plain NumPy where there is no JAX."""
    by_name = {variant.name: variant for variant in variants}
    variant = by_name.get("jax", by_name["np_plain"])
    return to_numpy(variant.bind(workload, *workload.data(np.float64))())


def disagreement(
    workload: Workload, variant: Variant, dtype: DType, reference: Reference
) -> str | None:
    """Compare a variant with the reference: max |a-b| <= tol max(1, max |b|) for each array.

    Returns
    -------
    str or None
        What differs and by how much; None where all agrees.
    """
    loss, arrays = to_numpy(variant.bind(workload, *workload.data(dtype))())
    expected_loss, expected = reference
    pairs = {name: (arrays.get(name), value) for name, value in expected.items()}
    if expected_loss is not None:
        got = None if loss is None else np.array(loss)
        pairs["the loss"] = (got, np.array(expected_loss))
    for name, (value, truth) in pairs.items():
        if value is None:
            return f"{name} is missing"
        if value.size != truth.size:
            return f"{name} has shape {value.shape}, expected {truth.shape}"
        scale = max(1.0, float(np.abs(truth).max(initial=0.0)))
        error = float(np.abs(value.reshape(truth.shape) - truth).max(initial=0.0)) / scale
        if not error <= TOLERANCE[dtype]:
            return f"{name} is off by {error:.1e}, allowed {TOLERANCE[dtype]:.0e}"
    return None
