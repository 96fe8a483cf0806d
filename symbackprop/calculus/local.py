"""The derivative of one node: what the adjoint and the tangent share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from sympy import Expr, Integer

from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Kind,
    Loop,
    Node,
    Opaque,
    Operand,
    Prim,
    Read,
    Reduction,
    Ties,
    Var,
    determined_axes,
)
from symbackprop.ir.nodes import Position
from symbackprop.scalars import Equal, KinkPolicy, body_derivative, placeholder
from symbackprop.sizes import At, Constraint, Index, Size, axis
from symbackprop.sizes.index import linear


@dataclass(frozen=True, slots=True)
class Linear:
    """``∂body/∂p_k`` of one operand of a comprehension, on the comprehension's own points.

    body : over `reads` (operands of the comprehension, then what the derivative needs besides)
    """

    body: Expr
    reads: tuple[Operand, ...]
    domain: tuple[Constraint, ...]


def differentiable_operands(node: Node) -> tuple[int, ...]:
    """The ids a node depends on smoothly: look-ups and integer results carry no derivative."""
    match node:
        case Comp(reduction=Reduction.ARGMAX) | Var():
            return ()
        case Comp():
            return tuple(dict.fromkeys(r.source for r in node.reads if isinstance(r, Read)))
        case Opaque():
            return tuple(dict.fromkeys(node.args))
        case Prim():
            return () if node.op.value == "argsort" else tuple(dict.fromkeys(node.args))
        case Loop():
            outer = [c.init for c in node.carries]
            outer += [f.outer for f in (*node.stacked, *node.constants)]
            return tuple(dict.fromkeys(outer))
        case Hist() | Final():
            return (node.loop,)


def active_ids(graph: Graph, ids: Iterable[int], wrt: Iterable[int]) -> set[int]:
    """Those of `ids` (ascending) that depend smoothly on a node of `wrt`."""
    active = set(wrt)
    for i in ids:
        if i not in active and any(s in active for s in differentiable_operands(graph[i])):
            active.add(i)
    return {i for i in active if graph.kind(i) is Kind.REAL}


def local_derivative(graph: Graph, node_id: int, comp: Comp, k: int) -> Linear:
    """``∂body/∂p_k``, its value written by the node's own result where that is shorter.

    A maximum is the linear node that it equals at the point: the winner takes all (`first`), or
    each maximal entry its share.
    """
    if comp.reduction is Reduction.MAX:
        return _max_derivative(graph, node_id, comp)
    if comp.reduction is Reduction.NONE and comp.body.args:
        derived = _slope(comp.body, k, graph.policy.kink, len(comp.reads))
        if placeholder(len(comp.reads)) in derived.free_symbols:
            return Linear(derived, (*comp.reads, Read(node_id, comp.write)), comp.domain)
    else:
        derived = body_derivative(comp.body, k, graph.policy.kink)
    return Linear(derived, comp.reads, comp.domain)


@lru_cache(maxsize=16384)
def _slope(body: Expr, k: int, kink: KinkPolicy, own: int) -> Expr:
    """The derivative, over operand `own` where the value of the body is in it.

    ``sigma' = sigma (1 - sigma)``: the value that is there is not computed again.
    """
    derived = body_derivative(body, k, kink)
    return derived.xreplace({body: placeholder(own)}) if derived.has(body) else derived


def _max_derivative(graph: Graph, node_id: int, comp: Comp) -> Linear:
    ties = graph.policy.ties
    if ties is Ties.FIRST:
        winner = graph.add(replace(comp, reduction=Reduction.ARGMAX))
        here = Index(((At(winner, comp.write), Integer(-1)),)) + winner_number(comp)
        return Linear(Integer(1), comp.reads, (*comp.domain, Constraint(here, equality=True)))
    equal = Equal(placeholder(0), placeholder(1))
    reads = (*comp.reads, Read(node_id, comp.write))
    if ties is Ties.ALL:
        return Linear(equal, reads, comp.domain)
    count = graph.comp(comp.shape, comp.axes, equal, reads, comp.write, comp.domain, Reduction.SUM)
    return Linear(equal / placeholder(2), (*reads, Read(count, comp.write)), comp.domain)


def winner_number(comp: Comp) -> Index:
    """The mixed-radix number of the reduction axes.

    The first of them the most significant digit.
    """
    written = determined_axes(comp.write, comp.axes)
    stride: Expr = Integer(1)
    total = Index()
    for a in reversed([a for a in range(len(comp.axes)) if a not in written]):
        total = total + linear([(a, stride)], Integer(0))
        stride = stride * comp.axes[a]
    return total


def shifted(terms: Iterable[Index], by: int) -> tuple[Index, ...]:
    """Index terms with every axis `a` called ``a + by``."""
    return tuple(t.renamed(lambda a: a + by) for t in terms) if by else tuple(terms)


def shifted_reads(reads: Iterable[Operand], by: int) -> Iterator[Operand]:
    """Operands with every axis `a` called ``a + by``."""
    for read in reads:
        if isinstance(read, Read):
            yield Read(read.source, shifted(read.index, by))
        else:
            yield Position(shifted((read.index,), by)[0])


def shifted_domain(domain: Iterable[Constraint], by: int) -> tuple[Constraint, ...]:
    """Constraints with every axis `a` called ``a + by``."""
    return tuple(Constraint(shifted((c.term,), by)[0], c.equality) for c in domain)


def leading(extra: tuple[Size, ...]) -> tuple[Index, ...]:
    """The axes of the extra leading dims."""
    return tuple(axis(i) for i in range(len(extra)))
