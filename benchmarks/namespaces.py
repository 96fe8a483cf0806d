"""One spelling of array functions for JAX, autograd and PyTorch: each model is written once.

Each namespace uses what its library's users would: `jax.nn`, `torch.nn.functional`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def scan_compiled(lax: Any) -> Callable[..., Any]:
    """Wrap `jax.lax.scan` to give the last carry."""
    return lambda step, carry, xs: lax.scan(lambda c, x: (step(c, x), None), carry, xs)[0]


def scan_unrolled(step: Callable[[Any, Any], Any], carry: Any, xs: Any) -> Any:
    """Apply `step(carry, x)` along the first axis and give the last carry."""
    for t in range(len(xs)):
        carry = step(carry, xs[t])
    return carry


class JaxNamespace:
    """Functions of JAX."""

    def __init__(self) -> None:
        import jax

        self.np = jax.numpy
        self.lax = jax.lax
        self.tanh, self.exp, self.log, self.sqrt = (
            self.np.tanh,
            self.np.exp,
            self.np.log,
            self.np.sqrt,
        )
        self.relu, self.sigmoid, self.softplus = jax.nn.relu, jax.nn.sigmoid, jax.nn.softplus
        self.sum, self.mean, self.max = self.np.sum, self.np.mean, self.np.max
        self.concatenate, self.transpose = self.np.concatenate, self.np.transpose
        self.zeros_like = self.np.zeros_like
        self.softmax, self.log_softmax = jax.nn.softmax, jax.nn.log_softmax
        self.scan = scan_compiled(self.lax)


class AutogradNamespace:
    """Functions of HIPS autograd, which wraps NumPy."""

    def __init__(self) -> None:
        import autograd.numpy

        self.np: Any = autograd.numpy
        self.tanh, self.exp, self.log, self.sqrt = (
            self.np.tanh,
            self.np.exp,
            self.np.log,
            self.np.sqrt,
        )
        self.sum, self.mean, self.max = self.np.sum, self.np.mean, self.np.max
        self.concatenate, self.transpose = self.np.concatenate, self.np.transpose
        self.zeros_like = self.np.zeros_like
        self.scan = scan_unrolled

    def relu(self, x: Any) -> Any:
        """Give max(x, 0)."""
        return self.np.maximum(x, 0.0)

    def sigmoid(self, x: Any) -> Any:
        """Give 1/(1 + e^-x)."""
        return 1.0 / (1.0 + self.np.exp(-x))

    def softplus(self, x: Any) -> Any:
        """Give log(1 + e^x)."""
        return self.np.logaddexp(x, 0.0)

    def log_softmax(self, x: Any, axis: int) -> Any:
        """Give x - log sum e^x along an axis."""
        shifted = x - self.np.max(x, axis=axis, keepdims=True)
        return shifted - self.np.log(self.np.sum(self.np.exp(shifted), axis=axis, keepdims=True))

    def softmax(self, x: Any, axis: int) -> Any:
        """Give e^x / sum e^x along an axis."""
        e = self.np.exp(x - self.np.max(x, axis=axis, keepdims=True))
        return e / self.np.sum(e, axis=axis, keepdims=True)


class TorchNamespace:
    """Functions of PyTorch, with NumPy's argument names."""

    def __init__(self) -> None:
        import torch

        functional = torch.nn.functional
        self.torch: Any = torch
        self.tanh, self.exp, self.log, self.sqrt = torch.tanh, torch.exp, torch.log, torch.sqrt
        self.relu, self.sigmoid, self.softplus = functional.relu, torch.sigmoid, functional.softplus
        self.zeros_like = torch.zeros_like
        self.scan = scan_unrolled

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """Sum along axes."""
        return x.sum() if axis is None else x.sum(dim=axis, keepdim=keepdims)

    def mean(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """Mean along axes."""
        return x.mean() if axis is None else x.mean(dim=axis, keepdim=keepdims)

    def max(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """Maximum along axes; ties share the gradient."""
        return x.max() if axis is None else x.amax(dim=axis, keepdim=keepdims)

    def concatenate(self, xs: Any, axis: int = 0) -> Any:
        """Join along an axis."""
        return self.torch.cat(xs, dim=axis)

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Permute the axes."""
        return x.permute(axes)

    def softmax(self, x: Any, axis: int) -> Any:
        """Give e^x / sum e^x along an axis."""
        return self.torch.softmax(x, dim=axis)

    def log_softmax(self, x: Any, axis: int) -> Any:
        """Give x - log sum e^x along an axis."""
        return self.torch.log_softmax(x, dim=axis)
