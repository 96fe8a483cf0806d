"""What a workload is: data, a model, the least work, and what a person would type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]
DType: TypeAlias = type[np.float32] | type[np.float64]
Result: TypeAlias = tuple[Any, dict[str, Any]]
"""Loss and gradients by parameter name; for a Hessian the loss is None and the one entry is it."""

SEED = 20240607


@dataclass(frozen=True, slots=True)
class Workload:
    """One network of the table.

    Parameters
    ----------
    name : str
        Name in the table.
    family : str
        Short name that the file of a generated module goes by; batch sizes share it.
    title : str
        The network in words.
    make : callable
        `make(rng, dtype) -> (params, inputs)`.
    limit : callable
        `limit(params, inputs) -> call`: only the matrix products of the step, with contiguous
        operands and outputs that exist already. Where there is none, one pass over the bytes.
    plain : callable
        `plain(params, inputs) -> result`: good, readable NumPy.
    model : callable
        `model(xp, params, inputs) -> loss` over a namespace of `benchmarks.namespaces`.
    plain_ratio : float
        Time of `plain` over that of `limit`, as first measured; a sound baseline stays within 10 %.
    must : float
        Time of a generated module over that of `plain` that it must not exceed.
    hessian_of : str, optional
        The parameter in which the Hessian is asked for; None for loss and gradients.
    row_model : callable, optional
        `row_model(xp, row, params, inputs)`: the part of the loss that one row of the parameter
        has, with that row of every input. The Hessian is then only its blocks on the diagonal.
    """

    name: str
    family: str
    title: str
    make: Callable[[np.random.Generator, DType], tuple[dict[str, Array], dict[str, Array]]]
    limit: Callable[[Arrays, Arrays], Callable[[], object]]
    plain: Callable[[Arrays, Arrays], Result]
    model: Callable[[Any, Arrays, Arrays], Any]
    plain_ratio: float
    must: float
    hessian_of: str | None = None
    row_model: Callable[[Any, Any, Arrays, Arrays], Any] | None = None

    def data(self, dtype: DType) -> tuple[dict[str, Array], dict[str, Array]]:
        """Make the same parameters and inputs every time, rounded to `dtype`."""
        return self.make(np.random.default_rng(SEED), dtype)


def weights(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: DType) -> Array:
    """Draw standard normal weights scaled by 1/sqrt(fan_in)."""
    drawn: Array = rng.standard_normal(shape) / np.sqrt(fan_in)
    return drawn.astype(dtype)


def one_hot(rng: np.random.Generator, rows: int, classes: int, dtype: DType) -> Array:
    """Draw labels and give them as rows of an identity matrix; shape (rows, classes)."""
    labels: Array = rng.integers(0, classes, rows)
    return np.eye(classes, dtype=dtype)[labels]


def products(*pairs: tuple[Array, Array], copy: bool = True) -> Callable[[], object]:
    """Make a call that does these products, each into its own array.

    Operands are copied to be contiguous, whatever they were, unless `copy` is false.
    """
    ready = np.ascontiguousarray if copy else np.asarray
    work = [(ready(a), ready(b), np.empty((a @ b).shape, a.dtype)) for a, b in pairs]

    def call() -> None:
        for left, right, out in work:
            np.dot(left, right, out=out)

    return call
