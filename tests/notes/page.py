"""What the names of a page of notes mean: arrays, forward steps, and slopes by JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

Array = Any
Env = Mapping[str, Array]


class MismatchError(Exception):
    """Shapes do not conform, an index is out of range, or a side has no value."""


class UnknownError(Exception):
    """The table of the page does not know a name or a construct."""


@dataclass(frozen=True)
class Grad:
    """A name that stands for the loss's gradient with respect to `of`, times `scale`."""

    of: str
    scale: float = 1.0


@dataclass(frozen=True)
class View:
    """A name that picks a block of `of` by its indices, counted from 0."""

    of: str
    pick: Callable[..., Array]
    scale: float = 1.0
    grad: bool = False


Meaning = str | Grad | View | Callable[..., Array]


@dataclass
class Page:
    """What the names of a page stand for.

    `names` maps a base (accents before it, resolved labels behind it) to its meaning, `labels` a
    script as spelled to what it adds to the base, `ranges` an index to how many values it takes.
    """

    inputs: dict[str, Array]
    steps: list[tuple[str, Callable[[Any], Array]]]
    loss: str = "L"
    names: dict[str, Meaning] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, int] = field(default_factory=dict)
    functions: dict[str, Callable[..., Array]] = field(default_factory=dict)
    adjoint_scale: dict[str, float] = field(default_factory=dict)
    base: int = 1
    rate: str = "eta"
    star_hadamard: bool = True
    times_hadamard: bool = False
    dot_inner: bool = False
    rows: bool = False
    kronecker: bool = True
    zero_outside: bool = False
    exponential: str = "e"
    units: dict[str, str] = field(default_factory=dict)
    times: frozenset[str] = frozenset()
    pinned: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fixed: dict[str, int] = field(default_factory=dict)
    differ: dict[int, tuple[str, str]] = field(default_factory=dict)
    env_functions: dict[str, Callable[..., Array]] = field(default_factory=dict)
    alternatives: tuple[Page, ...] = ()
    also: tuple[Page, ...] = ()
    arguments: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    by_hand: dict[int, str] = field(default_factory=dict)
    claims: dict[int, Page] = field(default_factory=dict)

    def of(self, number: int) -> Page:
        """The page as one claim has it, where one name means several things."""
        return self.claims.get(number, self)

    def run(self, given: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """All values, with those in `given` in place of what the steps would make."""
        given = given or {}
        env: dict[str, Array] = {**self.inputs, **given}
        for name, step in self.steps:
            if name not in given:
                env[name] = jnp.asarray(step(Attributes(env)))
        return env

    @functools.cached_property
    def env(self) -> dict[str, Array]:
        """All values."""
        return {name: np.asarray(value) for name, value in self.run().items()}

    def jacobian(self, target: str, variable: str) -> Array:
        """Total derivative, of shape target.shape + variable.shape; cached."""
        cache = self.__dict__.setdefault("_jacobians", {})
        if (target, variable) not in cache:
            made = jax.jacrev(lambda v: jnp.asarray(self.run({variable: v})[target]))
            cache[target, variable] = np.asarray(made(self.env[variable]))
        return cache[target, variable]

    def gradient(self, variable: str) -> Array:
        """Gradient of the loss, in the variable's own shape."""
        return self.jacobian(self.loss, variable)


class Attributes:
    """Values as attributes, so that steps read as formulas do."""

    def __init__(self, env: Env) -> None:
        self._env = env

    def __getattr__(self, name: str) -> Array:
        return self._env[name]


def scalar(value: Array) -> bool:
    """Whether a value acts as a number."""
    return np.size(value) == 1


def squeezed(value: Array) -> Array:
    return value.reshape(()) if scalar(value) and np.ndim(value) else value


def matmul(a: Array, b: Array) -> Array:
    if scalar(a) or scalar(b):
        return squeezed(a) * b if scalar(a) else a * squeezed(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise MismatchError(f"{a.shape} times {b.shape}")
    return a @ b


def elementwise(function: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    a, b = squeezed(a), squeezed(b)
    if a.ndim and b.ndim and a.shape != b.shape:
        raise MismatchError(f"{a.shape} against {b.shape}")
    return function(a, b)


def slope(function: Callable[[Array], Array], value: Array) -> Array:
    """Element-wise derivative."""
    flat = jax.vmap(jax.grad(lambda t: jnp.reshape(function(t), ())))(jnp.ravel(value))
    return jnp.reshape(flat, jnp.shape(value))


def softmax(z: Array, axis: int | None = None) -> Array:
    if axis is None:
        axis = 0 if z.ndim == 2 and z.shape[1] == 1 else -1
    return jax.nn.softmax(z, axis=axis)
