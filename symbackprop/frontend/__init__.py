"""How a network comes in: handles, functions of them, plain SymPy; all end in the same graph.

May import `errors`, `sizes`, `scalars`, `ir`, `primitives` and SymPy.
"""

from symbackprop.frontend.build import build
from symbackprop.frontend.comprehension import comprehension
from symbackprop.frontend.contraction import einsum
from symbackprop.frontend.convolution import (
    avg_pool,
    conv,
    conv1d,
    conv2d,
    conv_transpose,
    max_pool,
)
from symbackprop.frontend.declare import family, input, param
from symbackprop.frontend.entries import indices
from symbackprop.frontend.from_sympy import from_sympy
from symbackprop.frontend.functions import ELEMENTWISE, apply
from symbackprop.frontend.indexing import transpose
from symbackprop.frontend.layers import (
    attention,
    batch_norm,
    dropout,
    layer_norm,
    masked_softmax,
    multi_head_attention,
    rms_norm,
)
from symbackprop.frontend.linear_algebra import (
    argsort,
    det,
    diag,
    dot,
    inverse,
    kron,
    logdet,
    outer,
    quadratic_form,
    solve,
    trace,
)
from symbackprop.frontend.loops import scan
from symbackprop.frontend.losses import (
    absolute_error,
    binary_cross_entropy,
    cosine_similarity,
    cross_entropy,
    frobenius,
    hinge,
    huber,
    kl_divergence,
    l1,
    l2,
    log_softmax,
    mse,
    nll,
    pick,
    softmax,
    squared_error,
)
from symbackprop.frontend.opaque import opaque, opaque_loss, opaque_tensor
from symbackprop.frontend.recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from symbackprop.frontend.reductions import argmax, logsumexp, max, mean, min, norm, sum, var
from symbackprop.frontend.structure import (
    concatenate,
    cumsum,
    embedding,
    eye,
    flatten,
    full,
    one_hot,
    ones,
    pad,
    repeat,
    reshape,
    segment_sum,
    stack,
    tile,
    zeros,
)
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
    "absolute_error",
    "apply",
    "argmax",
    "argsort",
    "attention",
    "avg_pool",
    "batch_norm",
    "binary_cross_entropy",
    "build",
    "comprehension",
    "concatenate",
    "conv",
    "conv1d",
    "conv2d",
    "conv_transpose",
    "cosine_similarity",
    "cross_entropy",
    "cumsum",
    "det",
    "diag",
    "dims",
    "dot",
    "dropout",
    "einsum",
    "embedding",
    "eye",
    "family",
    "flatten",
    "frobenius",
    "from_sympy",
    "full",
    "gru",
    "gru_cell",
    "hinge",
    "huber",
    "indices",
    "input",
    "inverse",
    "kl_divergence",
    "kron",
    "l1",
    "l2",
    "layer_norm",
    "log_softmax",
    "logdet",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "masked_softmax",
    "max",
    "max_pool",
    "mean",
    "min",
    "mse",
    "multi_head_attention",
    "nll",
    "norm",
    "one_hot",
    "ones",
    "opaque",
    "opaque_loss",
    "opaque_tensor",
    "outer",
    "pad",
    "param",
    "pick",
    "quadratic_form",
    "repeat",
    "reshape",
    "rms_norm",
    "rnn",
    "rnn_cell",
    "scan",
    "segment_sum",
    "softmax",
    "solve",
    "squared_error",
    "stack",
    "sum",
    "tile",
    "trace",
    "transpose",
    "var",
    "zeros",
]
