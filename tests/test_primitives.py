"""The laws of the primitives: shapes, values, derivatives in both modes, and what is refused."""

import jax
import numpy as np
import pytest
from jax_reference import jax_function
from sympy import tanh

from symbackprop.calculus import gradient, hvp, jacobian, jvp
from symbackprop.errors import ShapeError
from symbackprop.interpret import evaluate
from symbackprop.ir import Graph, Kind, PrimOp, Read, Role, Var
from symbackprop.ir.verify import verify
from symbackprop.primitives import LAWS, primitive
from symbackprop.scalars import (
    FRACTIONS,
    RESIDUES,
    DigitsField,
    UndefinedValueError,
    placeholder,
)
from symbackprop.sizes import axis, dims

N, M, K = dims("n m k")
P0, P1 = placeholder(0), placeholder(1)
SIZES = {"n": 4, "m": 3, "k": 2}
REAL = [op for op in PrimOp if LAWS[op].vjp is not None]
RNG = np.random.default_rng(11)


def matrix():
    """A matrix whose determinant is far from 0, and that is not symmetric."""
    return RNG.standard_normal((4, 4)) + 3 * np.eye(4)


def network(op, rest=()):
    """A scalar loss through `op` of a matrix (and a right side of shape (n, *rest))."""
    graph = Graph()
    A = graph.add(Var("A", (N, N)))
    args = [A]
    values = {"A": matrix()}
    if op is PrimOp.SOLVE:
        args.append(graph.add(Var("B", (N, *rest))))
        values["B"] = RNG.standard_normal((4, *(SIZES[str(s)] for s in rest)))
    y = primitive(graph, op, args)
    shape = graph.shape(y)
    reads = [Read(y, tuple(axis(i) for i in range(len(shape))))]
    loss = graph.comp((), shape, tanh(P0 / 3) + P0 / 7, reads, ())
    return graph, args, y, loss, values


CASES = [(op, ()) for op in REAL] + [(PrimOp.SOLVE, (M,)), (PrimOp.SOLVE, (M, K))]
NAMES = [f"{op.value}{len(rest) or ''}" for op, rest in CASES]
cases = pytest.mark.parametrize(("op", "rest"), CASES, ids=NAMES)


def test_every_primitive_has_its_laws():
    assert set(LAWS) == set(PrimOp)
    for law in LAWS.values():
        assert (law.vjp is None) == (law.jvp is None)
        assert law.source


@cases
def test_values(op, rest):
    graph, _, y, _, values = network(op, rest)
    A, B = values["A"], values.get("B")
    expected = {
        PrimOp.INVERSE: lambda: np.linalg.inv(A),
        PrimOp.DETERMINANT: lambda: np.linalg.det(A),
        PrimOp.LOGDET: lambda: np.linalg.slogdet(A)[1],
        PrimOp.SOLVE: lambda: np.linalg.solve(A, B.reshape(4, -1)).reshape(B.shape),
    }[op]()
    found = evaluate(graph, [y], values, SIZES)[y]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    many = evaluate(graph, [y], values, SIZES, DigitsField(50))[y]
    np.testing.assert_allclose(np.asarray(many, dtype=float), expected, rtol=1e-12)


@cases
def test_derivatives_are_those_of_jax(op, rest):
    graph, args, _, loss, values = network(op, rest)
    first = gradient(graph, loss, args).cotangents
    tangents = {a: graph.add(Var(f"t{a}", graph.shape(a), role=Role.TANGENT)) for a in args}
    directions = {graph[a].name: RNG.standard_normal(values[graph[a].name].shape) for a in args}
    forward = jvp(graph, tangents, [loss])[loss]
    second = hvp(graph, loss, tangents, args)
    verify(graph)
    given = values | {graph[t].name: directions[graph[a].name] for a, t in tangents.items()}
    targets = [forward, *(first[a] for a in args), *(second[a] for a in args)]
    found = evaluate(graph, targets, given, SIZES)

    def f(reals):
        return jax_function(graph, [loss], SIZES, {})(reals)[0]

    @jax.jit
    def reference(reals):
        grad = jax.grad(f)
        return grad(reals), jax.jvp(grad, (reals,), (directions,))[1]

    slopes, curvatures = reference(values)
    total = sum((slopes[name] * directions[name]).sum() for name in slopes)
    np.testing.assert_allclose(found[forward], total, rtol=1e-10)
    for a in args:
        name = graph[a].name
        np.testing.assert_allclose(found[first[a]], slopes[name], atol=1e-11, rtol=1e-10)
        np.testing.assert_allclose(found[second[a]], curvatures[name], atol=1e-10, rtol=1e-9)


@cases
def test_jacobians_are_central_differences(op, rest):
    graph, args, y, _, values = network(op, rest)
    found = jacobian(graph, y, args)
    verify(graph)
    field = DigitsField(40)
    exact = evaluate(graph, list(found.values()), values, SIZES, field)
    step = field.convert(10) ** -12
    for a in args:
        name = graph[a].name
        here = field.array(values[name])
        place = (1, *(0 for _ in here.shape[1:]))
        ends = []
        for sign in (1, -1):
            moved = here.copy()
            moved[place] = moved[place] + sign * step
            ends.append(evaluate(graph, [y], values | {name: moved}, SIZES, field)[y])
        slope = (ends[0] - ends[1]) / (2 * step)
        worst = np.abs(np.asarray(slope - exact[found[a]][(..., *place)], dtype=object))
        assert max(np.ravel(worst)) < 1e-18


def test_exact_fields_need_no_tolerance():
    graph, args, y, _, _ = network(PrimOp.SOLVE, (M,))
    A, B = (np.arange(16).reshape(4, 4) ** 2 % 7, np.arange(12).reshape(4, 3))
    back = graph.comp(
        (N, M), (N, M, N), P0 * P1, [Read(args[0], (axis(0), axis(2))), Read(y, (axis(2), axis(1)))]
    )
    for field in (FRACTIONS, RESIDUES):
        found = evaluate(graph, [back], {"A": A, "B": B}, SIZES, field)[back]
        assert (found == field.array(B)).all()


def test_a_singular_matrix():
    singular = {"A": np.outer(np.arange(1, 5), np.arange(2, 6))}
    graph, _, y, _, _ = network(PrimOp.DETERMINANT)
    assert evaluate(graph, [y], singular, SIZES, FRACTIONS)[y] == 0
    graph, _, y, _, _ = network(PrimOp.INVERSE)
    with pytest.raises(UndefinedValueError, match="singular"):
        evaluate(graph, [y], singular, SIZES, FRACTIONS)


def test_a_permutation_needs_pivots():
    graph, _, y, _, _ = network(PrimOp.DETERMINANT)
    swapped = {"A": np.eye(4)[[1, 0, 2, 3]]}
    assert evaluate(graph, [y], swapped, SIZES)[y] == -1


def test_argsort_keeps_equal_entries_in_order_and_has_no_derivative():
    graph = Graph()
    x = graph.add(Var("x", (M, N)))
    order = primitive(graph, PrimOp.ARGSORT, (x,))
    assert graph.kind(order) is Kind.INT
    given = np.array([[2.0, 1, 2, 0], [5, 5, 5, 5], [0, 1, 2, 3]])
    found = evaluate(graph, [order], {"x": given}, SIZES)[order]
    np.testing.assert_array_equal(found, [[3, 1, 0, 2], [0, 1, 2, 3], [0, 1, 2, 3]])
    assert LAWS[PrimOp.ARGSORT].vjp is None


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (PrimOp.INVERSE, [(N, M)], r"inverse: expected a square matrix, found shape \(n, m\)"),
        (PrimOp.LOGDET, [(N,)], r"logdet: expected a square matrix, found shape \(n\)"),
        (PrimOp.DETERMINANT, [(N, N), (N, N)], "expected 1 operand"),
        (PrimOp.SOLVE, [(N, N), (M, K)], r"do not fit: \(n, n\) and \(m, k\)"),
        (PrimOp.ARGSORT, [()], "no axis to sort along"),
    ],
)
def test_shapes_that_do_not_fit(op, shapes, message):
    graph = Graph()
    args = [graph.add(Var(f"x{k}", shape)) for k, shape in enumerate(shapes)]
    with pytest.raises(ShapeError, match=message):
        primitive(graph, op, args)
