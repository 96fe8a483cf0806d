"""Recurrences: one loop node, with the values and gradients that JAX finds by unrolling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symbackprop import frontend as sb
from symbackprop.calculus import vjp
from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.interpret import evaluate
from symbackprop.ir import Loop
from symbackprop.ir.verify import verify
from symbackprop.sizes import evaluate_size

jax.config.update("jax_enable_x64", True)

T, n, d, m = sb.dims("T n d m")
X, XB = sb.input("X", T, n), sb.input("XB", T, m, n)
W, U, b = sb.param("W", d, n), sb.param("U", d, d), sb.param("b", d)
gates = [
    [sb.param(f"{kind}{gate}", *shape) for gate in "ifgo"]
    for kind, shape in (("W", (d, n)), ("U", (d, d)), ("b", (d,)))
]
SIZES = {"n": 4, "d": 3, "m": 2}


def total(*tensors):
    """A loss in which every entry counts differently."""
    parts = [sb.sum(sb.cumsum(t, 0) * t) for t in tensors]
    loss = parts[0]
    for part in parts[1:]:
        loss = loss + part
    return loss


def jax_total(*arrays):
    return sum((jnp.cumsum(a, 0) * a).sum() for a in arrays)


def jax_rnn(v, xs, reverse=False):
    h = jnp.zeros((*xs.shape[1:-1], 3))
    states = []
    for x in xs[::-1] if reverse else xs:
        h = jnp.tanh(x @ v["W"].T + h @ v["U"].T + v["b"])
        states.append(h)
    return jnp.stack(states[::-1] if reverse else states), h


def jax_lstm(v, xs):
    h = c = jnp.zeros((*xs.shape[1:-1], 3))
    states = []
    for x in xs:
        i, f, g, o = (
            head(x @ v["W" + k].T + h @ v["U" + k].T + v["b" + k])
            for k, head in zip(
                "ifgo", (jax.nn.sigmoid, jax.nn.sigmoid, jnp.tanh, jax.nn.sigmoid), strict=True
            )
        )
        c = f * c + i * g
        h = o * jnp.tanh(c)
        states.append(h)
    return jnp.stack(states), h, c


def jax_gru(v, xs):
    h = jnp.zeros((*xs.shape[1:-1], 3))
    states = []
    for x in xs:
        r = jax.nn.sigmoid(x @ v["Wi"].T + h @ v["Ui"].T + v["bi"])
        z = jax.nn.sigmoid(x @ v["Wf"].T + h @ v["Uf"].T + v["bf"])
        new = jnp.tanh(x @ v["Wg"].T + (r * h) @ v["Ug"].T + v["bg"])
        h = (1 - z) * new + z * h
        states.append(h)
    return jnp.stack(states), h


def lstm_loss(x):
    states, (h, c) = sb.lstm(x, *gates)
    return total(states, h, c)


def bidirectional():
    forward, _ = sb.rnn(X, W, U, b)
    backward, _ = sb.rnn(X, W, U, b, reverse=True)
    return total(sb.concatenate([forward, backward], 1))


def jax_bidirectional(v):
    states = jax_rnn(v, v["X"])[0], jax_rnn(v, v["X"], reverse=True)[0]
    return jax_total(jnp.concatenate(states, 1))


def stacked():
    states, _ = sb.rnn(X, W, U, b)
    return total(sb.rnn(states, U, U, b)[0])


def jax_stacked(v):
    return jax_total(jax_rnn({**v, "W": v["U"]}, jax_rnn(v, v["X"])[0])[0])


MASK, MASKS = sb.input("M", T), sb.input("MB", T, m)


def lengths(mask):
    """Ragged sequences: a mask that is 1 up to the length of each."""
    steps = np.arange(mask.shape[0])
    ends = np.arange(mask.size // mask.shape[0]) + 2
    return (steps[:, None] < ends).astype(float).reshape(mask.shape)


def jax_ragged(v):
    """Each sequence run for its own length, the last state repeated."""
    rows, lasts = [], []
    steps = v["XB"].shape[0]
    for row, end in enumerate(range(2, 2 + v["XB"].shape[1])):
        states, last = jax_rnn(v, v["XB"][: min(end, steps), row])
        rows.append(jnp.concatenate([states, *[last[None]] * max(0, steps - end)]))
        lasts.append(last)
    return jax_total(jnp.stack(rows, 1), jnp.stack(lasts))


def ragged_gated(run, *weights):
    states, last = run(X, *weights, mask=MASK)
    return total(states, *(last if isinstance(last, tuple) else (last,)))


def jax_ragged_gated(run):
    def loss(v):
        end = min(2, v["X"].shape[0])
        states, *last = run(v, v["X"][:end])
        rest = [states[-1:]] * (v["X"].shape[0] - end)
        return jax_total(jnp.concatenate([states, *rest]), *last)

    return loss


def nested():
    """A loop inside a loop: the inner one runs over the whole sequence at every step."""

    def outer(h, x):
        def inner(g, y):
            return sb.tanh(g + W @ (x * y)), None

        new, _ = sb.scan(inner, h, X)
        return new, new

    return total(sb.scan(outer, sb.zeros(d), X)[1])


def jax_nested(v):
    h = jnp.zeros(3)
    states = []
    for x in v["X"]:
        for y in v["X"]:
            h = jnp.tanh(h + v["W"] @ (x * y))
        states.append(h)
    return jax_total(jnp.stack(states))


WL, BL = sb.param("WL", T, d, d), sb.param("BL", T, d)


def layers():
    """A stack of equal layers whose number is a symbol."""

    def layer(a, weights):
        new = sb.tanh(weights[0] @ a + weights[1])
        return new, new

    return total(*reversed(sb.scan(layer, b, (WL, BL))))


def jax_layers(v):
    a, states = v["b"], []
    for weights, bias in zip(v["WL"], v["BL"], strict=True):
        a = jnp.tanh(weights @ a + bias)
        states.append(a)
    return jax_total(jnp.stack(states), a)


CASES = {
    "rnn": (lambda: total(*sb.rnn(X, W, U, b)), lambda v: jax_total(*jax_rnn(v, v["X"]))),
    "rnn of a batch": (
        lambda: total(*sb.rnn(XB, W, U, b)),
        lambda v: jax_total(*jax_rnn(v, v["XB"])),
    ),
    "reversed rnn": (
        lambda: total(*sb.rnn(X, W, U, b, reverse=True)),
        lambda v: jax_total(*jax_rnn(v, v["X"], reverse=True)),
    ),
    "lstm": (lambda: lstm_loss(X), lambda v: jax_total(*jax_lstm(v, v["X"]))),
    "lstm of a batch": (lambda: lstm_loss(XB), lambda v: jax_total(*jax_lstm(v, v["XB"]))),
    "gru": (
        lambda: total(*sb.gru(X, *(g[:3] for g in gates))),
        lambda v: jax_total(*jax_gru(v, v["X"])),
    ),
    "bidirectional": (bidirectional, jax_bidirectional),
    "stacked": (stacked, jax_stacked),
    "nested": (nested, jax_nested),
    "ragged": (lambda: total(*sb.rnn(XB, W, U, b, mask=MASKS)), jax_ragged),
    "ragged lstm": (lambda: ragged_gated(sb.lstm, *gates), jax_ragged_gated(jax_lstm)),
    "ragged gru": (
        lambda: ragged_gated(sb.gru, *(g[:3] for g in gates)),
        jax_ragged_gated(jax_gru),
    ),
    "layers": (layers, jax_layers),
}


def draw(problem, steps):
    rng = np.random.default_rng(3)
    values = {}
    for name, node in {**problem.parameters, **problem.inputs}.items():
        shape = [evaluate_size(s, {**SIZES, "T": steps}) for s in problem.graph.shape(node)]
        values[name] = rng.standard_normal(shape)
        if name in ("M", "MB"):
            values[name] = lengths(values[name])
    return values


@pytest.mark.parametrize(
    ("case", "steps"), [("rnn", 1), ("lstm", 1), *((case, 4) for case in CASES)]
)
def test_a_loop_equals_what_jax_unrolls(case, steps):
    make, reference = CASES[case]
    problem = sb.build(make())
    graph = problem.graph
    verify(graph)
    values = draw(problem, steps)
    sizes = {**SIZES, "T": steps}
    loss = problem.loss
    variables = {**problem.parameters, **problem.inputs}
    variables = {name: i for name, i in variables.items() if name not in ("M", "MB")}
    swept = vjp(graph, {loss: graph.full(1)}, list(variables.values()))
    wanted = {name: swept.cotangents[node] for name, node in variables.items()}
    verify(graph)
    found = evaluate(graph, [loss, *wanted.values()], values, sizes)
    value, gradient = jax.jit(jax.value_and_grad(reference))(values)
    np.testing.assert_allclose(found[loss], value, rtol=1e-10)
    for name, node in wanted.items():
        np.testing.assert_allclose(found[node], gradient[name], rtol=1e-9, atol=1e-10)


def test_what_is_constant_is_computed_outside():
    def step(h, x):
        return sb.tanh(sb.exp(W) @ x + h), None

    last, _ = sb.scan(step, sb.zeros(d), X)
    graph = sb.build(sb.sum(last)).graph
    (loop,) = (node for node in graph if isinstance(node, Loop))
    assert len(loop.constants) == 1
    assert "exp" in str(graph[loop.constants[0].outer].body)


def test_the_loop_does_not_depend_on_the_length():
    def nodes(length):
        x = sb.input("X", length, n)
        return len(sb.build(total(*sb.rnn(x, W, U, b))).graph)

    assert nodes(3) == nodes(100_000) == nodes(T)


def test_labels_keep_their_range():
    ids = sb.input("ids", T, kind="labels", classes=m)
    E = sb.param("E", m, d)

    def step(h, k):
        return sb.tanh(E[k] + h), h[0]

    _, firsts = sb.scan(step, sb.zeros(d), ids)
    problem = sb.build(sb.sum(firsts))
    verify(problem.graph)
    values = {"ids": np.array([1, 0, 1]), "E": np.ones((2, 3))}
    expected = 0 + np.tanh(1.0) + np.tanh(1 + np.tanh(1.0))
    found = evaluate(problem.graph, [problem.loss], values, {**SIZES, "T": 3})[problem.loss]
    np.testing.assert_allclose(found, expected)


def test_results_are_named_after_the_value_inside():
    problem = sb.build(total(*sb.rnn(X, W, U, b)))
    assert list(problem.values) == ["h_last", "H"]


def keep(carry, x):
    return carry, None


WRONG = {
    "no step": (lambda: sb.scan(keep, b, sb.input("X", 0, n)), ShapeError, "has no step"),
    "lengths": (lambda: sb.scan(keep, b, (X, U)), ShapeError, "X (T, n) and U (d, d)"),
    "no axis": (lambda: sb.scan(keep, b, sb.input("s")), ShapeError, "no axis to step along"),
    "no sequence": (lambda: sb.scan(keep, b, ()), ShapeError, "no sequence"),
    "no pair": (lambda: sb.scan(lambda c, x: c, b, X), InvalidExpressionError, "return carry"),
    "shape of the carry": (
        lambda: sb.scan(lambda c, x: (W, None), b, X),
        ShapeError,
        "(d) before, (d, n) after",
    ),
    "parts of the carry": (
        lambda: sb.scan(lambda c, x: ((c, c), None), b, X),
        ShapeError,
        "1 parts, the step gives 2",
    ),
    "no tensor": (lambda: sb.scan(keep, 0, X), InvalidExpressionError, "int, no tensor"),
    "gates": (lambda: sb.lstm(X, *(g[:3] for g in gates)), ShapeError, "expected 4"),
    "mask": (lambda: sb.rnn(XB, W, U, mask=MASK), ShapeError, "expected a mask (T, m)"),
    "sequence": (lambda: sb.rnn(b, W, U), ShapeError, "(T, batch, n)"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_refused_says_why(case):
    attempt, error, words = WRONG[case]
    with pytest.raises(error) as caught:
        attempt()
    assert words in str(caught.value)


def test_a_value_does_not_leave_its_loop_by_itself():
    held = []

    def step(h, x):
        held.append(x)
        return h + W @ x, None

    sb.scan(step, sb.zeros(d), X)
    with pytest.raises(InvalidExpressionError, match="return it from the step"):
        sb.build(sb.sum(held[0]))
