"""Networks of dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from symbackprop import frontend as sb
from symbackprop.frontend import Tensor
from symbackprop.models.spec import Choice, Dim, Model, Spec
from symbackprop.network import Network

ACTIVATION: Final = Choice(
    "activation",
    ("tanh", "sigmoid", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "g"),
    "tanh",
    "of the hidden layers; g is one without a definition",
)
BATCH: Final = Choice("batch", (), "m", "the number of examples, rows of X")
_CLASSES: Final = ("one_hot", "labels", "probabilities")


def activation(name: str, z: Tensor) -> Tensor:
    """An activation by name; ``g`` is opaque."""
    return sb.opaque("g")(z) if name == "g" else sb.ELEMENTWISE[name](z)


def layer(x: Tensor, number: int | str, before: Dim, after: Dim) -> Tensor:
    """X W + b with parameters of that number."""
    W = sb.param(f"W{number}", before, after)
    b = sb.param(f"b{number}", after)
    return x @ W + b


def stack(x: Tensor, sizes: Sequence[Dim], function: str) -> Tensor:
    """Dense layers with an activation between them; the last pre-activation."""
    z = x
    for number, (before, after) in enumerate(pairwise(sizes), 1):
        if number > 1:
            z = activation(function, z)
        z = layer(z, number, before, after)
    return z


def targets(spec: Spec, kind: str, batch: Dim, classes: Dim) -> Tensor:
    """Targets of a classifier: labels y, or rows Y."""
    if kind == "labels":
        return sb.input("y", batch, kind="labels", classes=classes)
    return sb.input(
        "Y", batch, classes, one_hot=kind == "one_hot", probabilities=kind == "probabilities"
    )


def classify(z: Tensor, spec: Spec, batch: Dim, classes: Dim) -> Tensor:
    """The mean cross entropy of softmax(z)."""
    return sb.cross_entropy(sb.softmax(z), targets(spec, spec.options["targets"], batch, classes))


TARGETS: Final = Choice("targets", _CLASSES, "one_hot", "how the classes are given")


def _mlp(spec: Spec) -> Network:
    batch = spec.size("batch")
    X = sb.input("X", batch, spec.sizes[0])
    z = stack(X, spec.sizes, spec.options["activation"])
    last = spec.sizes[-1]
    wanted = spec.options["loss"]
    if wanted == "auto":
        wanted = "binary_cross_entropy" if last == 1 else "cross_entropy"
    match wanted:
        case "cross_entropy":
            loss = classify(z, spec, batch, last)
        case "binary_cross_entropy":
            P = activation("sigmoid", z).named("P")
            loss = sb.binary_cross_entropy(P, sb.input("Y", batch, last))
        case _:
            loss = sb.mse(z.named("Yhat"), sb.input("Y", batch, last))
    return Network(loss=loss)


def _autoencoder(spec: Spec) -> Network:
    batch = spec.size("batch")
    X = sb.input("X", batch, spec.sizes[0])
    sizes = (*spec.sizes, *spec.sizes[-2::-1])
    return Network(loss=sb.mse(stack(X, sizes, spec.options["activation"]).named("Xhat"), X))


def _logistic_regression(spec: Spec) -> Network:
    (n,) = spec.sizes
    batch = spec.size("batch")
    X, y = sb.input("X", batch, n), sb.input("y", batch)
    w, b = sb.param("w", n), sb.param("b")
    p = activation("sigmoid", (X @ w + b).named("z")).named("p")
    return Network(loss=sb.binary_cross_entropy(p, y))


def _linear_regression(spec: Spec) -> Network:
    n, k = spec.sizes
    batch = spec.size("batch")
    X, Y = sb.input("X", batch, n), sb.input("Y", batch, k)
    W, b = sb.param("W", n, k), sb.param("b", k)
    return Network(loss=sb.mse((X @ W + b).named("Yhat"), Y))


def _batchnorm_mlp(spec: Spec) -> Network:
    batch = spec.size("batch")
    h = sb.input("X", batch, spec.sizes[0])
    last = len(spec.sizes) - 1
    for number, (before, after) in enumerate(pairwise(spec.sizes), 1):
        if number == last:
            return Network(loss=classify(layer(h, number, before, after), spec, batch, after))
        z = (h @ sb.param(f"W{number}", before, after)).named(f"Z{number}")
        gamma, beta = sb.param(f"gamma{number}", after), sb.param(f"beta{number}", after)
        normal = sb.batch_norm(z, gamma, beta).named(f"N{number}")
        h = activation(spec.options["activation"], normal).named(f"A{number}")
    raise AssertionError("a network without layers")


MODELS: Final = (
    Model(
        "mlp",
        "dense layers and a loss",
        ("input", "output"),
        _mlp,
        ("n", "h", "k"),
        "mlp:64-32-10",
        more=True,
        choices=(
            ACTIVATION,
            Choice(
                "loss",
                ("auto", "cross_entropy", "binary_cross_entropy", "mse"),
                "auto",
                "of softmax, of sigmoid, or squared error; auto: binary for one output",
            ),
            TARGETS,
            BATCH,
        ),
    ),
    Model(
        "logistic-regression",
        "one sigmoid unit with binary cross entropy",
        ("input",),
        _logistic_regression,
        ("n",),
        "logistic-regression:30",
        choices=(BATCH,),
    ),
    Model(
        "linear-regression",
        "least squares with several targets",
        ("input", "output"),
        _linear_regression,
        ("n", "k"),
        "linear-regression:13-2",
        choices=(BATCH,),
    ),
    Model(
        "autoencoder",
        "dense layers down to a code and back, squared error",
        ("input", "code"),
        _autoencoder,
        ("n", "h"),
        "autoencoder:64-32-8",
        more=True,
        choices=(ACTIVATION, BATCH),
    ),
    Model(
        "batchnorm-mlp",
        "dense layers with batch normalisation (training form)",
        ("input", "output"),
        _batchnorm_mlp,
        ("n", "h", "k"),
        "batchnorm-mlp:64-32-10",
        more=True,
        choices=(ACTIVATION, TARGETS, BATCH),
    ),
)
