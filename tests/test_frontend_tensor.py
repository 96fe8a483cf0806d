"""Handles: leaves of SymPy, shapes checked when they are made, messages that tell the mend."""

import copy
import pickle
import time

import numpy as np
import pytest
import sympy as sp

from symbackprop import frontend as sb
from symbackprop.errors import InvalidExpressionError, ShapeError, SymbackpropError
from symbackprop.frontend.lower import ancestors
from symbackprop.ir import Kind, Reduction
from symbackprop.sizes import size_symbol

n, h, k, m = sb.dims("n h k m")
x, y = sb.input("x", n), sb.input("y", n)
u, v = sb.param("u", h), sb.param("v", k)
W, X = sb.param("W", h, n), sb.input("X", m, n)
labels = sb.input("labels", m, kind="labels", classes=n)
mask = sb.input("mask", m, n, kind="bool")


def test_a_handle_is_a_leaf_of_sympy():
    assert isinstance(x, sp.Basic) and not isinstance(x, sp.Expr)
    assert x.args == ()
    assert sp.Tuple(x, y).xreplace({x: y}) == sp.Tuple(y, y)
    assert len({x, y, x}) == 2
    assert copy.deepcopy(x) is x
    assert str(W) == "W (h, n)"
    assert str(W @ x) == "tensor (h)"


def test_sympy_does_not_differentiate_handles():
    for attempt in (lambda: x.diff(n), lambda: sp.diff(x, n)):
        with pytest.raises(InvalidExpressionError, match="cannot differentiate"):
            attempt()
    with pytest.raises(InvalidExpressionError, match="pickled"):
        pickle.dumps(x)


def test_shapes():
    assert (W @ x).shape == (h,)
    assert (X @ W.T).shape == (m, h)
    assert (u @ W).shape == (n,)
    assert (u.T @ W).row
    assert (u @ x.T).shape == (h, n)
    assert (X + x).shape == (m, n)
    assert (X[:, None] * W).shape == (m, h, n)
    assert X[0].shape == (n,)
    assert X[1:, ::-1].shape == (m - 1, n)
    assert X[..., -1].shape == (m,)
    assert sb.param("V", 2 * n, n + 1).T.shape == (n + 1, 2 * n)
    assert sb.input("s").shape == ()


def test_a_symbol_of_the_same_name_is_the_size():
    assert sb.input("z", sp.Symbol("n")).shape == (n,)
    assert sb.input("z", "n", 3).shape == (n, 3)
    assert size_symbol("n") is n


def test_kinds_follow_entries():
    assert labels[1:].kind is Kind.INT
    assert mask.T.kind is Kind.BOOL
    assert (mask * X).kind is Kind.REAL
    assert sb.argmax(X, 1).kind is Kind.INT


def test_floats_are_the_decimals_they_are_written_as():
    definition = (0.1 * x).definition
    assert definition.body.has(sp.Rational(1, 10))
    assert not definition.body.atoms(sp.Float)


WRONG = {
    "inner sizes": (lambda: W @ u, ShapeError, ["W (h, n) @ u (h)", "unrelated", "(n, h)"]),
    "inner integers": (
        lambda: sb.param("A", 2, 3) @ sb.param("B", 2, 3),
        ShapeError,
        ["A (2, 3) @ B (2, 3)", "3 is not 2"],
    ),
    "leading sizes": (
        lambda: sb.param("A", 2, 3, 3) @ sb.param("B", 4, 3, 3),
        ShapeError,
        ["leading sizes"],
    ),
    "scalar product": (lambda: W @ 2, ShapeError, ["scale with *"]),
    "scalar tensor product": (lambda: W @ sb.sum(x), ShapeError, ["scale with *"]),
    "product with an array": (lambda: W @ np.ones(3), InvalidExpressionError, ["sb.input"]),
    "array product": (lambda: np.ones(3) @ W, InvalidExpressionError, ["sb.input"]),
    "array sum": (lambda: np.ones(3) + x, InvalidExpressionError, ["sb.input"]),
    "text": (lambda: x + "1", InvalidExpressionError, ["str"]),
    "sum": (lambda: u + v, ShapeError, ["u (h) and v (k)", "h and k are unrelated"]),
    "broadcast": (lambda: X + u, ShapeError, ["X (m, n) and u (h)"]),
    "row and column": (lambda: u + x.T, ShapeError, ["row and a column", "outer"]),
    "matrix times row": (lambda: W @ x.T, ShapeError, ["outer product"]),
    "unknown symbol": (lambda: x * sp.Symbol("lam"), InvalidExpressionError, ['sb.input("lam")']),
    "sympy function": (lambda: x * sp.exp(y), InvalidExpressionError, ["sb.exp"]),
    "iteration": (lambda: list(x), TypeError, ["cannot be iterated"]),
    "no axis": (lambda: sb.sum(X, 2), ShapeError, ["X (m, n) has no axis 2"]),
    "axis twice": (lambda: sb.sum(X, (0, -2)), ShapeError, ["twice"]),
    "subscripts": (lambda: X[0, 0, 0], ShapeError, ["2 axes, found 3"]),
    "outside": (lambda: sb.param("A", 3)[3], ShapeError, ["outside an axis of size 3"]),
    "slice outside": (lambda: sb.param("A", 3)[5:], ShapeError, ["outside an axis of size 3"]),
    "negative outside": (lambda: sb.param("A", 3)[-4], ShapeError, ["outside"]),
    "subscript kind": (lambda: X[:, x], InvalidExpressionError, ['kind="int"']),
    "subscript type": (lambda: X["a"], InvalidExpressionError, ["type str"]),
    "negative size": (lambda: sb.param("A", -1), ShapeError, [">= 0", 'parameter "A"']),
    "size type": (lambda: sb.param("A", 1.5), ShapeError, ["float", "sb.dims"]),
    "keyword": (lambda: sb.param("lambda"), InvalidExpressionError, ["keyword", "lambda_"]),
    "no identifier": (lambda: sb.param("W[1]", n), InvalidExpressionError, ["W_1", "latex"]),
    "dunder": (lambda: sb.input("__x"), InvalidExpressionError, ["two _"]),
    "name type": (lambda: sb.input(3), InvalidExpressionError, ["string"]),
    "kind": (lambda: sb.input("y", kind="label"), InvalidExpressionError, ["labels"]),
    "labels": (lambda: sb.input("y", m, kind="labels"), InvalidExpressionError, ["classes=k"]),
    "classes": (lambda: sb.input("y", m, classes=k), InvalidExpressionError, ["only integers"]),
    "one-hot": (lambda: sb.input("y", one_hot=True), ShapeError, ["no axis"]),
    "origin": (lambda: sb.param("w", n, origin=(0, 1)), ShapeError, ["1 axes and 2 origins"]),
    "origins": (lambda: (W @ x).named("z", origin=(0, 1)), ShapeError, ["1 axes and 2 origins"]),
    "value name": (lambda: x.named("if"), InvalidExpressionError, ["keyword"]),
    "alias": (lambda: sb.param("w", n, h, alias=("v", (0, 0))), ShapeError, ["order"]),
    "transpose": (lambda: sb.transpose(X, 0, 0), ShapeError, ["each axis once"]),
    "function": (lambda: sb.tanh(3), InvalidExpressionError, ["sympy.tanh"]),
    "too many operands": (lambda: sb.tanh(x, y), InvalidExpressionError, ["expected 1"]),
    "apply": (lambda: sb.apply(sp.Symbol("t") ** 2, x, y), InvalidExpressionError, ["symbols="]),
    "apply text": (lambda: sb.apply("t**2", x), InvalidExpressionError, ["str"]),
    "apply unknown": (lambda: sb.apply(sp.gamma(sp.Symbol("t")), x), SymbackpropError, ["gamma"]),
    "opaque": (lambda: sb.opaque("g")(3), InvalidExpressionError, ["expected tensors"]),
    "targets": (lambda: sb.cross_entropy(X, x), ShapeError, ["X (m, n) and x (n)"]),
    "labels fit": (lambda: sb.cross_entropy(X.T, labels), ShapeError, ["one label for each"]),
    "class weights": (lambda: sb.cross_entropy(X, X, weights=u), ShapeError, ["weights u (h)"]),
    "mse": (lambda: sb.mse(x, u), ShapeError, ["x (n) and u (h)"]),
    "max of nothing": (lambda: sb.max(sb.param("A", 0)), ShapeError, ["no entry"]),
    "reshape": (lambda: sb.reshape(X, n), ShapeError, ["m*n entries"]),
    "reshape rest": (lambda: sb.reshape(X, -1, h), ShapeError, ["do not divide by h"]),
    "reshape twice": (lambda: sb.reshape(X, -1, -1), ShapeError, ["more than one"]),
    "concatenate": (lambda: sb.concatenate([X, W, W.T]), ShapeError, ["X (m, n)"]),
    "concatenate none": (lambda: sb.concatenate([]), ShapeError, ["nothing"]),
    "stack": (lambda: sb.stack([x, u]), ShapeError, ["do not fit"]),
    "pad": (lambda: sb.pad(X, [(1, 1)]), ShapeError, ["2 axes, found 1 widths"]),
    "tile": (lambda: sb.tile(X, 2), ShapeError, ["2 axes"]),
    "embedding": (lambda: sb.embedding(W, x), InvalidExpressionError, ["integers"]),
    "segment sum": (lambda: sb.segment_sum(W, labels, k), ShapeError, ["each row"]),
    "inverse": (lambda: sb.inverse(W), ShapeError, ["square", "W (h, n)"]),
    "solve": (lambda: sb.solve(sb.param("S", n, n), u), ShapeError, ["do not fit"]),
    "outer": (lambda: sb.outer(X, x), ShapeError, ["two vectors"]),
    "dot": (lambda: sb.dot(x, u), ShapeError, ["sizes differ"]),
    "kron": (lambda: sb.kron(x, W), ShapeError, ["two matrices"]),
    "einsum letters": (lambda: sb.einsum("i1,j", X, x), InvalidExpressionError, ["ij,jk->ik"]),
    "einsum operands": (lambda: sb.einsum("ij,j", X), InvalidExpressionError, ["2 operands, 1"]),
    "einsum rank": (lambda: sb.einsum("ijk", X), ShapeError, ["3 axes"]),
    "einsum sizes": (lambda: sb.einsum("ij,jk", X, W), ShapeError, ['axis "j"', "n and h"]),
    "einsum result": (lambda: sb.einsum("ij->kk", X), InvalidExpressionError, ["sb.diag"]),
    "conv rank": (lambda: sb.conv1d(X, W), ShapeError, ["3 axes", "W (h, n)"]),
    "conv channels": (
        lambda: sb.conv1d(sb.input("a", 4, 9), sb.param("K", 2, 3, 3)),
        ShapeError,
        ["3 channels", "has 4"],
    ),
    "conv groups": (
        lambda: sb.conv1d(sb.input("a", 4, 9), sb.param("K", 2, 3, 3), groups=3),
        ShapeError,
        ["3 groups do not divide 4 channels"],
    ),
    "conv window": (
        lambda: sb.conv1d(sb.input("a", 4, 5), sb.param("K", 2, 4, 3), dilation=3),
        ShapeError,
        ["larger than an axis of size 5", "at least 2"],
    ),
    "conv stride": (
        lambda: sb.conv1d(sb.input("a", 4, 5), sb.param("K", 2, 4, 3), stride=0),
        ShapeError,
        ["stride must be positive"],
    ),
    "conv numbers": (
        lambda: sb.conv2d(sb.input("a", 4, 5, 5), sb.param("K", 2, 4, 3, 3), stride=(1, 2, 3)),
        ShapeError,
        ["expected 2 numbers, found 3"],
    ),
    "pool window": (lambda: sb.max_pool(sb.input("a", 5), (6,)), ShapeError, ["larger"]),
    "pool rank": (lambda: sb.max_pool(x, (2, 2)), ShapeError, ["2 axes over x (n)"]),
    "pool padding": (
        lambda: sb.max_pool(sb.input("a", 5), (3,), padding=2),
        ShapeError,
        ["more than half"],
    ),
    "mask kind": (lambda: sb.masked_softmax(X, mask=X), InvalidExpressionError, ['kind="bool"']),
    "mask shape": (lambda: sb.masked_softmax(W, mask=mask), ShapeError, ["shapes do not fit"]),
    "attention widths": (lambda: sb.attention(X, W.T, X), ShapeError, ["widths differ"]),
    "attention lengths": (lambda: sb.attention(X, W, X), ShapeError, ["lengths differ"]),
    "heads": (
        lambda: sb.multi_head_attention(X, *(sb.param(s, n, n) for s in "ABCD"), heads=2),
        ShapeError,
        ["2 heads do not divide", "heads*d"],
    ),
    "norm": (lambda: sb.layer_norm(X, u), ShapeError, ["u (h) does not fit"]),
    "dropout mask": (lambda: sb.dropout(x, mask), ShapeError, ["does not fit x (n)"]),
    "dropout rate": (lambda: sb.dropout(X, mask, 1), ShapeError, ["not in [0, 1)"]),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_refused_says_the_mend(case):
    attempt, error, words = WRONG[case]
    with pytest.raises(error) as caught:
        attempt()
    for word in words:
        assert word in str(caught.value)


def test_opaque_functions():
    z = W @ x
    assert sb.opaque("g")(z).shape == (h,)
    assert sb.opaque_tensor("f")(z).shape == (h,)
    assert sb.opaque_tensor("f", (k, 2))(z, x).shape == (k, 2)
    assert sb.opaque_loss("Div")(z, u).shape == ()


def test_deep_networks_are_made_and_dropped_without_recursion():
    start = time.perf_counter()
    a = x
    for _ in range(20_000):
        a = sb.tanh(a) + x
    assert len(ancestors([a])) == 40_001
    del a
    assert time.perf_counter() - start < 20


def test_a_shared_value_is_not_copied():
    a = x
    for _ in range(60):
        a = sb.tanh(a * a) * a
    problem = sb.build(sb.sum(a))
    assert len(problem.graph) < 4 * 60 + 3


def test_maxima_store_their_operand():
    made = sb.max(X * 2, 1)
    problem = sb.build(outputs={"out": made})
    node = problem.graph[problem.outputs["out"]]
    assert node.reduction is Reduction.MAX
