"""A world: numbers for everything that a selection of definitions names, and all derivatives."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.functions import ELEMENTWISE, Smooth, opaque_scalar, smooth
from symbackprop.notes.judge.inference import Inference
from symbackprop.notes.judge.recurrent import CELL, states
from symbackprop.notes.judge.scope import Key, Scope
from symbackprop.notes.judge.shapes import Dims
from symbackprop.notes.judge.values import Array, MismatchError, OutOfRangeError, UnknownError, Val
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.resolve.explicit import is_explicit
from symbackprop.notes.trees import walk

if TYPE_CHECKING:
    from symbackprop.notes.judge.numbers import Numbers

__all__ = ["Families", "World"]

Families = frozenset[tuple[str, int]]
"""Names that a claim speaks of, each with how many labels it has."""

TARGETS = frozenset({"y", "t", "d", "Y", "T", "D", "target", "label"})
NO_LOSS = "no network leads to a loss"
NO_SLOPE = "the loss does not depend on"
ENTROPIES = frozenset({"CE", "CrossEntropy", "crossentropy"})
BATCH_SIZE = 6
MOST_ENTRIES = 256
_MANY = frozenset({"m", "N", "M", "B", "n"})


def standard_loss(body: ast.Apply, arguments: list[Val]) -> Val | None:
    """A loss that is known by its name: cross-entropy of a target and an output."""
    name = body.function.base if isinstance(body.function, Name) else ""
    if name not in ENTROPIES or len(arguments) != 2:
        return None
    target, output = arguments
    if target.shape != output.shape:
        return None
    return values.negative(values.total(values.multiply(target, values.log(output))))


class World:
    """Values of one scope at one seed; everything is evaluated when it is asked for."""

    def __init__(self, scope: Scope, inference: Inference, seed: int) -> None:
        self.scope = scope
        self.inference = inference
        self.seed = seed
        self.values: dict[Key, Val] = {}
        self.starts: dict[Key, tuple[int, tuple[int, ...]]] = {}
        self.directions = 0
        self.consumed: set[Key] = set()
        self.busy: list[Key] = []
        self.evaluator: Numbers | None = None
        self.at_once: Callable[[World, Node, Env, list[str], tuple[int, ...]], Val] | None = None
        self.activations: dict[str, str] = {}
        self.supposed_loss: Callable[[World], Val] | None = None
        self.losses: dict[str, Val] = {}
        self.defined_all = False
        self.failed: dict[Key, str] = {}
        self.reaching: dict[Families, tuple[Key, ...]] = {}

    def random(self, name: str) -> np.random.Generator:
        """Random numbers of a name."""
        return np.random.default_rng([zlib.crc32(name.encode()), self.seed])

    def shape(self, key: Key) -> tuple[int, ...] | None:
        """The shape that was inferred for a name."""
        found = self.inference.shapes.get(key)
        if found is None:
            return None
        return tuple(self.inference.size(d) for d in found.shape)

    def size(self, symbol: str) -> int | None:
        """The number that a size symbol stands for."""
        dim = self.inference.symbols.get(symbol)
        if dim is not None:
            return self.inference.size(dim)
        if symbol in _MANY and symbol != "n" and self.has_batch():
            return BATCH_SIZE
        return None

    def has_batch(self) -> bool:
        """Whether anything has a batch."""
        dims = self.inference.dims
        return any(
            dims.find(d) == Dims.BATCH for sh in self.inference.shapes.values() for d in sh.shape
        )

    def variable(self, key: Key) -> Val:
        """The value of a name with its tangent, its own directions included."""
        if self.busy and key not in self.consumed and not is_explicit(self.busy[-1][0]):
            self.consumed.add(key)
        if key in self.values:
            return self.values[key]
        if key in self.failed:
            raise UnknownError(self.failed[key])
        self.scope.in_range(key[1])
        found = self.scope.template(*key)
        if found is not None and key not in self.busy and key not in self.inference.leaves:
            value = self.defined(key, *found)
        else:
            value = self.leaf(key)
        return self.seeded(key, value)

    def seeded(self, key: Key, value: Val) -> Val:
        """The value with directions of its own."""
        size = value.v.size
        start, self.directions = self.directions, self.directions + size
        tangent = np.zeros((*value.shape, self.directions))
        if value.d is not None:
            tangent[..., : value.d.shape[-1]] = value.d
        tangent.reshape(-1, self.directions)[np.arange(size), start + np.arange(size)] += 1.0
        self.starts[key] = (start, value.shape)
        made = Val(value.v, tangent)
        self.values[key] = made
        return made

    def defined(self, key: Key, definition: Definition, env: Env) -> Val:
        """The value of a definition's body."""
        assert self.evaluator is not None
        env = replace(env, every=False)
        self.busy.append(key)
        try:
            body = definition.body
            if isinstance(body, ast.Apply) and is_loss_key(key[0]) and self.inference.opaque(body):
                arguments = [self.evaluator.one(a, env) for a in body.arguments]
                known = standard_loss(body, arguments)
                if known is not None:
                    return known
                return opaque_scalar(key[0], self.seed, arguments)
            shape = self.shape(key)
            letters = [c.base for c in definition.comps if isinstance(c, Name)]
            if letters and shape is not None and len(shape) == 2:
                value = self.assembled(definition, env, letters, shape)
            else:
                value = self.evaluator.one(body, env)
        except (UnknownError, OutOfRangeError, MismatchError, NeedLetterError) as error:
            if is_explicit(key[0]):
                raise UnknownError(str(error)) from error
            self.failed[key] = f"{key[0]} has no value: {error}"
            raise UnknownError(self.failed[key]) from error
        finally:
            self.busy.pop()
        if not np.all(np.isfinite(value.v)):
            self.failed[key] = f"{key[0]} is not finite here"
            raise UnknownError(self.failed[key])
        return value

    def assembled(
        self, definition: Definition, env: Env, letters: list[str], shape: tuple[int, ...]
    ) -> Val:
        """An array from the definition of its entries."""
        assert self.evaluator is not None
        if self.at_once is not None:
            try:
                return self.at_once(self, definition.body, env, letters, shape)
            except (UnknownError, MismatchError):
                pass
        if shape[0] * shape[1] > MOST_ENTRIES:
            raise UnknownError("an array that is too large to evaluate entry by entry")
        entries: list[Val] = []
        pairs = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
        for i, j in pairs:
            inner = env
            for letter, index in zip(letters, (i, j), strict=False):
                inner = inner.bind(letter, index)
            entries.append(self.evaluator.one(definition.body, inner).scalar())
        value = np.array([float(entry.v) for entry in entries]).reshape(shape)
        tangent = np.zeros((*shape, self.directions))
        for (i, j), entry in zip(pairs, entries, strict=True):
            if entry.d is not None:
                tangent[i, j, : entry.d.shape[-1]] = entry.d
        return Val(value, tangent)

    def leaf(self, key: Key) -> Val:
        """Random numbers for a name that nothing defines."""
        shape = self.shape(key)
        if shape is None:
            if any(k[0] == key[0] for k in self.inference.shapes):
                raise OutOfRangeError(f"there is no {key[0]} at {key[1]}")
            raise UnknownError(f"{key[0]} is not defined")
        random = self.random(f"{key}")
        data = random.uniform(0.3, 1.1, shape)
        if self.scope.hypothesis.positive and not key[0][:1].isupper():
            data = data * 0.8
        else:
            data = data * random.choice([-1.0, 1.0], shape)
        if key[0] in self.scope.hypothesis.symmetric and len(shape) == 2 and shape[0] == shape[1]:
            data = (data + data.T) / 2
        if key[0] in ("epsilon", "lambda", "eta", "alpha"):
            data = np.abs(data)
        if key[0] in TARGETS and self.is_target(key[0]):
            data = np.abs(data)
            if len(shape) == 2 and self.sums_to_one(key[0]):
                axis = 1 if shape[0] == 1 or shape[0] == BATCH_SIZE else 0
                data = data / data.sum(axis=axis, keepdims=True)
            else:
                data = data * 0.8
        return Val(np.asarray(data))

    def is_target(self, key: str) -> bool:
        """Whether a leaf is what a network should give."""
        return not self.scope.table.get(key)

    def sums_to_one(self, key: str) -> bool:
        """Whether a target is a distribution: no `1 - y` stands anywhere."""
        for definition in self.scope.definitions:
            if not is_loss_key(definition.key):
                continue
            for _, node in walk(definition.body):
                if isinstance(node, ast.Add) and isinstance(node.terms[0], ast.Number):
                    if any(isinstance(t, Name) and t.base == key for t in node.terms[1:]):
                        return False
        return True

    def function(self, key: str, labels: tuple[int, ...]) -> Smooth:
        """A function of a number that the document names."""
        chosen = self.activations.get(key)
        if chosen is not None:
            return ELEMENTWISE[chosen]
        return smooth(f"{key}{labels}", self.seed)

    def define_all(self) -> None:
        """Evaluate every definition that has a value."""
        if self.defined_all:
            return
        self.defined_all = True
        for key in list(self.inference.shapes):
            if key not in self.inference.leaves:
                try:
                    self.variable(key)
                except (UnknownError, OutOfRangeError, MismatchError):
                    continue

    def sinks(self) -> list[Key]:
        """Defined names that nothing consumes and that are no losses."""
        self.define_all()
        found = [
            key
            for key in self.values
            if key not in self.inference.leaves
            and not key[0].startswith("pre ")
            and not is_explicit(key[0])
            and key not in self.consumed
            and not (is_loss_key(key[0]) and self.values[key].v.ndim == 0)
        ]
        return list(dict.fromkeys((*found, *states(self))))

    def reached(self, families: Families) -> tuple[Key, ...]:
        """The outputs that depend on any of some names; all of them when none does."""
        if families not in self.reaching:
            cells = [(base, (self.scope.model.depth,)) for base, n in families if n == CELL]
            if cells and cells[0] in self.values:
                return tuple(cells)
            bases = {base for base, _ in families}
            twins = {base[:1].swapcase() + base[1:] for base in bases} - bases
            groups: dict[tuple[str, int], list[Key]] = {}
            for base, arity in families:
                every = [key for key in self.starts if key[0] == base]
                exact = [key for key in every if len(key[1]) == arity]
                if every:
                    groups[base, arity] = exact or every
            members = [key for group in groups.values() for key in group]
            sinks = [s for s in self.sinks() if s[0] not in twins or self.moved(s, members)]
            sinks = sinks or self.sinks()
            hits = {
                family: {sink for sink in sinks if sink in group or self.moved(sink, group)}
                for family, group in groups.items()
            }
            shared = [s for s in sinks if all(s in hit for hit in hits.values())]
            some = [s for s in sinks if any(s in hit for hit in hits.values())]
            chosen = shared or some or sinks
            carried = states(self)
            if any(key in carried for key in chosen):
                chosen = list(dict.fromkeys((*chosen, *carried)))
            self.reaching[families] = tuple(chosen)
        return self.reaching[families]

    def moved(self, target: Key, keys: list[Key]) -> bool:
        """Whether a value depends on any of some names."""
        return any(bool(np.any(self.slope(self.values[target], k))) for k in keys)

    def opaque_loss(self, families: Families = frozenset()) -> Val:
        """A loss that depends on the outputs that some names lead to."""
        reached = self.reached(families)
        name = str(reached)
        if name not in self.losses:
            if not reached:
                raise UnknownError(NO_LOSS)
            values_ = [self.values[key] for key in reached]
            self.losses[name] = opaque_scalar("loss", self.seed, values_)
        return self.losses[name]

    def own_loss(self) -> Val | None:
        """The loss that the document defines, the outermost of them."""
        self.define_all()
        if not self.busy and "own" in self.losses:
            return self.losses["own"]
        found = self.outermost()
        if found is not None and not self.busy:
            self.losses["own"] = found
        return found

    def loss_is_opaque(self) -> bool:
        """Whether the document's own loss is only named, with what it depends on."""
        return any(
            is_loss_key(d.key)
            and isinstance(d.body, ast.Apply)
            and self.inference.opaque(d.body)
            and not (isinstance(d.body.function, Name) and d.body.function.base in ENTROPIES)
            for d in self.scope.definitions
            if not d.late
        )

    def own_key(self) -> Key | None:
        """The name of the defined loss that no other loss consumes."""
        found = [
            key
            for key, value in self.values.items()
            if is_loss_key(key[0]) and value.is_scalar and key not in self.inference.leaves
        ]
        outer = [key for key in found if key not in self.consumed] or found
        return outer[-1] if outer else None

    def outermost(self) -> Val | None:
        """The value of the defined loss that no other loss consumes."""
        key = self.own_key()
        return None if key is None else self.values[key].scalar()

    def loss(self, families: Families = frozenset()) -> Val:
        """The loss: supposed, defined, or opaque."""
        if self.supposed_loss is not None:
            if "supposed" not in self.losses:
                self.losses["supposed"] = self.supposed_loss(self)
            return self.losses["supposed"]
        return self.own_loss() or self.opaque_loss(families)

    def loss_or_none(self) -> Val | None:
        """The document's own loss, if it has one."""
        return self.own_loss()

    def slope(self, target: Val, key: Key) -> Array:
        """The derivative of a value by a name: the axes of the one, then of the other."""
        self.variable(key)
        start, shape = self.starts[key]
        size = int(np.prod(shape, dtype=int))
        if target.d is None:
            return np.zeros((*target.shape, *shape))
        padded = values._pad(target.d, max(target.d.shape[-1], start + size))
        return padded[..., start : start + size].reshape((*target.shape, *shape))

    def gradient(self, key: Key, families: Families = frozenset()) -> Array:
        """The derivative of the loss by a name."""
        self.define_all()
        self.variable(key)
        found = self.slope(self.loss(families), key)
        if not np.any(found):
            found = self.slope(self.opaque_loss(families), key)
            if not np.any(found):
                raise UnknownError(f"{NO_SLOPE} {key[0]}")
        return found
