"""Evaluate formulas on the numbers of a world."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.conditions import Conditions
from symbackprop.notes.judge.dots import dotted
from symbackprop.notes.judge.elided import expanded
from symbackprop.notes.judge.evaluate import Env, Evaluator, NeedLetterError
from symbackprop.notes.judge.flags import Binding, Flags
from symbackprop.notes.judge.gradients import Gradients, gradient
from symbackprop.notes.judge.maps import Jacobians
from symbackprop.notes.judge.number_calls import Calls
from symbackprop.notes.judge.operations import NumberOps
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.recurrent import CELL, about_cell
from symbackprop.notes.judge.scope import Key
from symbackprop.notes.judge.sums import Sums
from symbackprop.notes.judge.values import UnknownError, Val
from symbackprop.notes.judge.world import BATCH_SIZE, Families, World
from symbackprop.notes.kinds import ProductOp
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["Numbers"]

STARS = frozenset({ProductOp.STAR, ProductOp.AST})


@dataclass(slots=True)
class Trace:
    """What an evaluation met: the names it used, and conventions it relied on."""

    used: set[Key] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    gradients: int = 0
    kinks: bool = False


class Numbers(Calls, Sums, Gradients, Conditions, Evaluator):
    """The walk over numbers of one world, under the flags of one reading of conventions."""

    def __init__(self, world: World, flags: Flags | None = None) -> None:
        super().__init__()
        self.ops = NumberOps
        self.world = world
        self.scope = world.scope
        self.flags = flags or Flags()
        self.bindings: dict[str, Binding] = {}
        self.hopeless: set[object] = set()
        self.jacobians: Jacobians | None = None
        self.trace = Trace()
        self.families: Families = frozenset()
        self.depth = 0
        if world.evaluator is None:
            world.evaluator = self

    def is_function(self, node: Node) -> bool:
        """Whether a node is a function here."""
        while isinstance(node, ast.Primed):
            node = node.base
        return isinstance(node, Name) and (
            node.base in FUNCTIONS
            or self.scope.profile.ref(node).key in self.scope.profile.functions
        )

    def families_of(self, sides: tuple[Node, ...]) -> Families:
        """The defined names that a claim speaks of: they say which network is meant."""
        found: set[tuple[str, int]] = set()
        for side in sides:
            if cell := about_cell(side, self.scope):
                return frozenset({(cell, CELL)})
            for _, node in walk(side):
                if not isinstance(node, Name):
                    continue
                ref = self.scope.profile.ref(node)
                key = self.scope.canonical(ref.key)
                if not self.scope.table.get(key):
                    key = self.scope.canonical(key.removeprefix("bar:"))
                binding = self.bindings.get(key) or self.bindings.get(f"{key}[]")
                if binding is not None:
                    key = binding.key
                if self.scope.table.get(key) and not is_loss_key(key):
                    found.add((key, len(ref.labels)))
        return frozenset(found)

    def name(self, node: Name, env: Env) -> Readings:
        """Read a name."""
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
                raise UnknownError(f"the function {node.base} without argument")
            value = self.lookup(key, labels, comps, node, env)
        if env.frozen:
            value = Val(value.v)
        if comps and not value.v.ndim and not is_loss_key(key) and key not in env.formal:
            raise UnknownError(f"an entry of {key}, which is a number here")
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
        known = self.scope.table.get(node.base) or (node.base, ()) in self.world.inference.shapes
        if node.base in ("I", "mathbb{I}", "E", "1", "0") and not known:
            comps = self.scope.profile.ref(node).comps
            if node.base in ("1", "0"):
                return self.constants(node, env)
            if len(comps) == 2:
                return self.kronecker(comps, env)
            if node.base == "I" and not comps:
                sizes = sorted(set(self.world.inference.sizes.values()) - {1})
                return [(Val(np.eye(n)), 0) for n in sizes[:8]]
        if node.base == "delta" and len(self.scope.profile.ref(node).comps) == 2:
            if not self.scope.profile.ref(node).labels:
                return self.kronecker(self.scope.profile.ref(node).comps, env)
        return None

    def constants(self, node: Name, env: Env) -> Readings:
        """The vector of ones or zeros: of the size that fits, or of every size there is."""
        fill = float(node.base)
        inference = self.world.inference
        fitting = inference.ones.get((id(node), str(sorted(env.letters.items()))))
        if fitting is not None:
            shape = tuple(inference.size(d) for d in fitting.shape)
            return [(Val(np.full(shape, fill)), 0)]
        sizes = sorted(set(self.world.inference.sizes.values()) - {1})[:8]
        made: Readings = [(Val(np.full((n, 1), fill)), 0) for n in sizes]
        return made

    def kronecker(self, comps: tuple[Node, ...], env: Env) -> Readings:
        """Read a Kronecker delta of two indices."""
        first, second = (self.index(c, env, None) for c in comps)
        return [(self.ops.number(float(first == second)), 0)]

    def lookup(
        self, key: str, labels: tuple[int, ...], comps: tuple[Node, ...], node: Name, env: Env
    ) -> Val:
        """The value of a name: a variable, a bound gradient, a late definition, a size."""
        world = self.world
        if self.jacobians is not None and key == "J" and not self.scope.table.get("J"):
            return self.whole_jacobian(self.jacobians)
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
        mark = f"{key}[{labels[0]}]" if labels else f"{key}[]"
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
                body = unwrapped(definition.body)
                if isinstance(body, ast.Derivative) and body.variables:
                    env = self.scope.matched(definition, labels)
                    if env is not None:
                        return definition, env
        return None

    def late_array(self, definition: Definition, env: Env) -> Val:
        """A gradient that is defined entry by entry."""
        body = unwrapped(definition.body)
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
            raise NeedLetterError(letter, extent)
        return self.scope.arithmetic(node, env, lambda n, e: self.step(n, e, extent))

    def step(self, node: Node, env: Env, extent: int | None) -> int:
        """A part of a component's arithmetic: a step, or a letter."""
        if isinstance(node, ast.Number) and node.text.isdigit():
            return int(node.text)
        return self.index(node, env, extent)

    def chosen_class(self, extent: int | None) -> int:
        """The class that an integer label names."""
        return 1 if extent is None else min(1, extent - 1)

    def product(self, node: ast.Product, env: Env) -> Readings:
        """Read a product; in a definition, a dot of two columns is their dot product."""
        if self.scope.model.windows and any(joint.op in STARS for joint in node.joints):
            wide = [factor for factor in node.factors if self.one(factor, env).shape]
            if len(wide) > 1:
                raise UnknownError("a star between arrays may be a convolution here")
        if env.every:
            return super().product(node, env)

        def together(first: Node, second: Node) -> bool:
            shapes = [self.one(part, env).shape for part in (first, second)]
            return len(shapes[0]) == 2 and shapes[0] == shapes[1] and shapes[0][1] == 1

        return super().product(dotted(node, together), env)

    def elided(self, node: ast.Matrix, env: Env) -> Readings:
        """Read a matrix with dots."""
        return [(expanded(self, node, env), 0)]

    def accented(self, node: ast.Accented, env: Env) -> Readings:
        """Read an accent on something that is no name; an arrow makes a vector of ones."""
        if node.accent == "vec" and isinstance(node.base, ast.Number) and node.base.text in "01":
            return self.constants(Name(node.base.text), env)
        return super().accented(node, env)

    def transposed(self, node: ast.Transposed, env: Env) -> Readings:
        """Read a transpose."""
        base = node.base
        if isinstance(base, ast.Apply) and not base.certain and len(base.arguments) == 1:
            function = base.function
            plain = isinstance(function, Name | ast.Prefixed) and not self.is_function(function)
            plain = plain and not (isinstance(function, Name) and function.base == "J")
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
        """Add a term; a bias may have fewer axes."""
        return self.ops.add(a, b)
