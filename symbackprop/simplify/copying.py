"""Nodes of one graph in another."""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.ir import Comp, Graph, Node, Reduction, substituted, with_operands


def copied(graph: Graph, node: Node, ids: Mapping[int, int]) -> int:
    """A node with other operands, in another graph."""
    if not isinstance(node, Comp):
        return graph.add(with_operands(node, ids))
    d = substituted(node, ids)
    reduction = Reduction.SUM if d.reduction is Reduction.NONE else d.reduction
    return graph.comp(d.shape, d.axes, d.body, d.reads, d.write, d.domain, reduction)
