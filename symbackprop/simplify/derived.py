"""From a problem to its gradients: derive, choose what is named, simplify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.calculus import Adjoint, vjp
from symbackprop.errors import ShapeError
from symbackprop.ir import (
    Comp,
    Graph,
    Kind,
    Problem,
    Role,
    Var,
    consumers,
    reachable,
)
from symbackprop.simplify.engine import Simplified, simplify
from symbackprop.simplify.heads import is_affine
from symbackprop.simplify.loops import Inside, cotangents_inside


@dataclass(slots=True)
class Derived:
    """A problem with its gradients.

    Attributes
    ----------
    gradients : name of a parameter or real input -> id of the gradient, of the shape of the
    variable
    deltas : name of a forward value -> id of its cotangent, where that keeps a name; in the order
    of the sweep
    seeds : name of an output -> id of its cotangent (the constant 1 for a loss)
    names : id -> name, of forward values and of deltas (``dz1`` for the cotangent of ``z1``)
    adjoint, simplified : the raw sweep and the log of the simplifier
    independent : the variables that no seeded output depends on (their gradient is 0)
    steps : id of a loop -> value of its body -> what it is called at one step (``dh`` for the
    cotangent of ``h``)
    """

    problem: Problem
    graph: Graph
    gradients: dict[str, int] = field(default_factory=dict)
    deltas: dict[str, int] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    adjoint: Adjoint = field(default_factory=Adjoint)
    simplified: Simplified | None = None
    independent: tuple[str, ...] = ()
    steps: dict[int, dict[int, str]] = field(default_factory=dict)


def derive(problem: Problem, wrt: Sequence[str] | None = None, general: bool = False) -> Derived:
    """The gradients of the loss, or with `general` the VJP of all outputs, simplified.

    Parameters
    ----------
    wrt : names of parameters, inputs or forward values; default: all parameters and real inputs
    general : seed every output with a variable ``<output>_bar`` instead of the loss with 1

    Raises
    ------
    ShapeError
        When there is no scalar loss and `general` is not asked for.
    """
    graph = problem.graph
    forward = 1 + max(problem.named().values())
    targets = _targets(problem, wrt)
    seeds = _seeds(problem, general)
    adjoint = vjp(graph, {problem.outputs[o]: s for o, s in seeds.items()}, list(targets.values()))
    deltas = _named_cotangents(problem, adjoint, forward)
    roots = [adjoint.cotangents[i] for i in targets.values()]
    kept = problem.names()
    losses = [problem.loss] if problem.loss is not None else []
    inner, inner_names = cotangents_inside(problem, adjoint)
    inside = Inside(inner, problem.steps)
    wanted = [*roots, *deltas.values()]
    found = simplify(graph, wanted, forward, deltas.values(), kept, losses, inside)
    variables = variables_of(problem)
    for i, name in sorted(kept.items(), reverse=True):
        # a cotangent that had to be kept whole (of a pooled map, say) has its value's name
        raw = adjoint.cotangents.get(i, -1)
        if raw in found.ids and isinstance(graph[raw], Comp) and i not in variables:
            deltas[name] = raw
    deltas |= _name_shared(problem, adjoint, found, kept)
    deltas = dict(sorted(deltas.items(), key=lambda item: item[1]))
    result = Derived(
        problem, graph, seeds=seeds, names=dict(kept), adjoint=adjoint, simplified=found
    )
    result.gradients = {n: found.ids[adjoint.cotangents[i]] for n, i in targets.items()}
    taken = set(problem.named())
    for name, raw in deltas.items():
        new = found.ids[raw]
        result.deltas[name] = new
        if new >= forward and new not in result.names:
            result.names[new] = unused("d" + name, taken)
    result.independent = _independent(graph, problem, targets)
    result.steps = dict(problem.steps)
    for loop, names in inner_names.items():
        if loop in found.loops:
            result.steps[found.loops[loop].loop] = found.loops[loop].named(graph, names)
    return result


def _name_shared(
    problem: Problem, adjoint: Adjoint, found: Simplified, kept: dict[int, str]
) -> dict[str, int]:
    """Name the forward values whose cotangents are shared (the stream of a residual network).

    Adds them to the problem's values and to `kept`; returns the cotangents by name.
    """
    graph = problem.graph
    streams = [(i, c) for i, c in adjoint.cotangents.items() if c in found.shared and i not in kept]
    taken = set(problem.named())
    deltas: dict[str, int] = {}
    for number, (i, cotangent) in enumerate(sorted(streams), start=1):
        letter = "H" if len(graph.shape(i)) > 1 else "h"
        name = unused(f"{letter}{number}", taken)
        problem.values[name] = i
        kept[i] = name
        deltas[name] = cotangent
    problem.values = dict(sorted(problem.values.items(), key=lambda item: item[1]))
    return dict(reversed(deltas.items()))


def unused(name: str, taken: set[str]) -> str:
    """`name`, with underscores added until it is not taken; taken from then on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _targets(problem: Problem, wrt: Sequence[str] | None) -> dict[str, int]:
    if wrt is not None:
        named = problem.named()
        return {name: named[name] for name in wrt}
    graph = problem.graph
    every = {**problem.parameters, **problem.inputs}
    return {name: i for name, i in every.items() if graph.kind(i) is Kind.REAL}


def _seeds(problem: Problem, general: bool) -> dict[str, int]:
    graph = problem.graph
    if general:
        return {
            name: graph.add(Var(f"{name}_bar", graph.shape(i), role=Role.COTANGENT))
            for name, i in problem.outputs.items()
        }
    loss = problem.loss
    if loss is None or graph.shape(loss) != ():
        found = "none" if loss is None else f"shape {graph.shape(loss)}"
        raise ShapeError(
            f"a gradient needs a scalar loss, found {found}",
            help="reduce it with sum(...) or mean(...) and give it as Network(loss=...)",
        )
    return {"loss": graph.full(1)}


def _named_cotangents(problem: Problem, adjoint: Adjoint, forward: int) -> dict[str, int]:
    """The cotangents that keep a name: of pre-activations, and of named values read more than once.

    A pre-activation is a named value that a contraction goes into.
    """
    graph = problem.graph
    ids = reachable(graph, problem.outputs.values())
    readers = consumers(graph, ids)
    variables = variables_of(problem)
    found: dict[str, int] = {}
    names = problem.names()
    for i, name in sorted(names.items(), reverse=True):
        if i in variables or i not in adjoint.cotangents:
            continue
        if len(readers.get(i, ())) > 1 or is_affine(graph, i, names):
            found[name] = adjoint.cotangents[i]
    return {n: c for n, c in found.items() if c >= forward}


def variables_of(problem: Problem) -> set[int]:
    """The nodes whose cotangents are asked for or given: variables and outputs."""
    ends = (problem.parameters, problem.inputs, problem.outputs)
    return {i for named in ends for i in named.values()}


def _independent(graph: Graph, problem: Problem, targets: Mapping[str, int]) -> tuple[str, ...]:
    reached = set(reachable(graph, problem.outputs.values()))
    return tuple(name for name, i in targets.items() if i not in reached)
