"""Whether a graph is legal: every invariant of a node, checked from scratch.

A violation is our own bug, whatever the user wrote; for a user's index out of range see
`check_ranges`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from sympy import Add, Expr, Mul, Pow, Rational, Symbol

from symbackprop.errors import InternalError
from symbackprop.ir.canonical import Draft, canonical, determined_axes
from symbackprop.ir.dump import dump_node, sizes_text
from symbackprop.ir.graph import Graph, operands
from symbackprop.ir.nodes import (
    Comp,
    Feed,
    Hist,
    Kind,
    Loop,
    Node,
    Opaque,
    Prim,
    Read,
    Reduction,
    Role,
    Var,
)
from symbackprop.ir.nodes import Final as FinalNode
from symbackprop.ir.ranges import accesses, check_ranges, out_of_range
from symbackprop.scalars import placeholder, placeholder_index, record_of
from symbackprop.scalars.opaque import Opaque as Unknown
from symbackprop.sizes import Index, Size, is_nonnegative, same_size, size_symbol

__all__ = ["check_ranges", "faults", "verify"]


def verify(graph: Graph, ids: Iterable[int] | None = None) -> None:
    """Check every invariant of the nodes `ids` (default: all), and of bodies of loops among them.

    Raises
    ------
    InternalError
        At the first violation, with the node.
    """
    chosen = tuple(range(len(graph)) if ids is None else ids)
    pending = [(graph, chosen)]
    while pending:
        here, nodes = pending.pop()
        for node_id in nodes:
            for fault in faults(here, node_id):
                raise InternalError(fault, where=dump_node(here, node_id))
            node = here[node_id]
            if isinstance(node, Loop) and isinstance(node.body, Graph):
                pending.append((node.body, tuple(range(len(node.body)))))


def faults(graph: Graph, node_id: int) -> Iterator[str]:
    """What is wrong with a node, in words; stops where later checks would make no sense."""
    node = graph[node_id]
    if any(not 0 <= source < node_id for source in operands(node)):
        yield f"%{node_id} reads a node that does not precede it: {operands(node)}"
        return
    yield from _CHECKS[type(node)](graph, node_id, node)


# Variables and shapes


def _sizes(what: str, sizes: Iterable[Size]) -> Iterator[str]:
    for size in sizes:
        for symbol in size.free_symbols:
            if symbol != size_symbol(str(symbol)):
                yield f"{what}: {symbol} is no size symbol of ours"
        if size.is_Integer and size < 0:
            yield f"{what}: size {size} is negative"


def _var(graph: Graph, node_id: int, node: Node) -> Iterator[str]:
    assert isinstance(node, Var)
    yield from _sizes("shape", node.shape)
    for fact in node.facts:
        if fact.axis is not None and not 0 <= fact.axis < len(node.shape):
            yield f"fact {fact.kind.value}: no axis {fact.axis} in shape {sizes_text(node.shape)}"


# Comprehensions


def _comp(graph: Graph, node_id: int, node: Node) -> Iterator[str]:
    assert isinstance(node, Comp)
    yield from [*_structure(graph, node)] or [*_body(graph, node)] or _laws(graph, node)


def _structure(graph: Graph, node: Comp) -> Iterator[str]:
    yield from _sizes("shape", node.shape)
    yield from _sizes("axes", node.axes)
    if len(node.write) != len(node.shape):
        yield f"the write has {len(node.write)} indices, the shape {len(node.shape)} dims"
    for read in node.reads:
        if isinstance(read, Read):
            yield from _rank(graph, read.source, read.index)
            yield from _terms(graph, node, read.index)
        else:
            yield from _terms(graph, node, (read.index,))
    yield from _terms(graph, node, node.write)
    yield from _terms(graph, node, (c.term for c in node.domain))


def _rank(graph: Graph, source: int, index: tuple[Index, ...]) -> Iterator[str]:
    if isinstance(graph[source], Loop):
        yield f"reads the loop %{source} itself, not a result of it"
    elif len(index) != len(graph.shape(source)):
        yield f"reads %{source} at {len(index)} indices, it has {len(graph.shape(source))} dims"


def _terms(graph: Graph, node: Comp, terms: Iterable[Index]) -> Iterator[str]:
    for term in terms:
        for a in term.axes():
            if not 0 <= a < len(node.axes):
                yield f"axis {a} does not exist, there are {len(node.axes)}"
        yield from _sizes("index", (s for s in (term.const, *_coefficients(term)) if s.args))
        for look_up in term.look_ups():
            yield from _rank(graph, look_up.source, look_up.index)
            if graph.kind(look_up.source) is Kind.REAL:
                yield f"looks up %{look_up.source}, whose entries are real"


def _coefficients(term: Index) -> Iterator[Size]:
    yield from (c for _, c in term.terms)
    for look_up in term.look_ups():
        for inner in look_up.index:
            yield from (c for _, c in inner.terms)


def _body(graph: Graph, node: Comp) -> Iterator[str]:
    for symbol in sorted(node.body.free_symbols, key=str):
        k = placeholder_index(symbol)
        if k is not None and k >= len(node.reads):
            yield f"the body holds {symbol}, there are {len(node.reads)} operands"
        if k is None and symbol != size_symbol(str(symbol)):
            yield f"the body holds {symbol}, neither an operand nor a size"
    yield from _functions(node.body)
    if node.reduction in (Reduction.MAX, Reduction.ARGMAX):
        single = len(node.reads) == 1 and isinstance(node.reads[0], Read)
        if node.body != placeholder(0) or not single:
            yield "a maximum must have body p0 over one stored operand"


def _functions(body: Expr) -> Iterator[str]:
    pending, seen = [body], set()
    while pending:
        here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        plain = isinstance(here, (Symbol, Rational, Add, Mul, Pow)) or here.is_NumberSymbol
        if not plain and record_of(here) is None and not isinstance(here, Unknown):
            yield f"the body holds {type(here).__name__}, no function of the table"
        pending.extend(arg for arg in here.args if isinstance(arg, Expr))


def _laws(graph: Graph, node: Comp) -> Iterator[str]:
    draft = Draft(
        node.shape, node.axes, node.body, node.reads, node.write, node.domain, node.reduction
    )
    if canonical(draft, graph.facts) != node:
        yield "not in canonical form"
    known = determined_axes(node.write, node.axes)
    if node.reduction is Reduction.NONE and len(known) < len(node.axes):
        yield "the write is not injective"
    if node.reduction in (Reduction.MAX, Reduction.ARGMAX) and not node.domain:
        # where only some sizes leave nothing, the run time refuses those
        empty = [s for a, s in enumerate(node.axes) if a not in known and is_nonnegative(-s)]
        if empty:
            yield f"a maximum over {sizes_text(empty)} elements has none"
    for access in accesses(graph, node):
        bound = None if access.run_time else out_of_range(graph, node, access)
        if bound is not None:
            yield f"{access.what} runs {bound}"


# The others


def _opaque(graph: Graph, node_id: int, node: Node) -> Iterator[str]:
    assert isinstance(node, Opaque)
    if len(node.orders) != len(node.args) or any(order < 0 for order in node.orders):
        yield f"orders {node.orders} for {len(node.args)} operands"
    yield from _sizes("shape", node.out_shape)


def _prim(graph: Graph, node_id: int, node: Node) -> Iterator[str]:
    assert isinstance(node, Prim)
    if not node.args:
        yield f"{node.op.value} of nothing"
    if any(isinstance(graph[arg], Loop) for arg in node.args):
        yield f"{node.op.value} reads a loop itself, not a result of it"
    yield from _sizes("shape", node.shape)


def _loop(graph: Graph, node_id: int, node: Node) -> Iterator[str]:
    assert isinstance(node, Loop)
    body = node.body
    if not isinstance(body, Graph):
        yield f"the body is no graph but {type(body).__name__}"
        return
    places = [c.var for c in node.carries] + [f.var for f in (*node.stacked, *node.constants)]
    outs = [c.out for c in node.carries]
    if any(not 0 <= n < len(body) for n in (*places, *outs)):
        yield "refers to a node that its body does not have"
        return
    if len(set(places)) < len(places):
        yield "feeds a variable of its body twice"
    for place in places:
        inner = body[place]
        if not isinstance(inner, Var) or inner.role is not Role.BODY:
            yield f"feeds body %{place}, which is no variable of a body"
    for carry in node.carries:
        for end in (graph.shape(carry.init), body.shape(carry.out)):
            yield from _same(f"carry body %{carry.var}", end, body.shape(carry.var))
    for feed in node.stacked:
        yield from _same(*_feed(graph, feed), (node.length, *body.shape(feed.var)))
    for feed in node.constants:
        yield from _same(*_feed(graph, feed), body.shape(feed.var))


def _feed(graph: Graph, feed: Feed) -> tuple[str, tuple[Size, ...]]:
    return f"feed body %{feed.var}", graph.shape(feed.outer)


def _same(what: str, found: tuple[Size, ...], expected: tuple[Size, ...]) -> Iterator[str]:
    fits = len(found) == len(expected) and all(
        same_size(a, b) for a, b in zip(found, expected, strict=True)
    )
    if not fits:
        yield f"{what}: expected shape {sizes_text(expected)}, found {sizes_text(found)}"


def _result(graph: Graph, node_id: int, node: Node) -> Iterator[str]:
    assert isinstance(node, (Hist, FinalNode))
    loop = graph[node.loop]
    if not isinstance(loop, Loop) or not isinstance(loop.body, Graph):
        yield f"%{node.loop} is no loop"
    elif isinstance(node, Hist):
        if not 0 <= node.value < len(loop.body):
            yield f"the body of %{node.loop} has no node {node.value}"
        else:
            yield from _same("history", node.shape, (loop.length, *loop.body.shape(node.value)))
    elif not 0 <= node.carry < len(loop.carries):
        yield f"%{node.loop} has no carry {node.carry}"
    else:
        carried = loop.body.shape(loop.carries[node.carry].out)
        yield from _same("carry", node.shape, carried)


_CHECKS: Final[Mapping[type[Node], Callable[[Graph, int, Node], Iterator[str]]]] = MappingProxyType(
    {
        Var: _var,
        Comp: _comp,
        Opaque: _opaque,
        Prim: _prim,
        Loop: _loop,
        Hist: _result,
        FinalNode: _result,
    }
)
