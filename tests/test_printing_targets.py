"""Textbook forms are printed as their sources write them."""

import re
from pathlib import Path

import pytest
from render_tools import assert_renders

from symbackprop.calculus import jacobian
from symbackprop.frontend import (
    ELEMENTWISE,
    binary_cross_entropy,
    build,
    cross_entropy,
    dot,
    input,
    logdet,
    opaque,
    opaque_loss,
    param,
    quadratic_form,
    softmax,
    squared_error,
    sum,
    trace,
)
from symbackprop.printing import (
    Context,
    Latex,
    Notation,
    Printer,
    Text,
    choose_letters,
    size_names,
    spelling,
)
from symbackprop.raising import Raiser, arranged, entry_form, needed_names
from symbackprop.simplify import derive, simplify
from symbackprop.sizes import dims

TARGETS = Path(__file__).with_name("targets.tex")
n, h, k, m, K = dims("n h k m K")
sigmoid, tanh, sin = (ELEMENTWISE[name] for name in ("sigmoid", "tanh", "sin"))


def targets():
    """Key and formula of each target."""
    text = TARGETS.read_text(encoding="utf-8")
    return dict(re.findall(r"% target: (.*)\n% source: .*\n((?!%).+)\n", text))


class Derived:
    """A derived problem whose nodes may be renamed, to be printed."""

    def __init__(self, loss, **renamed):
        self.problem = build(loss)
        self.derived = derive(self.problem)
        self.graph = self.problem.graph
        self.names = {
            i: renamed.get(name, name)
            for i, name in self.derived.names.items()
            if i != self.problem.loss
        }

    def node(self, name):
        return next(i for i, n in self.names.items() if n == name)

    def gradient(self, name, **options):
        return self.matrix(self.derived.gradients[name], **options)

    def delta(self, name, **options):
        return self.matrix(self.derived.deltas[name], **options)

    def matrix(self, node, flipped=(), transpose=False, dialect=None):
        formula = Raiser(self.graph, self.names).law(node)
        formula = arranged(formula, [self.node(f) for f in flipped], transpose)
        return self.printer(dialect).text(formula)

    def printer(self, dialect=None, letters=None, sizes=()):
        spelled = {i: spelling(name) for i, name in self.names.items()}
        context = Context(spelled, letters, sizes=sizes) if letters else Context(spelled)
        return Printer(dialect or Latex(Notation()), context)

    def entry(self, node, wanted=None, dialect=None):
        form = entry_form(self.graph, node, self.names)
        taken = size_names(form.sizes, form.body)
        letters = choose_letters(range(len(form.sizes)), form.sizes, taken, wanted)
        return self.printer(dialect, letters, form.sizes).text(form.body)

    def jacobian(self, of, wrt):
        """A Jacobian, simplified over the names there are."""
        forward = len(self.graph)
        node = jacobian(self.graph, of, [wrt])[wrt]
        return simplify(self.graph, [node], forward, [], set(self.names), []).ids[node]


def softmax_net(target, batch=False):
    W = param("W", k, n)
    if batch:
        z = input("X", m, n) @ W.T
        return Derived(cross_entropy(z, target, logits=True), P="P")
    return Derived(cross_entropy(W @ input("x", n), target, logits=True))


def unnamed_net():
    g, cost = opaque("g"), opaque_loss("C")
    z1 = (param("W1", h, n) @ input("x", n)).named("z1")
    z2 = (param("W2", k, h) @ g(z1)).named("z2")
    net = Derived(cost(g(z2).named("a"), input("y", k)), dz1="delta1", dz2="delta2")
    return net


def upstream(function, name="a"):
    """A function between a product and an upstream cotangent g."""
    x = (param("W", n, h) @ input("v", h)).named("z")
    return Derived(dot(function(x).named(name), input("g", n)))


def rows(target):
    X, W, b = input("X", m, n), param("W", k, n), param("b", k)
    return Derived(cross_entropy(X @ W.T + b, target, logits=True), dZ="G")


def least_squares(penalty=False):
    W, b, x, y = param("W", h, n), param("b", h), input("x", n), input("y", h)
    if penalty:
        lam = param("lam")
        return Derived(squared_error(W @ x, y) / 2 + lam / 2 * sum(W**2))
    return Derived(sum((W @ x + b - y) ** 2))


def logistic():
    X, w, y = input("X", m, n), param("w", n), input("y", m)
    a = sigmoid(X @ w).named("a")
    return Derived(binary_cross_entropy(a, y))


def neuron():
    w, x, y = param("w", n), input("x", n), input("y")
    a = sigmoid(dot(w, x).named("z")).named("a")
    return Derived(binary_cross_entropy(a, y))


def jacobian_of_softmax(entries):
    z = (param("W", K, n) @ input("x", n)).named("z")
    net = Derived(sum(softmax(z).named("p") ** 3))
    p, z = net.node("p"), net.node("z")
    node = net.jacobian(p, z)
    return net.entry(node, {0: "k", 1: "i"}) if entries else net.matrix(node)


def jacobian_by_weight():
    W = param("W", h, n)
    net = Derived(sum((W @ input("x", n)).named("z") ** 3))
    z, weight = net.node("z"), net.node("W")
    return net.entry(net.jacobian(z, weight), {0: "k", 1: "i", 2: "j"})


def hessian_of_logistic():
    net = logistic()
    net.names.pop(net.derived.deltas["z"])
    return net.matrix(net.jacobian(net.derived.gradients["w"], net.node("w")))


def weight_by_entries():
    net = upstream_layer()
    return net.entry(net.derived.gradients["W"])


def upstream_layer():
    W, x = param("W", h, n), input("x", n)
    return Derived(sum(sigmoid((W @ x).named("z"))), dz="delta")


def linear(of):
    W, x = param("W", h, n), param("x", n)
    net = Derived(dot(W @ x, input("g", h)))
    return net.gradient(of)


def logistic_unnamed():
    net = logistic()
    z = net.derived.deltas["z"]
    net.names.pop(z, None)
    return net.gradient("w")


PRINTED = {
    "softmax with cross entropy": lambda: softmax_net(input("y", k, probabilities=True)).delta("z"),
    "softmax with cross entropy, mean over a batch": lambda: rows(
        input("Y", m, k, probabilities=True)
    ).delta("Z"),
    "softmax with cross entropy, labels": lambda: rows(
        input("t", m, kind="labels", classes=k)
    ).delta("Z"),
    "softmax with cross entropy, any target": lambda: softmax_net(input("y", k)).delta("z"),
    "sigmoid with binary cross entropy": lambda: neuron().delta("z"),
    "sigmoid": lambda: upstream(sigmoid).delta("z"),
    "tanh": lambda: upstream(tanh).delta("z"),
    "softmax": lambda: upstream(softmax, "y").delta("z"),
    "least squares": lambda: least_squares().gradient("W"),
    "input of a linear map": lambda: linear("x"),
    "weight of a linear map": lambda: linear("W"),
    "sine": lambda: Derived(dot(sin(param("x", n)), input("g", n))).gradient("x"),
    "bias of examples in columns": lambda: rows(input("t", m, kind="labels", classes=k)).gradient(
        "b", flipped=["G"]
    ),
    "bias of examples in rows": lambda: rows(input("t", m, kind="labels", classes=k)).gradient(
        "b", transpose=True
    ),
    "hidden layer, unnamed activation": lambda: unnamed_net().delta("z1"),
    "last layer, unnamed activation and cost": lambda: unnamed_net().delta("z2"),
    "weight by entries": weight_by_entries,
    "softmax by entries": lambda: jacobian_of_softmax(entries=True),
    "pre-activation by weight": jacobian_by_weight,
    "log-determinant": lambda: Derived(logdet(param("A", n, n))).gradient("A"),
    "trace": lambda: Derived(trace(param("X", n, n) @ input("A", n, n))).gradient("X"),
    "quadratic form": lambda: Derived(quadratic_form(param("x", n), input("A", n, n))).gradient(
        "x"
    ),
    "Frobenius penalty": lambda: least_squares(penalty=True).gradient("W"),
    "softmax Jacobian": lambda: jacobian_of_softmax(entries=False),
    "logistic regression": logistic_unnamed,
    "logistic regression Hessian": hessian_of_logistic,
}


@pytest.mark.parametrize("key", targets())
def test_the_printed_form_is_the_textbook_form(key):
    assert PRINTED[key]() == targets()[key]


def test_every_target_is_derived_and_has_a_source():
    text = TARGETS.read_text(encoding="utf-8")
    assert sorted(targets()) == sorted(PRINTED)
    assert text.count("% target: ") - 1 == text.count("% source: ") - 1 == len(PRINTED)


def test_every_target_renders():
    assert_renders(targets().values())


def test_a_wrong_form_is_refused():
    net = least_squares()
    assert net.gradient("W", transpose=True) != targets()["least squares"]
    assert net.gradient("b") != targets()["least squares"]


def test_plain_text_says_the_same():
    net = least_squares()
    assert net.gradient("W", dialect=Text(Notation())) == "2 (W x + b - y) xᵀ"
    assert net.gradient("W", dialect=Text(Notation(), ascii=True)) == "2 (W x + b - y) x^T"


def test_names_that_formulas_need_are_listed():
    net = unnamed_net()
    assert needed_names(net.graph, net.derived.gradients.values(), net.names) == ()
