"""The derivatives a module needs, in the graph of its problem."""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.codegen.options import Derived
from symbackprop.codegen.shift import shift_masked
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Comp, Graph, Loop, Opaque, reachable
from symbackprop.ir.problem import Problem
from symbackprop.scalars.opaque import Opaque as OpaqueFunction
from symbackprop.simplify import derive


def refuse_unknown_functions(graph: Graph, roots: Iterable[int]) -> None:
    """Raise where a function has a name and no values.

    Raises
    ------
    UnsupportedError
        With the name of the function.
    """
    pending = [(graph, reachable(graph, roots))]
    while pending:
        current, ids = pending.pop()
        for i in ids:
            node = current[i]
            name = node.name if isinstance(node, Opaque) else None
            if isinstance(node, Comp):
                found = sorted(str(f.name) for f in node.body.atoms(OpaqueFunction))
                name = found[0] if found else None
            if isinstance(node, Loop) and isinstance(node.body, Graph):
                pending.append((node.body, reachable(node.body, [c.out for c in node.carries])))
            if name is not None:
                raise UnsupportedError(
                    f"{name} is an unknown function: it has formulas, but no values",
                    help="name a function such as tanh instead, or write it as an expression",
                )


def derived_of(problem: Problem) -> Derived:
    """The VJP of all outputs by all parameters and real inputs, simplified."""
    found = derive(problem, general=True)
    return Derived(
        found.graph, problem.outputs, found.gradients, found.seeds, _python_names(found.names)
    )


def stabilised(derived: Derived) -> Derived:
    """The same quantities, with masked softmaxes shifted by the maximum of their rows."""
    roots = [*derived.outputs.values(), *derived.pullbacks.values()]
    shifted = shift_masked(derived.graph, roots)
    if not shifted.moved:
        return derived
    return Derived(
        derived.graph,
        {name: shifted.of(i) for name, i in derived.outputs.items()},
        {name: shifted.of(i) for name, i in derived.pullbacks.items()},
        derived.cotangents,
        {shifted.of(i): name for i, name in derived.names.items()},
    )


def _python_names(names: dict[int, str]) -> dict[int, str]:
    return {
        i: name.replace("_bar", "") if name.endswith("_bar") else name for i, name in names.items()
    }
