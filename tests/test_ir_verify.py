"""The invariants of a graph: legal graphs pass, each kind of broken node is named."""

from dataclasses import replace

import pytest
from random_graphs import random_graph
from sympy import Function, Integer, Symbol, tanh

from symbackprop.errors import InternalError, ShapeError
from symbackprop.ir import (
    Carry,
    Comp,
    Fact,
    FactKind,
    Feed,
    Final,
    Graph,
    Hist,
    Kind,
    Loop,
    Opaque,
    Policy,
    Position,
    Prim,
    PrimOp,
    Read,
    Reduction,
    Role,
    Var,
)
from symbackprop.ir.verify import check_ranges, verify
from symbackprop.scalars import KINK, placeholder
from symbackprop.scalars.opaque import Opaque as Unknown
from symbackprop.sizes import At, Constraint, Index, axis, constant, dims

N, H = dims("n h")
P0, P1 = placeholder(0), placeholder(1)
NONE, SUM, MAX = Reduction.NONE, Reduction.SUM, Reduction.MAX


def base():
    """A graph with x (n), W (h, n) and integers i (h) below n; reads of them."""
    graph = Graph()
    x = graph.add(Var("x", (N,)))
    W = graph.add(Var("W", (H, N)))
    i = graph.add(Var("i", (H,), Kind.INT, facts=(Fact(FactKind.BELOW, size=N),)))
    return graph, x, W, i


_, X, W, IDX = base()
ROW = Read(W, (axis(0), axis(1)))
LAYER = Comp((H,), (H, N), P0 * P1, (Read(X, (axis(1),)), ROW), (axis(0),), (), SUM)


def copy():
    return base()[0]


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_are_legal(seed):
    verify(random_graph(seed, steps=8).graph)


def test_a_layer_is_legal():
    graph = copy()
    node = graph.add(LAYER)
    verify(graph)
    verify(graph, [node])


BROKEN = {
    "canonical form": replace(LAYER, reads=LAYER.reads[::-1]),
    "is not injective": replace(LAYER, reduction=NONE),
    "write has 0 indices": replace(LAYER, write=()),
    "axis 2 does not exist": replace(LAYER, write=(axis(2),)),
    "axis 5 does not exist": replace(LAYER, domain=(Constraint(axis(5)),)),
    "at 1 indices, it has 2 dims": replace(LAYER, reads=(LAYER.reads[0], Read(W, (axis(0),)))),
    "holds p7, there are 2 operands": replace(LAYER, body=P0 * P1 * placeholder(7)),
    "neither an operand nor a size": replace(LAYER, body=P0 * P1 * Symbol("n")),
    "holds kink, neither": replace(LAYER, body=P0 * P1 * KINK),
    "holds g, no function": replace(LAYER, body=P1 * Function("g")(P0)),
    "no size symbol of ours": replace(LAYER, shape=(Symbol("h"),)),
    "is negative": replace(LAYER, axes=(H, Integer(-1))),
    "must have body p0": Comp((), (N,), tanh(P0), (Read(X, (axis(0),)),), (), (), MAX),
    "elements has none": Comp(
        (N,), (N, Integer(0)), P0, (Read(W, (axis(1), axis(0))),), (axis(0),), (), MAX
    ),
    "over one stored operand": Comp((), (N,), P0, (Position(axis(0)),), (), (), MAX),
    "index 0 of %0:x runs to n or more": Comp(
        (N,), (N,), P0, (Read(X, (axis(0).shifted(Integer(1)),)),), (axis(0),)
    ),
    "index 0 of %0:x runs below 0": Comp(
        (N,), (N,), P0, (Read(X, (axis(0).shifted(Integer(-1)),)),), (axis(0),)
    ),
    "index 0 of the result runs to h": Comp((H,), (N,), P0, (Read(X, (axis(0),)),), (axis(0),)),
    "whose entries are real": Comp(
        (N,),
        (N,),
        P0,
        (Read(X, (Index(((At(X, (axis(0),)), Integer(1)),)),)),),
        (axis(0),),
    ),
    "orders (-1, 0) for 2 operands": Opaque("f", (-1, 0), (X, X), (N,)),
    "inverse of nothing": Prim(PrimOp.INVERSE, (), (N, N)),
    "no axis 3": Var("y", (N,), facts=(Fact(FactKind.ONE_HOT, axis=3),)),
}


@pytest.mark.parametrize("fault", list(BROKEN))
def test_a_broken_node_is_named(fault):
    graph = copy()
    graph.add(BROKEN[fault])
    with pytest.raises(InternalError) as caught:
        verify(graph)
    assert fault in str(caught.value)
    assert f"%{len(graph) - 1}" in caught.value.where


def test_only_the_chosen_nodes_are_checked():
    graph = copy()
    graph.add(BROKEN["is not injective"])
    verify(graph, [X, W, IDX])


def test_unknown_functions_are_known():
    graph = copy()
    body = Unknown("g", (1,), P0)
    graph.comp((N,), (N,), body, [Read(X, (axis(0),))])
    verify(graph)


def test_what_data_decides_is_left_to_the_run_time():
    graph = copy()
    lookup = Index(((At(IDX, (axis(0),)), Integer(1)),))
    free = graph.add(Var("free", (H,), Kind.INT))
    unbounded = Index(((At(free, (axis(0),)), Integer(1)),))
    for term in (lookup, unbounded):
        node = graph.comp((H,), (H,), P0, [Read(X, (term,))])
        check_ranges(graph, node)
    verify(graph)


# The user's own indices


def test_ranges_of_a_window_need_its_domain():
    graph = copy()
    place = axis(0).scaled(Integer(2)) + axis(1) + constant(-1)
    reads = [Read(X, (place,))]
    inside = [Constraint(place), Constraint(constant(N - 1) - place)]
    check_ranges(graph, graph.comp((H,), (H, Integer(3)), P0, reads, None, inside))
    node = graph.comp((H,), (H, Integer(3)), P0, reads, None, inside[:1])
    with pytest.raises(ShapeError) as caught:
        check_ranges(graph, node)
    message = str(caught.value)
    assert "index 0 of %0:x: 2*i + j - 1 runs to n or more" in message
    assert "with 0 <= i < h, 0 <= j < 3, 2*i + j - 1 >= 0, expected 0 .. n - 1" in message


def test_ranges_use_the_facts_about_sizes():
    place = axis(0) + axis(1)
    axes = (H, Integer(3))
    for facts, legal in (((), False), ((N - H - 2,), True)):
        graph = Graph(Policy(), facts)
        x = graph.add(Var("x", (N,)))
        node = graph.comp((H,), axes, P0, [Read(x, (place,))])
        if legal:
            check_ranges(graph, node)
        else:
            with pytest.raises(ShapeError, match="runs to n or more"):
                check_ranges(graph, node)


def test_a_variable_has_no_range_to_check():
    check_ranges(copy(), X)


# Loops


def loop(**changes):
    """A graph with the loop s := s + x_t, its history and last carry, with some field replaced."""
    graph, body = Graph(), Graph()
    x = graph.add(Var("x", (N, H)))
    start = graph.add(Var("start", (H,)))
    s, x_in = (body.add(Var(name, (H,), role=Role.BODY)) for name in ("s", "x_in"))
    out = body.total([s, x_in])
    given = {
        "length": N,
        "carries": (Carry(start, s, out),),
        "stacked": (Feed(x, x_in),),
        "constants": (),
        "body": body,
    }
    node = graph.add(Loop(**(given | changes.get("loop", {}))))
    if "hist" in changes:
        graph.add(changes["hist"](node))
    return graph


def test_a_loop_is_legal():
    graph = loop(hist=lambda node: Hist(node, 2, (N, H)))
    graph.add(Final(2, 0, (H,)))
    verify(graph)


BROKEN_LOOPS = {
    "the body is no graph but int": {"loop": {"body": 3}},
    "does not have": {"loop": {"carries": (Carry(1, 0, 9),)}},
    "expected shape (h), found (n, h)": {"loop": {"carries": (Carry(0, 0, 2),)}},
    "expected shape (n, h), found (h)": {"loop": {"stacked": (Feed(1, 1),)}},
    "expected shape (n + 1, h)": {"loop": {"length": N + 1}},
    "which is no variable of a body": {"loop": {"stacked": (Feed(0, 2),)}},
    "feeds a variable of its body twice": {"loop": {"stacked": (Feed(0, 0),)}},
    "history: expected shape (n, h), found (h)": {"hist": lambda node: Hist(node, 2, (H,))},
    "has no node 8": {"hist": lambda node: Hist(node, 8, (N, H))},
    "has no carry 4": {"hist": lambda node: Final(node, 4, (H,))},
    "is no loop": {"hist": lambda node: Final(0, 0, (H,))},
    "reads the loop %2 itself": {
        "hist": lambda node: Comp((), (), P0, (Read(node, ()),), (), (), NONE)
    },
}


@pytest.mark.parametrize("fault", list(BROKEN_LOOPS))
def test_a_broken_loop_is_named(fault):
    graph = loop(**BROKEN_LOOPS[fault])
    with pytest.raises(InternalError) as caught:
        verify(graph)
    assert fault in str(caught.value)


def test_the_body_of_a_loop_is_checked():
    graph = loop()
    graph[2].body.add(Comp((), (N,), P0 / 2, (Read(0, (axis(0),)),), (), (), SUM))
    with pytest.raises(InternalError, match="runs to h"):
        verify(graph)
