"""Derivatives, gradients and differentials on the numbers of a world."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.evaluate import Env
from symbackprop.notes.judge.flags import Binding, Layout
from symbackprop.notes.judge.maps import Jacobians
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.recurrent import arriving, before_activation
from symbackprop.notes.judge.scope import Key
from symbackprop.notes.judge.values import Array, MismatchError, OutOfRangeError, UnknownError, Val
from symbackprop.notes.judge.world import BATCH_SIZE
from symbackprop.notes.kinds import Prefix
from symbackprop.notes.resolve.definitions import is_loss_key
from symbackprop.notes.trees import unwrapped, walk

if TYPE_CHECKING:
    from symbackprop.notes.judge.numbers import Numbers

__all__ = ["Gradients"]


class Gradients:
    """The part of the walk that differentiates."""

    def derivative(self: Any, node: ast.Derivative, env: Env) -> Readings:
        """A derivative, in the shape that the layout gives it."""
        numbers: Numbers = self
        if node.order != 1 or len(node.variables) > 1:
            raise UnknownError("a derivative of higher order")
        numbers.trace.gradients += 1
        if not node.variables:
            argument = argument_of(numbers, node.target)
            if argument is None:
                return bare_nabla(numbers, node, env)
            node = replace(node, variables=(argument,))
        if node.target is None:
            raise UnknownError("an operator without operand")
        variable = unwrapped(node.variables[0])
        flipped = isinstance(variable, ast.Transposed)
        if isinstance(variable, ast.Transposed):
            variable = unwrapped(variable.base)
        key, where = variable_of(numbers, variable, env)
        target = target_of(numbers, node.target, env)
        if target is not None and target.v.ndim and target.is_scalar:
            target = target.scalar()
        found: Readings = []
        if target is None or target is numbers.world.loss_or_none():
            slope = gradient(numbers, key)
            above: tuple[int, ...] = ()
            below = slope.shape
        else:
            if target.is_scalar:
                target = target.scalar()
            slope = numbers.world.slope(target, key)
            above = target.shape
            below = slope.shape[target.v.ndim :]
        if where is not None:
            places: tuple[Any, ...] = (..., *where)
            slope = slope[places]
            below = ()
        found.extend(arranged(slope, (above, below), numbers.flags.layout))
        if flipped:
            return numbers.lifted([found], numbers.ops.transpose)
        return found

    def prefixed(self: Any, node: ast.Prefixed, env: Env) -> Readings:
        """`dW`: the gradient by W, or its differential."""
        numbers: Numbers = self
        operand = unwrapped(node.operand)
        if isinstance(operand, ast.Transposed):
            inner = replace(node, operand=operand.base)
            return numbers.lifted([numbers.prefixed(inner, env)], numbers.ops.transpose)
        if node.prefix is Prefix.BIG_DELTA or numbers.flags.differentials:
            return [(differential(numbers, operand, env), 0)]
        numbers.trace.gradients += 1
        pre = False
        while isinstance(operand, ast.Prefixed):
            pre, operand = True, unwrapped(operand.operand)
        if not isinstance(operand, Name):
            raise UnknownError("a gradient by a formula")
        key, labels, comps, power = numbers.scope.target(operand, env)
        if power is not None:
            raise UnknownError("a gradient by a power")
        unknown = key not in numbers.scope.table and (key, labels) not in (
            numbers.world.inference.shapes
        )
        name = f"d {'p' if pre else ''}{key}"
        before = before_activation(numbers, operand, key, labels, pre)
        if before is not None:
            value = Val(gradient(numbers, before))
        elif (pre or unknown) and name in numbers.bindings:
            value = numbers.bound(numbers.bindings[name], labels)
        elif pre:
            raise UnknownError(f"it is not known what the gradient of {key} is by")
        elif unknown and any(k == key for k, _ in numbers.world.inference.shapes):
            raise OutOfRangeError(f"there is no {key} at {labels}")
        elif unknown:
            raise UnknownError(f"{key} is not defined")
        else:
            found = gradient(numbers, (key, labels))
            value = Val(arriving(numbers, operand, (key, labels), found))
        if comps and value.v.ndim:
            return [(values.entry(value, numbers.indices(comps, value.shape, env)), 0)]
        return [(value, 0)]

    def differential(self: Any, node: ast.Differential, env: Env) -> Readings:
        """The differential of a formula."""
        return [(differential(self, node.operand, env), 0)]

    def jacobian_call(self: Any, node: ast.Apply, function: Name, env: Env) -> Readings:
        """`J_y(z)`: the Jacobian of y by z."""
        if self.jacobians is not None:
            return [(self.whole_jacobian(self.jacobians), 0)]
        label = (*function.subs, *function.sups)[0]
        if len(node.arguments) != 1 or len(label.items) != 1:
            raise UnknownError("a Jacobian of several arguments")
        made = ast.Derivative(label.items[0], (node.arguments[0],), prefix=Prefix.NABLA)
        found: Readings = self.derivative(made, env)
        return found

    def pullback(self: Any, function: Name) -> Readings:
        """A vector times a Jacobian, or a Jacobian times a vector, in the shape of its values."""
        numbers: Numbers = self
        jacobians = numbers.jacobians
        assert jacobians is not None
        numbers.trace.gradients += 1
        target = numbers.world.variable((jacobians.key, ()))
        vector = numbers.world.variable((jacobians.vector, ())).v
        found: Readings = []
        for key in jacobians.variables:
            slope = numbers.world.slope(target, (key, ()))
            forward = function.base.lower() == "jvp"
            first, second = (slope, vector) if forward else (vector, slope)
            made = np.tensordot(first, second, vector.ndim)
            found.append((Val(made), 0))
            if made.ndim == 2 and 1 in made.shape and not forward:
                found.append((Val(made.T), 0 if jacobians.general else 1))
        return found

    def whole_jacobian(self: Any, jacobians: Jacobians) -> Val:
        """The Jacobian that a claim calls J, a row for each output."""
        numbers: Numbers = self
        target = numbers.world.variable((jacobians.key, ()))
        slope = numbers.world.slope(target, (jacobians.variables[0], ()))
        return Val(slope.reshape(target.v.size, -1))

    def bound(self: Any, binding: Binding, labels: tuple[int, ...]) -> Val:
        """The value of a name that is bound to a gradient, or to another name."""
        numbers: Numbers = self
        target = labels
        if binding.shift is None:
            target = ()
        elif labels:
            target = (labels[0] + binding.shift, *labels[1:])
        key = (binding.key, target)
        if binding.alias:
            return numbers.world.variable(key)
        numbers.scope.in_range(target)
        plain = binding.key.removeprefix("pre ")
        if (plain, target) not in numbers.world.inference.shapes:
            raise OutOfRangeError(f"there is no {plain} at {target}")
        numbers.trace.gradients += 1
        made = gradient(numbers, key)
        return Val(made.T if binding.transposed else made)


def bare_nabla(numbers: Numbers, node: ast.Derivative, env: Env) -> Readings:
    r"""`\nabla C` alone: the gradient by the output."""
    target = node.target
    if not isinstance(target, Name) or not is_loss_key(numbers.scope.profile.ref(target).key):
        raise UnknownError("a gradient that does not say by what")
    sinks = [s for s in numbers.world.sinks() if numbers.world.values[s].v.ndim == 2]
    if len(sinks) != 1:
        raise UnknownError("a gradient that does not say by what")
    return [(Val(gradient(numbers, sinks[0])), 0)]


def argument_of(numbers: Numbers, target: Node | None) -> Node | None:
    r"""What `\nabla f(x)` differentiates by: the argument, or the one that f is defined with."""
    if isinstance(target, ast.Apply) and len(target.arguments) == 1:
        head, argument = target.function, unwrapped(target.arguments[0])
        return argument if isinstance(head, Name) and isinstance(argument, Name) else None
    if isinstance(target, Name):
        key = numbers.scope.profile.ref(target).key
        for definition in numbers.scope.table.get(key, ()):
            if len(definition.formals) == 1:
                return definition.formals[0]
    return None


def variable_of(numbers: Numbers, node: Node, env: Env) -> tuple[Key, tuple[int, ...] | None]:
    """The name that is differentiated by, and which entry of it."""
    if isinstance(node, ast.Apply) and isinstance(node.function, Name):
        node = node.function
    if not isinstance(node, Name):
        raise UnknownError("a derivative by a formula")
    key, labels, comps, power = numbers.scope.target(node, env)
    if power is not None:
        raise UnknownError("a derivative by a power")
    known = key in numbers.scope.table or (key, labels) in numbers.world.inference.shapes
    if not known and len(labels) > 1 and (key, labels[:-1]) in numbers.world.inference.shapes:
        labels = labels[:-1]
    if not known and not any(k == key for k, _ in numbers.world.inference.shapes):
        alias = aliased(numbers, key, labels)
        if alias is None:
            raise UnknownError(f"{key} is not defined")
        key, labels = alias
    value = numbers.world.variable((key, labels))
    numbers.trace.used.add((key, labels))
    if not comps or not value.v.ndim:
        return (key, labels), None
    where = numbers.indices(comps, value.shape, env)
    if len(where) == 1:
        where = (where[0], 0) if value.shape[1] == 1 else (0, where[0])
    if any(not 0 <= i < n for i, n in zip(where, value.shape, strict=True)):
        raise OutOfRangeError("an entry that does not exist")
    return (key, labels), where


def aliased(numbers: Numbers, key: str, labels: tuple[int, ...]) -> Key | None:
    """The variable behind a usual name of inputs and outputs."""
    found = numbers.alias(key, labels)
    if found is None:
        return None
    for name, value in numbers.world.values.items():
        if value is found:
            return name
    return None


def target_of(numbers: Numbers, node: Node, env: Env) -> Val | None:
    """What is differentiated; None for the loss of the world."""
    node = unwrapped(node)
    name = node
    if isinstance(name, ast.Apply) and isinstance(name.function, Name):
        name = name.function
    if isinstance(name, Name):
        key, labels, _, _ = numbers.scope.target(name, env)
        shapes = numbers.world.inference.shapes
        if key not in numbers.scope.table and (key, labels) not in shapes:
            if is_loss_key(key) or key in numbers.scope.model.scalars:
                return None
    try:
        made: Val = numbers.one(node, replace(env, every=False))
    except MismatchError as error:
        raise UnknownError(f"what is differentiated does not conform: {error}") from error
    if made.d is not None and not np.all(np.isfinite(made.d)):
        raise UnknownError("a derivative of a derivative")
    return made


def gradient(numbers: Numbers, key: Key) -> Array:
    """The gradient of the loss by a name, as the document averages it."""
    found = numbers.world.gradient(key, numbers.families)
    if numbers.flags.unaveraged and numbers.world.has_batch():
        mean = mean_inside(numbers)
        if BATCH_SIZE in found.shape:
            return found * BATCH_SIZE if mean else found
        return found if mean else found / BATCH_SIZE
    return found


def mean_inside(numbers: Numbers) -> bool:
    """Whether the document's own loss divides by the number of examples."""
    world = numbers.world
    key = None if world.supposed_loss is not None else world.own_key()
    found = None if key is None else numbers.scope.template(*key)
    return found is not None and any(
        isinstance(n, Name) and n.base in ("m", "N") for _, n in walk(found[0].body)
    )


def differential(numbers: Numbers, node: Node, env: Env) -> Val:
    """The change of a value when the data change."""
    value: Val = numbers.one(node, replace(env, every=False))
    numbers.trace.gradients += 1
    if value.d is None:
        return Val(np.zeros(value.shape))
    made = np.zeros(value.shape)
    for key, (start, shape) in numbers.world.starts.items():
        if key not in numbers.world.inference.leaves or key[0][:1] in "WUVbB":
            continue
        size = int(np.prod(shape, dtype=int))
        if start + size > value.d.shape[-1]:
            continue
        step = numbers.world.random(f"step {key}").uniform(-1, 1, size)
        made = made + value.d[..., start : start + size] @ step
    return Val(made)


def arranged(
    slope: Array, shapes: tuple[tuple[int, ...], tuple[int, ...]], layout: Layout
) -> Readings:
    """A derivative in the shape that a layout gives it."""
    above, below = shapes
    if not above:
        if layout is Layout.NUMERATOR and below:
            return [(Val(slope.T), 0)]
        return [(Val(slope), 0)]
    if not below:
        return [(Val(slope), 0)]
    rows, columns = int(np.prod(above)), int(np.prod(below))
    found: Readings = []
    flat = slope.reshape(rows, columns)
    if 1 in above and 1 in below:
        found.append((Val(flat.T if layout is Layout.DENOMINATOR else flat), 0))
    if above == below and not np.any(flat - np.diag(np.diag(flat))):
        found.append((Val(np.diag(flat).reshape(above)), 0))
    if not found:
        raise UnknownError("a derivative of third order: of an array by an array")
    return found
