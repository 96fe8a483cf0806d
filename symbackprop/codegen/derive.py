"""The derivatives a module needs, in the graph of its problem."""

from __future__ import annotations

from symbackprop.codegen.options import Derived
from symbackprop.ir.problem import Problem
from symbackprop.simplify import derive


def derived_of(problem: Problem) -> Derived:
    """The VJP of all outputs by all parameters and real inputs, simplified."""
    found = derive(problem, general=True)
    return Derived(
        found.graph, problem.outputs, found.gradients, found.seeds, _python_names(found.names)
    )


def _python_names(names: dict[int, str]) -> dict[int, str]:
    return {
        i: name.replace("_bar", "") if name.endswith("_bar") else name for i, name in names.items()
    }
