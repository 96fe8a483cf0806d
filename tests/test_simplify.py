"""The simplifier: what a person would write, the same value, the same cost at every depth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
from random_graphs import random_graph
from sympy import Expr, Integer, Rational, Symbol, exp, log, tanh

import symbackprop as sb
from symbackprop.calculus import gradient
from symbackprop.frontend import Tensor
from symbackprop.interpret import evaluate
from symbackprop.ir import Comp, FactKind, Graph, Node, Problem, Read
from symbackprop.scalars import placeholder
from symbackprop.simplify import Derived, derive, engine, simplify
from symbackprop.simplify.rules import cost
from symbackprop.simplify.sums import expanded, make_sum
from symbackprop.simplify.terms import Dl, Rd, Sm, index_symbol

P = [placeholder(k) for k in range(8)]
n, h, k, m = sb.dims("n h k m")
T = Symbol("t", real=True)


def entry(derived: Derived, node_id: int) -> str:
    """The body of a node over the names of what it reads; all of that must have a name."""
    node = derived.graph[node_id]
    assert isinstance(node, Comp)
    names = {}
    for place, read in enumerate(node.reads):
        assert isinstance(read, Read)
        assert read.source in derived.names, f"operand {place} of {node} has no name"
        names[placeholder(place)] = Symbol(derived.names[read.source])
    return str(node.body.xreplace(names))


def sources(node: Node) -> list[int]:
    """The nodes that a comprehension reads."""
    assert isinstance(node, Comp)
    return [read.source for read in node.reads if isinstance(read, Read)]


def classifier(loss: Callable[[Tensor], Tensor]) -> Derived:
    """One dense layer on a batch of rows, with a loss of its pre-activation."""
    X, W, b = sb.input("X", m, n), sb.param("W", n, k), sb.param("b", k)
    return derive(sb.build(loss=loss((X @ W + b).named("z"))))


def test_softmax_cross_entropy_with_one_hot_targets_is_p_minus_y_over_m() -> None:
    """Nielsen, ch. 3; d2l.ai eq. (4.1.11)."""
    y = sb.input("y", m, k, one_hot=True)
    derived = classifier(lambda z: sb.cross_entropy(sb.softmax(z).named("p"), y))
    assert entry(derived, derived.deltas["z"]) == "(p - y)/m"


def test_without_the_fact_the_sum_of_the_target_stays() -> None:
    y = sb.input("y", k)
    z = sb.param("z", k)
    p = sb.softmax(z).named("p")
    derived = derive(sb.build(loss=-sb.sum(y * sb.apply(log(T), p))))
    node = derived.graph[derived.gradients["z"]]
    assert isinstance(node, Comp)
    total = next(i for i in sources(node) if i not in derived.names)
    assert [derived.names[i] for i in sources(derived.graph[total])] == ["y"]


def test_sigmoid_with_binary_cross_entropy_is_a_minus_y() -> None:
    """Ng, CS229 notes on backpropagation, eq. for delta of the last layer."""
    y = sb.input("y", m, k)
    derived = classifier(
        lambda z: sb.binary_cross_entropy(sb.sigmoid(z).named("a"), y, reduction=sb.sum)
    )
    assert entry(derived, derived.deltas["z"]) == "a - y"


@pytest.mark.parametrize(
    ("activation", "expected"),
    [(sb.tanh, "g*(1 - a**2)"), (sb.sigmoid, "a*g*(1 - a)")],
)
def test_the_derivative_is_written_by_the_value(
    activation: Callable[[Tensor], Tensor], expected: str
) -> None:
    z, g = sb.param("z", n), sb.input("g", n)
    derived = derive(sb.build(loss=sb.sum(g * activation(z).named("a"))), ["z"])
    assert entry(derived, derived.gradients["z"]) == expected


def test_softmax_vjp() -> None:
    """y ⊙ (g - (gᵀy) 1)."""
    z = sb.param("z", n)
    derived = derive(sb.build(outputs={"y": sb.softmax(z).named("y_")}), ["z"], general=True)
    node = derived.graph[derived.gradients["z"]]
    assert isinstance(node, Comp)
    assert len(node.reads) == 3


def layer_norm(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """x̂ and its scale r."""
    centred = x - sb.mean(x, axis, keepdims=True)
    variance = sb.mean(centred**2, axis, keepdims=True)
    scale = sb.apply((T + Rational(1, 100000)) ** Rational(-1, 2), variance).named("r")
    return (centred * scale).named("xhat"), scale


@pytest.mark.parametrize("axis", [0, 1])
def test_layer_and_batch_norm_have_three_terms(axis: int) -> None:
    """r (g - mean g - x̂ mean(g x̂)): Ioffe and Szegedy 2015, in the compact form."""
    x, g = sb.param("x", m, n), sb.input("g", m, n)
    normal, _ = layer_norm(x, axis)
    derived = derive(sb.build(loss=sb.sum(g * normal)), ["x"])
    node = derived.graph[derived.gradients["x"]]
    assert isinstance(node, Comp)
    named = sorted(derived.names[i] for i in sources(node) if i in derived.names)
    assert named in (["g", "r", "xhat"], ["g", "loss", "r", "xhat"])
    # three terms: one Add of three in the body, or two where a sum holds one of them
    assert max(len(a.args) for a in node.body.atoms(type(P[0] + P[1]))) == 3


def test_attention_scores_use_the_output() -> None:
    """S̄ = A ⊙ (dO Vᵀ - rowsum(dO ⊙ O)): FlashAttention-2, appendix B."""
    q, s, d, v = sb.dims("q s d v")
    Q, K, V = sb.param("Q", q, d), sb.param("K", s, d), sb.param("V", s, v)
    S = (Q @ K.T).named("S")
    A = sb.softmax(S).named("A")
    out = (A @ V).named("O")
    derived = derive(sb.build(loss=sb.sum(sb.input("G", q, v) * out**2)))
    node = derived.graph[derived.deltas["S"]]
    assert isinstance(node, Comp)
    assert node.body.args.count(P[0]) <= 1
    inner = [derived.graph[i] for i in sources(node) if i not in derived.names]
    read = {derived.names.get(i) for c in inner for i in sources(c)}
    assert "O" in read


@pytest.mark.parametrize("seed", range(40))
def test_simplified_equals_derived_on_random_graphs(seed: int) -> None:
    case = random_graph(seed)
    graph, forward = case.graph, len(case.graph)
    adjoint = gradient(graph, case.loss, case.wrt)
    roots = [adjoint.cotangents[w] for w in case.wrt]
    between = [adjoint.cotangents[i] for i in case.nodes if i in adjoint.cotangents]
    named = [i for i in between if i >= forward][::2]
    kept = [*case.wrt, *case.nodes[::2]]
    found = simplify(graph, [*roots, *named], forward, named, kept, [case.loss])
    pairs = [(i, found.ids[i]) for i in (*roots, *named)]
    values = evaluate(graph, {i for pair in pairs for i in pair}, case.values(), case.sizes)
    for raw, new in pairs:
        bound = 1e-9 * max(1.0, np.abs(values[raw]).max(initial=0.0))
        assert np.abs(values[raw] - values[new]).max(initial=0.0) <= bound, case


def test_every_checkpoint_has_the_value_of_its_quantity() -> None:
    x, g = sb.param("x", m, n), sb.input("g", m, n)
    normal, _ = layer_norm(x, 1)
    derived = derive(sb.build(loss=sb.sum(g * normal * normal)))
    raw = derived.adjoint.cotangents[derived.problem.parameters["x"]]
    assert derived.simplified is not None
    steps = derived.simplified.steps(raw)
    assert steps[0][0] == "chain rule"
    assert len(steps) >= 2
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(3, 5)), "g": rng.normal(size=(3, 5))}
    found = evaluate(derived.graph, [raw, *(i for _, i, _ in steps)], values, {"m": 3, "n": 5})
    for _, node_id, _ in steps:
        np.testing.assert_allclose(found[node_id], found[raw], rtol=1e-12, atol=1e-12)


def deep(depth: int, widths: bool = False) -> Problem:
    """Tanh layers; with `widths` every layer has a size symbol of its own."""
    sizes = [sb.dims(f"n{i}")[0] if widths else h for i in range(depth + 1)]
    a = sb.input("x", m, sizes[0])
    for i in range(1, depth + 1):
        W, b = sb.param(f"W{i}", sizes[i - 1], sizes[i]), sb.param(f"b{i}", sizes[i])
        a = sb.tanh((a @ W + b).named(f"z{i}")).named(f"a{i}")
    problem: Problem = sb.build(loss=sb.sum(a * a))
    return problem


@pytest.mark.parametrize("widths", [False, True])
def test_layers_of_one_kind_are_solved_once(widths: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of patterns does not grow with depth: the cost per layer is that of a look-up."""
    patterns: OrderedDict[object, object] = OrderedDict()
    monkeypatch.setattr(engine, "_PATTERNS", patterns)
    derive(deep(6, widths))
    few = len(patterns)
    derive(deep(30, widths))
    assert 0 < few == len(patterns)


def test_patterns_that_are_not_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns: OrderedDict[object, object] = OrderedDict()
    monkeypatch.setattr(engine, "_PATTERNS", patterns)
    monkeypatch.setattr(engine, "PATTERNS_KEPT", 3)
    derive(deep(2))
    assert len(patterns) == 3


def test_the_result_does_not_depend_on_the_order_of_names() -> None:
    def bodies() -> list[str]:
        derived = derive(deep(4))
        return [str(derived.graph[i]) for i in derived.gradients.values()]

    assert bodies() == bodies()


def test_a_wrong_fold_would_be_seen() -> None:
    """The check of the check: a gradient off by 0.1 % is not within the bound of the test above."""
    derived = classifier(lambda z: sb.sum(sb.tanh(z)))
    graph: Graph = derived.graph
    raw = derived.gradients["W"]
    off = graph.elementwise(P[0] * Rational(1001, 1000), [raw])
    rng = np.random.default_rng(1)
    values = {"X": rng.normal(size=(3, 4)), "W": rng.normal(size=(4, 5)), "b": rng.normal(size=5)}
    found = evaluate(graph, [raw, off], values, {"m": 3, "n": 4, "k": 5})
    assert np.abs(found[raw] - found[off]).max() > 1e-9 * max(1.0, np.abs(found[raw]).max())


# -- rules
I0, J0 = index_symbol(0), index_symbol(1)


def rd(node: int, *index: Expr) -> Expr:
    made: Expr = Rd(Integer(node), *index)
    return made


def test_sum_rules() -> None:
    x, y = rd(1, I0), rd(2, J0)
    assert make_sum(x * y, [(I0, n)]) == y * Sm(x, I0, n)
    assert make_sum(y, [(I0, n)]) == n * y
    assert make_sum(Dl(I0, J0, n) * x, [(I0, n)]) == rd(1, J0)
    assert make_sum(x * y, [(I0, n), (J0, m)]) == Sm(x, I0, n) * Sm(y, J0, m)
    assert expanded(make_sum(x + 2, [(I0, n)])) == Sm(x, I0, n) + 2 * n
    assert Dl(I0, I0, n) == 1
    assert Dl(I0, I0 + 1, n) == 0


def test_functions_and_quotients_cost_more_than_entries() -> None:
    x = rd(1, I0)
    assert cost(x) < cost(1 / x) < cost(exp(x)) < cost(tanh(x) * x)


def test_facts_are_what_the_rules_read() -> None:
    y = sb.input("y", m, k, one_hot=True)
    assert FactKind.ONE_HOT in {fact.kind for fact in y.definition.facts}  # type: ignore[union-attr]
