"""What is raised has the value of the node it was raised from."""

import numpy as np
import pytest
import random_graphs
from sympy import Integer, exp, log, sqrt, tanh

from symbackprop.calculus import jacobian, vjp
from symbackprop.interpret import evaluate
from symbackprop.ir import Fact, FactKind, Graph, Kind, Read, Role, Var, product, reachable
from symbackprop.raising import Raiser, entries_value, entry_form, matrix_value, needed_names
from symbackprop.raising.matrix import MEMBER_AXIS
from symbackprop.raising.tree import (
    Form,
    MatMul,
    OneHot,
    Over,
    Ref,
    Transpose,
    Whole,
    form_of_shape,
)
from symbackprop.raising.values import Values
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Index, axis, dims, evaluate_size

P0, P1, P2 = (placeholder(k) for k in range(3))
DENSE_BLOCKS = (
    random_graphs.unary,
    random_graphs.binary,
    random_graphs.dense,
    random_graphs.contraction,
    random_graphs.softmax,
    random_graphs.permute,
    random_graphs.diagonal,
)


def two_dimensional(array):
    """An array as it stands in matrix form."""
    form = form_of_shape(array.shape)
    if form is Form.MATRIX:
        return array.reshape([n for n in array.shape if n != 1])
    return array.reshape({Form.SCALAR: (1, 1), Form.COLUMN: (-1, 1), Form.ROW: (1, -1)}[form])


def check(graph, roots, kept, sizes, values, entries=True):
    """Compare every root with its formulas; give how many have a matrix form."""
    kept = sorted({*kept, *needed_names(graph, roots, kept)})
    variables = [i for i in reachable(graph, roots) if isinstance(graph[i], Var)]
    arrays = evaluate(graph, [*kept, *roots, *variables], values, sizes)
    raiser = Raiser(graph, kept)
    count = 0
    for root in roots:
        expected = arrays[root]
        formula = raiser.law(root)
        given = Values(arrays, sizes, np)
        if formula is not None:
            found = matrix_value(formula, given)
            np.testing.assert_allclose(found, two_dimensional(expected), rtol=1e-9, atol=1e-9)
            count += 1
        if entries and not isinstance(graph[root], Var):
            found = entries_value(entry_form(graph, root, kept), Values(arrays, sizes, np))
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    return count


def uses_unnamed(graph, root):
    return not hasattr(graph[root], "reads")


@pytest.mark.parametrize("seed", range(40))
def test_nodes_of_random_graphs(seed):
    net = random_graphs.random_graph(seed, steps=4)
    values = net.values()
    kept = net.nodes[::2]
    small = [i for i in net.nodes if cells(net, i) <= 150]
    check(net.graph, small, kept, net.sizes, values)


@pytest.mark.parametrize("seed", range(40))
def test_gradients_of_random_graphs(seed):
    net = random_graphs.random_graph(seed, steps=4, blocks=DENSE_BLOCKS)
    graph = net.graph
    cotangents = vjp(graph, {net.loss: graph.full(1)}, net.wrt).cotangents
    roots = [cotangents[x] for x in net.wrt if cells(net, x) <= 40]
    used = [i for i in net.nodes if i in cotangents]
    kept = [*used, *(cotangents[i] for i in used)]
    check(graph, roots, kept, net.sizes, net.values())


def cells(net, node):
    return evaluate_size(product(net.graph.shape(node)), net.sizes)


def variables(graph, **shapes):
    return [graph.add(Var(name, shape, role=Role.PARAMETER)) for name, shape in shapes.items()]


def contraction(graph, shape, axes, *reads):
    body = Integer(1)
    for k in range(len(reads)):
        body = body * placeholder(k)
    points = [Read(source, tuple(axis(a) for a in index)) for source, index in reads]
    return graph.comp(shape, axes, body, points)


n, h, k, m = dims("n h k m")
CASES = {
    "A x": lambda g, A, B, C, u, v, w: contraction(g, (h,), (h, n), (A, (0, 1)), (v, (1,))),
    "A^T u": lambda g, A, B, C, u, v, w: contraction(g, (n,), (n, h), (A, (1, 0)), (u, (1,))),
    "u v^T": lambda g, A, B, C, u, v, w: contraction(g, (h, n), (h, n), (u, (0,)), (v, (1,))),
    "u^T u": lambda g, A, B, C, u, v, w: contraction(g, (), (h,), (u, (0,)), (u, (0,))),
    "A B": lambda g, A, B, C, u, v, w: contraction(g, (h, k), (h, k, n), (A, (0, 2)), (B, (2, 1))),
    "(A B)^T": lambda g, A, B, C, u, v, w: contraction(
        g, (k, h), (k, h, n), (A, (1, 2)), (B, (2, 0))
    ),
    "A A^T": lambda g, A, B, C, u, v, w: contraction(
        g, (h, h), (h, h, n), (A, (0, 2)), (A, (1, 2))
    ),
    "tr A B C": lambda g, A, B, C, u, v, w: contraction(
        g, (), (h, n, k), (A, (0, 1)), (B, (1, 2)), (C, (2, 0))
    ),
    "tr A^T A": lambda g, A, B, C, u, v, w: contraction(g, (), (h, n), (A, (0, 1)), (A, (0, 1))),
    "1^T A": lambda g, A, B, C, u, v, w: contraction(g, (n,), (n, h), (A, (1, 0))),
    "A 1": lambda g, A, B, C, u, v, w: contraction(g, (h,), (h, n), (A, (0, 1))),
    "1^T A 1": lambda g, A, B, C, u, v, w: contraction(g, (), (h, n), (A, (0, 1))),
    "u^T A v": lambda g, A, B, C, u, v, w: contraction(
        g, (), (h, n), (u, (0,)), (A, (0, 1)), (v, (1,))
    ),
    "diag(u) A": lambda g, A, B, C, u, v, w: contraction(g, (h, n), (h, n), (u, (0,)), (A, (0, 1))),
    "A diag(v)": lambda g, A, B, C, u, v, w: contraction(g, (h, n), (h, n), (A, (0, 1)), (v, (1,))),
    "A diag(v) B": lambda g, A, B, C, u, v, w: contraction(
        g, (h, k), (h, k, n), (A, (0, 2)), (v, (2,)), (B, (2, 1))
    ),
    "u 1^T": lambda g, A, B, C, u, v, w: contraction(g, (h, n), (h, n), (u, (0,))),
    "1 v^T": lambda g, A, B, C, u, v, w: contraction(g, (h, n), (h, n), (v, (1,))),
    "A^T": lambda g, A, B, C, u, v, w: contraction(g, (n, h), (n, h), (A, (1, 0))),
    "u o (A v)": lambda g, A, B, C, u, v, w: contraction(
        g, (h,), (h, n), (u, (0,)), (A, (0, 1)), (v, (1,))
    ),
    "A o (C^T B^T)": lambda g, A, B, C, u, v, w: contraction(
        g, (h, n), (h, n, k), (A, (0, 1)), (C, (2, 0)), (B, (1, 2))
    ),
    "1^T u A": lambda g, A, B, C, u, v, w: contraction(g, (n,), (n, h, k), (A, (1, 0)), (w, (2,))),
    "|u - u^2|": lambda g, A, B, C, u, v, w: g.comp(
        (), (h,), (P0 - P0**2) ** 2, [Read(u, (axis(0),))]
    ),
    "mixed broadcast": lambda g, A, B, C, u, v, w: g.comp(
        (h, n),
        (h, n),
        tanh(P0 + P1 - 2) / sqrt(n) - P2 * n + exp(P1),
        [Read(A, (axis(0), axis(1))), Read(u, (axis(0),)), Read(v, (axis(1),))],
    ),
    "ratio of columns": lambda g, A, B, C, u, v, w: g.comp(
        (h,), (h,), -3 * P0 / (2 * exp(P0)) + 1 / exp(P0), [Read(u, (axis(0),))]
    ),
    "rows over sums": lambda g, A, B, C, u, v, w: g.comp(
        (h, n),
        (h, n),
        P0 / exp(P1),
        [Read(A, (axis(0), axis(1))), Read(u, (axis(0),))],
    ),
    "trace": lambda g, A, B, C, u, v, w: contraction(g, (), (h,), (square(g, A), (0, 0))),
    "identity": lambda g, A, B, C, u, v, w: g.identity((h,)),
    "diagonal": lambda g, A, B, C, u, v, w: g.comp(
        (h, h), (h,), P0**2, [Read(u, (axis(0),))], (axis(0), axis(0))
    ),
    "log of a sum": lambda g, A, B, C, u, v, w: g.comp(
        (), (), log(P0), [Read(contraction_exp(g, u), ())]
    ),
    "constant": lambda g, A, B, C, u, v, w: g.full(3, (h, n)),
}


def square(graph, A):
    return contraction(graph, (h, h), (h, h, n), (A, (0, 2)), (A, (1, 2)))


def contraction_exp(graph, u):
    return graph.comp((), (h,), exp(P0), [Read(u, (axis(0),))])


@pytest.mark.parametrize("case", CASES)
def test_contractions_have_a_matrix_form(case):
    graph = Graph()
    args = variables(graph, A=(h, n), B=(n, k), C=(k, h), u=(h,), v=(n,), w=(k,))
    root = CASES[case](graph, *args)
    sizes = {"n": 4, "h": 3, "k": 5}
    rng = np.random.default_rng(0)
    values = {
        graph[i].name: rng.normal(size=tuple(sizes[str(s)] for s in graph.shape(i))) for i in args
    }
    assert check(graph, [root], [], sizes, values) == 1


def test_softmax_is_called_by_its_name():
    graph = Graph()
    z, batch = variables(graph, z=(k,), Z=(m, k))
    powers = graph.elementwise(exp(P0), [z])
    total = contraction(graph, (), (k,), (powers, (0,)))
    column = graph.comp((k,), (k,), P0 / P1, [Read(powers, (axis(0),)), Read(total, ())])
    powers = graph.elementwise(exp(P0), [batch])
    total = contraction(graph, (m,), (m, k), (powers, (0, 1)))
    reads = [Read(powers, (axis(0), axis(1))), Read(total, (axis(0),))]
    rows = graph.comp((m, k), (m, k), P0 / P1, reads)
    sizes = {"m": 3, "k": 4}
    rng = np.random.default_rng(0)
    values = {"z": rng.normal(size=4), "Z": rng.normal(size=(3, 4))}
    assert check(graph, [column, rows], [], sizes, values) == 2
    raiser = Raiser(graph, [])
    assert isinstance(raiser.law(column), Whole)
    assert isinstance(raiser.law(rows), Whole)


def test_gradients_of_a_layer_are_the_textbook_products():
    graph = Graph()
    W, x, ct = variables(graph, W=(h, n), x=(n,), ct=(h,))
    z = contraction(graph, (h,), (h, n), (W, (0, 1)), (x, (1,)))
    found = vjp(graph, {z: ct}, [W, x]).cotangents
    raiser = Raiser(graph, [])
    column = Form.COLUMN
    assert raiser.law(found[W]) == MatMul((Ref(ct, column), Transpose(Ref(x, column))))
    assert raiser.law(found[x]) == MatMul((Transpose(Ref(W, Form.MATRIX)), Ref(ct, column)))


def test_a_row_is_written_as_a_row():
    graph = Graph()
    W, x, ct = variables(graph, W=(Integer(1), n), x=(n,), ct=(Integer(1),))
    z = graph.comp(
        (Integer(1),), (Integer(1), n), P0 * P1, [Read(W, (axis(0), axis(1))), Read(x, (axis(1),))]
    )
    grad = vjp(graph, {z: ct}, [W]).cotangents[W]
    rng = np.random.default_rng(0)
    values = {"W": rng.normal(size=(1, 4)), "x": rng.normal(size=4), "ct": rng.normal(size=1)}
    assert check(graph, [z, grad], [], {"n": 4}, values) == 2


def test_a_stack_of_matrices_has_no_matrix_form_of_its_own():
    graph = Graph()
    (T,) = variables(graph, T=(m, h, n))
    assert Raiser(graph, []).law(contraction(graph, (m, h), (m, h, n), (T, (0, 1, 2)))) is None


@pytest.mark.parametrize("seed", range(6))
def test_entries_of_jacobians(seed):
    net = random_graphs.random_graph(seed, steps=2)
    graph = net.graph
    of = max((i for i in net.nodes if cells(net, i) <= 20), default=None)
    if of is None:
        of = net.loss
    wrt = [x for x in net.wrt if cells(net, x) <= 12 and x in reachable(graph, [of])]
    roots = list(jacobian(graph, of, wrt).values())
    check(graph, roots, net.nodes, net.sizes, net.values())


def test_labels_are_one_hot_rows():
    graph = Graph()
    labels = graph.add(Var("t", (m,), Kind.INT, Role.INPUT, (Fact(FactKind.BELOW, size=k),)))
    (E, v) = variables(graph, E=(k, n), v=(m,))
    label = Index(((At(labels, (axis(0),)), Integer(1)),))
    gathered = graph.comp((m, n), (m, n), P0, [Read(E, (label, axis(1)))])
    scattered = graph.comp((m, k), (m,), -P0 / 2, [Read(v, (axis(0),))], (axis(0), label))
    sizes = {"m": 3, "k": 5, "n": 4}
    rng = np.random.default_rng(0)
    values = {"t": np.array([4, 0, 4]), "E": rng.normal(size=(5, 4)), "v": rng.normal(size=3)}
    assert check(graph, [gathered, scattered], [], sizes, values) == 2
    assert Raiser(graph, []).law(gathered) == MatMul(
        (OneHot(Ref(labels, Form.COLUMN), k), Ref(E, Form.MATRIX))
    )


def test_a_stack_is_written_by_its_members():
    graph = Graph()
    X, W, G = variables(graph, X=(m, h, n), W=(k, n), G=(m, h, k))
    Z = contraction(graph, (m, h, k), (m, h, k, n), (X, (0, 1, 3)), (W, (2, 3)))
    total = contraction(graph, (k, n), (k, n, m, h), (G, (2, 3, 0)), (X, (2, 3, 1)))
    sizes = {"m": 3, "k": 5, "n": 4, "h": 2}
    rng = np.random.default_rng(0)
    values = {
        graph[i].name: rng.normal(size=tuple(sizes[str(s)] for s in graph.shape(i)))
        for i in (X, W, G)
    }
    assert check(graph, [total], [], sizes, values) == 1
    raiser = Raiser(graph, [])
    assert isinstance(raiser.law(total), Over)
    member = raiser.stack_law(Z)
    given = Values({i: values[graph[i].name] for i in (X, W, G)}, sizes, np)
    for number in range(3):
        given.axes = {MEMBER_AXIS: number}
        np.testing.assert_allclose(matrix_value(member, given), values["X"][number] @ values["W"].T)
    assert raiser.stack_law(total) is None
