"""Random networks in plain SymPy, in index notation and in matrix notation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jax
import jax.numpy as jnp
import sympy
from sympy import IndexedBase, MatrixSymbol, Sum

from benchmarks.random_kit import Loss, Values, Workshop

Scalar = tuple[Callable[[Any], Any], Callable[[Any], Any]]

_SCALAR: Final[dict[str, Scalar]] = {
    "tanh": (sympy.tanh, jnp.tanh),
    "tanh by exponentials": (
        lambda z: (sympy.exp(z) - sympy.exp(-z)) / (sympy.exp(z) + sympy.exp(-z)),
        jnp.tanh,
    ),
    "sigmoid": (lambda z: 1 / (1 + sympy.exp(-z)), jax.nn.sigmoid),
    "softplus": (lambda z: sympy.log(1 + sympy.exp(z)), jax.nn.softplus),
    "relu": (lambda z: sympy.Max(0, z), jax.nn.relu),
    "Abs": (sympy.Abs, jnp.abs),
    "Piecewise": (
        lambda z: sympy.Piecewise((z, z > 0), (z / 5, True)),
        lambda z: jnp.where(z > 0, z, z / 5),
    ),
    "sin": (sympy.sin, jnp.sin),
    "cos": (sympy.cos, jnp.cos),
    "atan": (sympy.atan, jnp.arctan),
    "erf": (sympy.erf, jax.scipy.special.erf),
    "exp": (lambda z: sympy.exp(z / 4), lambda z: jnp.exp(z / 4)),
    "sqrt": (lambda z: sympy.sqrt(1 + z**2), lambda z: jnp.sqrt(1 + z**2)),
    "log": (lambda z: sympy.log(2 + z**2), lambda z: jnp.log(2 + z**2)),
    "square": (lambda z: z**2, lambda z: z**2),
}


def _two(shop: Workshop) -> tuple[list[str], list[Scalar]]:
    names = [shop.one_of(list(_SCALAR)) for _ in range(2)]
    return names, [_SCALAR[name] for name in names]


def index_network(shop: Workshop) -> tuple[Any, Loss]:
    """A network of one or two layers in index notation, with a penalty or without."""
    n, h, k = sympy.symbols("n h k", integer=True, positive=True)
    i, j, r = sympy.symbols("i j r", integer=True)
    W1, W2, b1, x, y = (IndexedBase(name) for name in ("W1", "W2", "b1", "x", "y"))
    names, [(f, f_jax), (g, g_jax)] = _two(shop)
    if names[0] == "Piecewise":  # SymPy moves its condition out of the sum over j
        names[0], (f, f_jax) = "tanh", _SCALAR["tanh"]
    hidden = f(Sum(W1[j, r] * x[r], (r, 0, n - 1)) + b1[j])
    penalised = shop.chance(0.4)
    penalty = Sum(W1[j, r] ** 2, (j, 0, h - 1), (r, 0, n - 1)) / 2 if penalised else 0
    shop.used += ["Sum", names[0], *(["penalty"] if penalised else [])]

    def hidden_jax(v: Values) -> Any:
        return f_jax(v["W1"] @ v["x"] + v["b1"])

    def penalty_jax(v: Values) -> Any:
        return jnp.sum(v["W1"] ** 2) / 2 if penalised else 0.0

    def scores(v: Values) -> Any:
        return v["W2"] @ hidden_jax(v)

    out = Sum(W2[i, j] * hidden, (j, 0, h - 1))
    match int(shop.rng.integers(4)):
        case 0:
            loss = Sum((hidden - y[j]) ** 2, (j, 0, h - 1))
            return loss + penalty, lambda v: jnp.sum((hidden_jax(v) - v["y"]) ** 2) + penalty_jax(v)
        case 1:
            shop.used.append(names[1])
            loss = Sum(g(out) * y[i], (i, 0, k - 1))
            return loss + penalty, lambda v: jnp.sum(g_jax(scores(v)) * v["y"]) + penalty_jax(v)
        case 2:
            shop.used.append("log of a sum of exponentials")
            loss = sympy.log(Sum(sympy.exp(out), (i, 0, k - 1)))
            loss -= Sum(y[i] * out, (i, 0, k - 1))
            return (
                loss + penalty,
                lambda v: jax.nn.logsumexp(scores(v)) - v["y"] @ scores(v) + penalty_jax(v),
            )
        case _:
            shop.used.append("KroneckerDelta")
            delta = sympy.KroneckerDelta(i, j)
            loss = Sum((delta + W2[i, j]) * hidden * y[i], (i, 0, h - 1), (j, 0, h - 1))
            return loss + penalty, lambda v: v["y"] @ (hidden_jax(v) + scores(v)) + penalty_jax(v)


def matrix_network(shop: Workshop) -> tuple[Any, Loss]:
    """A network of one or two layers in matrix notation."""
    if shop.chance(0.4):
        return _batched(shop)
    n, h, k = sympy.symbols("n h k", integer=True, positive=True)
    W1, b1 = MatrixSymbol("W1", h, n), MatrixSymbol("b1", h, 1)
    x = MatrixSymbol("x", n, 1)
    names, [(f, f_jax), (g, g_jax)] = _two(shop)
    hidden = (W1 * x + b1).applyfunc(f)

    def hidden_jax(v: Values) -> Any:
        return f_jax(v["W1"] @ v["x"] + v["b1"])

    shop.used += ["MatMul", "applyfunc", names[0]]
    match int(shop.rng.integers(3)):
        case 0:
            y = MatrixSymbol("y", h, 1)
            return y.T * hidden, lambda v: jnp.sum(v["y"] * hidden_jax(v))
        case 1:
            y = MatrixSymbol("y", h, 1)
            shop.used.append("Trace")
            loss = sympy.Trace((hidden - y) * (hidden - y).T)
            return loss, lambda v: jnp.sum((hidden_jax(v) - v["y"]) ** 2)
        case _:
            W2, y = MatrixSymbol("W2", k, h), MatrixSymbol("y", k, 1)
            shop.used.append(names[1])
            loss = y.T * (W2 * hidden).applyfunc(g)
            return loss, lambda v: jnp.sum(v["y"] * g_jax(v["W2"] @ hidden_jax(v)))


def _batched(shop: Workshop) -> tuple[Any, Loss]:
    """Rows of a batch, with the bias as 1 bᵀ; Hadamard products and powers."""
    m, n, h = sympy.symbols("m n h", integer=True, positive=True)
    X, W, b = MatrixSymbol("x", m, n), MatrixSymbol("W1", n, h), MatrixSymbol("b1", h, 1)
    y = MatrixSymbol("y", m, h)
    names, [(f, f_jax), _] = _two(shop)
    shop.used += ["MatMul", "OneMatrix", names[0]]
    hidden = (X * W + sympy.OneMatrix(m, 1) * b.T).applyfunc(f)

    def hidden_jax(v: Values) -> Any:
        return f_jax(v["x"] @ v["W1"] + v["b1"].reshape(-1))

    ones_m, ones_h = sympy.OneMatrix(1, m), sympy.OneMatrix(h, 1)
    match int(shop.rng.integers(3)):
        case 0:
            shop.used.append("HadamardProduct")
            loss = ones_m * sympy.HadamardProduct(hidden, y) * ones_h
            return loss, lambda v: jnp.sum(hidden_jax(v) * v["y"])
        case 1:
            shop.used.append("HadamardPower")
            loss = ones_m * sympy.HadamardPower(hidden - y, 2) * ones_h
            return loss, lambda v: jnp.sum((hidden_jax(v) - v["y"]) ** 2)
        case _:
            shop.used += ["Trace", "Identity"]
            S = MatrixSymbol("S", h, h)
            loss = sympy.Trace(hidden * (S + sympy.Identity(h)) * y.T)
            return loss, lambda v: jnp.sum((hidden_jax(v) @ v["S"] + hidden_jax(v)) * v["y"])
