"""Derivatives inside formulas: Jacobians of a page's steps, or of the formula itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from symbackprop.notes import ast
from tests.notes.page import Array, Meaning, MismatchError, UnknownError, View, squeezed
from tests.notes.sums import Values

__all__ = ["Evaluator"]


class Evaluator(Values):
    """Values of nodes, derivatives included."""

    def on_derivative(self, node: ast.Derivative) -> Array:
        if node.target is None or not node.variables:
            raise UnknownError("operator without operand")
        if len(node.variables) == 2 and node.order == 2:
            return self.second(node)
        if len(node.variables) != 1:
            raise UnknownError("derivative")
        variable, at = self.variable(node.variables[0])
        of = variable.of if isinstance(variable, View) else variable
        assert isinstance(of, str)
        full, shape = self.slopes(node.target, of)
        block = self.block(variable, at)
        return self.arranged(full, shape, block)

    def variable(self, node: ast.Node) -> tuple[Meaning, list[int]]:
        node = node.items[0] if isinstance(node, ast.Group) and len(node.items) == 1 else node
        if isinstance(node, ast.Apply) and self.ignorable(node.arguments):
            node = node.function
        if isinstance(node, ast.Transposed):
            node = node.base
        if not isinstance(node, ast.Name):
            raise UnknownError("derivative with respect to an expression")
        key, at, _ = self.reference(node)
        meaning = self.meaning(key, at)
        if not isinstance(meaning, str | View):
            raise UnknownError(f"derivative with respect to {key}")
        return meaning, at

    def slopes(self, target: ast.Node, of: str) -> tuple[Array, tuple[int, ...]]:
        """Derivative of the target by the whole array, and the target's shape."""
        while isinstance(target, ast.Apply) and self.ignorable(target.arguments):
            if self.known(target.function) is not None:
                break
            target = target.function
        if isinstance(target, ast.Name):
            key, at, power = self.reference(target)
            meaning = self.meaning_or(key, at)
            if isinstance(meaning, str) and meaning in self.page.env and power == 1:
                full = self.page.jacobian(meaning, of)
                shape = self.page.env[meaning].shape
                if not at:
                    return full, shape
                return self.entry(full, shape, at), ()
        assert self.env is not None

        def value(v: Array) -> Array:
            inner = replace(self, env=self.page.run({of: v}), binding=dict(self.binding))
            return squeezed(inner(target))

        given = jnp.asarray(self.env[of])
        shape = jax.eval_shape(value, given).shape
        full = jax.jacrev(value)(given)
        return (full if isinstance(full, jax.core.Tracer) else np.asarray(full)), shape

    def entry(self, full: Array, shape: tuple[int, ...], at: list[int]) -> Array:
        """The part of a derivative that belongs to one entry of the target."""
        rest = full.shape[len(shape) :]
        places = np.arange(int(np.prod(shape))).reshape(shape)
        place = self.pick(places, at)
        if np.ndim(place):
            raise MismatchError("a row of a target")
        if isinstance(place, np.float64):
            return np.zeros(rest)
        return full.reshape(-1, *rest)[int(place)]

    def arranged(
        self, full: Array, shape: tuple[int, ...], block: Callable[[Array], Array]
    ) -> Array:
        if not shape or shape == (1, 1):
            made = block(full.reshape(full.shape[len(shape) :]))
            return made.T if self.page.rows else made
        count = int(np.prod(shape))
        parts = [block(part) for part in full.reshape(count, *full.shape[len(shape) :])]
        stack = np.stack if isinstance(full, np.ndarray) else jnp.stack
        if np.ndim(parts[0]) == 0:
            return stack(parts).reshape(shape)
        vectors = 1 in shape and 1 in parts[0].shape
        if len(shape) == 2 and vectors and parts[0].ndim == 2:
            return stack([part.reshape(-1) for part in parts])
        raise MismatchError("derivative of more than two indices")

    def second(self, node: ast.Derivative) -> Array:
        (one, at_one), (two, at_two) = map(self.variable, node.variables)
        if not isinstance(one, str) or not isinstance(two, str) or node.target is None:
            raise UnknownError("second derivative")
        target = node.target
        assert self.env is not None

        def value(a: Array, b: Array) -> Array:
            given = {one: a, two: b} if one != two else {one: a + b - self.page.env[two]}
            inner = replace(self, env=self.page.run(given), binding=dict(self.binding))
            return jnp.reshape(inner(target), ())

        full = jax.jacrev(jax.grad(value), argnums=1)(self.env[one], self.env[two])
        if not at_one and not at_two:
            return jnp.reshape(full, (self.env[one].size, self.env[two].size))
        shape = self.env[one].shape
        return self.pick(self.entry(full, shape, at_one), at_two)
