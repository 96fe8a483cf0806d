"""Evaluate formulas on the numbers of a world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.conditions import Conditions
from symbackprop.notes.judge.evaluate import Env, Evaluator, NeedLetter
from symbackprop.notes.judge.flags import Binding, Flags
from symbackprop.notes.judge.functions import ELEMENTWISE, named, opaque_scalar
from symbackprop.notes.judge.gradients import Gradients, gradient
from symbackprop.notes.judge.operations import NumberOps
from symbackprop.notes.judge.products import Readings, distinct, natural, readings
from symbackprop.notes.judge.scope import Key
from symbackprop.notes.judge.sums import Sums
from symbackprop.notes.judge.values import Mismatch, Unknown, Val
from symbackprop.notes.judge.world import BATCH_SIZE, World
from symbackprop.notes.kinds import Delimiter, ProductOp
from symbackprop.notes.lexicon import ACTIVATIONS, FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.trees import walk

__all__ = ["Numbers"]


@dataclass(slots=True)
class Trace:
    """What an evaluation met: the names it used, and conventions it relied on."""

    used: set[Key] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    gradients: int = 0
    kinks: bool = False


class Numbers(Sums, Gradients, Conditions, Evaluator):
    """The walk over numbers of one world, under the flags of one reading of conventions."""

    def __init__(self, world: World, flags: Flags | None = None) -> None:
        super().__init__()
        self.ops = NumberOps
        self.world = world
        self.scope = world.scope
        self.flags = flags or Flags()
        self.bindings: dict[str, Binding] = {}
        self.hopeless: set[object] = set()
        self.trace = Trace()
        self.families: frozenset[str] = frozenset()
        self.depth = 0
        if world.evaluator is None:
            world.evaluator = self

    def is_function(self, node: Node) -> bool:
        while isinstance(node, ast.Primed):
            node = node.base
        return isinstance(node, Name) and (
            node.base in FUNCTIONS
            or self.scope.profile.ref(node).key in self.scope.profile.functions
        )

    def families_of(self, sides: tuple[Node, ...]) -> frozenset[str]:
        """The defined names that a claim speaks of: they say which network is meant."""
        found: set[str] = set()
        for side in sides:
            for _, node in walk(side):
                if not isinstance(node, Name):
                    continue
                ref = self.scope.profile.ref(node)
                key = self.scope.canonical(ref.key)
                binding = self.bindings.get(key)
                if binding is not None:
                    key = binding.key
                if self.scope.table.get(key) and not is_loss_key(key):
                    found.add(key)
        return frozenset(found)

    def name(self, node: Name, env: Env) -> Readings:
        if node.base == "e" and len(node.sups) == 1 and not node.subs and "e" not in env.formal:
            return self.lifted([self.read(node.sups[0].items[0], env)], self.ops.exp)
        special = self.special(node, env)
        if special is not None:
            return special
        key, labels, comps, power = self.scope.target(node, env)
        if key in env.formal:
            value = env.formal[key]
        else:
            if node.primes and self.is_function(node):
                raise Unknown(f"the function {node.base} without argument")
            value = self.lookup(key, labels, comps, node, env)
        if env.frozen:
            value = Val(value.v)
        if comps and not value.v.ndim and not is_loss_key(key) and key not in env.formal:
            raise Unknown(f"an entry of {key}, which is a number here")
        made: Readings
        if comps and value.v.ndim:
            made = [(values.entry(value, self.indices(comps, value.shape, env)), 0)]
        else:
            made = [(value, 0)]
        if node.primes and not comps and value.v.ndim == 2 and key not in env.formal:
            made = self.lifted([made], self.ops.transpose)
        return made if power is None else self.raised(made, power, env)

    def special(self, node: Name, env: Env) -> Readings | None:
        """Constants, Kronecker's delta, the identity, and letters that are numbers."""
        if not node.subs and not node.sups and not node.accents:
            letter = node.base + "'" * node.primes
            if letter in env.letters and isinstance(env.letters[letter], int):
                if letter not in self.scope.table:
                    return [(self.ops.number(env.letters[letter]), 0)]
            if node.base == "pi":
                return [(self.ops.number(np.pi), 0)]
            if node.base == "e" and not self.scope.table.get("e"):
                return [(self.ops.number(np.e), 0)]
        if node.base in ("I", "mathbb{I}", "E", "1", "0") and not self.scope.table.get(node.base):
            comps = self.scope.profile.ref(node).comps
            if node.base in ("1", "0"):
                return self.constants(node)
            if len(comps) == 2:
                return self.kronecker(comps, env)
            if node.base == "I" and not comps:
                sizes = sorted(set(self.world.inference.sizes.values()) - {1})
                return [(Val(np.eye(n)), 0) for n in sizes[:8]]
        if node.base == "delta" and len(self.scope.profile.ref(node).comps) == 2:
            if not self.scope.profile.ref(node).labels:
                return self.kronecker(self.scope.profile.ref(node).comps, env)
        return None

    def constants(self, node: Name) -> Readings:
        """The vector of ones or zeros, of every size there is."""
        fill = float(node.base)
        sizes = sorted(set(self.world.inference.sizes.values()) - {1})[:8]
        made: Readings = [(Val(np.full((n, 1), fill)), 0) for n in sizes]
        return made

    def kronecker(self, comps: tuple[Node, ...], env: Env) -> Readings:
        first, second = (self.index(c, env, None) for c in comps)
        return [(self.ops.number(float(first == second)), 0)]

    def lookup(
        self, key: str, labels: tuple[int, ...], comps: tuple[Node, ...], node: Name, env: Env
    ) -> Val:
        """The value of a name: a variable, a bound gradient, a late definition, a size."""
        world = self.world
        if not labels and not comps:
            size = world.size(key)
            if size is not None and not self.scope.table.get(key):
                return values.constant(float(size))
        known = bool(self.scope.table.get(key)) or (key, labels) in world.inference.shapes
        if not known:
            found = self.unresolved(key, labels, node, env)
            if found is not None:
                return found
        if not known and len(labels) > 1 and (key, labels[:-1]) in world.inference.shapes:
            labels = labels[:-1]
        self.trace.used.add((key, labels))
        return world.variable((key, labels))

    def unresolved(self, key: str, labels: tuple[int, ...], node: Name, env: Env) -> Val | None:
        """A name that is no forward value: bound, late, or an alias."""
        mark = f"{key}[{labels[0]}]" if labels else key
        bound = self.bindings.get(mark) or self.bindings.get(key)
        if bound is None and key.startswith("bar:"):
            plain = self.scope.canonical(key.removeprefix("bar:"))
            if (plain, labels) in self.world.inference.shapes:
                self.trace.gradients += 1
                return Val(gradient(self, (plain, labels)))
        if bound is not None:
            return self.bound(bound, labels)
        late = self.late(key, labels)
        if late is not None and self.depth < 4:
            definition, inner = late
            self.depth += 1
            try:
                letters = {c.base for c in definition.comps if isinstance(c, Name)}
                if not letters:
                    return self.read(definition.body, replace(inner, every=True))[0][0]  # type: ignore[no-any-return]
                return self.late_array(definition, inner)
            finally:
                self.depth -= 1
        return self.alias(key, labels)

    def late(self, key: str, labels: tuple[int, ...]) -> tuple[Definition, Env] | None:
        """A definition of a gradient's name by a derivative."""
        for definition in self.scope.definitions:
            if definition.late and definition.key == key:
                body = definition.body
                while isinstance(body, ast.Group) and len(body.items) == 1:
                    body = body.items[0]
                if isinstance(body, ast.Derivative) and body.variables:
                    env = self.scope.matched(definition, labels)
                    if env is not None:
                        return definition, env
        return None

    def late_array(self, definition: Definition, env: Env) -> Val:
        """A gradient that is defined entry by entry."""
        body = definition.body
        while isinstance(body, ast.Group) and len(body.items) == 1:
            body = body.items[0]
        assert isinstance(body, ast.Derivative)
        whole = [
            replace(v, subs=tuple(s for s in v.subs if s.word)) if isinstance(v, Name) else v
            for v in body.variables
        ]
        return self.read(replace(body, variables=tuple(whole)), env)[0][0]  # type: ignore[no-any-return]

    def alias(self, key: str, labels: tuple[int, ...]) -> Val | None:
        """Outputs and inputs under the names that everybody gives them."""
        world = self.world
        if labels:
            return None
        shapes = world.inference.shapes
        if key in ("x", "X", "a", "A", "h") and key not in {k for k, _ in shapes}:
            capital = key.isupper()
            for base in ("A", "X") if capital else ("a", "x", "h", "y"):
                if (base, (0,)) in shapes and key in ("x", "X"):
                    return world.variable((base, (0,)))
        if key in ("hat:y", "hat:Y", "Yhat", "yhat") and key not in {k for k, _ in shapes}:
            sinks = world.sinks()
            if len(sinks) == 1:
                return world.variable(sinks[0])
        if key in ("y", "Y", "t", "d", "T", "D") and (key, ()) not in shapes:
            return self.target_like(key)
        return None

    def target_like(self, key: str) -> Val | None:
        """A target of the shape of the output, where only claims speak of it."""
        world = self.world
        sinks = world.sinks()
        wide = [s for s in sinks if (world.values[s].v.ndim == 2)]
        if key.isupper() != wide[-1][0].isupper() if wide else True:
            wide = [s for s in wide if s[0][:1].isupper() == key.isupper()] or wide
        if not wide:
            return None
        return self.target_of(world, wide[-1], key)

    def target_of(self, world: World, sink: Key, key: str) -> Val:
        """The target that belongs to an output."""
        if (key, ()) not in world.values:
            shape = world.values[sink].shape
            data = np.abs(world.random(f"target {key}").uniform(0.2, 0.9, shape))
            axis = 1 if shape[0] in (1, BATCH_SIZE) else 0
            data = data / data.sum(axis=axis, keepdims=True)
            world.seeded((key, ()), Val(data))
        return world.values[key, ()]

    def indices(self, comps: tuple[Node, ...], shape: tuple[int, ...], env: Env) -> tuple[int, ...]:
        """The entries that components point at."""
        if len(comps) == 1:
            extents: tuple[int, ...] = (max(shape),)
        else:
            extents = shape
        return tuple(self.index(c, env, n) for c, n in zip(comps, extents, strict=False))

    def index(self, node: Node, env: Env, extent: int | None) -> int:
        """The position that a component counts, from 0."""
        if isinstance(node, ast.Number) and node.text.isdigit():
            return int(node.text) - 1
        if isinstance(node, Name) and not node.sups:
            letter = node.base + "'" * node.primes
            if letter in env.letters:
                return int(env.letters[letter])
            if node.base in ("y", "Y") or node.subs:
                return self.chosen_class(extent)
            raise NeedLetter(letter, extent)
        return self.scope.arithmetic(node, env, lambda n, e: self.step(n, e, extent))

    def step(self, node: Node, env: Env, extent: int | None) -> int:
        """A part of a component's arithmetic: a step, or a letter."""
        if isinstance(node, ast.Number) and node.text.isdigit():
            return int(node.text)
        return self.index(node, env, extent)

    def chosen_class(self, extent: int | None) -> int:
        """The class that an integer label names."""
        return 1 if extent is None else min(1, extent - 1)

    def transposed(self, node: ast.Transposed, env: Env) -> Readings:
        base = node.base
        if isinstance(base, ast.Apply) and not base.certain and len(base.arguments) == 1:
            function = base.function
            plain = isinstance(function, Name | ast.Prefixed) and not self.is_function(function)
            if plain and not isinstance(base.arguments[0], ast.Comparison):
                inner = ast.Transposed(ast.Group(base.arguments))
                pair = ast.Product((function, inner), (ast.Joint(ProductOp.JUXTAPOSED),))
                return self.read(pair, env)
        if isinstance(base, Name) and len(self.scope.profile.ref(base).comps) == 2:
            first, second = self.scope.profile.ref(base).comps
            label = ast.Label((second, first))
            swapped = replace(base, subs=(label,), span=ast.NOWHERE)
            if len(base.subs) == 1 and len(self.scope.profile.ref(swapped).comps) == 2:
                return self.read(swapped, env)
        return super().transposed(node, env)

    def plus(self, a: Any, b: Any, term: Node, env: Env) -> Any:
        return self.ops.add(a, b)

    def apply(self, node: ast.Apply, env: Env) -> Readings:
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
                raise Unknown("a call of a list")
        if isinstance(function, ast.Prefixed) and function.prefix.value.strip() in ("d", "D"):
            raise Unknown("a call of a gradient")
        if not isinstance(function, Name):
            raise Unknown("a call of a formula")
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
            return self.jacobian_call(node, function, env)
        arguments = [a for a in node.arguments if not isinstance(a, ast.Comparison)]
        defined = self.scope.table.get(key, [])
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
            from_product = ast.Product((function, arguments[0]), (ast.Joint(ProductOp.JUXTAPOSED),))
            del from_product
            return self.multiplied(factors, env)
        return self.known_call(function, key, arguments, order, env)

    def multiplied(self, factors: list[Readings], env: Env) -> Readings:
        joints = [ProductOp.JUXTAPOSED] * (len(factors) - 1)
        if not env.every:
            return [(natural(self.ops, [f[0][0] for f in factors], joints), 0)]
        return readings(self.ops, factors, joints)

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
            raise Unknown("a definition that leads back to itself")
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
            if order > 1 or len(keys) != 1:
                raise Unknown("a higher derivative")
            return self.lifted(operands, lambda a: self.slope_of(definition, keys[0], a, env))
        finally:
            self.depth -= 1

    def slope_of(self, definition: Definition, key: str, a: Val, env: Env) -> Val:
        """The derivative of a function of one number, at every entry."""
        inside = Val(a.v, np.ones((*a.shape, 1)))
        made = self.one(
            definition.body, replace(env, formal={key: inside}, letters={}, frozen=False)
        )
        if made.shape != a.shape:
            raise Unknown("the derivative of a function that is not of every entry")
        slope = np.zeros(a.shape) if made.d is None else made.d[..., 0]
        return Val(slope, None if a.d is None else np.full((*a.shape, a.d.shape[-1]), np.nan))

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
                raise Unknown(f"the derivative of {base}")
            rows = self.rows()

            def known(*a: Val) -> Val:
                made = named(base, list(a), rows or self.by_rows(a[0]))
                if made is None:
                    raise Unknown(f"{base} is not known here")
                return made

            if base in ACTIVATIONS and len(operands) == 1:
                self.mark_inner(arguments[0], operands[0], env)
            return self.lifted(operands, known)
        if len(operands) != 1:
            if order == 0 and is_loss_key(key):
                return self.lifted(
                    operands, lambda *a: opaque_scalar(key, self.world.seed, list(a))
                )
            raise Unknown(f"the function {function.base} is not defined")
        labels = tuple(self.scope.label(n, env) for n in self.scope.profile.ref(function).labels)
        rule = self.world.function(key.lower(), labels)
        self.mark_inner(arguments[0], operands[0], env)
        return self.lifted(operands, lambda a: rule.apply(self.ops, a, order))

    def by_rows(self, a: Val) -> bool:
        """Whether the softmax of a matrix is of its rows."""
        return a.v.ndim == 2 and a.shape[1] != BATCH_SIZE

    def rows(self) -> bool:
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
                    raise Mismatch("the sum of a number along an axis")
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
                raise Unknown(f"{function.base} is not known")
            return made

        return self.lifted(operands, known)

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        inner = self.read(node.body, env)
        if not node.double:
            return self.lifted([inner], lambda a: ELEMENTWISE["abs"].apply(self.ops, a))
        if node.label is not None and node.label.items:
            item = node.label.items[0]
            if isinstance(item, ast.Number) and item.text == "1":
                absolute = ELEMENTWISE["abs"]
                return self.lifted([inner], lambda a: values.total(absolute.apply(self.ops, a)))
            if isinstance(item, ast.Number) and item.text != "2":
                raise Unknown("a norm of another order")

        def length(a: Val) -> Val:
            return values.power(values.total(values.multiply(a, a)), 0.5)

        return self.lifted([inner], length)

    def joined(self, parts: list[Readings], env: Env) -> Readings:
        made = super().joined(parts, env)
        return distinct(made)

    def group(self, node: ast.Group, env: Env) -> Readings:
        if len(node.items) == 1 and node.delimiter is Delimiter.BRACE:
            return self.read(node.items[0], env)
        return super().group(node, env)


Slope = Callable[[Val], Val]
