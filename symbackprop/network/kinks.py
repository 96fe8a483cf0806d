"""Which outputs depend on a choice: the slope at a kink, the maximum that gets the gradient."""

from __future__ import annotations

from typing import Any

from symbackprop.errors import UnsupportedError
from symbackprop.ir import Comp, Opaque, Problem, Reduction, Ties, reachable
from symbackprop.scalars import FUNCTIONS
from symbackprop.scalars import Opaque as Unnamed

_WITHOUT_CHOICE = {"abs", "sign", "step", "equal"}
_KINKED = {
    record.head.__name__: record.name
    for record in FUNCTIONS.values()
    if record.kinks and record.name not in _WITHOUT_CHOICE
}

_TIES = {
    Ties.FIRST: "of several equal maxima the first gets the gradient",
    Ties.SHARE: "several equal maxima share the gradient",
    Ties.ALL: "every one of several equal maxima gets the whole gradient: not a subgradient",
}


def policy_notes(problem: Problem) -> list[str]:
    """One line for each choice that a gradient of the problem depends on."""
    graph = problem.graph
    kinked: dict[str, None] = {}
    maximum = False
    for i in reachable(graph, problem.outputs.values()):
        node = graph[i]
        if isinstance(node, Comp):
            kinked.update(dict.fromkeys(_kinked_functions(node.body)))
            maximum = maximum or node.reduction is Reduction.MAX
    notes = []
    if kinked:
        names = ", ".join(kinked)
        notes.append(f"At kinks ({names}) the slope is taken as for {graph.policy.kink.value}.")
    if maximum:
        notes.append(f"Ties: {_TIES[graph.policy.ties]}.")
    return notes


def unnamed_functions(problem: Problem) -> list[str]:
    """The names of the functions without a definition that the outputs are made of."""
    graph = problem.graph
    found: dict[str, None] = {}
    for i in reachable(graph, problem.outputs.values()):
        node = graph[i]
        if isinstance(node, Opaque):
            found[node.name] = None
        elif isinstance(node, Comp):
            pending = [node.body]
            while pending:
                part = pending.pop()
                if isinstance(part, Unnamed):
                    found[str(part.args[0])] = None
                else:
                    pending.extend(part.args)
    return list(found)


def refuse_unnamed(problem: Problem) -> None:
    """Refuse to write code for functions without a definition.

    Raises
    ------
    UnsupportedError
        With their names.
    """
    found = unnamed_functions(problem)
    if found:
        raise UnsupportedError(
            f"no code for functions without a definition: {', '.join(found)}",
            help="write a named function in their place, such as sb.tanh",
        )


def _kinked_functions(body: Any) -> list[str]:
    found: dict[str, None] = {}
    pending = [body]
    while pending:
        part = pending.pop()
        name = _KINKED.get(type(part).__name__)
        if name is not None:
            found[name] = None
        pending.extend(part.args)
    return list(found)
