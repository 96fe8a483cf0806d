"""Forward mode: the same rule read the other way. ``ẏ[write] += Σ_k ∂body/∂p_k · ṗ_k``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Expr, Integer

from symbackprop.calculus.adjoint import raised_opaque
from symbackprop.calculus.local import (
    active_ids,
    leading,
    local_derivative,
    shifted,
    shifted_domain,
    shifted_reads,
)
from symbackprop.calculus.loops import loop_jvp
from symbackprop.errors import MissingRuleError, ShapeError
from symbackprop.ir import (
    Comp,
    Graph,
    Loop,
    Opaque,
    Operand,
    Prim,
    Read,
    Reduction,
    Ties,
    reachable,
)
from symbackprop.primitives import LAWS
from symbackprop.scalars import placeholder
from symbackprop.sizes import Size, axis


def jvp(
    graph: Graph,
    tangents: Mapping[int, int],
    targets: Sequence[int],
    extra: tuple[Size, ...] = (),
) -> dict[int, int]:
    """ẏ = Σ ∂y/∂x ẋ for every node between the given tangents and `targets`.

    Parameters
    ----------
    tangents : node id -> id of its tangent, of shape ``extra + shape of the node``
    targets : the nodes whose tangents are asked for; one that depends on none gets zeros

    Returns
    -------
    dict : node id -> id of its tangent
    """
    for node_id, tangent in tangents.items():
        if graph.shape(tangent) != (*extra, *graph.shape(node_id)):
            raise ShapeError(
                f"tangent of %{node_id}: expected shape {(*extra, *graph.shape(node_id))}, "
                f"found {graph.shape(tangent)}"
            )
    ids = reachable(graph, targets)
    active = active_ids(graph, ids, tangents)
    known: dict[int, int] = dict(tangents)
    for i in ids:
        if i in known or i not in active:
            continue
        node = graph[i]
        if isinstance(node, Loop):
            # a loop has no tangent of its own: its results get theirs, all at once
            results = [p for p in ids if getattr(graph[p], "loop", None) == i]
            known.update(loop_jvp(graph, i, results, known, extra, jvp))
            continue
        made = _tangent(graph, i, known, extra)
        if made is not None:
            known[i] = made
    for node_id in targets:
        if node_id not in known:
            known[node_id] = graph.full(0, (*extra, *graph.shape(node_id)))
    return known


def _tangent(graph: Graph, i: int, known: dict[int, int], extra: tuple[Size, ...]) -> int | None:
    node = graph[i]
    match node:
        case Comp():
            return _comp_jvp(graph, i, node, known, extra)
        case Opaque():
            return _opaque_jvp(graph, i, node, known, extra)
        case Prim():
            law = LAWS.get(node.op)
            if law is None or law.jvp is None:
                raise MissingRuleError(f"{node.op.value} has no JVP", where=f"%{i}")
            return law.jvp(graph, i, tuple(known.get(arg) for arg in node.args), extra)
        case _:
            return None


def _comp_jvp(
    graph: Graph, i: int, comp: Comp, known: dict[int, int], extra: tuple[Size, ...]
) -> int:
    by, lead = len(extra), leading(extra)
    parts: list[int] = []
    body: Expr = Integer(0)
    reads: list[Operand] = list(shifted_reads(comp.reads, by))
    winner = comp.reduction is Reduction.MAX and graph.policy.ties is Ties.FIRST
    for k, read in enumerate(comp.reads):
        if not isinstance(read, Read) or read.source not in known:
            continue
        linear = local_derivative(graph, i, comp, k)
        moved = {}
        for n, operand in enumerate(shifted_reads(linear.reads, by)):
            if n >= len(comp.reads):
                moved[placeholder(n)] = placeholder(len(reads))
                reads.append(operand)
        body = body + linear.body.xreplace(moved) * placeholder(len(reads))
        reads.append(Read(known[read.source], (*lead, *shifted(read.index, by))))
        if winner:
            domain = shifted_domain(linear.domain, by)
            break
    else:
        domain = shifted_domain(comp.domain, by)
    parts.append(
        graph.comp(
            (*extra, *comp.shape),
            (*extra, *comp.axes),
            body,
            reads,
            (*lead, *shifted(comp.write, by)),
            domain,
            Reduction.SUM,
        )
    )
    return graph.total(parts)


def _opaque_jvp(
    graph: Graph, i: int, node: Opaque, known: dict[int, int], extra: tuple[Size, ...]
) -> int:
    shape, lead = graph.shape(i), leading(extra)
    parts: list[int] = []
    for k, arg in enumerate(node.args):
        if arg not in known:
            continue
        raised, place = raised_opaque(graph, node, k)
        inner = graph.shape(arg)
        old = tuple(axis(len(extra) + j) for j in range(len(shape)))
        new = tuple(axis(len(extra) + len(shape) + j) for j in range(len(inner)))
        parts.append(
            graph.comp(
                (*extra, *shape),
                (*extra, *shape, *inner),
                placeholder(0) * placeholder(1),
                (
                    Read(known[arg], (*lead, *new)),
                    Read(raised, (*old[:place], *new, *old[place:])),
                ),
            )
        )
    return graph.total(parts)
