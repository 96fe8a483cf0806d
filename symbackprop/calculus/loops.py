"""The derivative of a recurrence: a recurrence in the other direction.

The adjoint of a loop reads the histories of the primal values at the same step. A contribution to
a constant is no carry: it is lifted out of the loop as a comprehension with the step as one more
summed axis, ``∂L/∂W = Σ_t δ_t h_{t-1}^T``. Reverse and forward mode are closed: the results are
loops again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symbackprop.calculus.lifting import Derived, Lift, body_of
from symbackprop.calculus.local import active_ids
from symbackprop.ir import (
    Carry,
    Feed,
    Final,
    Graph,
    Hist,
    Loop,
    Read,
    Role,
    Var,
    reachable,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import Size, axis

Differentiate = Callable[[Graph, Mapping[int, int], Sequence[int], tuple[Size, ...]], Any]


@dataclass(frozen=True, slots=True)
class LoopAdjoint:
    """The loop that a loop's derivative is.

    primal : the loop that was differentiated
    cotangents : value of its body -> the cotangent of it, in the body of the derived loop
    """

    primal: int
    cotangents: Mapping[int, int]


def active_variables(graph: Graph, loop: Loop, active: Callable[[int], bool]) -> list[int]:
    """The body variables that depend smoothly on active outer nodes.

    A fixed point over the carries.
    """
    body = body_of(loop)
    feeds = (*loop.stacked, *loop.constants)
    found = {f.var for f in feeds if active(f.outer)}
    found |= {c.var for c in loop.carries if active(c.init)}
    ids = reachable(body, [c.out for c in loop.carries])
    while True:
        live = active_ids(body, ids, found)
        new = {c.var for c in loop.carries if c.out in live or c.out in found} - found
        if not new:
            return sorted(found)
        found |= new


def moved_axis(graph: Graph, node_id: int, old: int, new: int) -> int:
    """The node with dim `old` moved to place `new`."""
    shape = list(graph.shape(node_id))
    order = list(range(len(shape)))
    order.insert(new, order.pop(old))
    target = [shape[d] for d in order]
    place = {d: k for k, d in enumerate(order)}
    index = tuple(axis(place[d]) for d in range(len(shape)))
    return graph.comp(target, target, placeholder(0), (Read(node_id, index),))


def loop_vjp(
    graph: Graph,
    loop_id: int,
    cotangents: Mapping[int, int],
    active: Callable[[int], bool],
    extra: tuple[Size, ...],
    vjp: Differentiate,
) -> tuple[list[tuple[int, int]], tuple[int, LoopAdjoint]]:
    """The cotangents of what a loop reads, as (outer node, contribution); the derived loop.

    Parameters
    ----------
    cotangents : projection of this loop (`Hist` or `Final`) -> id of its cotangent
    active : whether an outer node is differentiated by
    vjp : reverse mode in the body: (body, seeds, wrt, extra) -> cotangents and log
    """
    loop = graph[loop_id]
    assert isinstance(loop, Loop)
    body = body_of(loop)
    live = active_variables(graph, loop, active)
    carries = [(k, c) for k, c in enumerate(loop.carries) if c.var in live]
    seeds: dict[int, list[int]] = {}
    finals: dict[int, int] = {}
    stacked: list[tuple[int, int]] = []
    for k, carry in carries:
        var = _seed(body, f"ct_carry{loop_id}_{k}_{len(extra)}", carry.out, extra)
        seeds.setdefault(carry.out, []).append(var)
        finals[k] = var
    given: dict[int, int] = {}
    for projection, ct in cotangents.items():
        node = graph[projection]
        if isinstance(node, Final):
            given[node.carry] = ct
        elif isinstance(node, Hist):
            var = _seed(body, f"ct_value{loop_id}_{node.value}_{len(extra)}", node.value, extra)
            seeds.setdefault(node.value, []).append(var)
            stacked.append((var, moved_axis(graph, ct, len(extra), 0)))
    totals = {value: body.total(found) for value, found in seeds.items()}
    result = vjp(body, totals, live, extra)
    every = frozenset([*finals.values(), *(var for var, _ in stacked)])
    derived = Derived(graph, loop, loop_id, every, Graph(graph.policy, graph.facts))
    for var, outer in stacked:
        derived.stacked.append(Feed(outer, derived.variable(var)))
    return _assemble(derived, carries, finals, given, result, live, extra)


def _seed(body: Graph, name: str, value: int, extra: tuple[Size, ...]) -> int:
    return body.add(Var(name, (*extra, *body.shape(value)), role=Role.COTANGENT))


def _assemble(
    derived: Derived,
    carries: list[tuple[int, Carry]],
    finals: dict[int, int],
    given: dict[int, int],
    result: Any,
    live: list[int],
    extra: tuple[Size, ...],
) -> tuple[list[tuple[int, int]], tuple[int, LoopAdjoint]]:
    """Make the adjoint loop and read off the cotangents of carries, slices and constants."""
    graph, loop = derived.outer, derived.primal
    cts: dict[int, int] = result.cotangents
    constant = {f.var: f.outer for f in loop.constants if f.var in live}
    lifted = [c for c in result.log if c.target in constant]
    new_carries = []
    for k, carry in carries:
        derived.place([cts[carry.var]])
        init = given.get(k)
        if init is None:
            init = graph.full(0, (*extra, *body_of(loop).shape(carry.out)))
        new_carries.append(Carry(init, derived.variable(finals[k]), derived.ids[cts[carry.var]]))
    lifts = [(constant[c.target], Lift(derived, c.value, extra)) for c in lifted]
    slices = []
    for feed in loop.stacked:
        if feed.var not in live:
            continue
        values = [c.value for c in result.log if c.target == feed.var]
        parts = [Lift(derived, value, extra, stacked=True) for value in values]
        if parts and all(part.is_whole() for part in parts):
            lifts.extend((feed.outer, part) for part in parts)
        else:
            slices.append((feed, cts[feed.var]))
    derived.place([ct for _, ct in slices])
    for _, lift in lifts:
        lift.prepare()
    new = derived.loop(new_carries, not loop.reverse)
    found: list[tuple[int, int]] = []
    for n, (_, carry) in enumerate(carries):
        shape = derived.body.shape(new_carries[n].out)
        found.append((carry.init, graph.add(Final(new, n, shape))))
    for feed, ct in slices:
        value = derived.ids[ct]
        history = graph.add(Hist(new, value, (loop.length, *derived.body.shape(value))))
        found.append((feed.outer, moved_axis(graph, history, 0, len(extra))))
    found.extend((outer, lift.made(new)) for outer, lift in lifts)
    known = {v: derived.ids[ct] for v, ct in cts.items() if ct in derived.ids}
    return found, (new, LoopAdjoint(derived.primal_id, known))


def loop_jvp(
    graph: Graph,
    loop_id: int,
    projections: Iterable[int],
    known: Mapping[int, int],
    extra: tuple[Size, ...],
    jvp: Differentiate,
) -> dict[int, int]:
    """The tangents of projections of a loop.

    A loop in the same direction that reads its histories.
    """
    loop = graph[loop_id]
    assert isinstance(loop, Loop)
    body = body_of(loop)
    live = active_variables(graph, loop, known.__contains__)
    tangents = {
        v: body.add(
            Var(f"tan{loop_id}_{v}_{len(extra)}", (*extra, *body.shape(v)), role=Role.TANGENT)
        )
        for v in live
    }
    carries = [(k, c) for k, c in enumerate(loop.carries) if c.var in live]
    values = [graph[p].value for p in projections if isinstance(graph[p], Hist)]  # type: ignore[union-attr]  # just tested
    found = jvp(body, tangents, [*(c.out for _, c in carries), *values], extra)
    derived = Derived(
        graph, loop, loop_id, frozenset(tangents.values()), Graph(graph.policy, graph.facts)
    )
    for feed in loop.stacked:
        if feed.var in live and feed.outer in known:
            slice_ = moved_axis(graph, known[feed.outer], len(extra), 0)
            derived.stacked.append(Feed(slice_, derived.variable(tangents[feed.var])))
    for feed in loop.constants:
        if feed.var in live and feed.outer in known:
            derived.constants.append(Feed(known[feed.outer], derived.variable(tangents[feed.var])))
    derived.place([found[c.out] for _, c in carries] + [found[v] for v in values])
    new_carries = []
    for _, carry in carries:
        init = known.get(carry.init)
        if init is None:
            init = graph.full(0, (*extra, *body.shape(carry.out)))
        new_carries.append(
            Carry(init, derived.variable(tangents[carry.var]), derived.ids[found[carry.out]])
        )
    new = derived.loop(new_carries, loop.reverse)
    place = {k: n for n, (k, _) in enumerate(carries)}
    result: dict[int, int] = {}
    for p in projections:
        node = graph[p]
        if isinstance(node, Hist):
            value = derived.ids[found[node.value]]
            shape = derived.body.shape(value)
            history = graph.add(Hist(new, value, (loop.length, *shape)))
            result[p] = moved_axis(graph, history, 0, len(extra))
        elif isinstance(node, Final) and node.carry in place:
            n = place[node.carry]
            result[p] = graph.add(Final(new, n, derived.body.shape(new_carries[n].out)))
    return result
