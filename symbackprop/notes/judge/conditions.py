"""Conditions, cases, indicators, and indices on formulas, on numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.operations import select
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.values import Array, MismatchError, UnknownError, Val
from symbackprop.notes.kinds import Delimiter, Relation
from symbackprop.notes.resolve.profile import separated
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["TESTS", "Conditions"]

TESTS: dict[Relation, Callable[[Any, Any], Any]] = {
    Relation.EQUAL: np.equal,
    Relation.NOT_EQUAL: np.not_equal,
    Relation.LESS: np.less,
    Relation.LESS_EQUAL: np.less_equal,
    Relation.GREATER: np.greater,
    Relation.GREATER_EQUAL: np.greater_equal,
    Relation.EQUIVALENT: np.equal,
}


def nothing_like(value: Val, other: Val) -> Val:
    """A zero of another shape takes the shape of what stands beside it."""
    if value.shape != other.shape and other.v.ndim and value.d is None and not np.any(value.v):
        return Val(np.zeros(other.shape))
    return value


class Conditions:
    """The part of the walk that asks whether something holds."""

    def counts(self: Any, node: Node, env: Env) -> bool:
        """Whether a side of a condition is a position and no value."""
        if isinstance(node, ast.Number):
            return True
        names = [n for _, n in walk(node) if isinstance(n, Name)]
        if not isinstance(node, Name | ast.Add | ast.Group) or not names:
            return False
        first = names[0]
        letter = first.base + "'" * first.primes
        if letter in env.letters:
            return True
        if first.base in ("y", "Y", "t", "c") and first.subs:
            return True
        known = self.scope.table.get(first.base) or any(
            k == first.base for k, _ in self.world.inference.shapes
        )
        return len(first.base) == 1 and not known and not first.sups

    def holds(self: Any, node: Node, env: Env) -> bool:
        """Whether a condition on positions holds."""
        node = unwrapped(node)
        if not isinstance(node, ast.Comparison):
            raise UnknownError("a condition that is not understood")
        places = [self.position(side, env) for side in node.sides]
        for relation, a, b in zip(node.relations, places, places[1:], strict=False):
            if relation in (Relation.IN, Relation.NOT_IN):
                raise UnknownError("membership in a set")
            test = TESTS.get(relation)
            if test is None:
                raise UnknownError("a condition that is not understood")
            if not test(a, b):
                return False
        return True

    def position(self: Any, node: Node, env: Env) -> int:
        """The position, or the label, that a side of a condition gives."""
        if isinstance(node, ast.Number) and node.text.isdigit():
            return int(node.text)
        made: int = self.index(node, env, None)
        return made

    def about_positions(self: Any, node: Node, env: Env) -> bool:
        """Whether a condition compares positions only."""
        node = unwrapped(node)
        return isinstance(node, ast.Comparison) and all(
            self.counts(side, env) for side in node.sides
        ) and not all(isinstance(side, ast.Number) for side in node.sides)  # fmt: skip

    def mask(self: Any, node: Node, env: Env) -> Array:
        """Where a condition on values holds."""
        node = unwrapped(node)
        if not isinstance(node, ast.Comparison):
            raise UnknownError("a condition that is not understood")
        sides = [self.one(side, env) for side in node.sides]
        shape = next((s.shape for s in sides if s.v.ndim), ())
        made: Any = np.ones(shape, dtype=bool)
        for relation, a, b in zip(node.relations, sides, sides[1:], strict=False):
            test = TESTS.get(relation)
            if test is None:
                raise UnknownError("a condition that is not understood")
            for side in (a, b):
                if side.v.ndim and side.shape != shape:
                    raise MismatchError("a condition compares arrays of different shapes")
            if relation in (Relation.GREATER_EQUAL, Relation.LESS_EQUAL):
                self.trace.kinks = True
            made = made & test(a.v, b.v)
        return np.asarray(made, dtype=float)

    def indicator(self: Any, node: ast.Indicator, env: Env) -> Readings:
        """One where the condition holds, else zero."""
        if self.about_positions(node.condition, env):
            return [(values.constant(float(self.holds(node.condition, env))), 0)]
        return [(Val(np.asarray(self.mask(node.condition, env))), 0)]

    def cases(self: Any, node: ast.Cases, env: Env) -> Readings:
        """The value of the first case that holds."""
        if all(
            case.condition is None or self.about_positions(case.condition, env)
            for case in node.cases
        ):
            for case in node.cases:
                if case.condition is None or case.otherwise or self.holds(case.condition, env):
                    found: Readings = self.read(case.value, env)
                    return found
            raise UnknownError("no case holds here")
        made: Val | None = None
        covered: Any = None
        for case in reversed(node.cases):
            value = self.one(case.value, replace(env, every=False))
            if case.condition is None or case.otherwise:
                made, covered = value, True
                continue
            mask = np.asarray(self.mask(case.condition, env)) > 0
            if value.v.ndim == 0 and mask.ndim:
                value = values.broadcast(value, mask.shape)
            if made is None:
                made, covered = value, mask
                continue
            value, made = nothing_like(value, made), nothing_like(made, value)
            if made.v.ndim == 0 and mask.ndim:
                made = values.broadcast(made, mask.shape)
            if made.shape != value.shape or (mask.size > 1 and mask.shape != value.shape):
                raise MismatchError("the cases are of different shapes")
            made = select(mask, value, made)
            covered = covered | mask if covered is not True else True
        if made is None or (covered is not True and not np.all(covered)):
            raise UnknownError("the cases do not cover everything")
        return [(made, 0)]

    def indexed(self: Any, node: ast.Indexed, env: Env) -> Readings:
        """An entry of a formula, or an array built from a formula for its entries."""
        if node.superscript:
            raise UnknownError("a label on a formula")
        comps = tuple(self.scope_items(node.label))
        letters = [c.base for c in comps if isinstance(c, Name)]
        without = replace(env, letters={k: v for k, v in env.letters.items() if k not in letters})
        square = isinstance(node.base, ast.Group) and node.base.delimiter is Delimiter.SQUARE
        if square and len(letters) == len(comps):
            try:
                self.read(node.base, without)
            except NeedLetterError as need:
                if need.letter in letters and need.extent is not None:
                    return [(self.built(node.base, letters, without), 0)]
        base = self.read(node.base, without if square else env)
        return self.lifted(  # type: ignore[no-any-return]
            [base],
            lambda a: a if not a.v.ndim else values.entry(a, self.indices(comps, a.shape, env)),
        )

    def scope_items(self: Any, label: ast.Label) -> list[Node]:
        """The components that a subscript on a formula lists."""
        return separated(label.items)

    def built(self: Any, node: Node, letters: list[str], env: Env) -> Val:
        """The array with a formula for its entries."""
        extents: list[int] = []
        probe = env
        for _ in range(len(letters) + 1):
            try:
                self.read(node, probe)
                break
            except NeedLetterError as need:
                if need.letter not in letters or need.extent is None:
                    raise
                extents.append(need.extent)
                probe = probe.bind(need.letter, 0)
        order = [letter for letter in letters if letter in probe.letters]
        if len(order) != len(letters) or len(letters) > 2:
            raise UnknownError("an array whose entries are not understood")
        sizes: dict[str, int] = {}
        probe = env
        for _ in letters:
            try:
                self.read(node, probe)
            except NeedLetterError as need:
                sizes[need.letter] = int(need.extent or 0)
                probe = probe.bind(need.letter, 0)
        shape = tuple(sizes[letter] for letter in letters)
        made = np.zeros(shape)
        for where in np.ndindex(*shape):
            inner = env
            for letter, index in zip(letters, where, strict=True):
                inner = inner.bind(letter, int(index))
            made[where] = float(self.one(node, inner).scalar().v)
        return Val(made.reshape(-1, 1) if made.ndim == 1 else made)
