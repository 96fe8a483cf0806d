"""A loop as the recursion a person writes: ``h_t = tanh(W x_t + U h_{t-1} + b)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from symbackprop.ir import Graph, Loop
from symbackprop.raising.matrix import Raiser
from symbackprop.raising.outside import Outside
from symbackprop.raising.shapes import children
from symbackprop.raising.step_formulas import STEP, Recurrence, StartLine, StepLine
from symbackprop.raising.stepwise import Writer
from symbackprop.raising.tree import Formula, Ref


def recurrences(
    graph: Graph, ids: Iterable[int], raiser: Raiser, steps: Mapping[int, Mapping[int, str]]
) -> dict[int, Recurrence]:
    """The recurrence of every loop among `ids`, with those of the loops inside.

    ids : the nodes in sight: what has a history among them keeps a name
    steps : loop -> value of its body -> what it is called, history or not
    """
    seen = list(ids)
    numbers = count(1)
    found: dict[int, Recurrence] = {}
    for i in seen:
        node = graph[i]
        if isinstance(node, Loop):
            own = {j: j for j in seen}
            outside = Outside(raiser)
            writer = Writer(graph, i, node, outside, own, steps.get(i, {}), numbers=numbers)
            found[i] = writer.written()
    return found


def names_in(formula: Formula) -> tuple[Formula, ...]:
    """The values at single steps in a formula, each once, in order."""
    found: dict[Formula, None] = {}
    pending = [formula]
    while pending:
        here = pending.pop(0)
        if isinstance(here, Ref) and here.batch:
            found[here] = None
        pending.extend(children(here))
    return tuple(found)


__all__ = ["STEP", "Recurrence", "StartLine", "StepLine", "names_in", "recurrences"]
