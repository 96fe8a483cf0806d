"""The interpreter against NumPy and JAX, on graphs written by hand."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_reference import jax_function
from random_graphs import BLOCKS, random_graph, unknown, winner
from sympy import Integer, exp, tanh

from symbackprop.errors import InternalError, ShapeError, UnknownNameError
from symbackprop.interpret import evaluate
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
    Position,
    Read,
    Reduction,
    Role,
    Var,
)
from symbackprop.scalars import FRACTIONS, RESIDUES, DigitsField, Relu, placeholder
from symbackprop.sizes import At, Constraint, Index, axis, constant, dims

N, H, K = dims("n h k")
P0, P1 = placeholder(0), placeholder(1)
RNG = np.random.default_rng(7)
SIZES = {"n": 4, "h": 3, "k": 2}


def at(node, *index):
    return Read(node, tuple(index))


def value(graph, node, values, sizes=SIZES, **options):
    return evaluate(graph, [node], values, sizes, **options)[node]


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


def test_dense_layer(layer):
    graph, node, values = layer
    expected = np.tanh(values["W"] @ values["x"])
    np.testing.assert_allclose(value(graph, node, values), expected, rtol=1e-15)


def test_fifty_digits_agree_with_floats_and_go_on(layer):
    graph, node, values = layer
    field = DigitsField(50)
    many, few = value(graph, node, values, field=field), value(graph, node, values)
    assert many.dtype == object
    assert 0 < abs(many[0] - field.convert(few[0])) < 1e-15


def test_exact_fields():
    graph = Graph()
    (x,) = variables(graph, x=(N,))
    mean = graph.comp((), (N,), P0 / N, [at(x, axis(0))])
    values = {"x": [1, 2, 3, 4]}
    assert value(graph, mean, values, field=FRACTIONS)[()] == Fraction(5, 2)
    assert value(graph, mean, values, field=RESIDUES)[()] * 2 == RESIDUES.convert(5)


def test_only_what_the_targets_reach_is_computed(layer):
    graph, node, values = layer
    graph.add(Var("unused", (N,)))
    assert value(graph, node, values).shape == (3,)


def test_sizes_may_be_left_out_where_a_variable_has_them(layer):
    graph, node, values = layer
    assert value(graph, node, values, sizes={}).shape == (3,)
    scaled = graph.comp((), (), K * P0, [at(node, constant(0))])
    with pytest.raises(ShapeError, match="no value for k"):
        value(graph, scaled, values, sizes={})


def test_strided_padded_dilated_window():
    graph = Graph()
    x, w = variables(graph, x=(N,), w=(K,))
    place = axis(0).scaled(Integer(2)) + axis(1).scaled(Integer(3)) + constant(-1)
    domain = [Constraint(place), Constraint(constant(N - 1) - place)]
    node = graph.comp((H,), (H, K), P0 * P1, [at(x, place), at(w, axis(1))], None, domain)
    values = {"x": RNG.standard_normal(4), "w": RNG.standard_normal(2)}
    padded = np.pad(values["x"], (1, 8))
    expected = [
        padded[2 * i] * values["w"][0] + padded[2 * i + 3] * values["w"][1] for i in range(3)
    ]
    np.testing.assert_allclose(value(graph, node, values), expected)


def test_an_untaken_point_is_never_evaluated():
    graph = Graph()
    (x,) = variables(graph, x=(N,))
    below = [Constraint(constant(1) - axis(0))]
    node = graph.comp((N,), (N,), 1 / P0, [at(x, axis(0))], None, below)
    found = value(graph, node, {"x": [2.0, 4.0, 0.0, 0.0]})
    np.testing.assert_array_equal(found, [0.5, 0.25, 0, 0])


def test_scatter_adds_and_positions_count():
    graph = Graph()
    idx = graph.add(Var("idx", (N,), Kind.INT, facts=(Fact(FactKind.BELOW, size=H),)))
    where = Index(((At(idx, (axis(0),)), Integer(1)),))
    node = graph.comp((H,), (N,), P0 + 1, [Position(axis(0))], [where])
    found = value(graph, node, {"idx": [0, 2, 0, 2]})
    np.testing.assert_array_equal(found, [(0 + 1) + (2 + 1), 0, (1 + 1) + (3 + 1)])


def maximum(graph, x, reduction):
    return graph.comp((H,), (H, N), P0, [at(x, axis(0), axis(1))], reduction=reduction)


@pytest.mark.parametrize(
    "field", [DigitsField(20), FRACTIONS, None], ids=["digits", "exact", "float"]
)
def test_maximum_and_its_first_winner(field):
    graph = Graph()
    (x,) = variables(graph, x=(H, N))
    best, winner = (maximum(graph, x, r) for r in (Reduction.MAX, Reduction.ARGMAX))
    given = {"x": [[1, 5, 5, 2], [-3, -3, -4, -9], [0, 1, 2, 3]]}
    options = {} if field is None else {"field": field}
    found = evaluate(graph, [best, winner], given, SIZES, **options)
    assert found[best].tolist() == [5, -3, 3]
    assert found[winner].tolist() == [1, 0, 3]
    assert found[winner].dtype == np.int64


def test_winner_of_two_axes_counts_in_mixed_radix():
    graph = Graph()
    (x,) = variables(graph, x=(H, N))
    reads = [at(x, axis(0), axis(1))]
    winner = graph.comp((), (H, N), P0, reads, reduction=Reduction.ARGMAX)
    given = RNG.standard_normal((3, 4))
    assert value(graph, winner, {"x": given}) == given.argmax()


def test_winner_of_a_transpose_counts_in_the_order_of_its_own_axes():
    graph = Graph()
    (x,) = variables(graph, x=(H, N))
    flipped = graph.comp((N, H), (N, H), P0, [at(x, axis(1), axis(0))])
    reads = [at(flipped, axis(0), axis(1))]
    winner = graph.comp((), (N, H), P0, reads, reduction=Reduction.ARGMAX)
    given = np.arange(12.0).reshape(3, 4)
    given[1, 3] = 99
    assert value(graph, winner, {"x": given}) == given.T.argmax()


def test_a_sum_of_booleans_counts():
    graph = Graph()
    b = graph.add(Var("b", (N,), Kind.BOOL))
    count = graph.comp((), (N,), P0, [at(b, axis(0))])
    assert graph.kind(count) is Kind.INT
    assert value(graph, count, {"b": [True, False, True, True]}) == 3


def test_winner_of_integers_may_be_beyond_the_floats():
    graph = Graph()
    x = graph.add(Var("x", (N,), Kind.INT))
    winner = graph.comp((), (N,), P0, [at(x, axis(0))], reduction=Reduction.ARGMAX)
    assert value(graph, winner, {"x": [2**60, 2**60 + 1, 0, 0]}) == 1


def test_empty_axes():
    graph = Graph()
    (x,) = variables(graph, x=(H, N))
    total = graph.comp((H,), (H, N), P0, [at(x, axis(0), axis(1))])
    empty = {"n": 0, "h": 3}
    found = value(graph, total, {"x": np.zeros((3, 0))}, empty)
    np.testing.assert_array_equal(found, np.zeros(3))
    with pytest.raises(ShapeError, match="maximum over no element"):
        value(graph, maximum(graph, x, Reduction.MAX), {"x": np.zeros((3, 0))}, empty)


def test_a_fully_masked_softmax_row_is_zero():
    graph = Graph()
    z = graph.add(Var("z", (H, N)))
    lengths = graph.add(Var("len", (H,), Kind.INT, facts=(Fact(FactKind.BELOW, size=N + 1),)))
    inside = [Constraint(Index(((At(lengths, (axis(0),)), Integer(1)),), Integer(-1)) - axis(1))]
    e = graph.comp((H, N), (H, N), exp(P0), [at(z, axis(0), axis(1))], None, inside)
    s = graph.comp((H,), (H, N), P0, [at(e, axis(0), axis(1))], None, inside)
    reads = [at(e, axis(0), axis(1)), at(s, axis(0))]
    p = graph.comp((H, N), (H, N), P0 / P1, reads, None, inside)
    found = value(graph, p, {"z": RNG.standard_normal((3, 4)), "len": [0, 2, 4]})
    np.testing.assert_array_equal(found[0], 0)
    np.testing.assert_allclose(found.sum(axis=1), [0, 1, 1])


def test_boxes_larger_than_a_chunk():
    graph = Graph()
    (x,) = variables(graph, x=(N,))
    reads = [at(x, axis(0)), at(x, axis(1)), at(x, axis(2))]
    body = P0 * P1 * placeholder(2)
    total = graph.comp((), (N, N, N), body, reads)
    given = RNG.standard_normal(90)
    found = value(graph, total, {"x": given}, {"n": 90})
    assert found == pytest.approx(given.sum() ** 3, rel=1e-9)


# Loops


def recurrence(reverse):
    """s_t = s_{t-1} / 2 + a x_t as a loop; its history and its last carry."""
    graph, body = Graph(), Graph()
    x, a, start = variables(graph, x=(N, H), a=(H,), start=(H,))
    s, a_in, x_in = (body.add(Var(name, (H,), role=Role.BODY)) for name in ("s", "a_in", "x_in"))
    out = body.elementwise(P0 / 2 + P1 * placeholder(2), [s, a_in, x_in])
    loop = graph.add(
        Loop(N, (Carry(start, s, out),), (Feed(x, x_in),), (Feed(a, a_in),), body, reverse)
    )
    return graph, graph.add(Hist(loop, out, (N, H))), graph.add(Final(loop, 0, (H,)))


@pytest.mark.parametrize("reverse", [False, True])
def test_loop(reverse):
    graph, history, final = recurrence(reverse)
    values = {name: RNG.standard_normal(s) for name, s in (("x", (4, 3)), ("a", 3), ("start", 3))}
    state, expected = values["start"], np.zeros((4, 3))
    for t in range(3, -1, -1) if reverse else range(4):
        state = expected[t] = state / 2 + values["a"] * values["x"][t]
    found = evaluate(graph, [history, final], values, SIZES)
    np.testing.assert_allclose(found[history], expected)
    np.testing.assert_allclose(found[final], state)


def test_loop_of_no_steps_gives_its_start():
    graph, history, final = recurrence(reverse=False)
    values = {"x": np.zeros((0, 3)), "a": np.ones(3), "start": np.arange(3.0)}
    found = evaluate(graph, [history, final], values, {"n": 0, "h": 3})
    assert found[history].shape == (0, 3)
    np.testing.assert_array_equal(found[final], values["start"])


# Unknown functions


def unknown_graph(orders):
    graph = Graph()
    u, v = variables(graph, u=(N,), v=(K,))
    return graph, graph.add(Opaque("f", orders, (u, v), (H,)))


def test_derivatives_of_an_unknown_function_are_true():
    field = DigitsField(50)
    step = field.convert(10) ** -15
    values = {"u": field.array(RNG.standard_normal(4)), "v": field.array(RNG.standard_normal(2))}
    graph, plain = unknown_graph((1, 0))
    mixed = graph.add(Opaque("f", (1, 1), graph[plain].args, (H,)))
    exact = value(graph, mixed, values, field=field)
    assert exact.shape == (3, 4, 2)
    for j in range(2):
        ends = []
        for sign in (1, -1):
            moved = values["v"].copy()
            moved[j] = moved[j] + sign * step
            ends.append(value(graph, plain, values | {"v": moved}, field=field))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert max(abs(slope - exact[:, :, j]).reshape(-1)) < 1e-25


@pytest.mark.parametrize("field", [None, RESIDUES, FRACTIONS], ids=["float", "prime", "exact"])
def test_second_derivatives_of_an_unknown_function_are_symmetric(field):
    graph, node = unknown_graph((2, 0))
    options = {} if field is None else {"field": field}
    found = value(graph, node, {"u": [1, 2, 3, 4], "v": [5, 6]}, **options)
    assert found.shape == (3, 4, 4)
    other = found.transpose(0, 2, 1)
    assert np.allclose(found, other) if field is None else (found == other).all()
    assert not (found[:, 0, 1] == found[:, 0, 2]).any()


# What is refused


def test_wrong_arrays_are_named(layer):
    graph, node, values = layer
    with pytest.raises(ShapeError, match=r"W: expected shape \(h, n\) = \(3, 4\), found \(4, 3\)"):
        value(graph, node, values | {"W": np.zeros((4, 3))})
    with pytest.raises(UnknownNameError, match="x"):
        value(graph, node, {"W": values["W"]})
    with pytest.raises(ShapeError, match="x: expected numbers"):
        value(graph, node, values | {"x": np.array(["a"] * 4)})


def test_integers_are_checked():
    graph = Graph()
    idx = graph.add(Var("idx", (K,), Kind.INT, facts=(Fact(FactKind.BELOW, size=N),)))
    (x,) = variables(graph, x=(N,))
    where = Index(((At(idx, (axis(0),)), Integer(1)),))
    node = graph.comp((K,), (K,), P0, [at(x, where)])
    x = np.arange(4.0)
    np.testing.assert_array_equal(value(graph, node, {"x": x, "idx": [3, 1]}), [3, 1])
    with pytest.raises(
        ShapeError, match=r"idx: expected entries in 0 .. 3 \(below n\), found 1 .. 4"
    ):
        value(graph, node, {"x": x, "idx": [1, 4]})
    with pytest.raises(ShapeError, match="idx: expected int entries, found dtype float64"):
        value(graph, node, {"x": x, "idx": [1.0, 2.0]})


def test_an_index_outside_its_array_is_refused():
    graph = Graph()
    (x,) = variables(graph, x=(N,))
    node = graph.comp((N,), (N,), P0, [at(x, axis(0).shifted(Integer(1)))])
    with pytest.raises(ShapeError, match=r"runs over 1 \.\. 4, expected 0 \.\. 3"):
        value(graph, node, {"x": np.zeros(4)})


def test_a_double_assignment_is_refused():
    graph = Graph()
    (x,) = variables(graph, x=(N,))
    node = graph.add(Comp((), (N,), P0, (at(x, axis(0)),), (), (), Reduction.NONE))
    with pytest.raises(InternalError, match="written twice"):
        value(graph, node, {"x": np.zeros(4)})


# Against JAX

KNOWN = [block for block in BLOCKS if block not in (unknown, winner)]


def compare(seed):
    drawn = random_graph(seed, 6, KNOWN)
    values = drawn.values()
    names = {drawn.graph[i].name for i in drawn.wrt}
    reals = {name: v for name, v in values.items() if name in names}
    whole = {name: v for name, v in values.items() if name not in names}
    targets = [*drawn.nodes, drawn.loss]
    reference = jax.jit(jax_function(drawn.graph, targets, drawn.sizes, whole))(reals)
    found = evaluate(drawn.graph, targets, values, drawn.sizes)
    for node, expected in zip(targets, reference, strict=True):
        np.testing.assert_allclose(found[node], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("seed", range(2))
def test_random_graphs_have_the_values_that_jax_gives(seed):
    compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_more_random_graphs_have_the_values_that_jax_gives(seed):
    compare(seed)


def test_a_max_pool_then_a_dense_layer_is_what_jax_computes():
    graph = Graph()
    x, w = variables(graph, x=(2 * H,), w=(K, H))
    place = axis(0).scaled(Integer(2)) + axis(1)
    pooled = graph.comp((H,), (H, Integer(2)), P0, [at(x, place)], reduction=Reduction.MAX)
    reads = [at(w, axis(0), axis(1)), at(pooled, axis(1))]
    node = graph.comp((K,), (K, H), P0 * Relu(P1), reads)
    values = {"x": RNG.standard_normal(6), "w": RNG.standard_normal((2, 3))}
    expected = values["w"] @ jnp.maximum(values["x"].reshape(3, 2).max(axis=1), 0)
    np.testing.assert_allclose(value(graph, node, values), expected)
