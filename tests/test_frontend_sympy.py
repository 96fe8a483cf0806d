"""Plain SymPy, in index and matrix notation, gives the graph that handles give."""

import numpy as np
import pytest
import sympy as sp
from sympy import (
    HadamardPower,
    HadamardProduct,
    Identity,
    Idx,
    IndexedBase,
    KroneckerDelta,
    Lambda,
    MatrixSymbol,
    Max,
    OneMatrix,
    Piecewise,
    Sum,
    Trace,
    ZeroMatrix,
    exp,
    log,
    tanh,
)

from symbackprop import frontend as sb
from symbackprop.interpret import evaluate
from symbackprop.interpret.sampling import coprime_sizes, free_sizes, random_values
from symbackprop.ir import Comp, Graph, Opaque, Prim, Var, reachable, substituted
from symbackprop.ir.verify import verify

n, h, k, m = sb.dims("n h k m")
i, j, c, b = sp.symbols("i j c b", integer=True)
t = sp.Symbol("t")


def copied(graph, root, into):
    """The id of `root` in another graph: equal computations get equal ids there."""
    ids = {}
    for node_id in reachable(graph, [root]):
        node = graph[node_id]
        match node:
            case Var():
                ids[node_id] = into.add(Var(node.name, node.shape))
            case Comp():
                draft = substituted(node, ids)
                ids[node_id] = into.comp(
                    draft.shape,
                    draft.axes,
                    draft.body,
                    draft.reads,
                    draft.write,
                    draft.domain,
                    draft.reduction,
                )
            case Prim():
                ids[node_id] = into.add(Prim(node.op, tuple(ids[a] for a in node.args), node.shape))
            case Opaque():
                args = tuple(ids[a] for a in node.args)
                ids[node_id] = into.add(Opaque(node.name, node.orders, args, node.out_shape))
    return ids[root]


def assert_same(*losses):
    problems = [sb.build(outputs={"out": loss}) for loss in losses]
    into = Graph()
    for name in sorted({n for p in problems for n in (*p.parameters, *p.inputs)}):
        # ids decide the order of reads, so variables come first, by name
        shapes = {p.graph.shape(p.named()[name]) for p in problems if name in p.named()}
        assert len(shapes) == 1
        into.add(Var(name, shapes.pop()))
    found = {copied(p.graph, p.outputs["out"], into) for p in problems}
    assert len(found) == 1, into
    for p in problems:
        verify(p.graph)


def indexed(names):
    return [IndexedBase(name) for name in names.split()]


def handles():
    x, y = sb.input("x", n), sb.input("y", k)
    W1, b1 = sb.param("W1", h, n), sb.param("b1", h)
    W2, b2 = sb.param("W2", k, h), sb.param("b2", k)
    return x, y, W1, b1, W2, b2


def columns():
    x, y = MatrixSymbol("x", n, 1), MatrixSymbol("y", k, 1)
    W1, b1 = MatrixSymbol("W1", h, n), MatrixSymbol("b1", h, 1)
    W2, b2 = MatrixSymbol("W2", k, h), MatrixSymbol("b2", k, 1)
    return x, y, W1, b1, W2, b2


def test_a_two_layer_network_with_softmax_and_cross_entropy():
    x, y, W1, b1, W2, b2 = handles()
    by_handles = sb.cross_entropy(W2 @ sb.tanh(W1 @ x + b1) + b2, y, logits=True)

    x, y, W1, b1, W2, b2 = indexed("x y W1 b1 W2 b2")

    def z2(c):
        hidden = tanh(Sum(W1[j, i] * x[i], (i, 1, n)) + b1[j])
        return Sum(W2[c, j] * hidden, (j, 1, h)) + b2[c]

    p = exp(z2(c)) / Sum(exp(z2(b)), (b, 1, k))
    by_index = sb.from_sympy(-Sum(y[c] * log(p), (c, 1, k)), inputs=[x, y])

    x, y, W1, b1, W2, b2 = columns()
    e = (W2 * (W1 * x + b1).applyfunc(tanh) + b2).applyfunc(exp)
    total = Trace(OneMatrix(1, k) * e)
    p = e / total
    by_matrix = sb.from_sympy(
        -Trace(OneMatrix(1, k) * HadamardProduct(y, p.applyfunc(log))), inputs=[x, y]
    )
    assert_same(by_handles, by_index)
    same_values([by_handles, by_index, by_matrix])
    softmax = sb.build(by_matrix)
    assert list(softmax.values) == ["z1", "a1", "z2", "p"]
    assert list(softmax.blocks.values()) == ["softmax"]


def same_values(losses):
    """The common value of expressions in the same variables."""
    found = []
    for loss in losses:
        problem = sb.build(outputs={"out": loss})
        graph, node = problem.graph, problem.outputs["out"]
        verify(graph)
        ids = reachable(graph, [node])
        sizes = coprime_sizes(sorted(free_sizes(graph, ids)))
        drawn = {
            name: np.random.default_rng(sum(map(ord, name))).uniform(0.2, 1.0, value.shape)
            for name, value in random_values(graph, ids, sizes, np.random.default_rng(0)).items()
        }
        found.append(evaluate(graph, [node], drawn, sizes)[node])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-12)
    return found[0]


def test_a_network_with_squared_error():
    x, y, W1, b1, W2, b2 = handles()
    by_handles = sb.sum((W2 @ sb.sigmoid(W1 @ x + b1) + b2 - y) ** 2) / 2
    x, y, W1, b1, W2, b2 = indexed("x y W1 b1 W2 b2")
    hidden = 1 / (1 + exp(-Sum(W1[j, i] * x[i], (i, 0, n - 1)) - b1[j]))
    out = Sum(W2[c, j] * hidden, (j, 0, h - 1)) + b2[c]
    by_index = sb.from_sympy(Sum((out - y[c]) ** 2, (c, 0, k - 1)) / 2, inputs=[x, y])
    x, y, W1, b1, W2, b2 = columns()
    hidden = (W1 * x + b1).applyfunc(Lambda(t, 1 / (1 + exp(-t))))
    error = W2 * hidden + b2 - y
    by_matrix = sb.from_sympy(Trace(OneMatrix(1, k) * HadamardPower(error, 2)) / 2, inputs=[x, y])
    assert_same(by_handles, by_index)
    assert_same(by_handles, by_matrix)


def test_a_batch_as_rows():
    X, Y = sb.input("X", m, n), sb.input("Y", m, k)
    W, b1 = sb.param("W", k, n), sb.param("b", k)
    by_handles = sb.sum(sb.relu(X @ W.T + b1) * Y) / m
    X, Y, W, b1 = MatrixSymbol("X", m, n), MatrixSymbol("Y", m, k), MatrixSymbol("W", k, n), None
    b1 = MatrixSymbol("b", k, 1)
    a = (X * W.T + OneMatrix(m, 1) * b1.T).applyfunc(Lambda(t, Max(0, t)))
    by_matrix = sb.from_sympy(Trace(HadamardProduct(a, Y) * OneMatrix(k, m)) / m, inputs=[X, Y])
    same_values([by_handles, by_matrix])
    X, Y, W, b1 = indexed("X Y W b")
    a = Max(0, Sum(X[b, i] * W[c, i], (i, 1, n)) + b1[c])
    by_index = sb.from_sympy(Sum(Sum(a * Y[b, c], (c, 1, k)), (b, 1, m)) / m, inputs=[X, Y])
    assert_same(by_handles, by_index)


def test_a_batch_as_columns():
    X, W, c = sb.input("X", n, m), sb.param("W", k, n), sb.param("c", k)
    by_handles = sb.tanh(W @ X + c[:, None])
    X, W, c = MatrixSymbol("X", n, m), MatrixSymbol("W", k, n), MatrixSymbol("c", k, 1)
    by_matrix = sb.from_sympy((W * X + c * OneMatrix(1, m)).applyfunc(tanh), inputs=[X])
    assert_same(by_handles, by_matrix)


def test_a_transposed_part_is_computed_once():
    X, W = MatrixSymbol("X", m, n), MatrixSymbol("W", k, n)
    a = (X * W.T).applyfunc(tanh)
    problem = sb.build(sb.from_sympy(Trace(a * a.T), inputs=[X]))
    assert sum(1 for node in problem.graph if isinstance(node, Comp) and node.body.has(tanh)) == 1


MATRIX = {
    "quadratic form": (
        lambda A, B, x, y: x.T * A * x,
        lambda A, B, x, y: x @ A @ x,
    ),
    "identity": (lambda A, B, x, y: (A + Identity(n)) * x, lambda A, B, x, y: A @ x + x),
    "zero": (lambda A, B, x, y: A * x + ZeroMatrix(n, 1), lambda A, B, x, y: A @ x),
    "inverse": (lambda A, B, x, y: A.I * x, lambda A, B, x, y: sb.inverse(A) @ x),
    "power": (lambda A, B, x, y: A**2 * x, lambda A, B, x, y: A @ (A @ x)),
    "determinant": (
        lambda A, B, x, y: log(sp.Determinant(A) ** 2),
        lambda A, B, x, y: sb.log(sb.det(A) ** 2),
    ),
    "trace of a product": (lambda A, B, x, y: Trace(A * B), lambda A, B, x, y: sb.trace(A @ B)),
    "trace": (lambda A, B, x, y: Trace(A.T), lambda A, B, x, y: sb.trace(A)),
    "outer product": (lambda A, B, x, y: x * y.T, lambda A, B, x, y: sb.outer(x, y)),
    "function of a 1 x 1 result": (
        lambda A, B, x, y: log(1 + exp((y.T * x)[0, 0])),
        lambda A, B, x, y: sb.softplus(x @ y),
    ),
    "number times matrix": (
        lambda A, B, x, y: Trace(B) * A * x / 3,
        lambda A, B, x, y: sb.trace(B) * (A @ x) / 3,
    ),
    "sum of ones": (lambda A, B, x, y: OneMatrix(1, n) * x, lambda A, B, x, y: sb.sum(x)),
    "norm": (
        lambda A, B, x, y: sp.sqrt((x.T * x)[0, 0]),
        lambda A, B, x, y: sb.norm(x),
    ),
    "hadamard": (
        lambda A, B, x, y: HadamardProduct(A, B.T) * x,
        lambda A, B, x, y: (A * B.T) @ x,
    ),
    "transposed sum": (
        lambda A, B, x, y: (A + B.T).T * x,
        lambda A, B, x, y: (A.T + B) @ x,
    ),
    "entry": (lambda A, B, x, y: A[0, 2] * x[1, 0], lambda A, B, x, y: A[0, 2] * x[1]),
}


@pytest.mark.parametrize("case", list(MATRIX))
def test_matrix_notation_has_the_value_of_handles(case):
    written, expected = MATRIX[case]
    symbols = [MatrixSymbol(s, n, n) for s in "AB"] + [MatrixSymbol(s, n, 1) for s in "xy"]
    tensors = [sb.param(s, n, n) for s in "AB"] + [sb.input(s, n) for s in "xy"]
    if case == "entry":
        symbols = [MatrixSymbol(s, 3, 3) for s in "AB"] + [MatrixSymbol(s, 3, 1) for s in "xy"]
        tensors = [sb.param(s, 3, 3) for s in "AB"] + [sb.input(s, 3) for s in "xy"]
    same_values([sb.from_sympy(written(*symbols), inputs=symbols[2:]), expected(*tensors)])


def test_index_notation_of_a_convolution():
    x, w = IndexedBase("x", shape=(n,)), IndexedBase("w")
    out = Idx("o", (0, n - k))
    made = sb.from_sympy(Sum(w[i] * x[out + i], (i, 0, k - 1)), inputs=[x], out=[out])
    assert made.shape == (n - k + 1,)
    o, c = sb.indices("o c")
    hx, hw = sb.input("x", n), sb.param("w", k)
    assert_same(made, sb.comprehension(hw[c] * hx[o + c], out=o, sum=c, sizes={o: n - k + 1}))


def test_the_multiplicative_unit_counts_from_one():
    z = IndexedBase("z", shape=(2 * n,))
    made = sb.from_sympy(z[2 * i - 1] * z[2 * i], inputs=[z], out=[(i, 1, n)])
    x = sb.input("z", 2 * n)
    assert_same(made, x[::2] * x[1::2])


def test_origins_are_kept():
    w, y = indexed("w y")
    made = sb.from_sympy(Sum(w[i, j] * y[i], (i, 0, n), (j, 1, h)), inputs=[y])
    problem = sb.build(outputs={"out": made})
    assert problem.origins == {"w": (0, 1), "y": (0,)}
    assert problem.graph.shape(problem.parameters["w"]) == (n + 1, h)


def test_deltas_selections_and_positions():
    x, A = sb.input("x", n), sb.param("A", n, n)
    xs, As = indexed("x A")
    made = sb.from_sympy(
        Sum(As[i, j] * KroneckerDelta(i, j) * xs[j], (i, 1, n), (j, 1, n)), inputs=[xs]
    )
    same_values([made, sb.trace(A @ sb.diag(x))])
    chosen = Piecewise((log(xs[i]), xs[i] > sp.Rational(1, 2)), (xs[i] ** 2, True))
    made = sb.from_sympy(Sum(chosen, (i, 0, n - 1)), inputs=[xs])
    same_values([made, sb.sum(sb.where(x > 0.5, sb.log(x), x**2))])
    made = sb.from_sympy(Sum(i * xs[i], (i, 1, n)), inputs=[xs])
    index = sb.indices("q")
    same_values([made, sb.comprehension((index[0] + 1) * x[index[0]], sum=index)])


def test_labels_are_declared_by_a_handle():
    labels = sb.input("y", m, kind="labels", classes=k)
    Z, y = IndexedBase("Z"), IndexedBase("y")
    row = Sum(exp(Z[b, c]), (c, 0, k - 1))
    made = sb.from_sympy(-Sum(log(exp(Z[b, y[b]]) / row), (b, 0, m - 1)), inputs=[Z, labels])
    problem = sb.build(made)
    verify(problem.graph)
    assert problem.graph.shape(problem.inputs["Z"]) == (m, k)


def test_unnamed_functions():
    x, W = sb.input("x", n), sb.param("W", h, n)
    xs, Ws = indexed("x W")
    g = sp.Function("g")
    made = sb.from_sympy(g(Sum(Ws[j, i] * xs[i], (i, 1, n))), inputs=[xs], out=[(j, 1, h)])
    assert_same(made, sb.opaque("g")(W @ x))


def test_a_shared_part_is_imported_once():
    x = IndexedBase("x", shape=(n,))
    e = x[i]
    for _ in range(5):  # SymPy itself is exponential in the depth here
        e = tanh(Sum(e, (i, 0, n - 1)) + sp.exp(Sum(e, (i, 0, n - 1)))) * x[i]
    problem = sb.build(sb.from_sympy(Sum(e, (i, 0, n - 1)), inputs=[x]))
    assert len(problem.graph) < 25


def test_many_layers_in_matrix_notation():
    a = MatrixSymbol("x", n, 1)
    for layer in range(40):
        a = MatrixSymbol(f"W{layer}", n, n) * a + MatrixSymbol(f"b{layer}", n, 1)
    assert len(sb.build(outputs={"out": a}, inputs=["x"]).parameters) == 80


def test_build_takes_sympy_expressions():
    x, W = MatrixSymbol("x", n, 1), MatrixSymbol("W", h, n)
    problem = sb.build(Trace((W * x) * (W * x).T), values={"z": W * x}, inputs=[x])
    assert list(problem.inputs) == ["x"]
    assert list(problem.parameters) == ["W"]
    assert problem.graph.shape(problem.values["z"]) == (h,)
