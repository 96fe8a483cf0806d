"""Notes as networks: their forward equations against the same networks declared with handles."""

import numpy as np
import pytest

from symbackprop.cli import main
from symbackprop.errors import InvalidExpressionError, UnsupportedError
from symbackprop.network import Network
from symbackprop.notes.document import read_text
from symbackprop.notes.problem import problem_of

LAYERS = "$$ z_1 = W_1 x + b_1, \\quad a_1 = %s(z_1) $$ $$ z_2 = W_2 a_1 + b_2 $$\n"
SQUARED = "$$ L = \\frac{1}{2} \\| z_2 - y \\|^2 $$\n"
LOGISTIC = r"""
$$ z = w^T x + b, \quad \hat{y} = \sigma(z) $$
$$ L = -y\log \hat{y} - (1-y)\log(1-\hat{y}) $$
"""
ROWS = r"""
$$ Z = X W + b, \quad P = \mathrm{softmax}(Z) $$
$$ J = -\frac{1}{m} \sum_{i=1}^m \sum_{j=1}^k Y_{ij} \log P_{ij} $$
"""
COLUMNS = r"""
$$ Z = W X + b, \quad P = \mathrm{softmax}(Z) $$
$$ J = -\frac{1}{m} \sum_{i=1}^m \sum_{c=1}^k Y_{ci} \log P_{ci} $$
"""


def network_of(text):
    return Network.from_problem(problem_of(read_text(text, name="notes")))


def shapes(named):
    return {name: tuple(map(str, shape)) for name, shape in named.items()}


def softmax(z, axis):
    e = np.exp(z)
    return e / e.sum(axis, keepdims=True)


def test_a_dense_net_in_columns_has_its_value_and_its_gradients():
    net = network_of(LAYERS % "\\tanh" + SQUARED)
    assert shapes(net.parameters) == {
        "W1": ("n1", "n0"),
        "b1": ("n1",),
        "W2": ("n2", "n1"),
        "b2": ("n2",),
    }
    assert list(net.inputs) == ["x", "y"]
    random = np.random.default_rng(1)
    v = {
        "W1": random.normal(size=(3, 2)),
        "b1": random.normal(size=3),
        "W2": random.normal(size=(4, 3)),
        "b2": random.normal(size=4),
        "x": random.normal(size=2),
        "y": random.normal(size=4),
    }
    z2 = v["W2"] @ np.tanh(v["W1"] @ v["x"] + v["b1"]) + v["b2"]
    assert net.evaluate(v)["loss"] == pytest.approx(((z2 - v["y"]) ** 2).sum() / 2)
    assert net.verify().ok


def test_a_regression_on_one_example():
    net = network_of(LOGISTIC)
    assert shapes(net.parameters) == {"w": ("n",), "b": ()}
    v = {"w": np.array([0.3, -1.0]), "b": 0.2, "x": np.array([1.0, 2.0]), "y": 1.0}
    p = 1 / (1 + np.exp(-(v["w"] @ v["x"] + v["b"])))
    assert net.evaluate(v)["loss"] == pytest.approx(-np.log(p))
    assert net.verify().ok


@pytest.mark.parametrize(("text", "rows"), [(ROWS, True), (COLUMNS, False)])
def test_softmax_is_taken_of_each_example(text, rows):
    net = network_of(text)
    random = np.random.default_rng(2)
    X, W, b = random.normal(size=(5, 3)), random.normal(size=(3, 4)), random.normal(size=4)
    Y = softmax(random.normal(size=(5, 4)), 1)
    loss = -(Y * np.log(softmax(X @ W + b, 1))).sum() / 5
    given = {"X": X, "W": W, "Y": Y} if rows else {"X": X.T, "W": W.T, "Y": Y.T}
    assert net.evaluate({**given, "b": b})["loss"] == pytest.approx(loss)


def test_an_unknown_function_is_derived_and_not_generated():
    net = network_of(LAYERS % "g" + SQUARED)
    assert "g'(z1)" in net.derivation().text()
    with pytest.raises(UnsupportedError, match="without a definition: g"):
        net.generate()


def test_names_are_spelled_as_in_the_notes():
    text = (LAYERS % "\\tanh" + SQUARED).replace("W_1", "W^{[1]}").replace("b_1", "b^{[1]}")
    net = network_of(text)
    assert "W^{[1]}" in net.derivation().latex()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("No formula.\n", InvalidExpressionError, "no forward equation"),
        ("$$ z = W x + b $$\n", InvalidExpressionError, "expected one scalar loss, found none"),
        (
            "$$ z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]} $$\n$$ a^{[l]} = \\tanh(z^{[l]}) $$\n",
            UnsupportedError,
            "a layer of a general number",
        ),
        (
            "$$ z_i = \\sum_j w_{ij} x_j $$\n$$ L = \\sum_i z_i $$\n",
            UnsupportedError,
            "by entries",
        ),
    ],
)
def test_what_is_no_network_yet_is_refused_with_a_reason(text, error, said):
    with pytest.raises(error, match=said):
        problem_of(read_text(text, name="notes"))


def test_the_command_line_derives_and_generates_from_notes(tmp_path, capsys):
    path = tmp_path / "notes.md"
    path.write_text(LAYERS % "\\tanh" + SQUARED, encoding="utf-8", newline="\n")
    assert main(["derive", str(path)]) == 0
    assert "∂L/∂W2 = dz2 a1ᵀ" in capsys.readouterr().out
    target = tmp_path / "net.py"
    assert main(["generate", str(path), "-o", str(target)]) == 0
    assert target.read_text(encoding="utf-8").startswith('"""')
