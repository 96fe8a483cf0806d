"""Slopes by differences: the judge of gradients that knows no rule of differentiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from symbackprop.interpret.evaluate import evaluate
from symbackprop.interpret.sampling import random_values, sizes_to_test
from symbackprop.ir import FactKind, Graph, Loop, Var
from symbackprop.scalars import FLOAT64, DigitsField, Field
from symbackprop.scalars.fields import Array, Scalar

DIGITS: Final = DigitsField(50)
_STEP = Fraction(1, 10**18)
_ATTEMPTS = 12
_GRID = 2**20


@dataclass(frozen=True, slots=True)
class Point:
    """A place to evaluate at: sizes, and a value for each variable."""

    sizes: dict[str, int]
    values: dict[str, Array]


def draw_point(graph: Graph, ids: Iterable[int], seed: int) -> Point:
    """Coprime sizes >= 3 and random values that respect what is declared, all results finite.

    Where normal values give no finite results, values in 0.1 .. 0.9 are tried.
    """
    wanted = list(ids)
    sizes = sizes_to_test(graph, wanted)
    point = Point(sizes, {})
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        drawn = random_values(graph, wanted, sizes, rng)
        values = {name: _moderate(value) for name, value in drawn.items()}
        if attempt >= _ATTEMPTS // 2:
            values = {name: _between(value, rng) for name, value in values.items()}
        values = _exact_sums(graph, wanted, values)
        point = Point(sizes, values)
        with np.errstate(all="ignore"):
            found = evaluate(graph, _with_values(graph, wanted), values, sizes)
        if all(np.isfinite(np.asarray(x, np.float64)).all() for x in found.values()):
            break
    return point


def _moderate(value: Array) -> Array:
    """Normal values, made smaller where many are summed, so that nothing saturates."""
    if value.ndim < 2 or value.dtype.kind != "f" or not np.any(value < 0):
        return value
    return np.asarray(value / np.sqrt(max(value.shape)))


def _between(value: Array, rng: np.random.Generator) -> Array:
    drawn = np.any((value < 0) | (value > 1)) and value.dtype.kind == "f"
    return rng.uniform(0.1, 0.9, size=value.shape) if drawn else value


def _exact_sums(graph: Graph, ids: Iterable[int], values: dict[str, Array]) -> dict[str, Array]:
    """The values, with those that are declared to sum to one made to do so in every digit."""
    found = dict(values)
    for i in ids:
        node = graph[i]
        if not isinstance(node, Var):
            continue
        for fact in node.facts:
            if fact.kind is FactKind.SUMS_TO_ONE and found[node.name].size:
                axis = -1 if fact.axis is None else fact.axis
                rows = np.moveaxis(np.round(found[node.name] * _GRID) / _GRID, axis, -1)
                rows[..., -1] = 1 - rows[..., :-1].sum(axis=-1)
                found[node.name] = np.ascontiguousarray(np.moveaxis(rows, -1, axis))
    return found


def draw_direction(point: Point, name: str, seed: int) -> Array:
    """A random direction for the variable `name`, of its shape."""
    rng = np.random.default_rng([seed, len(name)])
    return rng.standard_normal(point.values[name].shape)


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope along a direction by central differences, in 50 digits.

    gap : the difference of the one-sided slopes; of the order of the step, except at a kink
    """

    value: Scalar
    gap: float


def slope(
    graph: Graph, target: int, point: Point, weights: Array | None, name: str, direction: Array
) -> Slope:
    """How fast ``Σ weights · target`` grows when the variable `name` moves along `direction`."""
    h = DIGITS.array(np.array([_STEP], dtype=object))[0]
    start, move = DIGITS.array(point.values[name]), DIGITS.array(direction)
    found = []
    for sign in (1, 0, -1):
        values = {**point.values, name: start + move * (h * sign)}
        found.append(weighted(graph, target, Point(point.sizes, values), weights, DIGITS))
    above, here, below = found
    gap = abs((above - here) / h - (here - below) / h)
    return Slope((above - below) / (2 * h), float(gap))


def weighted(
    graph: Graph, target: int, point: Point, weights: Array | None, field: Field = FLOAT64
) -> Scalar:
    """The sum of the entries of a node times `weights`; without weights, of a scalar node."""
    value = evaluate(graph, [target], point.values, point.sizes, field)[target]
    if weights is None:
        return value[()]
    return np.sum(value * field.array(weights))


def along(gradient: Array, direction: Array) -> Scalar:
    """The slope that a gradient claims along a direction."""
    return np.sum(gradient * DIGITS.array(direction))


def largest_difference(found: Array, expected: Array) -> float:
    """Max |a − b| / max(1, max |b|): infinite where shapes differ or a value is no number."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape:
        return float("inf")
    if not a.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        gap = np.where(a == b, 0.0, np.abs(a - b))
    worst = float(np.max(gap)) / max(1.0, float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)))
    return worst if worst == worst else float("inf")


def at_digits(graph: Graph, targets: Iterable[int], point: Point) -> Mapping[int, Array]:
    """The values of nodes in 50 digits."""
    return evaluate(graph, targets, point.values, point.sizes, DIGITS)


def at_floats(graph: Graph, targets: Iterable[int], point: Point) -> Mapping[int, Array]:
    """The values of nodes in float64."""
    with np.errstate(all="ignore"):
        return evaluate(graph, _with_values(graph, targets), point.values, point.sizes)


def _with_values(graph: Graph, ids: Iterable[int]) -> list[int]:
    """The nodes that have a value: a loop has results only."""
    return [i for i in ids if not isinstance(graph[i], Loop)]


def module_arguments(values: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    """Values as the arguments of a generated module: reals in its dtype."""
    return {n: v.astype(dtype) if v.dtype.kind == "f" else v for n, v in values.items()}


def axis_values(formula_values: Mapping[int, Array]) -> dict[int, Array]:
    """Arrays of floats for the evaluation of formulas."""
    return {
        i: np.asarray(v, np.float64) if v.dtype.kind == "O" else v
        for i, v in formula_values.items()
    }


ARRAYS: Final = np
"""The array module that formulas are evaluated with."""
