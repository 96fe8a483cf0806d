"""The bodies of derived loops are simplified, and compute what they computed."""

import numpy as np
import pytest

from symbackprop import frontend as sb
from symbackprop.calculus import hvp, jvp, vjp
from symbackprop.interpret import coprime_sizes, evaluate, free_sizes, random_values
from symbackprop.ir import Comp, Hist, Loop, Role, Var, reachable
from symbackprop.ir.verify import verify
from symbackprop.simplify import derive, simplify

T, n, d, m = sb.dims("T n d m")
X = sb.input("X", T, n)
W, U, b = sb.param("W", d, n), sb.param("U", d, d), sb.param("b", d)
GATES = [
    [sb.param(f"{kind}{gate}", *shape) for gate in "ifgo"]
    for kind, shape in (("W", (d, n)), ("U", (d, d)), ("b", (d,)))
]


def scanned(step, start=None, sequences=X, **options):
    last, kept = sb.scan(step, sb.zeros(d) if start is None else start, sequences, **options)
    losses = [sb.sum(last**2)] if kept is None else [sb.sum(last**2), sb.sum(kept**3)]
    return losses[0] if len(losses) == 1 else losses[0] + losses[1]


def with_softmax(h, x):
    p = sb.softmax(W @ x + U @ h)
    return h + p, p


def with_norm(h, x):
    new = sb.tanh(sb.layer_norm(W @ x + U @ h, b))
    return new, new


def with_loss_inside():
    def step(h, xy):
        x, y = xy
        h = sb.tanh(W @ x + U @ h + b)
        return h, sb.cross_entropy(sb.softmax(h), y)

    _, losses = sb.scan(step, sb.zeros(d), (X, sb.input("Y", T, d, one_hot=True)))
    return sb.sum(losses)


def with_maximum(h, x):
    return sb.tanh(U @ h + sb.max(x)) * b, h


def nested():
    def outer(h, x):
        new, _ = sb.scan(lambda g, y: (sb.tanh(g + W @ (x * y)), None), h, X)
        return new, new

    return scanned(outer)


def layers():
    """Equal layers whose number is a symbol: a loop over stacked weights."""
    Ws, bs = sb.param("Ws", T, d, d), sb.param("bs", T, d)
    return scanned(lambda a, wb: (sb.tanh(wb[0] @ a + wb[1]), None), b, (Ws, bs))


NETS = {
    "rnn": lambda: scanned(lambda h, x: (sb.tanh(W @ x + U @ h + b),) * 2),
    "reversed": lambda: scanned(lambda h, x: (sb.tanh(W @ x + U @ h + b),) * 2, reverse=True),
    "lstm": lambda: sb.sum(sb.lstm(X, *GATES)[0] ** 2),
    "gru": lambda: sb.sum(sb.gru(X, *(g[:3] for g in GATES))[0] ** 2),
    "softmax": lambda: scanned(with_softmax),
    "norm": lambda: scanned(with_norm),
    "loss inside": with_loss_inside,
    "maximum": lambda: scanned(with_maximum),
    "nested": nested,
    "layers": layers,
}


def compared(graph, raw, new):
    ids = reachable(graph, [*raw, *new])
    verify(graph, ids)
    sizes = coprime_sizes(free_sizes(graph, ids))
    given = random_values(graph, ids, sizes, np.random.default_rng(0))
    found = evaluate(graph, [*raw, *new], given, sizes)
    for a, b_ in zip(raw, new, strict=True):
        np.testing.assert_allclose(found[b_], found[a], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NETS)
def test_simplified_gradients_are_the_gradients(name):
    problem = sb.build(NETS[name]())
    derived = derive(problem)
    variables = {**problem.parameters, **problem.inputs}
    names = list(derived.gradients)
    raw = [derived.adjoint.cotangents[variables[v]] for v in names]
    compared(derived.graph, raw, [derived.gradients[v] for v in names])


@pytest.mark.parametrize("name", ["rnn", "lstm", "softmax", "nested"])
def test_simplified_second_derivatives_are_the_second_derivatives(name):
    problem = sb.build(NETS[name]())
    graph = problem.graph
    forward = len(graph)
    wrt = list(problem.parameters.values())
    directions = {i: graph.add(Var(f"v{i}", graph.shape(i), role=Role.TANGENT)) for i in wrt}
    raw = list(hvp(graph, problem.loss, directions, wrt).values())
    tangent = jvp(graph, directions, [problem.loss])[problem.loss]
    raw.append(tangent)
    found = simplify(graph, raw, forward, (), problem.names(), [problem.loss])
    compared(graph, raw, [found.ids[i] for i in raw])


def body_text(derived):
    """The derived loops' values, as bodies over what they read."""
    graph = derived.graph
    ids = reachable(graph, list(derived.gradients.values()))
    last = max(derived.problem.named().values())
    return [graph[i] for i in ids if isinstance(graph[i], Loop) and i > last]


def test_a_definition_inside_is_folded():
    """p − y, as it is outside: neither exponentials nor quotients are left."""
    derived = derive(sb.build(with_loss_inside()), ["W", "U", "b"])
    (loop,) = body_text(derived)
    roots = [c.out for c in loop.carries]
    nodes = [loop.body[i] for i in reachable(loop.body, roots)]
    assert not any("/" in str(node.body) for node in nodes if isinstance(node, Comp))


def test_a_layer_inside_has_its_compact_form():
    """p ⊙ (g − (pᵀ g) 1), as it is outside."""
    derived = derive(sb.build(NETS["softmax"]()), ["W", "U"])
    (loop,) = body_text(derived)
    nodes = [loop.body[i] for i in reachable(loop.body, [c.out for c in loop.carries])]
    assert not any("/" in str(node.body) for node in nodes if isinstance(node, Comp))


def test_what_nothing_reads_is_gone():
    """A carry that only the loss of a cut branch needed."""

    def step(carry, x):
        h, c = carry
        return (sb.tanh(W @ x + h), c * 2 + U @ c), h

    (last, _), kept = sb.scan(step, (sb.zeros(d), b), X)
    derived = derive(sb.build(sb.sum(kept) + sb.sum(last)), ["W"])
    (loop,) = body_text(derived)
    assert len(loop.carries) == 1


def test_cotangents_that_are_read_twice_keep_their_name():
    derived = derive(sb.build(NETS["lstm"]()))
    names = [sorted(found.values()) for found in derived.steps.values()]
    assert names == [["c", "f", "g", "h", "i", "o"], ["dc", "dh"]]


def test_the_cost_does_not_depend_on_the_length():
    def nodes(length):
        x = sb.input("X", length, n)
        return len(derive(sb.build(sb.sum(sb.lstm(x, *GATES)[0]))).graph)

    assert nodes(3) == nodes(100_000) == nodes(T)


def test_histories_are_of_forward_values_only_where_they_are_read():
    derived = derive(sb.build(NETS["rnn"]()), ["W", "U", "b"])
    graph = derived.graph
    first = next(i for i, node in enumerate(graph) if isinstance(node, Loop))
    ids = reachable(graph, list(derived.gradients.values()))
    kept = [graph[i] for i in ids if isinstance(graph[i], Hist) and graph[i].loop == first]
    # h_t, and h_{t-1} for the gradient of U
    assert len(kept) == 2


def test_raw_loops_stay_what_they_are():
    problem = sb.build(NETS["rnn"]())
    graph = problem.graph
    swept = vjp(graph, {problem.loss: graph.full(1)}, list(problem.parameters.values()))
    raw = [swept.cotangents[i] for i in problem.parameters.values()]
    before = [graph[i] for i in reachable(graph, raw)]
    derive(problem)
    assert [graph[i] for i in reachable(graph, raw)] == before
