"""The workloads as networks of this package: what the generated modules come from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from symbackprop import frontend as sb
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import DType, Options
from symbackprop.frontend import Tensor
from symbackprop.frontend.functions import ELEMENTWISE
from symbackprop.ir import Problem

_FUNCTIONS = ("sigmoid", "tanh", "relu", "softplus", "gelu_tanh")
_sigmoid, _tanh, _relu, _softplus, _gelu_tanh = (ELEMENTWISE[name] for name in _FUNCTIONS)


def _layers(h: Tensor, sizes: list[int], activation: Callable[[Tensor], Tensor]) -> Tensor:
    """Stack dense layers; the last has no activation."""
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        z = h @ sb.param(f"W{layer}", n_in, n_out) + sb.param(f"b{layer}", n_out)
        h = activation(z)
    return z


def tiny() -> Problem:
    """Sigmoid layers 3-2-1 with binary cross entropy."""
    (m,) = sb.dims("m")
    z = _layers(sb.input("x", m, 3), [3, 2, 1], _sigmoid)
    return sb.build(loss=sb.binary_cross_entropy(z, sb.input("y", m, 1), logits=True))


def classifier(sizes: list[int], activation: Callable[[Tensor], Tensor]) -> Problem:
    """Dense layers, softmax, cross entropy."""
    (m,) = sb.dims("m")
    z = _layers(sb.input("x", m, sizes[0]), sizes, activation)
    y = sb.input("y", m, sizes[-1], one_hot=True)
    return sb.build(loss=sb.cross_entropy(sb.softmax(z), y))


def cnn() -> Problem:
    """Convolve, relu, max-pool, dense, cross entropy."""
    (m,) = sb.dims("m")
    x, K, c = sb.input("x", m, 8, 8), sb.param("K", 3, 3, 8), sb.param("c", 8)
    maps = sb.conv2d(x[:, None], sb.transpose(K, 2, 0, 1)[:, None])
    maps = _relu(sb.transpose(maps, 0, 2, 3, 1) + c)
    pool = sb.max_pool(sb.transpose(maps, 0, 3, 1, 2), (2, 2))
    flat = sb.reshape(sb.transpose(pool, 0, 2, 3, 1), m, 72)
    z = flat @ sb.param("W", 72, 10) + sb.param("b", 10)
    return sb.build(loss=sb.cross_entropy(sb.softmax(z), sb.input("y", m, 10, one_hot=True)))


def lstm() -> Problem:
    """Scan over time, classify the last h."""
    T, m = sb.dims("T m")
    n, n_in = 64, 32
    Wx, Wh = sb.param("Wx", n_in, 4 * n), sb.param("Wh", n, 4 * n)
    b, x = sb.param("b", 4 * n), sb.input("x", T, m, n_in)
    State = tuple[Tensor, Tensor]

    def step(carry: State, x_t: Tensor) -> tuple[State, None]:
        h, c = carry
        z = x_t @ Wx + h @ Wh + b
        i, f = _sigmoid(z[:, :n]), _sigmoid(z[:, n : 2 * n])
        g, o = _tanh(z[:, 2 * n : 3 * n]), _sigmoid(z[:, 3 * n :])
        c = f * c + i * g
        return (o * _tanh(c), c), None

    zero = 0 * (x[0] @ Wx[:, :n])
    (h, _), _ = sb.scan(step, (zero, zero), x)
    z = h @ sb.param("V", n, 10) + sb.param("c", 10)
    return sb.build(loss=sb.cross_entropy(sb.softmax(z), sb.input("y", m, 10, one_hot=True)))


def gru() -> Problem:
    """One cell, mean squared error."""
    (m,) = sb.dims("m")
    n = 64
    x, h, y = (sb.input(name, m, n) for name in ("x", "h", "y"))
    zx = x @ sb.param("Wx", n, 3 * n) + sb.param("bx", 3 * n)
    zh = h @ sb.param("Wh", n, 3 * n) + sb.param("bh", 3 * n)
    r = _sigmoid(zx[:, :n] + zh[:, :n])
    u = _sigmoid(zx[:, n : 2 * n] + zh[:, n : 2 * n])
    candidate = _tanh(zx[:, 2 * n :] + r * zh[:, 2 * n :])
    after = candidate + u * (h - candidate)
    return sb.build(loss=sb.mse(after, y))


def block() -> Problem:
    """A pre-norm transformer block, mean squared error."""
    (m,) = sb.dims("m")
    t, d, heads = 32, 64, 4
    x, y = sb.input("x", m, t, d), sb.input("y", m, t, d)

    def dense(h: Tensor, name: str, n_in: int, n_out: int) -> Tensor:
        return h @ sb.param(f"W{name}", n_in, n_out) + sb.param(f"b{name}", n_out)

    def split(h: Tensor) -> Tensor:
        return sb.transpose(sb.reshape(h, m, t, heads, d // heads), 0, 2, 1, 3)

    u = sb.layer_norm(x, sb.param("s1", d), sb.param("t1", d))
    q, k, v = (split(dense(u, name, d, d)) for name in ("q", "k", "v"))
    attention = sb.softmax(q @ sb.transpose(k, 0, 1, 3, 2) / 4)
    mixed = sb.reshape(sb.transpose(attention @ v, 0, 2, 1, 3), m, t, d)
    r = x + dense(mixed, "o", d, d)
    a = _gelu_tanh(dense(sb.layer_norm(r, sb.param("s2", d), sb.param("t2", d)), "1", d, 4 * d))
    return sb.build(loss=sb.mean((r + dense(a, "2", 4 * d, d) - y) ** 2))


def logistic() -> Problem:
    """Mean of softplus(z) - y z."""
    (m,) = sb.dims("m")
    z = sb.input("X", m, 256) @ sb.param("w", 256)
    return sb.build(loss=sb.mean(_softplus(z) - sb.input("y", m) * z))


def factors() -> Problem:
    """Sum of M (A - U Vᵀ)²."""
    U, V = sb.param("U", 200, 5), sb.param("V", 200, 5)
    A, M = sb.input("A", 200, 200), sb.input("M", 200, 200)
    return sb.build(loss=sb.sum(M * (A - U @ V.T) ** 2))


def deep() -> Problem:
    """Half the squared error of ten relu layers of width 24."""
    (m,) = sb.dims("m")
    z = _layers(sb.input("x", m, 24), [24] * 11, _relu)
    return sb.build(loss=sb.sum((z - sb.input("y", m, 24)) ** 2) / (2 * m))


def chain() -> Problem:
    """Mean of softplus(-s tanh(w x + b))."""
    (n,) = sb.dims("n")
    t = _tanh(sb.param("w") * sb.input("x", n) + sb.param("b"))
    return sb.build(loss=sb.mean(_softplus(-sb.input("s", n) * t)))


def _source(problem: Callable[[], Problem], hessian: bool = False) -> str:
    """Generate the float32 module of a network."""
    return generate(problem(), Options(DType.FLOAT32, hessian=hessian))


SOURCES: dict[str, Callable[[], str]] = {
    "w1": partial(_source, tiny),
    "w2": partial(_source, partial(classifier, [64, 32, 10], _tanh)),
    "w3": partial(_source, partial(classifier, [784, 512, 256, 10], _relu)),
    "w4": partial(_source, partial(classifier, [128] * 51 + [10], _tanh)),
    "w5": partial(_source, cnn),
    "w6": partial(_source, lstm),
    "w7": partial(_source, block),
    "w8_logreg": partial(_source, logistic, hessian=True),
    "w8_mf": partial(_source, factors, hessian=True),
    "w8_mfc": partial(_source, factors, hessian=True),
    "w8_nn": partial(_source, deep, hessian=True),
    "w9": partial(_source, gru),
    "w10": partial(_source, chain),
}
"""Family of workloads (w1, w2, ...) -> function that gives the source of its float32 module.

Parameters and inputs of the module are named as in `benchmarks.workloads`.
"""
