"""Joins and canonical form never change a value; what a join refuses."""

import numpy as np
import pytest
from random_graphs import at, random_graph
from sympy import Integer, exp, tanh

from symbackprop.interpret import evaluate
from symbackprop.ir import Comp, Graph, Read, Reduction, Var, canonical, join, reachable
from symbackprop.ir.verify import check_ranges, verify
from symbackprop.scalars import placeholder
from symbackprop.sizes import Constraint, axis, constant, dims, implied

N, M, K = dims("n m k")
P0, P1, P2 = (placeholder(k) for k in range(3))
SIZES = {"n": 4, "m": 3, "k": 5}


def differ(a, b):
    return np.max(np.abs(a - b), initial=0) > 1e-10 * max(1, np.abs(b).max(initial=0))


def check_canonical_form(seed, steps):
    """The same graph with and without canonical form and joins of re-index nodes."""
    joined, raw = random_graph(seed, steps), random_graph(seed, steps, joined=False)
    verify(joined.graph)
    values = raw.values()
    found = evaluate(joined.graph, joined.nodes, values, joined.sizes)
    expected = evaluate(raw.graph, raw.nodes, values, raw.sizes)
    for ours, theirs in zip(joined.nodes, raw.nodes, strict=True):
        assert found[ours].shape == expected[theirs].shape
        assert not differ(found[ours], expected[theirs]), (seed, ours)


def check_every_join(seed, steps):
    """Each operand of each node replaced by its producer, wherever that is a form at all."""
    drawn = random_graph(seed, steps)
    graph = drawn.graph
    pairs = []
    for i in reachable(graph, [drawn.loss]):
        node = graph[i]
        for k, read in enumerate(node.reads if isinstance(node, Comp) else ()):
            producer = graph[read.source] if isinstance(read, Read) else None
            made = join(node, k, producer, graph.facts) if isinstance(producer, Comp) else None
            if made is not None:
                pairs.append((i, graph.add(canonical(made.draft, graph.facts))))
    verify(graph)
    found = evaluate(graph, {i for pair in pairs for i in pair}, drawn.values(), drawn.sizes)
    for old, new in pairs:
        assert not differ(found[new], found[old]), (seed, old, new)
    return len(pairs)


@pytest.mark.parametrize("start", range(0, 100, 25))
def test_canonical_form_keeps_the_values(start):
    for seed in range(start, start + 25):
        check_canonical_form(seed, 6)


def test_every_join_keeps_the_values():
    assert sum(check_every_join(seed, 7) for seed in range(40)) > 100


@pytest.mark.slow
def test_canonical_form_keeps_the_values_of_many_graphs():
    for seed in range(10_000, 12_000):
        check_canonical_form(seed, 4 + seed % 6)


@pytest.mark.slow
def test_every_join_keeps_the_values_of_many_graphs():
    for seed in range(20_000, 22_000):
        check_every_join(seed, 4 + seed % 6)


def graph_of(**shapes):
    graph = Graph()
    return graph, [graph.add(Var(name, shape)) for name, shape in shapes.items()]


def test_a_chain_of_moves_is_one_read():
    graph, (x,) = graph_of(x=(N, M))
    flat = graph.comp(
        (N * M,), (N, M), P0, [at(x, axis(0), axis(1))], [axis(0).scaled(M) + axis(1)]
    )
    back = graph.comp((N, M), (N, M), P0, [at(flat, axis(0).scaled(M) + axis(1))])
    assert back == x
    flipped = graph.comp((M, N), (M, N), P0, [at(x, axis(1), axis(0))])
    assert graph.comp((N, M), (N, M), P0, [at(flipped, axis(1), axis(0))]) == x


def test_a_delta_disappears():
    graph, (x,) = graph_of(x=(N,))
    delta = graph.identity((N,))
    node = graph.comp((N,), (N, N), P0 * P1, [at(delta, axis(0), axis(1)), at(x, axis(1))])
    assert node == x


def test_a_pad_is_no_identity():
    graph, (x,) = graph_of(x=(N,))
    padded = graph.comp((N + 1,), (N,), P0, [at(x, axis(0))])
    assert padded != x
    grown = graph.comp((N + 1,), (N + 1,), exp(P0), [at(padded, axis(0))])
    found = evaluate(graph, [grown], {"x": np.zeros(4)}, SIZES)[grown]
    np.testing.assert_array_equal(found, np.ones(5))


def test_a_maximum_joins_only_moves():
    graph, (x,) = graph_of(x=(N, M))
    squashed = graph.elementwise(tanh(P0), [x])
    flipped = graph.comp((M, N), (M, N), P0, [at(squashed, axis(1), axis(0))])
    node = graph.comp((M,), (M, N), P0, [at(flipped, axis(0), axis(1))], reduction=Reduction.MAX)
    comp = graph[node]
    assert comp.reads[0].source == squashed
    assert join(comp, 0, graph[squashed], ()) is None


def test_a_padded_operand_of_a_maximum_stays():
    graph, (x,) = graph_of(x=(N,))
    padded = graph.comp((N + 1,), (N,), P0, [at(x, axis(0))])
    node = graph.comp((), (N + 1,), P0, [at(padded, axis(0))], reduction=Reduction.MAX)
    found = evaluate(graph, [node], {"x": [-1.0, -2.0, -3.0, -4.0]}, SIZES)[node]
    assert found == 0


def test_an_unused_sum_counts_and_a_bounded_one_does_not():
    graph, (x,) = graph_of(x=(N,))
    reads = [at(x, axis(0))]
    free = graph.comp((N,), (N, M), P0, reads)
    below = [Constraint(axis(0) - axis(1))]
    bounded = graph.comp((N,), (N, M), P0, reads, None, below)
    found = evaluate(graph, [free, bounded], {"x": np.ones(4)}, SIZES)
    np.testing.assert_array_equal(found[free], [3, 3, 3, 3])
    np.testing.assert_array_equal(found[bounded], [1, 2, 3, 3])


def test_operands_that_become_one_may_cancel():
    graph, (x, y) = graph_of(x=(N,), y=(N,))
    body = P0 - P1 + P2 * (P0 - P1) + P0
    node = graph.comp((N,), (N,), body, [at(x, axis(0)), at(x, axis(0)), at(y, axis(0))])
    assert node == x


def test_the_order_of_operands_and_axes_does_not_matter():
    graph, (x, y) = graph_of(x=(N, M), y=(M, K))
    one = graph.comp((N, K), (N, K, M), P0 * P1, [at(x, axis(0), axis(2)), at(y, axis(2), axis(1))])
    other = graph.comp(
        (N, K),
        (M, K, N),
        P0 * P1,
        [at(y, axis(0), axis(1)), at(x, axis(2), axis(0))],
        [axis(2), axis(1)],
    )
    assert one == other


def test_a_range_may_need_a_multiple_of_a_constraint():
    """0 <= i < m and h - 1 - 2 j >= 0 give i + 2 m j < h m."""
    h = dims("h")[0]
    goal = constant(h * M - 1) - axis(0) - axis(1).scaled(2 * M)
    bound = [Constraint(constant(h - 1) - axis(1).scaled(Integer(2)))]
    assert implied(goal, (M, N), bound)
    assert not implied(goal, (M, N))
    assert not implied(goal.shifted(Integer(-1)), (M, N), bound)
    graph, (x,) = graph_of(x=(h * M,))
    read = at(x, axis(0) + axis(1).scaled(2 * M))
    check_ranges(graph, graph.comp((M, N), (M, N), P0, [read], None, bound))


def test_the_range_of_an_eliminated_axis_is_not_proved_by_itself():
    """A window over one entry: ``o + 2 k = 0`` with ``o >= 0`` holds at o = k = 0 only."""
    one, two = Integer(1), Integer(2)
    graph, (x, w) = graph_of(x=(N,), w=(two,))
    first = graph.comp((one,), (one,), P0, [at(x, constant(0))])
    place = axis(0) + axis(1).scaled(two)
    inside = [Constraint(place), Constraint(place.scaled(Integer(-1)))]
    reads = [at(first, place), at(w, axis(1))]
    node = graph.comp((M,), (M, two), P0 * P1, reads, None, inside)
    verify(graph)
    found = evaluate(graph, [node], {"x": [1.0, 2, 3, 4], "w": [5.0, 6.0]}, SIZES)[node]
    np.testing.assert_array_equal(found, [5, 0, 0])


def test_axes_of_size_one_merge_operands_before_anything_else():
    one = Integer(1)
    graph, (x,) = graph_of(x=(N, one))
    reads = [at(x, axis(0), axis(1)), at(x, axis(0), axis(2))]
    node = graph.comp((one, one), (N, one, one), P0 - P1, reads, [axis(1), axis(2)])
    verify(graph)
    assert graph[node].body == 0
