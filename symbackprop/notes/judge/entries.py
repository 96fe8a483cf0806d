"""Evaluate a formula for all entries at once: letters count along named axes.

A labelled value is a number for every choice of its letters. It multiplies and adds as a number
does, so that the walk over numbers serves for it too; only names, sums and conditions differ. What
does not fit raises `UnknownError`, and the entries are evaluated one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.conditions import TESTS
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.sums import condition_of, limits, ranged
from symbackprop.notes.judge.values import Array, OutOfRangeError, UnknownError, Val
from symbackprop.notes.judge.world import World
from symbackprop.notes.kinds import Big, Relation, Sign
from symbackprop.notes.trees import unwrapped

__all__ = ["all_entries"]

MOST = 2_000_000
"""Numbers that an intermediate array may have."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The positions that a letter takes."""

    letter: str
    positions: Array


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A number for every choice of letters, with its tangent in one more axis."""

    axes: tuple[str, ...]
    v: Array
    d: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """That of a number."""
        return ()

    @property
    def is_scalar(self) -> bool:
        """It is a number at every choice."""
        return True

    def scalar(self) -> Labelled:
        """Itself."""
        return self

    def spread(self, axes: tuple[str, ...]) -> tuple[Array, Array | None]:
        """Value and tangent along more axes."""
        order = [self.axes.index(a) for a in axes if a in self.axes]
        shape = [self.v.shape[self.axes.index(a)] if a in self.axes else 1 for a in axes]
        v = self.v.transpose(order).reshape(shape)
        if self.d is None:
            return v, None
        d = self.d.transpose([*order, len(order)]).reshape([*shape, self.d.shape[-1]])
        return v, d


def together(a: Labelled, b: Labelled) -> tuple[str, ...]:
    """The axes of two values, those of the first before others."""
    return (*a.axes, *(x for x in b.axes if x not in a.axes))


def limited(shape: Sequence[int]) -> None:
    """Refuse arrays that are too large."""
    if np.prod([float(n) for n in shape]) > MOST:
        raise UnknownError("an array that is too large")


class LabelledOps:
    """The operations on labelled values."""

    @staticmethod
    def number(value: float) -> Labelled:
        """A number."""
        return Labelled((), np.asarray(float(value)))

    @staticmethod
    def add(a: Labelled, b: Labelled) -> Labelled:
        """The sum."""
        axes = together(a, b)
        (v, d), (w, e) = a.spread(axes), b.spread(axes)
        total = np.asarray(v + w)
        tangents = [
            np.broadcast_to(t, (*total.shape, t.shape[-1])) for t in (d, e) if t is not None
        ]
        return Labelled(axes, total, values._sum(*tangents))

    @staticmethod
    def multiply(a: Labelled, b: Labelled) -> Labelled:
        """The product."""
        axes = together(a, b)
        (v, d), (w, e) = a.spread(axes), b.spread(axes)
        directions = max((t.shape[-1] for t in (d, e) if t is not None), default=1)
        made = np.asarray(v * w)
        limited((*made.shape, directions))
        first = None if d is None else w[..., None] * d
        second = None if e is None else v[..., None] * e
        return Labelled(axes, made, values._sum(first, second))

    scale = multiply
    matmul = multiply

    @staticmethod
    def trying(attempt: Callable[..., Labelled], a: Labelled, b: Labelled) -> Labelled:
        """Apply an operation."""
        return attempt(a, b)

    @staticmethod
    def negative(a: Labelled) -> Labelled:
        """The opposite."""
        return Labelled(a.axes, -a.v, None if a.d is None else -a.d)

    @staticmethod
    def elementwise(f: Any, slope: Any, a: Labelled) -> Labelled:
        """A function of the number."""
        made = values.elementwise(f, slope, Val(a.v, a.d))
        return Labelled(a.axes, made.v, made.d)

    @staticmethod
    def divide(a: Labelled, b: Labelled) -> Labelled:
        """The quotient."""
        return LabelledOps.multiply(a, LabelledOps.power(b, -1.0))

    @staticmethod
    def power(a: Labelled, n: float) -> Labelled:
        """A power by a fixed number."""
        return LabelledOps.elementwise(lambda x: x**n, lambda x: n * x ** (n - 1), a)

    @staticmethod
    def exp(a: Labelled) -> Labelled:
        """The exponential."""
        return LabelledOps.elementwise(np.exp, np.exp, a)

    @staticmethod
    def log(a: Labelled) -> Labelled:
        """The natural logarithm."""
        return LabelledOps.elementwise(np.log, lambda x: 1.0 / x, a)

    @staticmethod
    def transpose(a: Labelled) -> Labelled:
        """A number is its own transpose."""
        return a


class Entries(Numbers):
    """The walk over labelled values."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.ops: Any = LabelledOps

    def name(self, node: Name, env: Env) -> Readings:
        """A name: an entry for every choice of its letters, or a number."""
        if node.base == "e" and len(node.sups) == 1 and not node.subs and "e" not in env.formal:
            return self.lifted([self.read(node.sups[0].items[0], env)], self.ops.exp)
        key, labels, comps, power = self.scope.target(node, env)
        if key in env.formal:
            made = env.formal[key]
            if comps or not isinstance(made, Labelled):
                raise UnknownError("an argument that is an array")
        else:
            special = self.special(node, env)
            if special is not None:
                return [(as_labelled(v), c) for v, c in special[:1]]
            value = self.lookup(key, labels, comps, node, env)
            made = self.entries(value, comps, env)
        return [(made, 0)] if power is None else self.raised([(made, 0)], power, env)

    def special(self, node: Name, env: Env) -> Readings | None:
        """Constants, deltas, and letters that count."""
        if not node.subs and not node.sups and not node.accents:
            axis = env.letters.get(node.base + "'" * node.primes)
            if isinstance(axis, Axis):
                return [(Labelled((axis.letter,), axis.positions + 1.0), 0)]
        return super().special(node, env)

    def kronecker(self, comps: tuple[Node, ...], env: Env) -> Readings:
        """One where two positions are equal."""
        first, second = (self.places(c, env, None) for c in comps)
        return [(compared(Relation.EQUAL, first, second), 0)]

    def entries(self, value: Val, comps: tuple[Node, ...], env: Env) -> Labelled:
        """The entries of an array that components with letters point at."""
        if not comps or not value.v.ndim:
            if value.v.ndim or comps:
                raise UnknownError("an array among entries")
            return Labelled((), value.v, value.d)
        v, d = value.v, value.d
        if len(comps) == 1:
            if 1 not in v.shape:
                raise UnknownError("one index on a matrix")
            v, d = v.reshape(-1), None if d is None else d.reshape(v.size, -1)
        if len(comps) != v.ndim:
            raise UnknownError("indices that do not fit the array")
        places = [self.places(c, env, n) for c, n in zip(comps, v.shape, strict=True)]
        axes: tuple[str, ...] = ()
        for place in places:
            axes = together(Labelled(axes, np.empty(0)), place)
        spread = tuple(p.spread(axes)[0].astype(int) for p in places)
        for index, n in zip(spread, v.shape, strict=True):
            if np.any((index < 0) | (index >= n)):
                raise OutOfRangeError("an entry that does not exist")
        picked = np.asarray(v[spread])
        if d is not None:
            limited((*picked.shape, d.shape[-1]))
        return Labelled(axes, picked, None if d is None else d[spread])

    def places(self, node: Node, env: Env, extent: int | None) -> Labelled:
        """The positions that a component counts, from 0, for every choice of letters."""
        if isinstance(node, Name) and not node.sups and not node.subs:
            axis = env.letters.get(node.base + "'" * node.primes)
            if isinstance(axis, Axis):
                return Labelled((axis.letter,), axis.positions)
        if isinstance(node, ast.Add):
            total = self.ops.number(0)
            for sign, term in zip(node.signs, node.terms, strict=True):
                if isinstance(term, ast.Number) and term.text.isdigit():
                    place = self.ops.number(int(term.text))
                else:
                    place = self.places(term, env, extent)
                total = self.ops.add(
                    total, self.ops.negative(place) if sign is Sign.MINUS else place
                )
            return Labelled(total.axes, total.v)
        return Labelled((), np.asarray(float(self.index(node, env, extent))))

    def big(self, node: ast.BigOperator, env: Env) -> Readings:
        """A sum over letters that count entries."""
        if node.op is not Big.SUM or node.body is None:
            raise UnknownError("no sum")
        letters = ranged(node.range)
        if not letters:
            raise UnknownError("a sum without index")
        inner = replace(env, letters={k: v for k, v in env.letters.items() if k not in letters})
        made: Labelled | None = None
        names: dict[str, str] = {}
        for _ in range(len(letters) + 1):
            try:
                made = self.one(node.body, inner)
                break
            except NeedLetterError as need:
                if need.letter not in letters or need.extent is None:
                    raise
                positions = self.positions(node, need.letter, need.extent, inner)
                unique = f"{need.letter}/{len(inner.letters)}/{id(node)}"
                names[need.letter] = unique
                inner = inner.bind(need.letter, Axis(unique, positions))
        if made is None or set(letters) != set(names):
            raise UnknownError("a sum whose letters are not understood")
        for condition in node.range.conditions:
            if any(condition_of(condition, letter) for letter in letters):
                made = self.ops.multiply(made, self.where(condition, inner))
        return [(summed(made, tuple(names.values())), 0)]

    def positions(self, node: ast.BigOperator, letter: str, extent: int, env: Env) -> Array:
        """The positions that a sum's letter takes."""
        start, stop = limits(self, node.range, letter, extent, env)
        return np.arange(start, stop, dtype=float)

    def where(self, node: Node, env: Env) -> Labelled:
        """One where a condition on positions holds, else zero."""
        node = unwrapped(node)
        if not isinstance(node, ast.Comparison) or not self.about_positions(node, env):
            raise UnknownError("a condition that is not on positions")
        made: Labelled = self.ops.number(1)
        places = [self.counted(side, env) for side in node.sides]
        for relation, a, b in zip(node.relations, places, places[1:], strict=False):
            made = self.ops.multiply(made, compared(relation, a, b))
        return made

    def counted(self, node: Node, env: Env) -> Labelled:
        """A side of a condition as positions."""
        if isinstance(node, ast.Number):
            raise UnknownError("a condition on a numeral")
        return self.places(node, env, None)

    def indicator(self, node: ast.Indicator, env: Env) -> Readings:
        """One where the condition on positions holds."""
        return [(self.where(node.condition, env), 0)]

    def mark_inner(self, argument: Node, operand: Readings, env: Env) -> None:
        """Leave inner values without directions of their own."""

    def cases(self, node: ast.Cases, env: Env) -> Readings:
        """Refuse cases."""
        raise UnknownError("cases among entries")

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        """Refuse norms."""
        raise UnknownError("a norm among entries")


def as_labelled(value: Any) -> Labelled:
    """A number as a labelled value."""
    if isinstance(value, Labelled):
        return value
    if value.v.ndim:
        raise UnknownError("an array among entries")
    return Labelled((), value.v, value.d)


def compared(relation: Relation, a: Labelled, b: Labelled) -> Labelled:
    """One where a relation holds between positions, else zero."""
    test = TESTS.get(relation)
    if test is None:
        raise UnknownError("a condition that is not understood")
    axes = together(a, b)
    return Labelled(axes, np.asarray(test(a.spread(axes)[0], b.spread(axes)[0]), dtype=float))


def summed(a: Labelled, letters: tuple[str, ...]) -> Labelled:
    """The sum over some axes."""
    where = tuple(a.axes.index(letter) for letter in letters)
    kept = tuple(x for x in a.axes if x not in letters)
    return Labelled(
        kept, np.asarray(a.v.sum(axis=where)), None if a.d is None else a.d.sum(axis=where)
    )


def all_entries(
    world: World, body: Node, env: Env, letters: Sequence[str], shape: tuple[int, ...]
) -> Val:
    """The array whose entries a formula gives, one letter for each axis.

    Raises
    ------
    UnknownError
        The formula does not fit; its entries have to be evaluated one by one.
    """
    walker = Entries(world)
    sizes = [max(shape)] if len(letters) == 1 else list(shape)
    for letter, n in zip(letters, sizes, strict=True):
        env = env.bind(letter, Axis(letter, np.arange(n, dtype=float)))
    try:
        found = walker.one(body, env)
    except NeedLetterError as need:
        raise UnknownError(f"nothing says what {need.letter} is") from need
    except OutOfRangeError as error:
        raise UnknownError(str(error)) from error
    if not isinstance(found, Labelled):
        raise UnknownError("no entries")
    v, d = found.spread(tuple(letters))
    v = np.broadcast_to(v, tuple(sizes)).reshape(shape)
    tangent = np.zeros((*shape, world.directions))
    if d is not None:
        wide = np.broadcast_to(d, (*sizes, d.shape[-1])).reshape((*shape, d.shape[-1]))
        tangent[..., : d.shape[-1]] = wide
    return Val(np.array(v), tangent)
