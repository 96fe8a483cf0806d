"""Whether reads and writes stay inside their arrays: proved, left to the run time, or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr

from symbackprop.errors import ShapeError
from symbackprop.ir.canonical import determined_axes, product
from symbackprop.ir.dump import axis_names, constraint_text, dump_node, index_text, source_name
from symbackprop.ir.graph import Graph
from symbackprop.ir.nodes import (
    Comp,
    FactKind,
    Hist,
    Loop,
    Node,
    Prim,
    PrimOp,
    Read,
    Reduction,
    Var,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import Atom, Index, Size, implied
from symbackprop.sizes.index import ONE


@dataclass(frozen=True, slots=True)
class Access:
    """One index term that must lie in ``0 .. size - 1``.

    what : in words, "index 1 of W"
    run_time : whether data decides, so that a missing proof is no fault
    """

    what: str
    term: Index
    size: Size
    run_time: bool


def integer_range(graph: Graph, node_id: int) -> Size | None:
    """The size that all entries of an integer node stay below, None where nothing is known."""
    while True:
        node = graph[node_id]
        match node:
            case Comp(reduction=Reduction.ARGMAX):
                known = determined_axes(node.write, node.axes)
                return product(s for a, s in enumerate(node.axes) if a not in known)
            case Comp(reads=(Read(source=source),), reduction=Reduction.NONE):
                if node.body != placeholder(0):
                    return None
                node_id = source
            case Var():
                return _declared_range(node)
            case Prim(op=PrimOp.ARGSORT):
                return node.shape[-1]
            case Hist():
                loop = graph[node.loop]
                if not isinstance(loop, Loop) or not isinstance(loop.body, Graph):
                    return None
                graph, node_id = loop.body, node.value
            case _:
                return None


def _declared_range(node: Var) -> Size | None:
    return next((f.size for f in node.facts if f.kind is FactKind.BELOW), None)


def accesses(graph: Graph, node: Comp) -> Iterator[Access]:
    """Every index term of a comprehension that must stay in range: reads, look-ups, the write."""
    run_time = any(c.term.has_look_up() for c in node.domain)
    for read in node.reads:
        terms = read.index if isinstance(read, Read) else (read.index,)
        if isinstance(read, Read):
            yield from _positions(graph, read.source, read.index, run_time)
        for term in terms:
            yield from _look_ups(graph, term, run_time)
    for term in (*node.write, *(c.term for c in node.domain)):
        yield from _look_ups(graph, term, run_time)
    for n, (term, size) in enumerate(zip(node.write, node.shape, strict=True)):
        yield Access(f"index {n} of the result", term, size, run_time or term.has_look_up())


def _look_ups(graph: Graph, term: Index, run_time: bool) -> Iterator[Access]:
    for look_up in term.look_ups():
        yield from _positions(graph, look_up.source, look_up.index, run_time)


def _positions(
    graph: Graph, source: int, index: tuple[Index, ...], run_time: bool
) -> Iterator[Access]:
    name = source_name(source, graph)
    for n, (term, size) in enumerate(zip(index, graph.shape(source), strict=True)):
        yield Access(f"index {n} of {name}", term, size, run_time or term.has_look_up())


def out_of_range(graph: Graph, node: Comp, access: Access) -> str | None:
    """Which bound of an access is not proved, in words; None where both are."""
    ranges = look_up_ranges(graph, access.term, node)
    above = access.term.scaled(-ONE).shifted(access.size - 1)
    for goal, bound in ((access.term, "below 0"), (above, f"to {access.size} or more")):
        if not implied(goal, node.axes, node.domain, graph.facts, ranges):
            return bound
    return None


def look_up_ranges(graph: Graph, term: Index, node: Comp) -> dict[Atom, Expr]:
    """For each look-up in a term or in the domain, the size that bounds it."""
    found: dict[Atom, Expr] = {}
    for t in (term, *(c.term for c in node.domain)):
        for look_up in t.look_ups():
            size = integer_range(graph, look_up.source)
            if size is not None:
                found[look_up] = size
    return found


def check_ranges(graph: Graph, node_id: int) -> None:
    """Refuse a comprehension that may read or write outside an array.

    Raises
    ------
    ShapeError
        When a range can neither be proved nor be checked at run time.
    """
    node: Node = graph[node_id]
    if not isinstance(node, Comp):
        return
    for access in accesses(graph, node):
        bound = None if access.run_time else out_of_range(graph, node, access)
        if bound is not None:
            raise range_error(graph, node_id, node, access, bound)


def range_error(graph: Graph, node_id: int, node: Comp, access: Access, bound: str) -> ShapeError:
    """The error for an access that may leave its array."""
    names = axis_names(node)
    text = index_text(access.term, names, graph)
    limits = [f"0 <= {n} < {size}" for n, size in zip(names, node.axes, strict=True)]
    limits += [constraint_text(c, names, graph) for c in node.domain]
    given = f" with {', '.join(limits)}" if limits else ""
    return ShapeError(
        f"{access.what}: {text} runs {bound}{given}, expected 0 .. {access.size} - 1",
        where=dump_node(graph, node_id),
        help="bound the axes by the domain, or declare the sizes so that it fits",
    )
