"""Networks of images."""

from __future__ import annotations

from typing import Final

from symbackprop import frontend as sb
from symbackprop.frontend import Tensor
from symbackprop.models.dense import ACTIVATION, BATCH, TARGETS, activation, classify
from symbackprop.models.spec import Choice, Dim, Model, Spec
from symbackprop.network import Network

_POOLING: Final = Choice("pooling", ("max", "average", "none"), "max", "2 x 2, if any")
_WINDOW: Final = Choice("window", (), "3", "side of the square kernels")


def _cnn(spec: Spec) -> Network:
    side, channels, classes = spec.sizes
    batch, window = spec.size("batch"), spec.size("window")
    X = sb.input("X", batch, 1, side, side)
    K, b1 = sb.param("K1", channels, 1, window, window), sb.param("b1", channels)
    Z1 = (sb.conv2d(X, K) + b1[:, None, None]).named("Z1")
    A1 = activation(spec.options["activation"], Z1).named("A1")
    M = _pooled(A1, spec)
    W, b2 = sb.param("W2", *M.shape[1:], classes), sb.param("b2", classes)
    Z2 = (sb.einsum("mcij,cijk->mk", M, W) + b2).named("Z2")
    return Network(loss=classify(Z2, spec, batch, classes))


def _pooled(A: Tensor, spec: Spec) -> Tensor:
    """The feature maps of half the side."""
    window: tuple[Dim, Dim] = (2, 2)
    match spec.options["pooling"]:
        case "max":
            return sb.max_pool(A, window).named("M")
        case "average":
            return sb.avg_pool(A, window).named("M")
        case _:
            return A


MODELS: Final = (
    Model(
        "cnn",
        "convolution, activation, pooling, one dense layer, cross entropy",
        ("side", "channels", "classes"),
        _cnn,
        (8, 4, 10),
        "cnn:8-8-10",
        choices=(
            Choice(ACTIVATION.name, ACTIVATION.values, "relu", "of the feature maps"),
            _POOLING,
            _WINDOW,
            TARGETS,
            BATCH,
        ),
    ),
)
