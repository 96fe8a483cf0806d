"""Which outputs depend on a choice: the slope at a kink, the maximum that gets the gradient."""

from __future__ import annotations

from typing import Any

from symbackprop.ir import Comp, Problem, Reduction, Ties, reachable
from symbackprop.scalars import FUNCTIONS

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
