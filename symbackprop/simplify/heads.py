"""Which quantities are rewritten as a whole, and which are opened inside others."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Mul, Pow

from symbackprop.ir import Comp, Graph, Node, Read, Reduction, consumers, operands
from symbackprop.scalars import placeholders
from symbackprop.simplify.terms import inlinable

LARGEST_TERM = 60
"""Entries in one term; a quantity that would need more is cut into several."""

LARGEST_PRODUCT = 200
"""Entries in one product: nothing is multiplied out in it, and its ends may be the same chain."""

SMALL_TERM = 4
"""Entries in a term that is cheaper to repeat than to name, however often it is read."""

WIDE_TOTAL = 5
"""A sum of more contributions (a shared weight) is made term by term, not rewritten as one."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The quantities rewritten as a whole.

    plain : those that only read new operands;  shared : those cut because much reads them
    """

    chosen: frozenset[int]
    plain: frozenset[int]
    shared: frozenset[int]


def choose_heads(graph: Graph, order: Sequence[int], forward: int, wanted: set[int]) -> Heads:
    """The quantities rewritten as a whole.

    Wanted ones; what has no form as a term, and what that reads; the parts of a wide sum; a value
    that is read three times, or twice with a matrix product or two other quantities in it (put in
    everywhere, it would make the cost quadratic in depth).

    Parameters
    ----------
    order : the ids of the quantities, ascending
    """
    heads = {i for i in order if i in wanted}
    plain: set[int] = set()
    shared: set[int] = set()
    for i in order:
        node = graph[i]
        if not isinstance(node, Comp) or not inlinable(node):
            plain.add(i)
            heads.update((i, *(s for s in operands(node) if s >= forward)))
        elif _is_total(node) and len(node.reads) > WIDE_TOTAL:
            plain.add(i)
            heads.update((i, *(s for s in operands(node) if s >= forward)))
    readers = consumers(graph, order)
    weight: dict[int, int] = {}
    products: set[int] = set()
    totals: set[int] = set()
    reached: dict[int, frozenset[int]] = {}
    for i in order:
        every = [s for s in graph.operands(i) if s >= forward]
        inside = [s for s in every if s not in heads]
        weight[i] = 1 + len(graph.operands(i)) + sum(weight[s] - 1 for s in inside)
        named = frozenset(s for s in every if s in heads)
        reached[i] = named.union(*(reached[s] for s in inside))
        if is_matrix_product(graph[i]) or any(s in products for s in inside):
            products.add(i)
        count = len(readers.get(i, ()))
        large = i in products or len(reached[i]) > 1
        if i not in heads and ((count > 2 and weight[i] > SMALL_TERM) or (count > 1 and large)):
            shared.add(i)
            heads.add(i)
        node = graph[i]
        if (isinstance(node, Comp) and isinstance(node.body, Add)) or totals.intersection(inside):
            totals.add(i)
        if weight[i] > (LARGEST_TERM if i in totals else LARGEST_PRODUCT):
            heads.add(i)
    return Heads(frozenset(heads), frozenset(plain), frozenset(shared))


def is_matrix_product(node: Node) -> bool:
    """Whether a node contracts operands of which none has all the axes."""
    if not isinstance(node, Comp) or node.reduction is not Reduction.SUM:
        return False
    axes = [{a for t in r.index for a in t.axes()} for r in node.reads if isinstance(r, Read)]
    return len(axes) > 1 and set().union(*axes) not in axes


def _is_total(node: Comp) -> bool:
    """Whether a node adds up its operands and does nothing else."""
    return (
        node.reduction is Reduction.NONE
        and isinstance(node.body, Add)
        and all(term.is_Symbol for term in node.body.args)
    )


def worth_opening(graph: Graph, nodes: Sequence[int]) -> bool:
    """Whether a quantity may become shorter where it is put in: it has a quotient, or is tiny."""
    if not nodes:
        return False
    reads = 0
    for i in nodes:
        node = graph[i]
        assert isinstance(node, Comp)
        if has_quotient(node.body):
            return True
        reads += len(node.reads) if node.reduction is Reduction.NONE else 3
    return reads <= 2


@lru_cache(maxsize=16384)
def has_quotient(body: Expr) -> bool:
    """Whether a body divides by an operand."""
    return any(p.exp.is_negative and placeholders(p.base) for p in body.atoms(Pow))


def is_affine(graph: Graph, i: int, names: Container[int], linear: bool = False) -> bool:
    """Whether a contraction of two operands goes into the node, through unnamed nodes only.

    linear : no function may stand between
    """
    pending, seen = [i], {i}
    while pending:
        node = graph[pending.pop()]
        if not isinstance(node, Comp):
            continue
        if node.reduction is Reduction.SUM and len(node.reads) > 1:
            return True
        if linear and not _is_linear(node.body):
            continue
        for read in node.reads:
            if isinstance(read, Read) and read.source not in names and read.source not in seen:
                seen.add(read.source)
                pending.append(read.source)
    return False


def _is_linear(body: Expr) -> bool:
    """Whether a body is a sum of operands with constant factors."""
    return all(len(placeholders(t)) < 2 and _is_scaled(t) for t in Add.make_args(body))


def _is_scaled(term: Expr) -> bool:
    factors = Mul.make_args(term)
    return all(f.is_Symbol or not placeholders(f) for f in factors)
