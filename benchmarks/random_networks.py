"""Random networks from all three front ends, each with its loss over JAX, by seed.

The JAX loss is built beside the network, operation by operation: nothing of the program takes part
in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import sympy
from sympy import IndexedBase, MatrixSymbol, Sum

import symbackprop as sb
from symbackprop.interpret import coprime_sizes, free_sizes, random_values

jax.config.update("jax_enable_x64", True)

Values = Mapping[str, Any]
Loss = Callable[[Values], Any]
FRONTS: Final = ("handles", "index", "matrix")
BOUND: Final = 1e-10


@dataclass(frozen=True, slots=True)
class RandomNetwork:
    """A network, its loss over JAX, and the names of the operations in it."""

    seed: int
    front: str
    network: Any
    loss: Loss
    operations: tuple[str, ...]


_SMOOTH: Final[dict[str, Callable[..., Any]]] = {
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "silu": jax.nn.silu,
    "elu": jax.nn.elu,
    "sin": jnp.sin,
    "exp": lambda z: jnp.exp(z),
}


def random_network(seed: int) -> RandomNetwork:
    """The network of a seed; its front end goes round."""
    rng = np.random.default_rng(seed)
    front = FRONTS[seed % len(FRONTS)]
    maker = {"handles": _handles, "index": _index, "matrix": _matrix}[front]
    loss, reference, operations = maker(rng)
    network = sb.Network(loss=loss, inputs=() if front == "handles" else ("x", "y"))
    return RandomNetwork(seed, front, network, reference, tuple(operations))


# handles


@dataclass(slots=True)
class _Built:
    """A tensor with its value over JAX."""

    tensor: Any
    value: Loss


def _handles(rng: np.random.Generator) -> tuple[Any, Loss, list[str]]:
    """Dense layers over a batch, with residuals, norms and softmax; one of several losses."""
    used: list[str] = []
    m, before = sb.dims("m n0")
    here = _Built(sb.input("x", m, before), lambda v: v["x"])
    layers = int(rng.integers(1, 4))
    for number in range(1, layers + 1):
        same = number > 1 and rng.random() < 0.3
        after = before if same else sb.dims(f"n{number}")[0]
        made = _dense(here, number, before, after, rng, used)
        if number < layers:
            made = _between(made, rng, used)
        if same:
            made = _added(made, here, used)
        here, before = made, after
    return (*_loss(here, m, before, layers, rng, used), used)


def _dense(
    x: _Built, number: int, before: Any, after: Any, rng: np.random.Generator, used: list[str]
) -> _Built:
    W = sb.param(f"W{number}", before, after)
    used.append("matmul")
    value = x.value

    def product(v: Values) -> Any:
        return value(v) @ v[f"W{number}"]

    if rng.random() < 0.3:
        return _Built(x.tensor @ W, product)
    used.append("bias")
    b = sb.param(f"b{number}", after)
    return _Built(x.tensor @ W + b, lambda v: product(v) + v[f"b{number}"])


def _between(x: _Built, rng: np.random.Generator, used: list[str]) -> _Built:
    value = x.value
    kind = rng.random()
    if kind < 0.15:
        used.append("softmax")
        return _Built(sb.softmax(x.tensor), lambda v: jax.nn.softmax(value(v)))
    if kind < 0.3:
        used.append("layer_norm")
        return _Built(sb.layer_norm(x.tensor), lambda v: _norm(value(v), -1))
    if kind < 0.4:
        used.append("batch_norm")
        return _Built(sb.batch_norm(x.tensor), lambda v: _norm(value(v), 0))
    name = str(rng.choice(sorted(_SMOOTH)))
    used.append(name)
    if name == "exp":
        return _Built(sb.exp(x.tensor / 4), lambda v: jnp.exp(value(v) / 4))
    return _Built(getattr(sb, name)(x.tensor), lambda v: _SMOOTH[name](value(v)))


def _norm(x: Any, axis: int) -> Any:
    centred = x - x.mean(axis, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5)


def _added(x: _Built, y: _Built, used: list[str]) -> _Built:
    used.append("residual")
    a, b = x.value, y.value
    return _Built(x.tensor + y.tensor, lambda v: a(v) + b(v))


def _loss(
    z: _Built, m: Any, k: Any, layers: int, rng: np.random.Generator, used: list[str]
) -> tuple[Any, Loss]:
    value = z.value
    match int(rng.integers(5)):
        case 0:
            used.append("cross_entropy")
            y = sb.input("y", m, k, one_hot=True)
            loss = sb.cross_entropy(sb.softmax(z.tensor), y)
            return loss, lambda v: -jnp.mean((v["y"] * jax.nn.log_softmax(value(v))).sum(-1))
        case 1:
            used.append("labels")
            y = sb.input("y", m, kind="labels", classes=k)
            loss = sb.cross_entropy(z.tensor, y, logits=True)
            return loss, lambda v: -jnp.mean(_picked(jax.nn.log_softmax(value(v)), v["y"]))
        case 2:
            used.append("binary_cross_entropy")
            y = sb.input("y", m, k)
            loss = sb.binary_cross_entropy(sb.sigmoid(z.tensor), y)
            return loss, lambda v: jnp.mean(jax.nn.softplus(value(v)) - v["y"] * value(v))
        case 3:
            used.append("max")
            return sb.sum(sb.max(z.tensor, 1)), lambda v: value(v).max(1).sum()
        case _:
            used += ["mse", "l2"]
            y = sb.input("y", m, k)
            loss = sb.mse(z.tensor, y) + sb.l2(sb.param(f"W{layers}", *_weight(z, layers)))
            return (
                loss,
                lambda v: jnp.mean((value(v) - v["y"]) ** 2) + jnp.sum(v[f"W{layers}"] ** 2),
            )


def _weight(z: _Built, number: int) -> tuple[Any, ...]:
    shape: tuple[Any, ...] = sb.Network(outputs={"z": z.tensor}).parameters[f"W{number}"]
    return shape


def _picked(scores: Any, labels: Any) -> Any:
    return jnp.take_along_axis(scores, jnp.asarray(labels, int)[:, None], 1)[:, 0]


# plain SymPy

_SCALAR: Final[dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "tanh": (sympy.tanh, jnp.tanh),
    "sigmoid": (lambda z: 1 / (1 + sympy.exp(-z)), jax.nn.sigmoid),
    "softplus": (lambda z: sympy.log(1 + sympy.exp(z)), jax.nn.softplus),
    "relu": (lambda z: sympy.Max(0, z), jax.nn.relu),
    "sin": (sympy.sin, jnp.sin),
    "square": (lambda z: z**2, lambda z: z**2),
}


def _index(rng: np.random.Generator) -> tuple[Any, Loss, list[str]]:
    """A network of one or two layers in index notation, with a penalty or without."""
    n, h, k = sympy.symbols("n h k", integer=True, positive=True)
    i, j, r = sympy.symbols("i j r", integer=True)
    W1, b1, x, y = (IndexedBase(name) for name in ("W1", "b1", "x", "y"))
    names = [str(rng.choice(sorted(_SCALAR))) for _ in range(2)]
    (f, f_jax), (g, g_jax) = (_SCALAR[name] for name in names)
    hidden = f(Sum(W1[j, r] * x[r], (r, 0, n - 1)) + b1[j])
    penalised = bool(rng.random() < 0.5)
    penalty = Sum(W1[j, r] ** 2, (j, 0, h - 1), (r, 0, n - 1)) / 2 if penalised else 0

    def hidden_jax(v: Values) -> Any:
        return f_jax(v["W1"] @ v["x"] + v["b1"])

    def penalty_jax(v: Values) -> Any:
        return jnp.sum(v["W1"] ** 2) / 2 if penalised else 0.0

    used = ["Sum", names[0], *(["penalty"] if penalised else [])]
    if rng.random() < 0.5:
        loss = Sum((hidden - y[j]) ** 2, (j, 0, h - 1)) + penalty
        return loss, lambda v: jnp.sum((hidden_jax(v) - v["y"]) ** 2) + penalty_jax(v), used
    W2 = IndexedBase("W2")
    out = g(Sum(W2[i, j] * hidden, (j, 0, h - 1)))
    loss = Sum(out * y[i], (i, 0, k - 1)) + penalty
    used.append(names[1])
    return loss, lambda v: jnp.sum(g_jax(v["W2"] @ hidden_jax(v)) * v["y"]) + penalty_jax(v), used


def _matrix(rng: np.random.Generator) -> tuple[Any, Loss, list[str]]:
    """A network of one or two layers in matrix notation."""
    n, h, k = sympy.symbols("n h k", integer=True, positive=True)
    W1, b1 = MatrixSymbol("W1", h, n), MatrixSymbol("b1", h, 1)
    x = MatrixSymbol("x", n, 1)
    names = [str(rng.choice(sorted(_SCALAR))) for _ in range(2)]
    (f, f_jax), (g, g_jax) = (_SCALAR[name] for name in names)
    hidden = (W1 * x + b1).applyfunc(f)

    def hidden_jax(v: Values) -> Any:
        return f_jax(v["W1"] @ v["x"] + v["b1"])

    used = ["MatMul", "applyfunc", names[0]]
    match int(rng.integers(3)):
        case 0:
            y = MatrixSymbol("y", h, 1)
            return y.T * hidden, lambda v: v["y"] @ hidden_jax(v), used
        case 1:
            y = MatrixSymbol("y", h, 1)
            used.append("Trace")
            loss = sympy.Trace((hidden - y) * (hidden - y).T)
            return loss, lambda v: jnp.sum((hidden_jax(v) - v["y"]) ** 2), used
        case _:
            W2, y = MatrixSymbol("W2", k, h), MatrixSymbol("y", k, 1)
            used.append(names[1])
            loss = y.T * (W2 * hidden).applyfunc(g)
            return loss, lambda v: v["y"] @ g_jax(v["W2"] @ hidden_jax(v)), used


# the judgement


def faults(made: RandomNetwork) -> list[str]:
    """Where JAX, the simplified gradients, their formulas and the module do not agree."""
    net = made.network
    problem = net.problem
    ids = [*problem.parameters.values(), *problem.inputs.values()]
    sizes = coprime_sizes(free_sizes(problem.graph, problem.named().values()))
    rng = np.random.default_rng([made.seed, 1])
    values = random_values(problem.graph, ids, sizes, rng)
    names = list(problem.parameters)
    fixed = {name: value for name, value in values.items() if name not in names}
    expected = jax.grad(lambda p: made.loss({**fixed, **p}))({n: values[n] for n in names})
    found = []
    for name in names:
        gap = _gap(net.gradient(name).evaluate(values, sizes), np.asarray(expected[name]))
        if not gap <= BOUND:
            found.append(f"{name}: differs from JAX by {gap:.1e}")
    checks = net.verify(differences=False).checks
    return [*found, *(str(check) for check in checks if not check.ok)]


def _gap(found: Any, expected: Any) -> float:
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    return float(np.abs(found - expected).max(initial=0.0)) / scale
