"""Shapes of derivatives, and of functions of which only the arguments are known."""

from __future__ import annotations

from typing import Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.evaluate import Env
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.shapes import NUMBER, Dims, Sh
from symbackprop.notes.judge.values import UnknownError
from symbackprop.notes.resolve.definitions import is_loss_key

__all__ = ["ShapeSlopes"]


class ShapeSlopes:
    """The part of the walk over shapes that differentiates."""

    def mapped(self: Any, key: str, arguments: list[Sh]) -> Sh | None:
        """The shape of a stated map between vectors of two lengths."""
        sizes = self.scope.model.maps.get(key)
        if sizes is None or key in self.scope.table or len(arguments) != 1:
            return None
        below, above = (self.symbol(size) for size in sizes)
        rows = self.scope.model.rows
        inner = Sh((Dims.ONE, below) if rows else (below, Dims.ONE))
        self.ops.trying(self.ops.equal, arguments[0], inner)
        return Sh((Dims.ONE, above) if rows else (above, Dims.ONE))

    def some_shape(self: Any) -> Sh:
        """The shape of a value of which nothing is known: a vector, unless letters are numbers."""
        if self.scope.hypothesis.scalars:
            return NUMBER
        sizes = (self.dims.new(feature=True), Dims.ONE)
        return Sh(sizes[::-1] if self.scope.model.rows else sizes)

    def derivative(self: Any, node: ast.Derivative, env: Env) -> Readings:
        """The shape of a derivative: of the variable, or a row for each entry of what moves."""
        if not self.speaking or node.order != 1 or len(node.variables) != 1:
            raise UnknownError("a derivative")
        below = self.one(node.variables[0], env)
        above = NUMBER if node.target is None else self.differentiated(node.target, env)
        if not above.shape or not below.shape:
            return [(below if not above.shape else above, 0)]
        flat = []
        for shape in (above, below):
            first, second = shape.shape
            flat.append(second if self.dims.is_one(first) else first)
        return [(Sh((flat[0], flat[1])), 0)]

    def differentiated(self: Any, node: Node, env: Env) -> Sh:
        """The shape of what is differentiated; an undefined loss is a number."""
        head = node.function if isinstance(node, ast.Apply) else node
        if isinstance(head, Name):
            key = self.scope.profile.ref(head).key
            unknown = key not in self.scope.table and key not in {k for k, _ in self.shapes}
            if unknown and (is_loss_key(key) or key in self.scope.model.scalars):
                return NUMBER
        made: Sh = self.one(node, env)
        return made
