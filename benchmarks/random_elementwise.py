"""Elementwise functions for random networks: as they are declared, and over JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jax
import jax.numpy as jnp

import symbackprop as sb
from benchmarks.random_kit import Built, Workshop

Pair = tuple[Callable[[Any], Any], Callable[[Any], Any]]


def _named(name: str, over_jax: Callable[[Any], Any]) -> Pair:
    return (lambda x: getattr(sb, name)(x)), over_jax


SMOOTH: Final[dict[str, Pair]] = {
    "tanh": _named("tanh", jnp.tanh),
    "sigmoid": _named("sigmoid", jax.nn.sigmoid),
    "softplus": _named("softplus", jax.nn.softplus),
    "gelu": _named("gelu", lambda z: jax.nn.gelu(z, approximate=False)),
    "gelu_tanh": _named("gelu_tanh", lambda z: jax.nn.gelu(z, approximate=True)),
    "silu": _named("silu", jax.nn.silu),
    "swish": _named("swish", jax.nn.silu),
    "mish": _named("mish", lambda z: z * jnp.tanh(jax.nn.softplus(z))),
    "sin": _named("sin", jnp.sin),
    "cos": _named("cos", jnp.cos),
    "atan": _named("atan", jnp.arctan),
    "asinh": _named("asinh", jnp.arcsinh),
    "erf": _named("erf", jax.scipy.special.erf),
    "normal_cdf": _named("normal_cdf", jax.scipy.stats.norm.cdf),
    "exp": (lambda x: sb.exp(x / 4), lambda z: jnp.exp(z / 4)),
    "expm1": (lambda x: sb.expm1(x / 3), lambda z: jnp.expm1(z / 3)),
    "log": (lambda x: sb.log(2 + x**2), lambda z: jnp.log(2 + z**2)),
    "log1p": (lambda x: sb.log1p(x**2), lambda z: jnp.log1p(z**2)),
    "sqrt": (lambda x: sb.sqrt(1 + x**2), lambda z: jnp.sqrt(1 + z**2)),
    "tan": (lambda x: sb.tan(sb.tanh(x)), lambda z: jnp.tan(jnp.tanh(z))),
    "sinh": (lambda x: sb.sinh(x / 4), lambda z: jnp.sinh(z / 4)),
    "cosh": (lambda x: sb.cosh(x / 4), lambda z: jnp.cosh(z / 4)),
    "asin": (lambda x: sb.asin(sb.sin(x) / 2), lambda z: jnp.arcsin(jnp.sin(z) / 2)),
    "acos": (lambda x: sb.acos(sb.sin(x) / 2), lambda z: jnp.arccos(jnp.sin(z) / 2)),
    "acosh": (lambda x: sb.acosh(2 + x**2), lambda z: jnp.arccosh(2 + z**2)),
    "atanh": (lambda x: sb.atanh(sb.tanh(x) / 2), lambda z: jnp.arctanh(jnp.tanh(z) / 2)),
    "square": (lambda x: x**2, lambda z: z**2),
    "cube": (lambda x: x**3 / 4, lambda z: z**3 / 4),
    "reciprocal": (lambda x: 1 / (1 + x**2), lambda z: 1 / (1 + z**2)),
    "power": (
        lambda x: sb.pow(1 + x**2, sb.sin(x)),
        lambda z: (1 + z**2) ** jnp.sin(z),
    ),
    "xlogy": (
        lambda x: sb.xlogy(x, 1 + x**2),
        lambda z: jax.scipy.special.xlogy(z, 1 + z**2),
    ),
}
"""With one value and one slope everywhere."""

KINKED: Final[dict[str, Pair]] = {
    "relu": _named("relu", jax.nn.relu),
    "leaky_relu": _named("leaky_relu", jax.nn.leaky_relu),
    "elu": _named("elu", jax.nn.elu),
    "selu": _named("selu", jax.nn.selu),
    "softsign": _named("softsign", jax.nn.soft_sign),
    "abs": _named("abs", jnp.abs),
    "hard_tanh": _named("hard_tanh", jax.nn.hard_tanh),
    "hard_sigmoid": _named("hard_sigmoid", jax.nn.hard_sigmoid),
    "hard_swish": _named("hard_swish", jax.nn.hard_swish),
    "clip": (lambda x: sb.clip(x, -1, 2), lambda z: jnp.clip(z, -1, 2)),
    "maximum": (
        lambda x: sb.maximum(sb.sin(x), x / 2),
        lambda z: jnp.maximum(jnp.sin(z), z / 2),
    ),
    "minimum": (
        lambda x: sb.minimum(x, sb.exp(-x)),
        lambda z: jnp.minimum(z, jnp.exp(-z)),
    ),
    "where": (
        lambda x: sb.where(x > 0, sb.log(1 + x), sb.sin(x)),
        lambda z: jnp.where(z > 0, jnp.log(1 + jnp.where(z > 0, z, 0.0)), jnp.sin(z)),
    ),
    "sign": (lambda x: sb.sign(x) * x**2, lambda z: jnp.sign(z) * z**2),
    "step": (lambda x: sb.step(x) * x**2, lambda z: (z > 0) * z**2),
}
"""Not where their argument is 0."""

FLAT: Final = ("relu", "abs", "hard_tanh", "hard_sigmoid", "hard_swish", "clip", "step")
"""Those with the same value for many arguments."""


def elementwise(shop: Workshop, x: Built) -> Built:
    """One of the functions."""
    options = SMOOTH if x.ties or shop.chance(0.6) else KINKED
    name = shop.one_of(list(options))
    return applied(shop, x, name)


def applied(shop: Workshop, x: Built, name: str) -> Built:
    """The function of this name."""
    ours, over_jax = {**SMOOTH, **KINKED}[name]
    shop.used.append(name)
    return x.then(ours(x.tensor), over_jax, x.ties or name in FLAT)


def parametric_relu(shop: Workshop, x: Built) -> Built:
    """A slope of its own for every column."""
    a = shop.param("a", x.tensor.shape[-1])
    if x.ties:
        return elementwise(shop, x)
    shop.used.append("prelu")
    return x.with_(a, sb.prelu(x.tensor, a.tensor), lambda z, s: jnp.where(z > 0, z, s * z))
