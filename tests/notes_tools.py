"""Whether a statement of a page of notes is true: values by table, slopes by JAX, no judge.

A `Page` says what the names of one page mean: arrays, the forward steps that make them, and how
scripts are read. The rest is evaluated from the syntax tree, strictly: shapes that do not conform
raise `MismatchError`, names that no table knows raise `UnknownError`. Index notation is evaluated
entry by entry, one binding of the free indices at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.kinds import Relation
from symbackprop.notes.statements import Statement
from symbackprop.notes.trees import children, walk
from tests.notes.functions import READINGS
from tests.notes.page import Array, MismatchError, Page, UnknownError, View, squeezed
from tests.notes.slopes import Evaluator

__all__ = ["bindings", "close", "truth", "turned"]


def free_indices(node: ast.Node, known: Mapping[str, int], bound: frozenset[str]) -> set[str]:
    """The known indices of a tree that no sum binds where they stand."""
    if isinstance(node, ast.BigOperator):
        own = {i.base for i in node.range.indices if isinstance(i, ast.Name)}
        inner = bound | own
        parts = (node.body, node.range.lower, node.range.upper, *node.range.conditions)
        free = [free_indices(part, known, inner) for part in parts if part is not None]
        return set().union(*free)
    found: set[str] = set()
    if isinstance(node, ast.Label | ast.Comparison):
        for _, here in walk(node):
            if isinstance(here, ast.Name):
                found |= {here.base + "'" * here.primes} & (set(known) - bound)
    for child in children(node):
        found |= free_indices(child, known, bound)
    return found


def bindings(page: Page, sides: Sequence[ast.Node], most: int = 9) -> list[dict[str, int]]:
    """Values for the free indices: all, or a spread with equal and unequal ones."""
    names: set[str] = set()
    for side in sides:
        names |= free_indices(side, page.ranges, frozenset())
    order = sorted(names)
    spans = [
        page.pinned.get(n) or tuple(range(page.base, page.base + page.ranges[n])) for n in order
    ]
    whole = list(itertools.product(*spans))
    if len(whole) > most:
        step = len(whole) / most
        equal = [v for v in whole if len(set(v)) < len(v)][:2]
        whole = equal + [whole[int(i * step)] for i in range(most)]
    return [{**page.fixed, **dict(zip(order, values, strict=True))} for values in whole]


def close(a: Array, b: Array) -> bool:
    a, b = np.asarray(squeezed(a)), np.asarray(squeezed(b))
    if a.shape != b.shape and not (b.ndim == 0 and b == 0) and not (a.ndim == 0 and a == 0):
        return False
    return bool(np.allclose(a, b, rtol=1e-7, atol=1e-9))


def _updated(
    page: Page, statement: Statement, sides: list[Array], binding: Mapping[str, int]
) -> list[Array]:
    """The sides with the left one of an update rule replaced by what it should become."""
    left = statement.sides[0]
    moving = statement.relations[0] in (Relation.ASSIGNED, Relation.DEFINED, Relation.TO)
    if not moving or not isinstance(left, ast.Name | ast.Prefixed):
        return sides
    if not any(left == here for _, here in walk(statement.sides[1])):
        return sides
    if not isinstance(left, ast.Name):
        return sides
    evaluator = Evaluator(page, dict(binding))
    key, at, _ = evaluator.reference(left)
    meaning = evaluator.meaning(key, at)
    of = meaning.of if isinstance(meaning, View) else meaning
    assert isinstance(of, str)
    slope_ = evaluator.block(meaning, at)(page.gradient(of))
    return [sides[0] - page.env[page.rate] * slope_, *sides[1:]]


def _true_of(page: Page, statement: Statement, reading: str, differ: Sequence[str]) -> bool:
    for binding in bindings(page, statement.sides):
        if differ and binding.get(differ[0]) == binding.get(differ[1]):
            continue
        sides: list[Array] = []
        for side in statement.sides:
            if isinstance(side, ast.Space):
                continue
            value = Evaluator(page, dict(binding), reading)(side)
            sides.append(value)
        sides = _updated(page, statement, sides, binding)
        if any(not close(sides[0], other) for other in sides[1:]):
            return False
    return True


def truth(page: Page, statement: Statement, differ: Sequence[str] = ()) -> bool:
    """Whether a statement holds in some reading of its products, on the page or an alternative.

    Raises
    ------
    UnknownError
        No table of the page knows all of its names.
    """
    if page.also:
        pages = (replace(page, also=()), *page.also)
        return all(truth(one, statement, differ) for one in pages)
    missing: UnknownError | None = None
    known = False
    for one in (page, *page.alternatives):
        for reading in READINGS:
            try:
                if _true_of(one, statement, reading, differ):
                    return True
                known = True
            except MismatchError:
                known = True
            except UnknownError as error:
                missing = missing or error
    if not known and missing is not None:
        raise missing
    return False


def turned(page: Page, statement: Statement) -> bool:
    """Whether a statement holds in the other layout, or its last side is the first's transpose."""
    try:
        if truth(replace(page, rows=not page.rows, alternatives=()), statement):
            return True
    except UnknownError:
        return False
    for reading in READINGS:
        try:
            ends = [
                Evaluator(page, {**page.fixed}, reading)(side)
                for side in (statement.sides[0], statement.sides[-1])
            ]
        except (MismatchError, UnknownError):
            continue
        if np.ndim(ends[1]) == 2 and close(ends[0], ends[1].T):
            return True
    return False
