"""Derivations: every checkpoint has the value of the gradient, and is told with its reason."""

import numpy as np
import pytest
from render_tools import assert_renders

from symbackprop.derivation.steps import Grain, Reason, passages
from symbackprop.derivation.told import told, told_latex, told_text
from symbackprop.frontend import (
    ELEMENTWISE,
    binary_cross_entropy,
    build,
    cross_entropy,
    dot,
    input,
    layer_norm,
    opaque,
    opaque_loss,
    param,
    softmax,
    sum,
)
from symbackprop.interpret import coprime_sizes, evaluate, free_sizes, random_values
from symbackprop.ir import reachable
from symbackprop.printing import Latex, Notation, Text
from symbackprop.simplify import derive
from symbackprop.sizes import dims

n, h, k, m = dims("n h k m")
tanh, relu, sigmoid = (ELEMENTWISE[name] for name in ("tanh", "relu", "sigmoid"))


def classifier():
    W1, b1, W2, b2 = param("W1", h, n), param("b1", h), param("W2", k, h), param("b2", k)
    z = W2 @ tanh(W1 @ input("x", n) + b1) + b2
    return cross_entropy(z, input("y", k, one_hot=True), logits=True)


def rows():
    W, b, X = param("W", k, n), param("b", k), input("X", m, n)
    return cross_entropy(X @ W.T + b, input("t", m, kind="labels", classes=k), logits=True)


def logistic():
    X, w, b = input("X", m, n), param("w", n), param("b")
    return binary_cross_entropy(sigmoid(X @ w + b), input("y", m))


def normalised():
    W, gain, shift = param("W", h, n), param("gamma", h), param("beta", h)
    return sum((layer_norm(W @ input("x", n), gain, shift) - input("y", h)) ** 2) / 2


def attention_like():
    return dot(softmax(param("W", k, n) @ input("x", n)), input("c", k))


def unnamed():
    g = opaque("g")
    hidden = g(param("W1", h, n) @ input("x", n))
    return opaque_loss("C")(g(param("W2", k, h) @ hidden), input("y", k))


def kinked():
    W1, W2, x = param("W1", h, n), param("W2", h, h), input("x", n)
    a = relu(W1 @ x)
    return sum((a + W2 @ a - input("y", h)) ** 2)


NETS = [classifier, rows, logistic, normalised, attention_like, unnamed, kinked]


@pytest.mark.parametrize("net", NETS, ids=lambda f: f.__name__)
def test_every_checkpoint_has_the_value_of_the_gradient(net):
    problem = build(net())
    derived = derive(problem)
    graph, named = derived.graph, problem.named()
    wanted = {}
    for passage in passages(derived):
        raw = derived.adjoint.cotangents[named[passage.wrt]]
        wanted[raw] = [c.node for c in passage.checkpoints] + [passage.node]
    ids = reachable(graph, [*wanted, *(i for nodes in wanted.values() for i in nodes)])
    sizes = coprime_sizes(free_sizes(graph, ids))
    values = random_values(graph, ids, sizes, np.random.default_rng(0))
    arrays = evaluate(graph, ids, values, sizes)
    for raw, nodes in wanted.items():
        for node in nodes:
            np.testing.assert_allclose(arrays[node], arrays[raw], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("net", NETS, ids=lambda f: f.__name__)
def test_derivations_render(net):
    derived = derive(build(net()))
    text = told_latex(derived, Latex(Notation()))
    assert_renders(block.strip() for block in text.split("\n\n"))
    assert told_text(derived, Text(Notation(), ascii=True)).isascii()


def test_a_derivation_as_it_is_told():
    found = told_text(derive(build(unnamed())), Text(Notation()))
    assert [line.split() for line in found.splitlines()] == [
        line.split()
        for line in (
            "dz2 = ∂L/∂z2",
            "= (∂a2/∂z2)ᵀ ∂L/∂a2 (chain rule)",
            "= ∇_{a2} C(a2, y) ⊙ g'(z2) (the derivatives inserted)",
            "",
            "dz1 = ∂L/∂z1",
            "= (∂a1/∂z1)ᵀ ∂L/∂a1 (chain rule)",
            "= (W2ᵀ dz2) ⊙ g'(z1) (the derivatives inserted)",
            "",
            "∂L/∂W1",
            "= dz1 xᵀ (chain rule through z1)",
            "",
            "∂L/∂W2",
            "= dz2 a1ᵀ (chain rule through z2)",
        )
    ]


def test_reasons_of_softmax_with_cross_entropy():
    derived = derive(build(classifier()))
    passage = next(p for p in passages(derived) if p.wrt == "z2")
    assert passage.checkpoints[0].because is Reason.CHAIN_RULE
    assert Reason.SUMS_TO_ONE in {c.because for c in passage.checkpoints}
    last = told(derived, Text(Notation()))[0].lines[-1]
    assert last.formula == "p - y"


def test_brief_derivations_have_the_result_alone():
    for passage in told(derive(build(classifier())), Text(Notation()), Grain.BRIEF):
        assert len(passage.lines) == 1


def test_a_bias_is_its_delta():
    found = told(derive(build(classifier())), Text(Notation()))
    assert ("∂L/∂b1", "dz1") in {(t.left, t.lines[-1].formula) for t in found}
