"""Whether everything that leaves a network is what its definition says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from symbackprop.codegen.selfcheck import load
from symbackprop.errors import UnsupportedError
from symbackprop.interpret.differences import (
    ARRAYS,
    Point,
    along,
    at_digits,
    at_floats,
    axis_values,
    draw_direction,
    draw_point,
    largest_difference,
    module_arguments,
    slope,
)
from symbackprop.ir import Final, Hist, Kind, Problem, Var, reachable
from symbackprop.network.scene import Scene
from symbackprop.raising.grids import entries_value
from symbackprop.raising.values import Values, matrix_value
from symbackprop.simplify import Derived, derive

if TYPE_CHECKING:
    from symbackprop.network.network import Network

FLOAT_BOUND = 1e-9
DIGITS_BOUND = 1e-25
FORWARD_BOUND = 1e-6
"""The interpreter does what a definition says, and so loses digits where that does."""
_KINK = 1e-9
_SEED = 20240811
_DIRECTIONS = 2
ENTRY_BUDGET = 20_000
"""How many points of an index form are evaluated at most."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison.

    what : the quantity;  against : what it was compared with
    difference : the largest one, relative to the largest entry;  bound : what is allowed
    note : why there was nothing to compare, else ""
    """

    what: str
    against: str
    difference: float
    bound: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the difference is within the bound."""
        return bool(self.note) or self.difference <= self.bound

    def __str__(self) -> str:
        if self.note:
            return f"{self.what}: {self.note}"
        return f"{self.what} against {self.against}: {self.difference:.1e}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The comparisons, in order; `sizes` are what they were made at."""

    checks: tuple[Check, ...]
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether all agree."""
        return all(check.ok for check in self.checks)

    @property
    def worst(self) -> Check | None:
        """The disagreement that is largest beside its bound, or None where all agree."""
        failed = [check for check in self.checks if not check.ok]
        return max(failed, key=lambda c: c.difference / c.bound, default=None)

    def __str__(self) -> str:
        if self.worst is not None:
            return f"disagreement: {self.worst} (allowed: {self.worst.bound:.0e})"
        return f"{len(self.checks)} comparisons agree"


def verify(network: Network, *, module: bool = True, differences: bool = True) -> Verification:
    """Compare forward values, gradients, formulas and code at one random point.

    Gradients are judged by central differences in 50 digits along random directions, which know no
    rule of differentiation; everything else by the interpreter.
    """
    problem = network.problem
    derived = network.derived() if problem.loss is not None else derive(problem, general=True)
    run = _Run(network, problem, derived)
    checks = [*run.forward(), *run.raw()]
    if differences:
        checks.extend(run.differences())
    checks.extend(run.formulas())
    if module:
        with ARRAYS.errstate(all="ignore"):
            checks.extend(run.module())
    return Verification(tuple(checks), run.point.sizes)


class _Run:
    """The comparisons of one network at one point."""

    def __init__(self, network: Network, problem: Problem, derived: Derived) -> None:
        self.network = network
        self.problem = problem
        self.derived = derived
        self.graph = problem.graph
        wanted = [*problem.named().values(), *derived.gradients.values()]
        wanted += list(derived.adjoint.cotangents.values())
        wanted += list(derived.deltas.values())
        self.ids = reachable(self.graph, wanted)
        self.point = draw_point(self.graph, self.ids, _SEED)
        self.floats = at_floats(self.graph, self.ids, self.point)

    def forward(self) -> Iterator[Check]:
        """Float64 against 50 digits."""
        targets = {**self.problem.values, **self.problem.outputs}
        exact = at_digits(self.graph, targets.values(), self.point)
        for name, i in targets.items():
            gap = largest_difference(self.floats[i], exact[i])
            yield Check(name, "50 digits", gap, FORWARD_BOUND)

    def _gap(self, found: Any, node: int) -> float:
        """How far an array is from a node: in float64, and where that has too few digits, in 50."""
        gap = largest_difference(found, self.floats[node])
        if gap <= FLOAT_BOUND:
            return gap
        exact = at_digits(self.graph, [node], self.point)[node]
        return min(gap, largest_difference(found, exact))

    def raw(self) -> Iterator[Check]:
        """Simplified gradients against the adjoint sweep they come from."""
        named = self.problem.named()
        for name, i in self.derived.gradients.items():
            swept = self.derived.adjoint.cotangents[named[name]]
            gap = self._gap(self.floats[i], swept)
            yield Check(f"gradient of {name}", "the adjoint sweep", gap, FLOAT_BOUND)

    def differences(self) -> Iterator[Check]:
        """Simplified gradients against central differences."""
        exact = at_digits(self.graph, self.derived.gradients.values(), self.point)
        for name, i in self.derived.gradients.items():
            node = self.graph[self.problem.named()[name]]
            if isinstance(node, Var) and node.facts:
                continue  # a step along an axis would leave what is declared
            for k in range(_DIRECTIONS):
                yield self._difference(name, exact[i], k)

    def _difference(self, name: str, gradient: Any, k: int) -> Check:
        direction = draw_direction(self.point, name, _SEED + k)
        claimed = along(gradient, direction)
        found, gap = 0, 0.0
        for output, weights in self._weights():
            part = slope(self.graph, output, self.point, weights, name, direction)
            found, gap = found + part.value, max(gap, part.gap)
        what = f"gradient of {name}"
        if gap > _KINK:
            return Check(what, "differences", 0.0, DIGITS_BOUND, "at a kink, no differences taken")
        difference = float(abs(claimed - found) / max(1, abs(found)))
        return Check(what, "differences", difference, DIGITS_BOUND)

    def _weights(self) -> list[tuple[int, Any]]:
        """The outputs that are derived, each with its cotangent."""
        if "loss" in self.derived.seeds and not self._general:
            return [(self.problem.outputs["loss"], None)]
        return [
            (self.problem.outputs[name], self.floats[seed])
            for name, seed in self.derived.seeds.items()
        ]

    @property
    def _general(self) -> bool:
        return any(isinstance(self.graph[s], Var) for s in self.derived.seeds.values())

    def formulas(self) -> Iterator[Check]:
        """Printed formulas against the nodes they are of."""
        problem, derived = self.problem, self.derived
        names = {i: n for i, n in derived.names.items() if i != problem.loss}
        printed = {
            **problem.values,
            **problem.outputs,
            **{f"gradient of {n}": i for n, i in {**derived.deltas, **derived.gradients}.items()},
        }
        said = (problem.spellings, problem.origins)
        scene = Scene(self.graph, names, printed.values(), *said, {}, derived.steps)
        yield from formula_checks(scene, printed, self.point)

    def module(self) -> Iterator[Check]:
        """The generated module against the interpreter."""
        try:
            source = self.network.generate()
        except UnsupportedError as error:
            yield Check("module", "the interpreter", 0.0, FLOAT_BOUND, f"no code: {error.message}")
            return
        made = load(source)
        graph, problem = self.graph, self.problem
        params = {n: self.point.values[n] for n in problem.parameters if n in self.point.values}
        inputs = {n: self.point.values[n] for n in problem.inputs}
        outputs, cache = made.forward(
            module_arguments(params, "float64"), module_arguments(inputs, "float64")
        )
        for name, i in problem.outputs.items():
            gap = self._gap(outputs[name], i)
            yield Check(f"module: {name}", "the interpreter", gap, FLOAT_BOUND)
        seeds = {n: self.floats[s] for n, s in self.derived.seeds.items()}
        real = [n for n in self.derived.gradients if graph.kind(problem.named()[n]) is Kind.REAL]
        found = made.backward(cache, seeds, tuple(real))
        for name in real:
            gap = self._gap(found[name], self.derived.gradients[name])
            yield Check(f"module: gradient of {name}", "the interpreter", gap, FLOAT_BOUND)


def checked_formulas(scene: Scene, printed: dict[str, int]) -> Iterator[Check]:
    """Formulas of nodes, evaluated at one random point, against the interpreter."""
    ids = reachable(scene.graph, [*printed.values(), *scene.names])
    yield from formula_checks(scene, printed, draw_point(scene.graph, ids, _SEED))


def formula_checks(scene: Scene, printed: dict[str, int], point: Point) -> Iterator[Check]:
    """Matrix form and index form of nodes, evaluated, against the interpreter."""
    ids = reachable(scene.graph, [*printed.values(), *scene.names])
    floats = axis_values(at_floats(scene.graph, ids, point))
    values = Values(floats, point.sizes, ARRAYS)
    with ARRAYS.errstate(all="ignore"):
        checks = list(_formula_checks(scene, printed, values))
    yield from checks


def _formula_checks(scene: Scene, printed: dict[str, int], values: Values) -> Iterator[Check]:
    floats = values.arrays
    for name, i in printed.items():
        if isinstance(scene.graph[i], (Hist, Final)):
            continue  # a recursion is no value
        formula = scene.matrix(i)
        if formula is not None:
            found = matrix_value(formula, values)
            expected = floats[i]
            if found.size == expected.size:
                expected = expected.reshape(found.shape)
            gap = largest_difference(found, expected)
            yield Check(f"{name} in matrix form", "the interpreter", gap, FLOAT_BOUND)
        if floats[i].size > ENTRY_BUDGET:
            continue
        found = entries_value(scene.entry(i), values)
        gap = largest_difference(found, floats[i])
        yield Check(f"{name} by entries", "the interpreter", gap, FLOAT_BOUND)


__all__ = ["Check", "Verification", "checked_formulas", "formula_checks", "verify"]
