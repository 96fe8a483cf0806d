"""Masked softmax: exponentials under a domain, shifted by the maximum of their row.

``e = exp(u)`` and its row sum S grow together: what is homogeneous of degree 0 in both stays the
same when both are divided by ``exp(max u)``. Where every result is, e and S are replaced by their
shifted forms; nothing is differentiated through the shift.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symbackprop.codegen.stable import EXP
from symbackprop.ir import Comp, Graph, Read, Reduction, reachable
from symbackprop.ir.canonical import Draft
from symbackprop.ir.graph import substituted
from symbackprop.ir.nodes import Position
from symbackprop.scalars import placeholder, placeholder_index
from symbackprop.sizes import axis


@dataclass(frozen=True, slots=True)
class Shifted:
    """Old node -> new node, for those that changed."""

    moved: dict[int, int]

    def of(self, node: int) -> int:
        """What a node became."""
        return self.moved.get(node, node)


def shift_masked(graph: Graph, roots: Sequence[int]) -> Shifted:
    """Before ⇒ after: exp(u) under a domain, and its sum ⇒ both divided by exp(max u)."""
    moved: dict[int, int] = {}
    ids = reachable(graph, roots)
    for total in ids:
        term = _masked_sum(graph, total)
        if term is None:
            continue
        degrees = _degrees(graph, ids, {term: 1, total: 1}, len(graph.shape(total)))
        if degrees is None or any(degrees.get(r, 0) for r in roots):
            continue
        _replace(graph, term, total, moved)
    if moved:
        for i in ids:
            node = graph[i]
            if i not in moved and isinstance(node, Comp):
                draft = substituted(node, moved)
                new = _made(graph, draft)
                if new != i:
                    moved[i] = new
    return Shifted(moved)


def _made(graph: Graph, draft: Draft) -> int:
    return graph.comp(
        draft.shape,
        draft.axes,
        draft.body,
        draft.reads,
        draft.write,
        draft.domain,
        draft.reduction,
    )


def _masked_sum(graph: Graph, i: int) -> int | None:
    """The node exp(u) under a domain of which node `i` is the sum over its last axes."""
    node = graph[i]
    if not isinstance(node, Comp) or node.reduction is not Reduction.SUM or node.domain:
        return None
    if node.body != placeholder(0) or not isinstance(node.reads[0], Read):
        return None
    term = graph[node.reads[0].source]
    if not isinstance(term, Comp) or not isinstance(term.body, EXP) or not term.domain:
        return None
    here = tuple(axis(a) for a in range(len(term.shape)))
    whole = node.reads[0].index == here and term.write == here
    return node.reads[0].source if whole and node.write == here[: len(node.write)] else None


def _replace(graph: Graph, term: int, total: int, moved: dict[int, int]) -> None:
    node, sums = graph[term], graph[total]
    assert isinstance(node, Comp)
    assert isinstance(sums, Comp)
    exponent = graph.comp(
        node.shape, node.axes, node.body.args[0], node.reads, node.write, node.domain
    )
    here = tuple(axis(a) for a in range(len(node.axes)))
    rows = here[: len(sums.shape)]
    greatest = graph.add(
        Comp(
            sums.shape,
            node.axes,
            placeholder(0),
            (Read(exponent, here),),
            rows,
            node.domain,
            Reduction.MAX,
        )
    )
    shifted = graph.comp(
        node.shape,
        node.axes,
        EXP(placeholder(0) - placeholder(1)),
        (Read(exponent, here), Read(greatest, rows)),
        node.write,
        node.domain,
    )
    moved[term] = shifted
    moved[total] = _made(graph, substituted(sums, {term: shifted}))


def _degrees(
    graph: Graph, ids: Iterable[int], start: dict[int, int], rank: int
) -> dict[int, int] | None:
    """The degree of every node in the row's scale, or None where one has none."""
    degrees = dict(start)
    for i in ids:
        node = graph[i]
        if i in start or not isinstance(node, Comp):
            continue
        weights = [
            degrees.get(r.source, 0) if not isinstance(r, Position) else 0 for r in node.reads
        ]
        if not any(weights):
            continue
        rows = {
            r.index[:rank]
            for r, w in zip(node.reads, weights, strict=True)
            if w and isinstance(r, Read)
        }
        degree = _degree(node.body, weights)
        if degree is None or len(rows) != 1 or node.reduction not in _LINEAR:
            return None
        if degree and node.write[:rank] not in rows:
            return None
        degrees[i] = degree
    return degrees


_LINEAR = (Reduction.NONE, Reduction.SUM)


def _degree(body: Any, weights: Sequence[int]) -> int | None:
    """The degree of a body, placeholder k having ``weights[k]``; None where it has none."""
    k = placeholder_index(body) if body.is_Symbol else None
    if k is not None:
        return weights[k]
    if body.is_Symbol or body.is_number:
        return 0
    parts = [_degree(a, weights) for a in body.args]
    if body.is_Pow and body.exp.is_Integer and parts[0] is not None:
        return parts[0] * int(body.exp)
    if any(p is None for p in parts):
        return None
    known = [p for p in parts if p is not None]
    if body.is_Mul:
        return sum(known)
    if body.is_Add:
        return known[0] if len(set(known)) == 1 else None
    return None if any(known) else 0
