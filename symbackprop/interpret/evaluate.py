"""The value of nodes of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from symbackprop.errors import InternalError
from symbackprop.interpret.comprehension import comp_value
from symbackprop.interpret.context import Context
from symbackprop.interpret.inputs import infer_sizes, input_value
from symbackprop.interpret.opaque import opaque_value
from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Loop,
    Node,
    Opaque,
    Prim,
    Var,
    reachable,
)
from symbackprop.primitives import LAWS
from symbackprop.scalars import FLOAT64, Field
from symbackprop.scalars.fields import Array
from symbackprop.sizes import evaluate_size


def evaluate(
    graph: Graph,
    targets: Iterable[int],
    values: Mapping[str, object],
    sizes: Mapping[str, int] | None = None,
    field: Field = FLOAT64,
) -> dict[int, Array]:
    """The arrays of `targets`, and of nothing that they do not depend on.

    Parameters
    ----------
    values : for each variable that is reached, by name, an array of its shape
    sizes : a value for each size symbol; one that is an axis of a variable may be left out
    field : the numbers to compute with; integers and booleans are int64 in every field

    Raises
    ------
    ShapeError
        When an array has another shape, kind or range, an index leaves its array, or a maximum
        has no candidate.
    UnknownNameError
        When a variable has no value.
    """
    wanted = list(targets)
    ids = reachable(graph, wanted)
    context = Context(graph, infer_sizes(graph, ids, values, sizes), field)
    _run(context, ids, values)
    return {node_id: context.values[node_id] for node_id in wanted}


def _run(context: Context, ids: Iterable[int], values: Mapping[str, object]) -> None:
    """Evaluate `ids`, ascending; values that are there already stay."""
    loops = _projections(context.graph, ids)
    for node_id in ids:
        if node_id in context.values:
            continue
        node = context.graph[node_id]
        if isinstance(node, Loop):
            _run_loop(context, node, loops.get(node_id, []), values)
        else:
            context.values[node_id] = _value(context, node_id, node, values)


def _value(context: Context, node_id: int, node: Node, values: Mapping[str, object]) -> Array:
    match node:
        case Var():
            return input_value(context, node_id, values)
        case Comp():
            return comp_value(context, node_id, node)
        case Opaque():
            return opaque_value(context, node)
        case Prim():
            args = [context.values[arg] for arg in node.args]
            return LAWS[node.op].forward(args, context.numbers)
        case _:
            raise InternalError("a projection without its loop", where=context.where(node_id))


def _projections(graph: Graph, ids: Iterable[int]) -> dict[int, list[int]]:
    """For each loop, its results among `ids`."""
    found: dict[int, list[int]] = {}
    for node_id in ids:
        node = graph[node_id]
        if isinstance(node, (Hist, Final)):
            found.setdefault(node.loop, []).append(node_id)
    return found


def _run_loop(
    context: Context, loop: Loop, results: list[int], values: Mapping[str, object]
) -> None:
    """Run the body once per step and set the values of `results`."""
    body = loop.body
    if not isinstance(body, Graph):
        raise InternalError(f"the body of a loop is no graph but {type(body).__name__}")
    length = evaluate_size(loop.length, context.sizes)
    pairs = [(node_id, context.graph[node_id]) for node_id in results]
    stacks = {node_id: node for node_id, node in pairs if isinstance(node, Hist)}
    rows: dict[int, list[Array]] = {node_id: [] for node_id in stacks}
    ids = reachable(body, [c.out for c in loop.carries] + [n.value for n in stacks.values()])
    state = [context.values[c.init] for c in loop.carries]
    fixed = {f.var: context.values[f.outer] for f in loop.constants}
    for t in reversed(range(length)) if loop.reverse else range(length):
        step = Context(body, context.sizes, context.numbers, dict(fixed), context.known)
        for feed in loop.stacked:
            whole = context.values[feed.outer]
            step.values[feed.var] = np.asarray(whole[t], dtype=whole.dtype)
        step.values |= {c.var: state[k] for k, c in enumerate(loop.carries)}
        _run(step, ids, values)
        state = [step.values[c.out] for c in loop.carries]
        for node_id, hist in stacks.items():
            rows[node_id].append(step.values[hist.value])
    for node_id, node in pairs:
        if isinstance(node, Hist):
            context.values[node_id] = _stacked(context, node, rows[node_id], loop.reverse)
        elif isinstance(node, Final):
            context.values[node_id] = state[node.carry]


def _stacked(context: Context, node: Hist, rows: list[Array], reverse: bool) -> Array:
    if not rows:
        return context.zeros(context.shape(node.shape), integral=False)
    return np.stack([np.asarray(row) for row in (reversed(rows) if reverse else rows)])
