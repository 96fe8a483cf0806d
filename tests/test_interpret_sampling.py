"""Sizes and values to evaluate at."""

import numpy as np
import pytest
from sympy import tanh

from symbackprop.errors import ShapeError
from symbackprop.interpret import coprime_sizes, free_sizes, random_values
from symbackprop.ir import (
    Fact,
    FactKind,
    Graph,
    Kind,
    Read,
    Var,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import axis, constant, dims

N, H, K = dims("n h k")
P0, P1 = placeholder(0), placeholder(1)
RNG = np.random.default_rng(7)
SIZES = {"n": 4, "h": 3, "k": 2}


def at(node, *index):
    return Read(node, tuple(index))


def variables(graph, **shapes):
    return [graph.add(Var(name, shape)) for name, shape in shapes.items()]


@pytest.fixture
def layer():
    """tanh(W x): graph, node, values."""
    graph = Graph()
    W, x = variables(graph, W=(H, N), x=(N,))
    reads = [at(W, axis(0), axis(1)), at(x, axis(1))]
    z = graph.comp((H,), (H, N), P0 * P1, reads)
    values = {"W": RNG.standard_normal((3, 4)), "x": RNG.standard_normal(4)}
    return graph, graph.elementwise(tanh(P0), [z]), values


def test_sizes_are_coprime_and_respect_facts():
    assert coprime_sizes("abcde") == {"a": 3, "b": 4, "c": 5, "d": 7, "e": 11}
    wide = coprime_sizes([H, N, K], facts=(N - 2 * H - K - 1,))
    assert wide["n"] - 2 * wide["h"] - wide["k"] - 1 >= 0
    values = list(wide.values())
    assert all(np.gcd(a, b) == 1 for i, a in enumerate(values) for b in values[:i])
    with pytest.raises(ShapeError):
        coprime_sizes([N], facts=(-N,))


def test_free_sizes_of_a_graph(layer):
    graph, node, _ = layer
    scaled = graph.comp((), (), K * P0, [at(node, constant(0))])
    assert free_sizes(graph, [node]) == ("h",)
    assert free_sizes(graph, range(scaled + 1)) == ("h", "k", "n")


def test_random_values_respect_declared_facts():
    graph = Graph()
    shapes = {
        "p": Var("p", (H, N), facts=(Fact(FactKind.SUMS_TO_ONE, axis=1),)),
        "y": Var("y", (H, N), facts=(Fact(FactKind.ONE_HOT, axis=0),)),
        "s": Var("s", (N,), facts=(Fact(FactKind.POSITIVE),)),
        "i": Var("i", (N,), Kind.INT, facts=(Fact(FactKind.BELOW, size=K),)),
        "b": Var("b", (N,), Kind.BOOL),
    }
    ids = [graph.add(node) for node in shapes.values()]
    found = random_values(graph, ids, SIZES, np.random.default_rng(0))
    np.testing.assert_allclose(found["p"].sum(axis=1), 1)
    assert sorted(np.unique(found["y"])) == [0, 1]
    np.testing.assert_array_equal(found["y"].sum(axis=0), 1)
    assert found["s"].min() > 0
    assert 0 <= found["i"].min() <= found["i"].max() < 2
    assert found["b"].dtype == bool
