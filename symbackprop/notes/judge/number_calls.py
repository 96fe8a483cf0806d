"""Readings of calls, norms and groups as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.evaluate import Env, Evaluator
from symbackprop.notes.judge.functions import ELEMENTWISE, named, opaque_scalar
from symbackprop.notes.judge.maps import OPAQUE, PULLBACKS, TWIN, opaque_map, twin
from symbackprop.notes.judge.products import Readings, distinct, natural, readings
from symbackprop.notes.judge.scope import Scope
from symbackprop.notes.judge.values import Array, MismatchError, UnknownError, Val
from symbackprop.notes.judge.world import BATCH_SIZE, World
from symbackprop.notes.kinds import Delimiter, Prefix, ProductOp
from symbackprop.notes.lexicon import ACTIVATIONS, FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.trees import unwrapped

__all__ = ["Calls"]

STEP = 1e-4
"""Of a difference of slopes: its error is near 1e-9."""


class Calls(Evaluator):
    """Readings of calls, norms and groups: the part of `Numbers` that applies functions."""

    scope: Scope
    world: World
    trace: Any
    flags: Any
    jacobian_call: Any
    jacobians: Any
    pullback: Any
    depth: int

    def apply(self, node: ast.Apply, env: Env) -> Readings:
        """Read a function of arguments, or a product that looks like one."""
        function: Node = node.function
        exponent: Node | None = None
        order = 0
        while isinstance(function, ast.Power | ast.Primed | ast.Group):
            if isinstance(function, ast.Power):
                exponent, function = function.exponent, function.base
            elif isinstance(function, ast.Primed):
                order, function = order + function.count, function.base
            elif len(function.items) == 1:
                function = function.items[0]
            else:
                raise UnknownError("a call of a list")
        if isinstance(function, ast.Prefixed) and function.prefix.value.strip() in ("d", "D"):
            raise UnknownError("a call of a gradient")
        if not isinstance(function, Name):
            raise UnknownError("a call of a formula")
        if function.base in (OPAQUE, TWIN):
            return [(self.some_function(node, env), 0)]
        if function.base in PULLBACKS and self.jacobians is not None:
            pulled: Readings = self.pullback(function)
            return pulled
        order += function.primes
        made = self.call(node, function, order, env)
        ref = self.scope.profile.ref(function)
        if exponent is None and ref.power is not None and function.base in FUNCTIONS:
            exponent = ref.power
        return made if exponent is None else self.raised(made, exponent, env)

    def call(self, node: ast.Apply, function: Name, order: int, env: Env) -> Readings:
        """A call of a named function, of a defined one, of an unknown one, or a product."""
        profile = self.scope.profile
        key = profile.ref(function).key
        if function.base == "J" and (function.subs or function.sups):
            read: Readings = self.jacobian_call(node, function, env)
            return read
        arguments = [a for a in node.arguments if not isinstance(a, ast.Comparison)]
        defined = self.scope.table.get(key, [])
        if order == 0 and len(arguments) == 1:
            special = self.special_call(function, arguments[0], env)
            if special is not None:
                return special
        if is_loss_key(key) and order == 0 and (defined or key not in profile.functions):
            return self.loss_call(node, key, env)
        if function.base.startswith("np.") or any(
            isinstance(a, ast.Comparison) for a in node.arguments
        ):
            return self.array_call(node, function, env)
        formal = [d for d in defined if len(d.formals) == len(arguments)]
        if formal and (key in profile.functions or order):
            return self.defined_call(formal[0], arguments, order, env)
        if function.base in FUNCTIONS or key in profile.functions or order:
            return self.known_call(function, key, arguments, order, env)
        if formal and not self.plain_arguments(formal[0], arguments):
            return self.defined_call(formal[0], arguments, order, env)
        if defined and all(isinstance(a, Name | ast.Apply) for a in arguments):
            return self.read(function, env)
        if len(arguments) == 1 and not node.certain:
            factors = [self.read(function, env), self.read(arguments[0], env)]
            return self.multiplied(factors, env)
        return self.known_call(function, key, arguments, order, env)

    def special_call(self, function: Name, argument: Node, env: Env) -> Readings | None:
        """The logarithm of a determinant, whose sign does not matter, and a differential."""
        if function.base in ("log", "ln"):
            inside = determined(argument)
            if inside is not None:
                operand = self.read(inside, env)
                if all(values.square(value) for value, _ in operand):
                    return self.lifted([operand], values.log_determinant)
        if function.base == "d" and self.flags.differentials and "d" not in self.scope.table:
            return self.read(ast.Differential(Prefix.D, argument), env)
        return None

    def some_function(self, node: ast.Apply, env: Env) -> Val:
        """A function of which only the arguments are known, in the shape of what it defines."""
        key = self.world.busy[-1]
        arguments = [self.one(argument, env) for argument in node.arguments]
        if isinstance(node.function, Name) and node.function.base == TWIN:
            return twin(f"{key}", self.world.seed, arguments[0])
        return opaque_map(f"{key}", self.world.seed, arguments, self.world.shape(key) or ())

    def multiplied(self, factors: list[Readings], env: Env) -> Readings:
        """Multiply factors that stand side by side."""
        joints = [ProductOp.JUXTAPOSED] * (len(factors) - 1)
        if not env.every:
            return [(natural(self.ops, [f[0][0] for f in factors], joints), 0)]
        return readings(self.ops, factors, joints, self.strict)

    def plain_arguments(self, definition: Definition, arguments: list[Node]) -> bool:
        """Whether a call repeats the arguments of the definition."""
        return list(definition.formals) == arguments

    def loss_call(self, node: ast.Apply, key: str, env: Env) -> Readings:
        """A loss with its arguments named: the loss."""
        if self.scope.table.get(key):
            return [(self.world.variable((key, ())), 0)]
        arguments = [self.one(a, replace(env, every=False)) for a in node.arguments]
        return [(opaque_scalar(key, self.world.seed, arguments), 0)]

    def defined_call(
        self, definition: Definition, arguments: list[Node], order: int, env: Env
    ) -> Readings:
        """A function that the document defines, or its derivative."""
        if self.depth > 8:
            raise UnknownError("a definition that leads back to itself")
        keys = [self.scope.profile.ref(f).key for f in definition.formals]
        self.depth += 1
        try:
            operands = [self.read(a, env) for a in arguments]
            if order == 0:
                return self.lifted(
                    operands,
                    lambda *a: self.one(
                        definition.body,
                        replace(env, formal=dict(zip(keys, a, strict=True)), letters={}),
                    ),
                )
            if order > 2 or len(keys) != 1:
                raise UnknownError("a higher derivative")
            return self.lifted(
                operands,
                lambda a: (
                    self.slope_of(definition, keys[0], a, env)
                    if order == 1
                    else Val(self.bend_of(definition, keys[0], a, env))
                ),
            )
        finally:
            self.depth -= 1

    def slope_of(self, definition: Definition, key: str, a: Val, env: Env) -> Val:
        """The derivative of a function of one number, at every entry."""
        slope = self.slope_at(definition, key, a.v, env)
        tangent = None
        if a.d is not None:
            tangent = self.bend_of(definition, key, a, env)[..., None] * a.d
        return Val(slope, tangent)

    def slope_at(self, definition: Definition, key: str, at: Array, env: Env) -> Array:
        """The numbers of the derivative of a function, at some numbers."""
        inside = Val(at, np.ones((*at.shape, 1)))
        made = self.one(
            definition.body, replace(env, formal={key: inside}, letters={}, frozen=False)
        )
        if made.shape != at.shape:
            raise UnknownError("the derivative of a function that is not of every entry")
        return np.zeros(at.shape) if made.d is None else np.asarray(made.d[..., 0])

    def bend_of(self, definition: Definition, key: str, a: Val, env: Env) -> Array:
        """The second derivative, by the difference of slopes on both sides."""
        above, below = (self.slope_at(definition, key, a.v + h, env) for h in (STEP, -STEP))
        return np.asarray((above - below) / (2 * STEP))

    def known_call(
        self, function: Name, key: str, arguments: list[Node], order: int, env: Env
    ) -> Readings:
        """A function of every entry, or one that everybody knows."""
        inside = replace(env, every=env.every)
        operands = [self.read(a, inside) for a in arguments]
        chosen = self.world.activations.get(key)
        base = chosen or function.base
        if base in ELEMENTWISE and len(operands) == 1:
            if base in ("relu", "ReLU", "Relu", "RELU", "abs", "LeakyReLU") and order:
                self.trace.kinks = True
            self.mark_inner(arguments[0], operands[0], env)
            return self.lifted(operands, lambda a: ELEMENTWISE[base].apply(self.ops, a, order))
        if base in FUNCTIONS:
            if order:
                raise UnknownError(f"the derivative of {base}")
            rows = self.rows()

            def known(*a: Val) -> Val:
                made = named(base, list(a), rows or self.by_rows(a[0]))
                if made is None:
                    raise UnknownError(f"{base} is not known here")
                return made

            if base in ACTIVATIONS and len(operands) == 1:
                self.mark_inner(arguments[0], operands[0], env)
            return self.lifted(operands, known)
        if len(operands) != 1:
            if order == 0 and is_loss_key(key):
                return self.lifted(
                    operands, lambda *a: opaque_scalar(key, self.world.seed, list(a))
                )
            raise UnknownError(f"the function {function.base} is not defined")
        sizes = self.scope.model.maps.get(key)
        if sizes is not None:
            return [(self.mapped(key, sizes, operands[0][0][0], order), 0)]
        labels = tuple(self.scope.label(n, env) for n in self.scope.profile.ref(function).labels)
        rule = self.world.function(key.lower(), labels)
        self.mark_inner(arguments[0], operands[0], env)
        return self.lifted(operands, lambda a: rule.apply(self.ops, a, order))

    def mapped(self, key: str, sizes: tuple[str, str], a: Val, order: int) -> Val:
        """The value of a stated map between vectors of two lengths."""
        below, above = (self.world.size(size) or int(size) for size in sizes)
        if order or a.v.size != below:
            raise UnknownError(f"the slope of {key}, which is a map between vectors")
        shape = (1, above) if self.scope.model.rows else (above, 1)
        return opaque_map(key, self.world.seed, [a], shape)

    def by_rows(self, a: Val) -> bool:
        """Whether the softmax of a matrix is of its rows."""
        return a.v.ndim == 2 and a.shape[1] != BATCH_SIZE

    def rows(self) -> bool:
        """Whether examples are rows."""
        return False

    def mark_inner(self, argument: Node, operand: Readings, env: Env) -> None:
        """Give what goes into an activation directions of its own, in a definition."""
        world = self.world
        if env.every or env.formal or not world.busy or isinstance(argument, Name):
            return
        key = world.busy[-1]
        inner = ("pre " + key[0], key[1])
        if inner in world.starts or operand[0][0].d is None or not operand[0][0].v.ndim:
            return
        operand[0] = (world.seeded(inner, operand[0][0]), 0)

    def array_call(self, node: ast.Apply, function: Name, env: Env) -> Readings:
        """`np.sum(dZ, axis=1, keepdims=True)` and its like."""
        name = function.base.split(".")[-1]
        axis: int | None = None
        for argument in node.arguments:
            if isinstance(argument, ast.Comparison) and isinstance(argument.sides[0], Name):
                if argument.sides[0].base == "axis":
                    axis = int(self.exponent(argument.sides[1], env))
        arguments = [a for a in node.arguments if not isinstance(a, ast.Comparison)]
        operands = [self.read(a, env) for a in arguments]
        if name in ("sum", "mean") and len(operands) == 1:

            def reduced(a: Val) -> Val:
                if axis is not None and a.v.ndim == 0:
                    raise MismatchError("the sum of a number along an axis")
                made = values.total(a, axis)
                if name == "mean":
                    count = a.v.size if axis is None else a.shape[axis]
                    made = values.scale(values.constant(1.0 / count), made)
                return made

            return self.lifted(operands, reduced)
        if name in ELEMENTWISE and len(operands) == 1:
            return self.lifted(operands, lambda a: ELEMENTWISE[name].apply(self.ops, a))

        def known(*a: Val) -> Val:
            made = named(f"np.{name}", list(a), False) or named(name, list(a), False)
            if made is None:
                raise UnknownError(f"{function.base} is not known")
            return made

        return self.lifted(operands, known)

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        """Read a norm."""
        inner = self.read(node.body, env)
        if not node.double and all(values.square(value) for value, _ in inner):
            return self.lifted([inner], values.determinant)
        if not node.double:
            return self.lifted([inner], lambda a: ELEMENTWISE["abs"].apply(self.ops, a))
        if node.label is not None and node.label.items:
            item = node.label.items[0]
            if isinstance(item, ast.Number) and item.text == "1":
                absolute = ELEMENTWISE["abs"]
                return self.lifted([inner], lambda a: values.total(absolute.apply(self.ops, a)))
            if isinstance(item, ast.Number) and item.text != "2":
                raise UnknownError("a norm of another order")

        def length(a: Val) -> Val:
            return values.power(values.total(values.multiply(a, a)), 0.5)

        return self.lifted([inner], length)

    def joined(self, parts: list[Readings], env: Env) -> Readings:
        """Stack parts."""
        made = super().joined(parts, env)
        return distinct(made)

    def group(self, node: ast.Group, env: Env) -> Readings:
        """Read a bracket."""
        if len(node.items) == 1 and node.delimiter is Delimiter.BRACE:
            return self.read(node.items[0], env)
        return super().group(node, env)


def determined(node: Node) -> Node | None:
    r"""The matrix of a determinant, `\det X` or `|X|`."""
    node = unwrapped(node)
    if isinstance(node, ast.Norm):
        return None if node.double else node.body
    if isinstance(node, ast.Apply) and isinstance(node.function, Name) and len(node.arguments) == 1:
        return node.arguments[0] if node.function.base == "det" else None
    return None


Slope = Callable[[Val], Val]
