"""Indices while shapes are inferred: how far they run, and which run equally far."""

from __future__ import annotations

from typing import Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.evaluate import Env, Evaluator, NeedLetterError
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.scope import Scope
from symbackprop.notes.judge.shapes import NUMBER, Dims, Sh
from symbackprop.notes.judge.values import UnknownError
from symbackprop.notes.kinds import Sign
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["Extent", "ShapeIndices"]


class Extent(int):
    """A dimension that an index runs over, while shapes are inferred."""


class ShapeIndices(Evaluator):
    """The part of the walk over shapes that deals with indices."""

    scope: Scope
    targets: set[str]
    dims: Any

    def is_delta(
        self, node: Name, key: str, labels: tuple[int, ...], comps: tuple[Node, ...]
    ) -> bool:
        """Whether a name is Kronecker's delta."""
        return (
            node.base in ("delta", "I", "1") and len(comps) == 2 and not labels
            and not self.scope.table.get(key) and all(map(letter_of, comps))
        )  # fmt: skip

    def equal_letters(self, a: Node, b: Node, env: Env) -> None:
        """Two letters that are compared run equally far: ask for one whose mate is known."""
        first, second = letter_of(a), letter_of(b)
        if first is None or second is None:
            return
        for letter, mate in ((first, second), (second, first)):
            bound = env.letters.get(mate)
            if isinstance(bound, Extent):
                other = env.letters.get(letter)
                if other is None:
                    raise NeedLetterError(letter, int(bound))
                if isinstance(other, Extent):
                    self.dims.join(other, bound)

    def component(self, shape: Sh, comps: tuple[Node, ...], env: Env) -> None:
        """Note the extents of component indices."""
        dims = self.dims
        where = list(shape.shape)
        if len(comps) == 1:
            first, second = where
            if dims.is_one(first) and not dims.is_one(second):
                where = [second]
            elif self.scope.model.rows and not dims.is_feature(first) and not dims.is_one(second):
                dims.join(first, Dims.ONE)
                where = [second]
            else:
                if not dims.is_feature(second):
                    dims.join(second, Dims.ONE)
                where = [first]
        for comp, dim in zip(comps, where, strict=False):
            if isinstance(comp, Name) and not comp.subs and not comp.sups:
                letter = comp.base + "'" * comp.primes
                if letter in self.targets or (len(letter) == 1 and letter in "yY"):
                    continue
                if letter not in env.letters:
                    raise NeedLetterError(letter, dim)
                bound = env.letters[letter]
                if isinstance(bound, Extent):
                    dims.join(bound, dim)
            elif isinstance(comp, ast.Add):
                self.window(comp, dim, env)

    def window(self, comp: ast.Add, dim: int, env: Env) -> None:
        """The lengths that go with `x_{i+k}`: x has those of i and k together, less one."""
        letters = [letter for letter in map(letter_of, comp.terms) if letter is not None]
        if len(letters) != 2 or len(comp.terms) != 2:
            return
        for letter in letters:
            if letter not in env.letters:
                raise NeedLetterError(letter, self.dims.new(feature=True))
        first, second = (env.letters[letter] for letter in letters)
        if not isinstance(first, Extent) or not isinstance(second, Extent):
            return
        if comp.signs[1] is Sign.PLUS:
            self.dims.windows.append((dim, (int(first), int(second))))
        elif comp.signs[1] is Sign.MINUS:
            self.dims.windows.append((int(first), (dim, int(second))))

    def indicator(self, node: ast.Indicator, env: Env) -> Readings:
        """Read an indicator."""
        condition = unwrapped(node.condition)
        if isinstance(condition, ast.Comparison) and len(condition.sides) == 2:
            sides = [letter_of(side) for side in condition.sides]
            if all(side is not None and self.counts(side, env) for side in sides):
                self.equal_letters(*condition.sides, env)
                return [(NUMBER, 0)]
        for _, part in walk(node.condition):
            if isinstance(part, Name) and part.base not in env.letters:
                try:
                    return [(self.one(part, env), 0)]
                except UnknownError:
                    continue
        return [(NUMBER, 0)]

    def counts(self, letter: str, env: Env) -> bool:
        """Whether a letter counts entries somewhere in the document."""
        return letter in env.letters or letter in self.scope.profile.letters


def letter_of(node: Node) -> str | None:
    """The letter that a side of a condition is."""
    if isinstance(node, Name) and len(node.base) == 1 and not node.subs and not node.sups:
        return node.base + "'" * node.primes
    return None
