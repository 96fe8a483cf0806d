"""Formulas over the letters of another layout have the transposed value."""

import numpy as np
import pytest
import random_graphs
from sympy import Integer, tanh
from test_raising_values import DENSE_BLOCKS, two_dimensional

from symbackprop.calculus import vjp
from symbackprop.interpret import evaluate
from symbackprop.ir import Graph, Read, Role, Var, reachable
from symbackprop.raising import Raiser, arranged, batch_sizes, matrix_value, with_examples
from symbackprop.raising.shapes import form_of
from symbackprop.raising.tree import Form, Inner, MatMul, Ones, Ref, Transpose
from symbackprop.raising.values import Values
from symbackprop.scalars import placeholder
from symbackprop.sizes import axis, dims

P0, P1 = placeholder(0), placeholder(1)
n, h, m = dims("n h m")


def shown(arrays, flipped):
    """The arrays that the letters stand for."""
    found = {}
    for i, array in arrays.items():
        flat = array.ndim == 1 and i in flipped
        found[i] = array.reshape(1, -1) if flat else array.T if i in flipped else array
    return found


@pytest.mark.parametrize("seed", range(60))
def test_random_gradients_over_flipped_letters(seed):
    net = random_graphs.random_graph(seed, steps=4, blocks=DENSE_BLOCKS)
    graph = net.graph
    cotangents = vjp(graph, {net.loss: graph.full(1)}, net.wrt).cotangents
    used = [i for i in net.nodes if i in cotangents]
    kept = [*used, *(cotangents[i] for i in used)]
    roots = [cotangents[x] for x in net.wrt]
    variables = [i for i in reachable(graph, roots) if isinstance(graph[i], Var)]
    arrays = evaluate(graph, [*kept, *roots, *variables], net.values(), net.sizes)
    rng = np.random.default_rng(seed)
    flipped = [i for i in arrays if rng.random() < 0.5 and arrays[i].ndim in (1, 2)]
    raiser = Raiser(graph, kept)
    for root in roots:
        formula = raiser.law(root)
        if formula is None:
            continue
        for transpose in (False, True):
            found = matrix_value(
                arranged(formula, flipped, transpose),
                Values(shown(arrays, flipped), net.sizes, np),
            )
            expected = two_dimensional(arrays[root])
            expected = expected.T if transpose else expected
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def layer():
    """Z = X W^T + 1 b^T, examples in rows, and its gradients."""
    graph = Graph()
    X = graph.add(Var("X", (m, n), role=Role.INPUT))
    W = graph.add(Var("W", (h, n), role=Role.PARAMETER))
    b = graph.add(Var("b", (h,), role=Role.PARAMETER))
    product = graph.comp(
        (m, h), (m, h, n), P0 * P1, [Read(X, (axis(0), axis(2))), Read(W, (axis(1), axis(2)))]
    )
    Z = graph.comp(
        (m, h), (m, h), P0 + P1, [Read(product, (axis(0), axis(1))), Read(b, (axis(1),))]
    )
    A = graph.elementwise(tanh(P0), [Z])
    ct = graph.add(Var("dA", (m, h), role=Role.COTANGENT))
    grads = vjp(graph, {A: ct}, [X, W, b]).cotangents
    return graph, {"X": X, "W": W, "b": b, "Z": Z, "A": A, "dZ": grads[Z]}, grads


def test_examples_in_columns():
    graph, names, grads = layer()
    sizes = batch_sizes(graph, [names["X"]], [names["W"], names["b"]])
    assert sizes == [m]
    flipped = with_examples(graph, names.values(), sizes)
    assert flipped == [names[x] for x in ("X", "Z", "A", "dZ")]
    raiser = Raiser(graph, names.values())
    matrix, column = Form.MATRIX, Form.COLUMN
    X, W, dZ = (Ref(names[x], matrix) for x in ("X", "W", "dZ"))
    b = Ref(names["b"], column)
    forward = arranged(raiser.law(names["Z"]), flipped, transpose=True)
    assert set(forward.terms) == {MatMul((W, X)), MatMul((b, Transpose(Ones(m))))}
    assert arranged(raiser.law(grads[names["W"]]), flipped) == MatMul((dZ, Transpose(X)))
    assert arranged(raiser.law(grads[names["b"]]), flipped) == MatMul((dZ, Ones(m)))
    assert arranged(raiser.law(grads[names["X"]]), flipped, True) == MatMul((Transpose(W), dZ))


def test_numerator_layout_is_the_transpose_over_rows():
    graph = Graph()
    W = graph.add(Var("W", (h, n)))
    x = graph.add(Var("x", (n,)))
    ct = graph.add(Var("dz", (h,)))
    z = graph.comp((h,), (h, n), P0 * P1, [Read(W, (axis(0), axis(1))), Read(x, (axis(1),))])
    grads = vjp(graph, {z: ct}, [W, x]).cotangents
    raiser = Raiser(graph, [])
    row = Ref(ct, Form.ROW)
    assert arranged(raiser.law(grads[W]), [ct], True) == MatMul((Ref(x, Form.COLUMN), row))
    assert arranged(raiser.law(grads[x]), [ct], True) == MatMul((row, Ref(W, Form.MATRIX)))


def test_a_row_in_an_inner_product_needs_no_transpose():
    u, v = Ref(0, Form.COLUMN), Ref(1, Form.COLUMN)
    found = arranged(Inner(u, v), [0])
    assert found == Inner(Transpose(Ref(0, Form.ROW)), v)
    assert form_of(found) is Form.SCALAR


def test_scalars_have_no_transpose():
    scalar = Ref(0, Form.SCALAR)
    assert arranged(scalar, [0], True) == scalar


def test_a_size_that_a_parameter_has_counts_no_examples():
    graph = Graph()
    X = graph.add(Var("X", (n, h)))
    W = graph.add(Var("W", (h, n)))
    y = graph.add(Var("y", (Integer(1),)))
    assert batch_sizes(graph, [X, y], [W]) == []
