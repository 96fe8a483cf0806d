"""Big operators on numbers: sums over entries, labels and examples, and what they range over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.products import MOST, Readings, distinct
from symbackprop.notes.judge.values import OutOfRangeError, UnknownError, Val
from symbackprop.notes.judge.world import BATCH_SIZE
from symbackprop.notes.kinds import Big, Relation
from symbackprop.notes.resolve.profile import names_in
from symbackprop.notes.trees import walk

if TYPE_CHECKING:
    from symbackprop.notes.judge.numbers import Numbers

__all__ = ["Sums"]

_BATCH_WORDS = frozenset({"batch", "examples", "samples", "m", "i", "n", "columns", "rows"})


class Sums:
    """The part of the walk that runs over indices."""

    def big(self: Any, node: ast.BigOperator, env: Env) -> Readings:
        """A sum, product or maximum over letters, or over an axis."""
        if node.body is None:
            raise UnknownError("a big operator without body")
        if node.op not in (Big.SUM, Big.PROD, Big.MAX):
            raise UnknownError(f"{node.op.name.lower()} is not evaluated")
        letters = ranged(node.range)
        if not letters:
            return whole(self, node, env)
        return run(self, node, letters, env)


def ranged(span: ast.Range) -> list[str]:
    """The letters that a range binds."""
    found = [n.base + "'" * n.primes for n in span.indices if isinstance(n, Name)]
    for condition in span.conditions:
        if isinstance(condition, ast.Comparison) and isinstance(condition.sides[0], Name):
            letter = condition.sides[0].base + "'" * condition.sides[0].primes
            if letter not in found:
                found.append(letter)
    return found


def whole(numbers: Numbers, node: ast.BigOperator, env: Env) -> Readings:
    """A sum without index: over the examples, or over all entries."""
    if node.op is not Big.SUM or node.body is None:
        raise UnknownError("a big operator without index")
    found: Readings = []
    for value, cost in numbers.read(node.body, env):
        if value.v.ndim == 0:
            raise UnknownError("a sum without index of a number")
        axis = batch_axis(value)
        if axis is not None:
            numbers.trace.notes.add("the sum without index is over the examples")
            found.append((values.total(value, axis), cost))
        found.append((values.total(value), cost + (axis is not None)))
    return distinct(found)


def batch_axis(value: Val) -> int | None:
    """The axis of an array that runs over the batch."""
    axes = [axis for axis, n in enumerate(value.shape) if n == BATCH_SIZE]
    return axes[0] if len(axes) == 1 else None


def run(numbers: Numbers, node: ast.BigOperator, letters: list[str], env: Env) -> Readings:
    """A sum over letters, one after the other."""
    letter, rest = letters[0], letters[1:]
    assert node.body is not None
    outer = replace(env, letters={k: v for k, v in env.letters.items() if k not in letters})
    extent = extent_of(numbers, node, letter, rest, outer)
    if extent is None:
        return over_batch(numbers, node, letter, env)
    start, stop = limits(numbers, node.range, letter, extent, env)
    terms: list[Readings] = []
    for index in range(start, stop):
        inner = outer.bind(letter, index)
        if not all(
            numbers.holds(c, inner) for c in node.range.conditions if condition_of(c, letter)
        ):
            continue
        try:
            body = run(numbers, node, rest, inner) if rest else numbers.read(node.body, inner)
        except OutOfRangeError:
            continue
        terms.append(body)
    return combined(node.op, terms)


def condition_of(node: Node, letter: str) -> bool:
    r"""Whether a condition restricts a letter, as `j \neq i` does and `n \in N` does not."""
    return isinstance(node, ast.Comparison) and Relation.IN not in node.relations


def combined(op: Big, terms: list[Readings]) -> Readings:
    """The sum, product or maximum of the terms, reading by reading."""
    if not terms:
        return [(values.constant(1.0 if op is Big.PROD else 0.0), 0)]
    count = min(max(len(t) for t in terms), MOST)
    found: Readings = []
    for k in range(count):
        chosen = [t[min(k, len(t) - 1)] for t in terms]
        made = chosen[0][0]
        for value, _ in chosen[1:]:
            if op is Big.SUM:
                made = values.add(made, value)
            elif op is Big.PROD:
                made = values.multiply(made, value)
            else:
                made = made if float(made.v) >= float(value.v) else value
        found.append((made, max(cost for _, cost in chosen)))
    return distinct(found) if count > 1 else found


def extent_of(
    numbers: Numbers, node: ast.BigOperator, letter: str, rest: list[str], env: Env
) -> int | None:
    """How far a letter runs by its place in the body; -1 for a label, None when it has none."""
    assert node.body is not None
    plain = plain_extent(numbers, node.body, letter, env)
    if plain is not None:
        return plain
    probe = env
    for _ in range(6):
        try:
            numbers.read(node.body, replace(probe, every=False))
        except NeedLetterError as need:
            if need.letter == letter:
                return -1 if need.extent is None else need.extent
            if need.letter not in rest:
                raise
            first = 1 if need.extent is None else 0
            probe = probe.bind(need.letter, first)
            continue
        except OutOfRangeError:
            return None
        return None
    return None


def plain_extent(numbers: Numbers, body: Node, letter: str, env: Env) -> int | None:
    """How far a letter runs where it stands alone, when it is also added to others: `x_{i+k}`."""
    alone: list[Node] = []
    added = False
    for _, node in walk(body):
        comps = numbers.scope.profile.ref(node).comps if isinstance(node, Name) else ()
        for comp in comps:
            if isinstance(comp, Name) and comp.base + "'" * comp.primes == letter:
                alone.append(node)
            elif letter in letters_of(comp):
                added = True
    for node in alone if added else ():
        probe = env
        for _ in range(4):
            try:
                numbers.read(node, replace(probe, every=False))
            except NeedLetterError as need:
                if need.letter == letter:
                    return need.extent
                probe = probe.bind(need.letter, 1 if need.extent is None else 0)
            except (UnknownError, OutOfRangeError):
                break
    return None


def limits(
    numbers: Numbers, span: ast.Range, letter: str, extent: int, env: Env
) -> tuple[int, int]:
    """The first and one past the last value of a letter."""
    if extent >= 0:
        start, stop = 0, extent
        shifted = span.lower is not None and bool(set(env.letters) & letters_of(span.lower))
        if shifted and span.lower is not None:
            start = numbers.scope.arithmetic(
                span.lower, env, lambda n, e: numbers.step(n, e, extent)
            )
        return start, stop
    depth = numbers.scope.model.depth
    start, stop = 1, depth + 1
    if span.lower is not None:
        start = numbers.scope.label(span.lower, env)
    if span.upper is not None:
        try:
            stop = numbers.scope.label(span.upper, env) + 1
        except NeedLetterError:
            stop = depth + 1
    return start, stop


def letters_of(node: Node) -> set[str]:
    """The letters in a limit."""
    return names_in(node)


def over_batch(numbers: Numbers, node: ast.BigOperator, letter: str, env: Env) -> Readings:
    """A sum whose letter does not occur: over the examples of a batch."""
    assert node.body is not None
    found: Readings = []
    for value, cost in numbers.read(node.body, env):
        axis = batch_axis(value) if value.v.ndim == 2 else None
        if axis is None:
            continue
        found.append((values.total(value, axis), cost))
    if not found:
        raise UnknownError(f"the sum over {letter} is over something that its body does not show")
    return found
