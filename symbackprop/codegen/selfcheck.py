"""Run a module beside the interpreter before it leaves the tool."""

from __future__ import annotations

import importlib.abc
import importlib.util
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from symbackprop.codegen.derive import derived_of
from symbackprop.codegen.options import Derived
from symbackprop.errors import InternalError
from symbackprop.interpret import evaluate, random_values, sizes_to_test
from symbackprop.ir import Kind, Var, reachable
from symbackprop.ir.problem import Problem

_TOLERANCE = {"float32": 2e-3, "float64": 1e-9}
_STEP = 1e-6
_QUOTIENT = 1e-5
_NOISE = 100
_GENTLE = 1 / 16
_SEED = 20240607
Arrays = Mapping[str, Any]


class _Text(importlib.abc.InspectLoader):
    """Loads a module from text in memory."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        """The text."""
        return self.source


def load(source: str, name: str = "generated_module") -> ModuleType:
    """The module of a generated source; nothing is written, nothing is registered."""
    spec = importlib.util.spec_from_loader(name, _Text(source))
    if spec is None or spec.loader is None:
        raise InternalError("a generated module cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise InternalError(f"a generated module is no Python: {error}") from error
    return module


class _DisagreementError(InternalError):
    """A module and the interpreter differ in `name`, by `worst`."""

    def __init__(self, what: str, name: str, worst: float) -> None:
        super().__init__(f"{what}: the module differs from the interpreter by {worst:.3g}")
        self.name = name
        self.worst = worst


def self_check(source: str, problem: Problem, derived: Derived | None = None) -> None:
    """Compare a module with the interpreter at coprime sizes: outputs, VJP, loss and gradients.

    A network can be so sensitive (a thousand layers that each stretch their input) that rounding
    alone explains a difference. Where it does, and only there, the module must agree at a point
    with smaller parameters.

    Raises
    ------
    InternalError
        Where they disagree: the module must not leave the tool.
    """
    module, plain = load(source), derived or derived_of(problem)
    try:
        with np.errstate(all="ignore"):
            check = _Check(module, problem, plain)
            try:
                check.run()
            except _DisagreementError as found:
                if found.worst > _NOISE * check.sensitivity(found.name):
                    raise
                _Check(load(source), problem, plain, _GENTLE).run()
    except InternalError:
        raise
    except Exception as error:
        raise InternalError(f"a generated module fails: {type(error).__name__}: {error}") from error


class _Check:
    """One module at one point."""

    def __init__(
        self, module: ModuleType, problem: Problem, derived: Derived, factor: float = 1.0
    ) -> None:
        self.module = module
        self.factor = factor
        self.problem = problem
        self.derived = derived
        self.dtype = np.dtype(module.DTYPE)
        graph = problem.graph
        rng = np.random.default_rng(_SEED)
        ids = reachable(graph, [*derived.outputs.values(), *derived.pullbacks.values()])
        named = [*problem.parameters.values(), *problem.inputs.values()]
        ids = sorted({*ids, *named})
        self.sizes = sizes_to_test(graph, ids)
        self.values = dict(random_values(graph, ids, self.sizes, rng))
        self.values = {name: self._rounded(name, v) for name, v in self.values.items()}

    def _rounded(self, name: str, value: Any) -> Any:
        """The value as the module holds it, so that both compute from the same numbers.

        Matrices among the parameters are made small: no exponential of the oracle overflows.
        """
        array = np.asarray(value)
        if name in self.problem.parameters and array.dtype.kind == "f":
            array = array * self.factor
        if name in self.problem.parameters and array.ndim > 1 and array.size:
            array = array / np.sqrt(max(array.shape))
        return array.astype(self.dtype).astype(np.float64) if array.dtype.kind == "f" else array

    def _argument(self, name: str, i: int) -> Any:
        kind = self.problem.graph.kind(i)
        array = np.asarray(self.values[name])
        if kind is Kind.REAL:
            return array.astype(self.dtype)
        return array.astype(bool if kind is Kind.BOOL else np.int64)

    def sensitivity(self, name: str) -> float:
        """How far a result moves when every real value moves by a rounding error."""
        rng = np.random.default_rng(_SEED + 2)
        step = np.finfo(self.dtype).eps
        moved = {
            n: v * (1 + step * rng.choice([-1, 1], v.shape)) if v.dtype.kind == "f" else v
            for n, v in ((n, np.asarray(v)) for n, v in self.values.items())
        }
        node = self.derived.outputs.get(name, self.derived.pullbacks.get(name))
        if node is None:
            return 0.0
        ends = [
            np.asarray(evaluate(self.problem.graph, [node], v, self.sizes)[node], np.float64)
            for v in (self.values, moved)
        ]
        return float(np.max(np.abs(ends[0] - ends[1]), initial=0.0))

    def run(self) -> None:
        """Compare everything."""
        problem, derived, module = self.problem, self.derived, self.module
        wanted = [*derived.outputs.values(), *derived.pullbacks.values()]
        found = evaluate(problem.graph, wanted, self.values, self.sizes)
        params = {n: self._argument(n, i) for n, i in problem.parameters.items()}
        inputs = {n: self._argument(n, i) for n, i in problem.inputs.items()}
        outputs, cache = module.forward(params, inputs)
        for name, i in derived.outputs.items():
            self._compare(f'outputs["{name}"]', name, outputs[name], found[i])
        cotangents = {}
        for name, i in derived.cotangents.items():
            var = problem.graph[i]
            if isinstance(var, Var) and var.name in self.values:
                cotangents[name] = np.asarray(self.values[var.name], self.dtype)
        grads = module.backward(cache, cotangents, tuple(derived.pullbacks))
        for name, i in derived.pullbacks.items():
            self._compare(f'backward["{name}"]', name, grads[name], found[i])
        if problem.loss is not None:
            self._check_loss(params, inputs)
        self._check_further(params, inputs)

    def _check_loss(self, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
        module = self.module
        outputs, cache = module.forward(params, inputs)
        expected = module.backward(cache, {"loss": 1.0})
        held = module.make_workspace(params, inputs) if hasattr(module, "make_workspace") else None
        for workspace in (None, held):
            for _ in range(2):
                loss, grads = module.loss_and_grad(params, inputs, workspace=workspace)
                self._compare("loss", "loss", np.asarray(loss), outputs["loss"])
                for name, value in expected.items():
                    self._compare(f'gradient "{name}"', name, grads[name], value)

    def _check_further(self, params: Arrays, inputs: Arrays) -> None:
        """Compare `jvp`, `hvp` and `hessian`, where there are any, with central differences."""
        module = self.module
        vars(module)["DTYPE"] = np.float64  # differences need the digits
        params = {n: p.astype(np.float64) for n, p in params.items()}
        inputs = {n: x.astype(np.float64) if x.dtype.kind == "f" else x for n, x in inputs.items()}
        rng = np.random.default_rng(_SEED + 1)
        vectors = {n: rng.standard_normal(p.shape) for n, p in params.items()}
        if hasattr(module, "jvp"):
            slopes = self._slope(lambda p: module.forward(p, inputs)[0], params, vectors)
            for name, value in module.jvp(params, inputs, vectors).items():
                self._near(f'jvp["{name}"]', value, slopes[name])
        if hasattr(module, "hvp"):
            slopes = self._slope(lambda p: module.loss_and_grad(p, inputs)[1], params, vectors)
            for name, value in module.hvp(params, inputs, vectors).items():
                self._near(f'hvp["{name}"]', value, slopes[name])
        if hasattr(module, "hessian"):
            for name, p in params.items():
                one = {name: vectors[name]}
                slopes = self._slope(lambda p: module.loss_and_grad(p, inputs)[1], params, one)
                dense = module.hessian(params, inputs, name)
                self._near(
                    f"hessian of {name}", np.tensordot(dense, one[name], p.ndim), slopes[name]
                )

    def _slope(
        self, function: Callable[[Arrays], Arrays], params: Arrays, vectors: Arrays
    ) -> dict[str, Any]:
        """The directional derivative of arrays by central differences."""
        ends = []
        for step in (_STEP, -_STEP):
            moved = {n: np.asarray(p + step * vectors.get(n, 0)) for n, p in params.items()}
            ends.append({n: np.array(v, np.float64) for n, v in function(moved).items()})
        return {n: (ends[0][n] - ends[1][n]) / (2 * _STEP) for n in ends[0]}

    def _near(self, what: str, found: Any, expected: Any) -> None:
        """Compare with a difference quotient: a wrong term shows, the last digits do not."""
        array = np.asarray(found, np.float64)
        if array.shape != expected.shape:
            raise InternalError(f"{what}: expected shape {expected.shape}, found {array.shape}")
        if expected.size:
            worst = float(np.max(np.abs(array - expected)))
            bound = _QUOTIENT * max(1.0, float(np.max(np.abs(expected))))
            if not worst <= bound:
                raise InternalError(f"{what}: the module differs from differences by {worst:.3g}")

    def _compare(self, what: str, name: str, found: Any, expected: Any) -> None:
        array, right = np.asarray(found), np.asarray(expected, np.float64)
        if array.shape != right.shape:
            raise InternalError(f"{what}: expected shape {right.shape}, found {array.shape}")
        if array.dtype.kind == "f" and array.dtype != self.dtype and what != "loss":
            raise InternalError(f"{what}: expected {self.dtype}, found {array.dtype}")
        if not right.size:
            return
        wide = array.astype(np.float64)
        if float(np.max(np.abs(wide - right))) <= _TOLERANCE[self.dtype.name]:
            return
        with np.errstate(invalid="ignore"):
            worst = np.where(wide == right, 0.0, np.abs(wide - right))
        scale = max(1.0, float(np.max(np.abs(right[np.isfinite(right)]), initial=0.0)))
        if not float(np.max(worst)) <= _TOLERANCE[self.dtype.name] * scale:
            raise _DisagreementError(what, name, float(np.max(worst)))
