"""Derivatives of random graphs against differences at 50 digits and JAX; ties, kinks, orders."""

from dataclasses import dataclass

import jax
import numpy as np
import pytest
from jax_reference import jax_function
from random_graphs import BLOCKS, RandomGraph, random_graph, unknown, winner
from sympy import Integer, exp, tanh

from symbackprop.calculus import gradient, hessian, hvp, jacobian, jvp, vjp
from symbackprop.errors import ShapeError
from symbackprop.interpret import evaluate
from symbackprop.ir import Fact, FactKind, Graph, Kind, Policy, Read, Reduction, Role, Ties, Var
from symbackprop.ir.verify import verify
from symbackprop.scalars import DigitsField, KinkPolicy, Maximum, Relu, placeholder
from symbackprop.sizes import At, Constraint, Index, axis, constant, dims

FIELD = DigitsField(50)
STEP = FIELD.convert(10) ** -15
N, H = dims("n h")
P0, P1 = placeholder(0), placeholder(1)
SIZES = {"n": 4, "h": 3}


@dataclass(slots=True)
class Probe:
    """A random graph with directions for its variables, and values of everything at 50 digits."""

    drawn: RandomGraph
    names: dict[int, str]
    values: dict[str, np.ndarray]
    directions: dict[str, np.ndarray]
    tangents: dict[int, int]

    @classmethod
    def of(cls, drawn):
        graph = drawn.graph
        names = {i: graph[i].name for i in drawn.wrt}
        values = drawn.values()
        rng = np.random.default_rng([drawn.seed, 9])
        directions = {
            name: FIELD.array(rng.standard_normal(values[name].shape)) for name in names.values()
        }
        tangents = {
            i: graph.add(Var(f"t_{name}", graph.shape(i), role=Role.TANGENT))
            for i, name in names.items()
        }
        values |= {f"t_{name}": direction for name, direction in directions.items()}
        return cls(drawn, names, values, directions, tangents)

    def at(self, *targets, values=None):
        given = self.values if values is None else values
        found = evaluate(self.drawn.graph, targets, given, self.drawn.sizes, FIELD)
        return [found[target] for target in targets]

    def slope(self, target, names):
        """The derivative of a node along the directions of some variables, as a difference."""
        ends = []
        for sign in (1, -1):
            moved = {
                k: FIELD.array(self.values[k]) + self.directions[k] * (sign * STEP) for k in names
            }
            ends.append(self.at(target, values=self.values | moved)[0])
        return np.asarray((ends[0] - ends[1]) / (2 * STEP), dtype=object)


def agree(found, expected, bound=1e-18):
    found, expected = np.ravel(found), np.ravel(expected)
    scale = max([1, *abs(expected)])
    return len(found) == len(expected) and all(abs(found - expected) <= bound * scale)


def dot(a, b):
    return np.sum(np.ravel(a) * np.ravel(b))


def check_second_order(drawn):
    probe = Probe.of(drawn)
    graph, wrt = drawn.graph, list(drawn.wrt)
    first = gradient(graph, drawn.loss, wrt).cotangents
    forward = jvp(graph, probe.tangents, [drawn.loss])[drawn.loss]
    second = hvp(graph, drawn.loss, probe.tangents, wrt)
    verify(graph)
    (speed,) = probe.at(forward)
    assert agree(speed, probe.slope(drawn.loss, probe.names.values())), "jvp"
    for i in wrt:
        name = probe.names[i]
        slope, curvature = probe.at(first[i], second[i])
        along = dot(slope, probe.directions[name])
        assert agree(along, probe.slope(drawn.loss, [name])), f"gradient by {name}"
        assert agree(curvature, probe.slope(first[i], probe.names.values())), f"hvp by {name}"


def check_third_order(drawn):
    """The VJP of the Hessian-vector product."""
    probe = Probe.of(drawn)
    graph, wrt = drawn.graph, list(drawn.wrt)
    second = hvp(graph, drawn.loss, probe.tangents, wrt)
    product = graph.total([scalar_product(graph, second[i], probe.tangents[i]) for i in wrt])
    third = gradient(graph, product, wrt).cotangents
    verify(graph)
    for i in wrt:
        name = probe.names[i]
        (slope,) = probe.at(third[i])
        assert agree(dot(slope, probe.directions[name]), probe.slope(product, [name])), name


def scalar_product(graph, a, b):
    shape = graph.shape(a)
    here = tuple(axis(i) for i in range(len(shape)))
    return graph.comp((), shape, P0 * P1, [Read(a, here), Read(b, here)], ())


@pytest.mark.parametrize("seed", range(24))
def test_gradient_jvp_and_hvp_of_random_graphs(seed):
    check_second_order(random_graph(seed))


@pytest.mark.parametrize("ties", [Ties.SHARE, Ties.ALL])
@pytest.mark.parametrize("seed", [2, 3, 6])
def test_other_tie_policies_where_there_is_no_tie(seed, ties):
    check_second_order(random_graph(seed, policy=Policy(ties=ties)))


@pytest.mark.parametrize("seed", range(50, 56))
def test_graphs_not_in_canonical_form_have_the_same_derivatives(seed):
    drawn = random_graph(seed, joined=False)
    joined = random_graph(seed)
    found = []
    for one in (drawn, joined):
        first = gradient(one.graph, one.loss, list(one.wrt)).cotangents
        values = evaluate(one.graph, [first[i] for i in one.wrt], one.values(), one.sizes)
        found.append({one.graph[i].name: values[first[i]] for i in one.wrt})
    for name, slope in found[1].items():
        np.testing.assert_allclose(found[0][name], slope, atol=1e-12)


@pytest.mark.parametrize("seed", range(30, 36))
def test_third_order_of_random_graphs(seed):
    check_third_order(random_graph(seed, steps=4))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_more_random_graphs(seed):
    check_second_order(random_graph(seed, steps=4 + seed % 6))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2060))
def test_third_order_of_more_random_graphs(seed):
    check_third_order(random_graph(seed, steps=5))


def compare_with_jax(drawn):
    graph, wrt = drawn.graph, list(drawn.wrt)
    probe = Probe.of(drawn)
    names = set(probe.names.values())
    reals = {k: v for k, v in probe.values.items() if k in names}
    whole = {k: v for k, v in probe.values.items() if k not in names}
    directions = {k: np.asarray(v, dtype=float) for k, v in probe.directions.items()}

    def f(given):
        return jax_function(graph, [drawn.loss], drawn.sizes, whole)(given)[0]

    @jax.jit
    def reference(given):
        grad = jax.grad(f)
        return grad(given), jax.jvp(grad, (given,), (directions,))[1]

    first = gradient(graph, drawn.loss, wrt).cotangents
    second = hvp(graph, drawn.loss, probe.tangents, wrt)
    given = reals | whole | {f"t_{k}": v for k, v in directions.items()}
    targets = [*(first[i] for i in wrt), *(second[i] for i in wrt)]
    found = evaluate(graph, targets, given, drawn.sizes)
    slopes, curvatures = reference(reals)
    for i in wrt:
        for node, expected, bound in ((first, slopes, 1e-10), (second, curvatures, 1e-8)):
            other = expected[probe.names[i]]
            assert np.abs(found[node[i]] - other).max() <= bound * max(1, np.abs(other).max())


KNOWN = [block for block in BLOCKS if block not in (unknown, winner)]


def test_a_random_graph_agrees_with_jax():
    compare_with_jax(random_graph(7, 6, KNOWN))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 360))
def test_random_graphs_agree_with_jax(seed):
    compare_with_jax(random_graph(seed, 6, KNOWN))


# The checker can fail


@pytest.mark.parametrize("fault", ["sign", "factor", "size", "transpose"])
def test_a_wrong_gradient_is_refuted(fault):
    graph = Graph()
    W, x = graph.add(Var("W", (H, N))), graph.add(Var("x", (N,)))
    z = graph.comp((H,), (H, N), P0 * P1, [Read(W, (axis(0), axis(1))), Read(x, (axis(1),))])
    loss = graph.comp((), (H,), tanh(P0) / H, [Read(z, (axis(0),))])
    slope = gradient(graph, loss, [W]).cotangents[W]
    rng = np.random.default_rng(0)
    values = {"W": rng.standard_normal((3, 4)), "x": rng.standard_normal(4)}
    drawn = RandomGraph(0, graph, (), loss, (W,), SIZES, ())
    probe = Probe(drawn, {W: "W"}, values, {"W": FIELD.array(rng.standard_normal((3, 4)))}, {})
    (right,) = probe.at(slope)
    truth = probe.slope(loss, ["W"])
    wrong = {
        "sign": -right,
        "factor": right * FIELD.convert(1.001),
        "size": right * 3,
        "transpose": right.T.reshape(3, 4),
    }[fault]
    assert agree(dot(right, probe.directions["W"]), truth)
    assert not agree(dot(wrong, probe.directions["W"]), truth)


# Ties and kinks


def tied(policy):
    """The slope of max(x) where the first and the third entry share the maximum."""
    graph = Graph(policy)
    x = graph.add(Var("x", (N,)))
    loss = graph.comp((), (N,), P0, [Read(x, (axis(0),))], reduction=Reduction.MAX)
    slope = gradient(graph, loss, [x]).cotangents[x]
    tangent = graph.add(Var("t", (N,), role=Role.TANGENT))
    forward = jvp(graph, {x: tangent}, [loss])[loss]
    verify(graph)
    given = {"x": [2.0, 1.0, 2.0, 0.0], "t": [1.0, 10.0, 100.0, 1000.0]}
    found = evaluate(graph, [slope, forward], given, SIZES)
    return found[slope].tolist(), float(found[forward])


def test_ties_follow_the_policy():
    assert tied(Policy(ties=Ties.FIRST)) == ([1, 0, 0, 0], 1)
    assert tied(Policy(ties=Ties.SHARE)) == ([0.5, 0, 0.5, 0], 50.5)
    assert tied(Policy(ties=Ties.ALL)) == ([1, 0, 1, 0], 101)


@pytest.mark.parametrize("kink", list(KinkPolicy))
def test_kinks_follow_the_policy(kink):
    graph = Graph(Policy(kink=kink))
    x = graph.add(Var("x", (N,)))
    loss = graph.comp((), (N,), Relu(P0), [Read(x, (axis(0),))])
    slope = gradient(graph, loss, [x]).cotangents[x]
    found = evaluate(graph, [slope], {"x": [-1.0, 0.0, 1.0, 0.0]}, SIZES)[slope]
    assert found.tolist() == [0, float(kink.number), 1, float(kink.number)]


def test_a_maximum_of_two_gives_the_whole_slope_once():
    graph = Graph(Policy(kink=KinkPolicy.ONE))
    x, y = graph.add(Var("x", ())), graph.add(Var("y", ()))
    loss = graph.comp((), (), Maximum(P0, P1), [Read(x, ()), Read(y, ())])
    slopes = gradient(graph, loss, [x, y]).cotangents
    found = evaluate(graph, [slopes[x], slopes[y]], {"x": 3.0, "y": 3.0}, {})
    assert found[slopes[x]] + found[slopes[y]] == 1


def test_max_pool_over_two_axes_gives_the_first_in_row_major_order():
    graph = Graph()
    x = graph.add(Var("x", (2 * H, 2 * N)))
    two = Integer(2)
    index = (axis(0).scaled(two) + axis(2), axis(1).scaled(two) + axis(3))
    pooled = graph.comp((H, N), (H, N, two, two), P0, [Read(x, index)], reduction=Reduction.MAX)
    loss = graph.comp((), (H, N), P0, [Read(pooled, (axis(0), axis(1)))], ())
    slope = gradient(graph, loss, [x]).cotangents[x]
    found = evaluate(graph, [slope], {"x": np.zeros((6, 8))}, SIZES)[slope]
    expected = np.zeros((6, 8))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(found, expected)


def test_a_fully_masked_softmax_row_has_gradient_zero():
    graph = Graph()
    z = graph.add(Var("z", (H, N)))
    w = graph.add(Var("w", (N,)))
    lengths = graph.add(Var("len", (H,), Kind.INT, facts=(Fact(FactKind.BELOW, size=N + 1),)))
    inside = [Constraint(Index(((At(lengths, (axis(0),)), Integer(1)),), Integer(-1)) - axis(1))]
    here = (axis(0), axis(1))
    e = graph.comp((H, N), (H, N), exp(P0), [Read(z, here)], None, inside)
    s = graph.comp((H,), (H, N), P0, [Read(e, here)], None, inside)
    p = graph.comp((H, N), (H, N), P0 / P1, [Read(e, here), Read(s, here[:1])], None, inside)
    loss = graph.comp((), (H, N), P0 * P1, [Read(p, here), Read(w, here[1:])], ())
    slope = gradient(graph, loss, [z]).cotangents[z]
    verify(graph)
    values = {"z": np.arange(12.0).reshape(3, 4), "w": np.arange(4.0) ** 2, "len": [0, 2, 4]}
    found = evaluate(graph, [slope], values, SIZES)[slope]
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[0], 0)
    assert np.abs(found[1, :2]).min() > 0
    np.testing.assert_array_equal(found[1, 2:], 0)


# Jacobians, Hessians, and what has no derivative


def small_net():
    graph = Graph()
    x = graph.add(Var("x", (N,)))
    e = graph.elementwise(exp(P0), [x])
    s = graph.comp((), (N,), P0, [Read(e, (axis(0),))])
    p = graph.comp((N,), (N,), P0 / P1, [Read(e, (axis(0),)), Read(s, ())])
    return graph, x, p


def test_the_jacobian_of_a_softmax():
    graph, x, p = small_net()
    found = jacobian(graph, p, [x])[x]
    verify(graph)
    given = {"x": np.random.default_rng(3).standard_normal(4)}
    values = evaluate(graph, [p, found], given, SIZES)
    probabilities = values[p]
    expected = np.diag(probabilities) - np.outer(probabilities, probabilities)
    np.testing.assert_allclose(values[found], expected, atol=1e-15)


def test_the_hessian_of_a_log_sum():
    graph = Graph()
    x = graph.add(Var("x", (N,)))
    loss = graph.comp((), (N,), P0**3, [Read(x, (axis(0),))])
    found = hessian(graph, loss, x, x)
    given = np.array([1.0, 2.0, 3.0, 4.0])
    values = evaluate(graph, [found], {"x": given}, SIZES)[found]
    np.testing.assert_array_equal(values, np.diag(6 * given))


def test_a_variable_that_nothing_depends_on_gets_zeros():
    graph, x, p = small_net()
    other = graph.add(Var("other", (H, N)))
    loss = graph.comp((), (N,), P0, [Read(p, (axis(0),))])
    slope = gradient(graph, loss, [other]).cotangents[other]
    found = evaluate(graph, [slope], {}, SIZES)[slope]
    np.testing.assert_array_equal(found, np.zeros((3, 4)))
    assert x in gradient(graph, loss, [x, other]).cotangents


def test_wrong_shapes_of_seeds_are_refused():
    graph, x, p = small_net()
    with pytest.raises(ShapeError, match="scalar"):
        gradient(graph, p, [x])
    seed = graph.full(1, (H,))
    with pytest.raises(ShapeError, match="cotangent"):
        vjp(graph, {p: seed}, [x])
    with pytest.raises(ShapeError, match="tangent"):
        jvp(graph, {x: seed}, [p])


def test_constants_of_a_domain_do_not_count_as_sums():
    """Σ_{k ≤ i} x_i: the bound axis counts i + 1 times, not n times."""
    graph = Graph()
    x = graph.add(Var("x", (N,)))
    below = [Constraint(axis(0) - axis(1))]
    y = graph.comp((N,), (N, N), P0, [Read(x, (axis(0),))], None, below)
    loss = graph.comp((), (N,), P0, [Read(y, (axis(0),))])
    slope = gradient(graph, loss, [x]).cotangents[x]
    found = evaluate(graph, [slope], {"x": np.ones(4)}, SIZES)[slope]
    np.testing.assert_array_equal(found, [1, 2, 3, 4])


def test_an_axis_pinned_to_a_constant():
    graph = Graph()
    x = graph.add(Var("x", (H, N)))
    row = graph.comp((N,), (N,), P0**2, [Read(x, (constant(1), axis(0)))])
    loss = graph.comp((), (N,), P0, [Read(row, (axis(0),))])
    slope = gradient(graph, loss, [x]).cotangents[x]
    given = np.arange(12.0).reshape(3, 4)
    found = evaluate(graph, [slope], {"x": given}, SIZES)[slope]
    np.testing.assert_array_equal(found, 2 * given * np.array([[0], [1], [0]]))


def test_a_maximum_over_windows_that_overlap_where_they_write():
    """``out[i + k] = max x_i w_k`` over the pairs that write an entry."""
    graph = Graph()
    x = graph.add(Var("x", (N, H)))
    write = [axis(0) + axis(1)]
    reads = [Read(x, (axis(0), axis(1)))]
    best = graph.comp((N + H - 1,), (N, H), P0, reads, write, (), Reduction.MAX)
    loss = graph.comp((), (N + H - 1,), P0**2 / 2, [Read(best, (axis(0),))])
    slope = gradient(graph, loss, [x]).cotangents[x]
    verify(graph)
    given = np.random.default_rng(1).standard_normal((4, 3))
    expected = np.zeros((4, 3))
    for total in range(6):
        pairs = [(i, total - i) for i in range(4) if 0 <= total - i < 3]
        top = max(pairs, key=lambda pair: given[pair])
        expected[top] = given[top]
    found = evaluate(graph, [slope], {"x": given}, SIZES)[slope]
    np.testing.assert_array_equal(found, expected)
