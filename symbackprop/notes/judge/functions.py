"""The functions that notes name, with their derivatives, and smooth ones for those they do not."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.notes.judge import values
from symbackprop.notes.judge.operations import NumberOps, select
from symbackprop.notes.judge.values import Array, MismatchError, UnknownError, Val

__all__ = ["ELEMENTWISE", "Smooth", "named", "opaque_scalar", "smooth"]

Real = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Smooth:
    """A function of a number with its first two derivatives."""

    f: Real
    slope: Real
    bend: Real

    def apply(self, ops: Any, a: Any, order: int = 0) -> Any:
        """Its value, or that of a derivative, at every entry."""
        if order == 0:
            return ops.elementwise(self.f, self.slope, a)
        if order == 1:
            return ops.elementwise(self.slope, self.bend, a)
        if order == 2:
            return ops.elementwise(self.bend, _unknown, a)
        raise UnknownError("a derivative of third order")


def _unknown(x: Array) -> Array:
    return np.full_like(x, np.nan)


def _sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _sigmoid1(x: Array) -> Array:
    return np.asarray(_sigmoid(x) * (1 - _sigmoid(x)))


def _zero(x: Array) -> Array:
    return np.zeros_like(x)


def _leaky(slope: float) -> Smooth:
    return Smooth(
        lambda x: np.where(x > 0, x, slope * x), lambda x: np.where(x > 0, 1.0, slope), _zero
    )


_SIGMOID = Smooth(_sigmoid, _sigmoid1, lambda x: _sigmoid1(x) * (1 - 2 * _sigmoid(x)))
_TANH = Smooth(
    np.tanh, lambda x: 1 - np.tanh(x) ** 2, lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)
)
_RELU = _leaky(0.0)
_LOG = Smooth(np.log, lambda x: 1 / x, lambda x: -1 / (x * x))
_SOFTPLUS = Smooth(lambda x: np.log1p(np.exp(x)), _sigmoid, _sigmoid1)
_SILU = Smooth(
    lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))), _unknown
)
_ELU = Smooth(
    lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0))),
    lambda x: np.where(x > 0, 0.0, np.exp(np.minimum(x, 0))),
)
ELEMENTWISE: dict[str, Smooth] = {
    **dict.fromkeys(("sigmoid", "sigm", "logistic"), _SIGMOID),
    "tanh": _TANH,
    **dict.fromkeys(("relu", "ReLU", "Relu", "RELU"), _RELU),
    "LeakyReLU": _leaky(0.01),
    **dict.fromkeys(("softplus",), _SOFTPLUS),
    **dict.fromkeys(("silu", "SiLU", "swish"), _SILU),
    **dict.fromkeys(("elu", "ELU"), _ELU),
    **dict.fromkeys(("log", "ln", "np.log"), _LOG),
    **dict.fromkeys(("exp", "np.exp"), Smooth(np.exp, np.exp, np.exp)),
    "sin": Smooth(np.sin, np.cos, lambda x: -np.sin(x)),
    "cos": Smooth(np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)),
    "sinh": Smooth(np.sinh, np.cosh, np.sinh),
    "cosh": Smooth(np.cosh, np.sinh, np.cosh),
    "sech": Smooth(lambda x: 1 / np.cosh(x), lambda x: -np.tanh(x) / np.cosh(x), _unknown),
    "tan": Smooth(np.tan, lambda x: 1 / np.cos(x) ** 2, _unknown),
    **dict.fromkeys(("sqrt", "np.sqrt"),
        Smooth(np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda x: -0.25 * x**-1.5)),
    **dict.fromkeys(("abs", "np.abs"), Smooth(np.abs, np.sign, _zero)),
    **dict.fromkeys(("sign", "sgn"), Smooth(np.sign, _zero, _zero)),
    **dict.fromkeys(("logit",), Smooth(lambda x: np.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)),
                                       _unknown)),
}  # fmt: skip


def smooth(name: str, seed: int) -> Smooth:
    """A function of no special kind, the same for the same name and seed."""
    random = np.random.default_rng([zlib.crc32(name.encode()), seed])
    a, b, c, d, e = random.uniform(0.4, 1.2, 5)
    return Smooth(
        lambda x: a * np.sin(b * x + c) + d * x + 0.2 * e * x * x,
        lambda x: a * b * np.cos(b * x + c) + d + 0.4 * e * x,
        lambda x: -a * b * b * np.sin(b * x + c) + 0.4 * e,
    )


def opaque_scalar(name: str, seed: int, arguments: list[Val]) -> Val:
    """A number that depends on every entry of every argument, in no special way."""
    random = np.random.default_rng([zlib.crc32(name.encode()), seed, 7])
    ops = NumberOps
    made = values.constant(0.0)
    for argument in arguments:
        weights = Val(random.uniform(-1.0, 1.0, argument.shape))
        squares = Val(random.uniform(0.2, 0.6, argument.shape))
        line = values.total(values.multiply(weights, argument))
        bowl = values.total(values.multiply(squares, values.multiply(argument, argument)))
        made = ops.add(made, ops.add(line, bowl))
    return values.elementwise(lambda x: x + np.sin(x), lambda x: 1 + np.cos(x), made)


def _axis(a: Any, rows: bool) -> int:
    if a.shape == ():
        raise UnknownError("softmax of a number")
    if a.shape[0] == 1:
        return 1
    if a.shape[1] == 1:
        return 0
    return 1 if rows else 0


def softmax(a: Val, rows: bool) -> Val:
    """The softmax of a vector, or of every row or column."""
    axis = _axis(a, rows)
    raised = values.exp(a)
    sums = values.reciprocal(values.total(raised, axis))
    return values.multiply(raised, values.broadcast(sums, a.shape))


def logsumexp(a: Val, rows: bool) -> Val:
    """The logarithm of the sum of exponentials of a vector."""
    return values.log(values.total(values.exp(a), _axis(a, rows)))


def norm(a: Val) -> Val:
    """The root of the sum of squares."""
    return values.power(values.total(values.multiply(a, a)), 0.5)


def trace(a: Val) -> Val:
    """The sum of the diagonal."""
    if a.v.ndim != 2 or a.shape[0] != a.shape[1]:
        raise MismatchError(f"the trace of an array of shape {values.shown(a.shape)}")
    return values.total(values.multiply(a, Val(np.eye(a.shape[0]))))


def maximum(a: Val) -> Val:
    """The largest entry of an array."""
    place = np.unravel_index(int(np.argmax(a.v)), a.shape)
    return Val(np.asarray(a.v[place]), None if a.d is None else a.d[place])


def named(name: str, arguments: list[Val], rows: bool) -> Val | None:  # noqa: C901  # one case each
    """The value of a function that everybody knows and that is not of every entry; else None."""
    first = arguments[0] if arguments else None
    if first is None:
        return None
    if name in ("softmax", "Softmax"):
        return softmax(first, rows)
    if name in ("logsoftmax",):
        return values.log(softmax(first, rows))
    if name in ("logsumexp", "LSE"):
        return logsumexp(first, rows)
    if name in ("diag", "Diag"):
        return values.diagonal(first)
    if name in ("tr", "Tr", "trace", "Trace"):
        return trace(first)
    if name == "det":
        return values.determinant(first)
    if name in ("sum", "np.sum") and len(arguments) == 1:
        return values.total(first)
    if name in ("mean", "np.mean", "avg") and len(arguments) == 1:
        count = values.constant(1.0 / max(1, first.v.size))
        return values.scale(count, values.total(first))
    if name in ("norm",):
        return norm(first)
    if name in ("max", "np.maximum", "np.max"):
        return NumberOps.maximum(arguments) if len(arguments) > 1 else maximum(first)
    if name == "min" and len(arguments) > 1:
        return values.negative(NumberOps.maximum([values.negative(a) for a in arguments]))
    if name in ("np.dot", "dot", "np.matmul", "matmul") and len(arguments) == 2:
        return values.matmul(*arguments)
    if name in ("np.multiply",) and len(arguments) == 2:
        return values.multiply(*arguments)
    if name in ("np.outer", "outer") and len(arguments) == 2:
        return NumberOps.outer(*arguments)
    if name in ("np.transpose", "transpose"):
        return values.transpose(first)
    return None


__all__ += ["select"]
