"""What handles compute, and its gradient, against JAX."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from frontend_table import ROWS

from symbackprop import frontend as sb
from symbackprop.calculus import vjp
from symbackprop.interpret import evaluate
from symbackprop.interpret.sampling import coprime_sizes, free_sizes, random_values
from symbackprop.ir import Role, Var, reachable
from symbackprop.ir.verify import verify


def values_of(graph, sizes):
    ids = range(len(graph))
    return random_values(graph, ids, sizes, np.random.default_rng(7))


def everything():
    """A problem with every variable of the table, so that references may read any."""
    return sb.build(outputs={f"out{j}": row[0] for j, row in enumerate(ROWS.values())})


@pytest.fixture(scope="module")
def problem():
    return everything()


@pytest.fixture(scope="module")
def sizes(problem):
    graph = problem.graph
    names = free_sizes(graph, range(len(graph)))
    assert set(names) == {"n", "h", "k", "m", "c"}
    return {**coprime_sizes(names, facts=graph.facts), "c": 11}


@pytest.fixture(scope="module")
def values(problem, sizes):
    return values_of(problem.graph, sizes)


SEED = Var("seed", (), role=Role.COTANGENT)


@pytest.mark.parametrize("row", range(len(ROWS)), ids=list(ROWS))
def test_value_equals_jax(row, sizes, values):
    tensor, reference = list(ROWS.values())[row]
    problem = sb.build(outputs={"out": tensor}, automatic=False)
    verify(problem.graph)
    node = problem.outputs["out"]
    found = evaluate(problem.graph, [node], values, sizes)[node]
    expected = np.asarray(jax.jit(reference)(values))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("row", range(len(ROWS)), ids=list(ROWS))
def test_gradient_equals_jax(row, sizes, values):
    tensor, reference = list(ROWS.values())[row]
    problem = sb.build(outputs={"out": tensor}, automatic=False)
    graph, node = problem.graph, problem.outputs["out"]
    variables = {**problem.parameters, **problem.inputs}
    reals = {a: i for a, i in variables.items() if values[a].dtype == np.float64}
    seed = graph.add(replace(SEED, shape=graph.shape(node)))
    swept = vjp(graph, {node: seed}, list(reals.values()))
    cotangents = {a: swept.cotangents[i] for a, i in reals.items()}

    shape = np.asarray(reference(values)).shape
    weights = np.random.default_rng(3).standard_normal(shape)
    got = evaluate(graph, cotangents.values(), {**values, "seed": weights}, sizes)

    def scalar(given):
        return (reference({**values, **given}) * weights).sum()

    want = jax.grad(scalar)({a: values[a] for a in reals})
    for name, ct in cotangents.items():
        np.testing.assert_allclose(got[ct], want[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_every_node_of_the_table_is_legal(problem):
    verify(problem.graph, reachable(problem.graph, problem.outputs.values()))


def test_a_row_that_is_masked_altogether_gives_nothing():
    (size,) = sb.dims("n")
    z, keep = sb.param("z", 2, size), sb.input("keep", 2, size, kind="bool")
    weight = sb.input("weight", 2, size)
    p = sb.masked_softmax(z, mask=keep)
    problem = sb.build(sb.sum(weight * p))
    graph, node = problem.graph, problem.parameters["z"]
    given = {
        "z": np.array([[1.0, 2.0, 3.0], [500.0, -500.0, 1000.0]]),
        "keep": np.array([[True, False, True], [False, False, False]]),
        "weight": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    }
    swept = vjp(graph, {problem.loss: graph.full(1)}, [node])
    wanted = [problem.values["P"], swept.cotangents[node]]
    found = evaluate(graph, wanted, given, {"n": 3})
    assert found[wanted[0]][1].tolist() == [0, 0, 0]
    assert found[wanted[1]][1].tolist() == [0, 0, 0]
    assert np.isfinite(found[wanted[1]]).all() and found[wanted[1]][0, 1] == 0
