"""How a network comes in: handles, functions of them, plain SymPy; all end in the same graph.

May import `errors`, `sizes`, `scalars`, `ir`, `primitives` and SymPy.
"""

from symbackprop.frontend.build import build
from symbackprop.frontend.contraction import einsum
from symbackprop.frontend.declare import family, input, param
from symbackprop.frontend.functions import ELEMENTWISE, apply
from symbackprop.frontend.losses import cross_entropy, log_softmax, softmax
from symbackprop.frontend.reductions import argmax, logsumexp, max, mean, min, norm, sum, var
from symbackprop.frontend.tensor import Tensor
from symbackprop.sizes import dims


def __getattr__(name: str) -> object:
    """An elementwise function of the table, by name."""
    if name in ELEMENTWISE:
        return ELEMENTWISE[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ELEMENTWISE",
    "Tensor",
    "apply",
    "argmax",
    "build",
    "cross_entropy",
    "dims",
    "einsum",
    "family",
    "input",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "param",
    "softmax",
    "sum",
    "var",
]
