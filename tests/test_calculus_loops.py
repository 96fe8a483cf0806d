"""Derivatives of recurrences against JAX's scan, in both directions and both modes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sympy import sin, tanh

from symbackprop.calculus import gradient, hvp, jacobian, jvp
from symbackprop.interpret import evaluate
from symbackprop.ir import (
    Carry,
    Feed,
    Final,
    Graph,
    Hist,
    Kind,
    Loop,
    Read,
    Reduction,
    Role,
    Var,
)
from symbackprop.ir.verify import verify
from symbackprop.scalars import Sigmoid, placeholder
from symbackprop.sizes import At, Index, axis, dims

jax.config.update("jax_enable_x64", True)

T, N, H = dims("T n h")
P0, P1, P2 = (placeholder(k) for k in range(3))
SIZES = {"T": 5, "n": 3, "h": 4}


@dataclass(slots=True)
class Cell:
    """A recurrence under way: body variables are made as they are asked for."""

    graph: Graph = field(default_factory=Graph)
    body: Graph = field(default_factory=Graph)
    stacked: list[Feed] = field(default_factory=list)
    constants: list[Feed] = field(default_factory=list)
    wrt: list[int] = field(default_factory=list)

    def outer(self, name, shape, kind=Kind.REAL):
        node = self.graph.add(Var(name, shape, kind))
        if kind is Kind.REAL:
            self.wrt.append(node)
        return node

    def inner(self, name, shape, kind=Kind.REAL):
        return self.body.add(Var(name, shape, kind, Role.BODY))

    def parameter(self, name, shape):
        var = self.inner(name, shape)
        self.constants.append(Feed(self.outer(name, shape), var))
        return var

    def sequence(self, name, shape, kind=Kind.REAL):
        var = self.inner(name, shape, kind)
        self.stacked.append(Feed(self.outer(name, (T, *shape), kind), var))
        return var

    def dense(self, name, x):
        """W x + U h of shape (h,)."""
        W = self.parameter(name, (H, *self.body.shape(x)))
        reads = [Read(W, (axis(0), axis(1))), Read(x, (axis(1),))]
        return self.body.comp((H,), (H, *self.body.shape(x)), P0 * P1, reads)

    def loop(self, carries, reverse):
        return self.graph.add(
            Loop(T, tuple(carries), tuple(self.stacked), tuple(self.constants), self.body, reverse)
        )

    def loss(self, loop, out, final):
        """A function of the whole history and of the last carry."""
        history = self.graph.add(Hist(loop, out, (T, H)))
        last = self.graph.add(Final(loop, final, (H,)))
        first = self.graph.comp((), (T, H), sin(P0 + 1), [Read(history, (axis(0), axis(1)))], ())
        second = self.graph.comp((), (H,), P0**3 / 3, [Read(last, (axis(0),))], ())
        return self.graph.total([first, second])


def rnn(reverse):
    cell = Cell()
    x = cell.sequence("x", (N,))
    h = cell.inner("h", (H,))
    start = cell.outer("h0", (H,))
    z = cell.body.total([cell.dense("W", x), cell.dense("U", h), cell.parameter("b", (H,))])
    out = cell.body.elementwise(tanh(P0), [z])
    loop = cell.loop([Carry(start, h, out)], reverse)
    return cell, cell.loss(loop, out, 0)


def rnn_step(p, carry, t):
    h = jnp.tanh(p["W"] @ p["x"][t] + p["U"] @ carry + p["b"])
    return h, h


def lstm(reverse):
    """Two carries; the cell state is carry 1."""
    cell = Cell()
    x = cell.sequence("x", (N,))
    h, c = cell.inner("h", (H,)), cell.inner("c", (H,))
    h0, c0 = cell.outer("h0", (H,)), cell.outer("c0", (H,))
    gates = []
    for gate in "ifog":
        z = cell.body.total([cell.dense(f"W{gate}", x), cell.dense(f"U{gate}", h)])
        gates.append(cell.body.elementwise(tanh(P0) if gate == "g" else Sigmoid(P0), [z]))
    i, f, o, g = gates
    state = cell.body.elementwise(P0 * P1, [f, c])
    state = cell.body.total([state, cell.body.elementwise(P0 * P1, [i, g])])
    out = cell.body.elementwise(P0 * tanh(P1), [o, state])
    loop = cell.loop([Carry(h0, h, out), Carry(c0, c, state)], reverse)
    return cell, cell.loss(loop, out, 1)


def lstm_step(p, carry, t):
    h, c = carry
    i, f, o = (jax.nn.sigmoid(p[f"W{q}"] @ p["x"][t] + p[f"U{q}"] @ h) for q in "ifo")
    c = f * c + i * jnp.tanh(p["Wg"] @ p["x"][t] + p["Ug"] @ h)
    h = o * jnp.tanh(c)
    return (h, c), h


def pooled(reverse):
    """A maximum and a gather inside the body, and a constant used elementwise."""
    cell = Cell()
    x = cell.sequence("x", (N,))
    idx = cell.sequence("idx", (H,), Kind.INT)
    h = cell.inner("h", (H,))
    start = cell.outer("h0", (H,))
    scale = cell.parameter("s", (H,))
    best = cell.body.comp((), (N,), P0, [Read(x, (axis(0),))], reduction=Reduction.MAX)
    where = Index(((At(idx, (axis(0),)), axis(0).terms[0][1]),))
    reads = [Read(h, (where,)), Read(scale, (axis(0),)), Read(best, ())]
    out = cell.body.comp((H,), (H,), tanh(P0 * P1 + P2), reads)
    loop = cell.loop([Carry(start, h, out)], reverse)
    return cell, cell.loss(loop, out, 0)


def pooled_step(p, carry, t):
    h = jnp.tanh(carry[jnp.asarray(p["idx"])[t]] * p["s"] + p["x"][t].max())
    return h, h


def shared(reverse):
    """A constant that is used twice, once squared, and a loop without input."""
    cell = Cell()
    h = cell.inner("h", (H,))
    start = cell.outer("h0", (H,))
    a = cell.parameter("a", (H,))
    squared = cell.body.elementwise(P0**2, [a])
    out = cell.body.elementwise(sin(P0 * P1) + P2, [h, a, squared])
    loop = cell.loop([Carry(start, h, out)], reverse)
    return cell, cell.loss(loop, out, 0)


def shared_step(p, carry, t):
    h = jnp.sin(carry * p["a"]) + p["a"] ** 2
    return h, h


@dataclass(frozen=True, slots=True)
class Case:
    """A recurrence, its step over JAX, its carries in order, and which of them the loss reads."""

    build: Callable
    step: Callable
    carries: tuple[str, ...]
    final: int = 0

    def reference(self, reverse):
        def loss(p):
            state = tuple(p[name] for name in self.carries)
            state = state if len(state) > 1 else state[0]
            order = jnp.arange(5)[::-1] if reverse else jnp.arange(5)
            last, history = jax.lax.scan(lambda c, t: self.step(p, c, t), state, order)
            last = last[self.final] if len(self.carries) > 1 else last
            return jnp.sin(history + 1).sum() + (last**3).sum() / 3

        return loss


CASES = {
    "rnn": Case(rnn, rnn_step, ("h0",)),
    "lstm": Case(lstm, lstm_step, ("h0", "c0"), final=1),
    "pooled": Case(pooled, pooled_step, ("h0",)),
    "shared": Case(shared, shared_step, ("h0",)),
}


def values_of(cell, salt=0):
    rng = np.random.default_rng([17, salt])
    reals = {
        cell.graph[i].name: rng.standard_normal([SIZES[str(s)] for s in cell.graph.shape(i)])
        for i in cell.wrt
    }
    return reals, {"idx": rng.integers(0, 4, size=(5, 4))}


QUICK = {("rnn", False), ("shared", True), ("pooled", True)}
ALL = [
    pytest.param(
        case,
        reverse,
        id=f"{name}-{'falling' if reverse else 'rising'}",
        marks=() if (name, reverse) in QUICK else pytest.mark.slow,
    )
    for name, case in CASES.items()
    for reverse in (False, True)
]


@pytest.mark.parametrize(("case", "reverse"), ALL)
def test_derivatives_are_those_of_a_scan(case, reverse):
    cell, loss = case.build(reverse)
    graph, wrt = cell.graph, cell.wrt
    reals, whole = values_of(cell)
    directions, _ = values_of(cell, 1)
    tangents = {
        i: graph.add(Var(f"t_{graph[i].name}", graph.shape(i), role=Role.TANGENT)) for i in wrt
    }
    first = gradient(graph, loss, wrt).cotangents
    forward = jvp(graph, tangents, [loss])[loss]
    second = hvp(graph, loss, tangents, wrt)
    verify(graph)
    given = reals | whole | {f"t_{name}": v for name, v in directions.items()}
    targets = [loss, forward, *(first[i] for i in wrt), *(second[i] for i in wrt)]
    found = evaluate(graph, targets, given, SIZES)

    def reference(p):
        return case.reference(reverse)(p | whole)

    @jax.jit
    def judge(p):
        grad = jax.grad(reference)
        return reference(p), grad(p), jax.jvp(grad, (p,), (directions,))[1]

    value, slopes, curvatures = judge(reals)
    np.testing.assert_allclose(found[loss], value, rtol=1e-13)
    along = sum((slopes[name] * directions[name]).sum() for name in slopes)
    np.testing.assert_allclose(found[forward], along, rtol=1e-11)
    for i in wrt:
        name = graph[i].name
        np.testing.assert_allclose(found[first[i]], slopes[name], atol=1e-11, err_msg=name)
        np.testing.assert_allclose(found[second[i]], curvatures[name], atol=1e-10, err_msg=name)


def test_jacobian_through_a_loop_has_the_rows_in_front():
    cell, _ = rnn(reverse=False)
    graph = cell.graph
    loop = next(i for i, node in enumerate(graph) if isinstance(node, Loop))
    history = next(i for i, node in enumerate(graph) if isinstance(node, Hist))
    last = graph.add(Final(loop, 0, (H,)))
    reals, _ = values_of(cell)
    found = {node: jacobian(graph, node, cell.wrt) for node in (last, history)}
    verify(graph)

    def run(p):
        final, rows = jax.lax.scan(lambda c, t: rnn_step(p, c, t), p["h0"], jnp.arange(5))
        return final, rows

    expected = jax.jit(jax.jacobian(run))(reals)
    for node, reference in zip((last, history), expected, strict=True):
        values = evaluate(graph, found[node].values(), reals, SIZES)
        for i in cell.wrt:
            np.testing.assert_allclose(values[found[node][i]], reference[graph[i].name], atol=1e-12)


def test_third_order_through_a_loop():
    cell, loss = shared(reverse=False)
    graph, wrt = cell.graph, cell.wrt
    reals, _ = values_of(cell)
    directions, _ = values_of(cell, 1)
    tangents = {
        i: graph.add(Var(f"t_{graph[i].name}", graph.shape(i), role=Role.TANGENT)) for i in wrt
    }
    second = hvp(graph, loss, tangents, wrt)
    parts = []
    for i in wrt:
        reads = [Read(second[i], (axis(0),)), Read(tangents[i], (axis(0),))]
        parts.append(graph.comp((), (H,), P0 * P1, reads, ()))
    product = graph.total(parts)
    third = gradient(graph, product, wrt).cotangents
    verify(graph)
    given = reals | {f"t_{name}": v for name, v in directions.items()}
    found = evaluate(graph, [third[i] for i in wrt], given, SIZES)

    def curvature(p):
        grad = jax.grad(CASES["shared"].reference(False))
        along = jax.jvp(grad, (p,), (directions,))[1]
        return sum((along[name] * directions[name]).sum() for name in along)

    expected = jax.jit(jax.grad(curvature))(reals)
    for i in wrt:
        np.testing.assert_allclose(found[third[i]], expected[graph[i].name], rtol=1e-9)
