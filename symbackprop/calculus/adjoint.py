"""Reverse mode: the one adjoint rule, swept over falling ids.

For every comprehension ``out[write] += body(p0, p1, ..)`` and every operand read at ``read_k``

    Ā[read_k]  +=  c̄[write] · ∂body/∂p_k        on the same axes and the same domain.

Reads and writes swap; nothing is solved. There is no table of backward formulas for layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.calculus.local import (
    active_ids,
    leading,
    local_derivative,
    shifted,
    shifted_domain,
    shifted_reads,
)
from symbackprop.calculus.loops import LoopAdjoint, loop_vjp
from symbackprop.errors import MissingRuleError, ShapeError
from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Loop,
    Opaque,
    Prim,
    Read,
    Reduction,
    Var,
    reachable,
)
from symbackprop.primitives import LAWS
from symbackprop.scalars import placeholder
from symbackprop.sizes import Size, axis


@dataclass(frozen=True, slots=True)
class Contribution:
    """One step of the sweep.

    `consumer` reads `target` at operand `position`, and gives `value` to its cotangent.
    """

    consumer: int
    position: int
    target: int
    value: int


@dataclass(slots=True)
class Adjoint:
    """The cotangents of a sweep.

    cotangents : node id -> id of its cotangent (shape: `extra`, then the node's);  log : the
    steps, in order
    loops : the loops that derivatives of loops are
    """

    cotangents: dict[int, int] = field(default_factory=dict)
    log: list[Contribution] = field(default_factory=list)
    loops: dict[int, LoopAdjoint] = field(default_factory=dict)


@dataclass(slots=True)
class Sweep:
    """A reverse sweep under way."""

    graph: Graph
    extra: tuple[Size, ...]
    active: set[int]
    result: Adjoint = field(default_factory=Adjoint)
    pending: dict[int, list[int]] = field(default_factory=dict)
    projections: dict[int, dict[int, int]] = field(default_factory=dict)

    def give(self, consumer: int, position: int, target: int, value: int) -> None:
        """Add `value` to the cotangent of `target`."""
        self.pending.setdefault(target, []).append(value)
        self.result.log.append(Contribution(consumer, position, target, value))


def vjp(
    graph: Graph,
    seeds: Mapping[int, int],
    wrt: Sequence[int],
    extra: tuple[Size, ...] = (),
) -> Adjoint:
    """x̄ = Σ ȳ ∂y/∂x for every node between `wrt` and the seeded nodes.

    Parameters
    ----------
    seeds : node id -> id of its cotangent, of shape ``extra + shape of the node``
    wrt : the nodes whose cotangents are asked for; one that no seed depends on gets zeros
    extra : leading axes of every cotangent (rows of a Jacobian)

    Raises
    ------
    ShapeError
        When a seed has another shape.
    """
    for node_id, seed in seeds.items():
        if graph.shape(seed) != (*extra, *graph.shape(node_id)):
            raise ShapeError(
                f"cotangent of %{node_id}: expected shape {(*extra, *graph.shape(node_id))}, "
                f"found {graph.shape(seed)}"
            )
    ids = reachable(graph, seeds)
    sweep = Sweep(graph, extra, active_ids(graph, ids, wrt))
    for node_id, seed in seeds.items():
        sweep.pending[node_id] = [seed]
    for i in reversed(ids):
        if i in sweep.active:
            _visit(sweep, i)
    for node_id in wrt:
        if node_id not in sweep.result.cotangents:
            zero = graph.full(0, (*extra, *graph.shape(node_id)))
            sweep.result.cotangents[node_id] = zero
    return sweep.result


def _visit(sweep: Sweep, i: int) -> None:
    """Close the cotangent of node `i` and hand it on to what the node reads."""
    graph = sweep.graph
    node = graph[i]
    if isinstance(node, Loop):
        _loop_vjp(sweep, i)
        return
    values = sweep.pending.pop(i, None)
    if not values:
        return
    ct = graph.total(values)
    sweep.result.cotangents[i] = ct
    match node:
        case Comp():
            _comp_vjp(sweep, i, node, ct)
        case Opaque():
            _opaque_vjp(sweep, i, node, ct)
        case Prim():
            _prim_vjp(sweep, i, node, ct)
        case Hist() | Final():
            # collected until the sweep reaches the loop, which has a smaller id
            sweep.projections.setdefault(node.loop, {})[i] = ct
        case Var():
            pass


def _loop_vjp(sweep: Sweep, i: int) -> None:
    cotangents = sweep.projections.pop(i, None)
    if cotangents is None:
        return
    active = sweep.active.__contains__
    parts, (made, about) = loop_vjp(sweep.graph, i, cotangents, active, sweep.extra, vjp)
    sweep.result.loops[made] = about
    for position, (target, value) in enumerate(parts):
        if target in sweep.active:
            sweep.give(i, position, target, value)


def _comp_vjp(sweep: Sweep, i: int, comp: Comp, ct: int) -> None:
    for k, read in enumerate(comp.reads):
        if isinstance(read, Read) and read.source in sweep.active:
            value = comp_contribution(sweep.graph, i, comp, k, ct, sweep.extra)
            sweep.give(i, k, read.source, value)


def comp_contribution(
    graph: Graph, i: int, comp: Comp, k: int, ct: int, extra: tuple[Size, ...]
) -> int:
    """The adjoint rule for operand `k` of comprehension `i`: reads and writes swap."""
    read = comp.reads[k]
    assert isinstance(read, Read)
    by = len(extra)
    linear = local_derivative(graph, i, comp, k)
    local = tuple(shifted_reads(linear.reads, by))
    lead = leading(extra)
    return graph.comp(
        (*extra, *graph.shape(read.source)),
        (*extra, *comp.axes),
        placeholder(len(local)) * linear.body,
        (*local, Read(ct, (*lead, *shifted(comp.write, by)))),
        (*lead, *shifted(read.index, by)),
        shifted_domain(linear.domain, by),
        Reduction.SUM,
    )


def _opaque_vjp(sweep: Sweep, i: int, node: Opaque, ct: int) -> None:
    """Contract the cotangent with the function differentiated once more by each argument.

    The new axes of order n + 1 stand behind those of the arguments up to and including this one.
    """
    graph, extra = sweep.graph, sweep.extra
    shape = graph.shape(i)
    for k, arg in enumerate(node.args):
        if arg not in sweep.active:
            continue
        raised, place = raised_opaque(graph, node, k)
        inner = graph.shape(arg)
        axes = (*extra, *inner, *shape)
        lead = leading(extra)
        new = tuple(axis(len(extra) + j) for j in range(len(inner)))
        old = tuple(axis(len(extra) + len(inner) + j) for j in range(len(shape)))
        value = graph.comp(
            (*extra, *inner),
            axes,
            placeholder(0) * placeholder(1),
            (Read(ct, (*lead, *old)), Read(raised, (*old[:place], *new, *old[place:]))),
        )
        sweep.give(i, k, arg, value)


def raised_opaque(graph: Graph, node: Opaque, k: int) -> tuple[int, int]:
    """The function differentiated once more by argument `k`, and where its new axes stand."""
    orders = tuple(o + (j == k) for j, o in enumerate(node.orders))
    place = len(node.out_shape) + sum(
        order * len(graph.shape(arg))
        for arg, order in zip(node.args[: k + 1], node.orders[: k + 1], strict=True)
    )
    return graph.add(Opaque(node.name, orders, node.args, node.out_shape)), place


def _prim_vjp(sweep: Sweep, i: int, node: Prim, ct: int) -> None:
    law = LAWS.get(node.op)
    if law is None or law.vjp is None:
        raise MissingRuleError(f"{node.op.value} has no VJP", where=f"%{i}")
    for k, value in enumerate(law.vjp(sweep.graph, i, ct, sweep.extra)):
        if value is not None and node.args[k] in sweep.active:
            sweep.give(i, k, node.args[k], value)
