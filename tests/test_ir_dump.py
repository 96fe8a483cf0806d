"""The text form of a graph."""

from sympy import Integer, tanh

from symbackprop.ir import (
    Carry,
    Comp,
    Feed,
    Final,
    Graph,
    Hist,
    Kind,
    Loop,
    Opaque,
    Position,
    Prim,
    PrimOp,
    Read,
    Reduction,
    Role,
    Var,
)
from symbackprop.ir.dump import dump, dump_node
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Constraint, Index, axis, constant, dims

N, H, LENGTH = dims("n h i")
P0, P1 = placeholder(0), placeholder(1)


def test_a_graph_as_text(golden):
    graph = Graph()
    W = graph.add(Var("W", (H, N), role=Role.PARAMETER))
    x = graph.add(Var("x", (N,)))
    idx = graph.add(Var("idx", (H,), Kind.INT))
    z = graph.comp((H,), (H, N), P0 * P1, [Read(W, (axis(0), axis(1))), Read(x, (axis(1),))])
    graph.elementwise(tanh(P0), [z])
    place = axis(0).scaled(Integer(2)) + axis(1) + constant(-1)
    inside = [Constraint(place), Constraint(constant(N - 1) - place)]
    graph.comp((N,), (H, Integer(3)), P0, [Read(z, (axis(0),))], [place], inside)
    where = Index(((At(idx, (axis(0),)), Integer(1)),))
    graph.comp((H,), (H,), P0 + N * P1, [Read(x, (where,)), Position(axis(0))])
    graph.comp((), (N,), P0, [Read(x, (axis(0),))], reduction=Reduction.MAX)
    graph.comp((N, N), (N,), Integer(1), (), [axis(0), axis(0)])
    graph.add(Opaque("f", (0, 1), (x, z), (H,)))
    graph.add(Prim(PrimOp.ARGSORT, (x,), (N,)))
    assert len(dump(graph).splitlines()) == len(graph)
    golden("graph.txt", dump(graph) + "\n")


def test_a_loop_shows_its_body(golden):
    graph, body = Graph(), Graph()
    x, start = graph.add(Var("x", (N, H))), graph.add(Var("start", (H,)))
    s, x_in = (body.add(Var(name, (H,), role=Role.BODY)) for name in ("s", "x_in"))
    out = body.total([s, x_in])
    loop = graph.add(Loop(N, (Carry(start, s, out),), (Feed(x, x_in),), (), body, reverse=True))
    graph.add(Hist(loop, out, (N, H)))
    graph.add(Final(loop, 0, (H,)))
    golden("loop.txt", dump(graph) + "\n")


def test_axes_do_not_take_the_names_of_sizes():
    graph = Graph()
    x = graph.add(Var("x", (LENGTH, N)))
    node = graph.comp((LENGTH,), (LENGTH, N), P0, [Read(x, (axis(0), axis(1)))])
    assert dump_node(graph, node) == "%1[j] (i) = sum_{k} %0:x[j, k]   for j < i, k < n"


def test_broken_nodes_have_a_text_too():
    graph = Graph()
    x = graph.add(Var("x", (N,)))
    node = graph.add(Comp((N,), (N,), P0 + placeholder(4), (Read(x, (axis(3),)),), (axis(2),)))
    assert dump_node(graph, node) == "%1[axis2] (n) = %0:x[axis3] + p4   for i < n"


def test_only_the_chosen_nodes():
    graph = Graph()
    ids = [graph.add(Var(name, ())) for name in "ab"]
    assert dump(graph, ids[1:]) == "%1 () = input b"
