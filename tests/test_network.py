"""The door: what can be asked of a network, and what it answers."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from network_tools import assert_agrees, sizes_of, values_of

import symbackprop as sb
from symbackprop.errors import (
    InvalidExpressionError,
    ShapeError,
    SymbackpropWarning,
    UnknownNameError,
    UnsupportedError,
)
from symbackprop.network import Check, Network, Verification
from symbackprop.network.document import Form
from symbackprop.network.styles import styled, with_policy

m, n, h, k = sb.dims("m n h k")


def dense(**options):
    X, Y = sb.input("X", m, n), sb.input("Y", m, k, one_hot=True)
    W1, b1 = sb.param("W1", n, h), sb.param("b1", h)
    W2, b2 = sb.param("W2", h, k), sb.param("b2", k)
    z = sb.tanh(X @ W1 + b1) @ W2 + b2
    return Network(loss=sb.cross_entropy(z, Y, logits=True), **options)


@pytest.fixture(scope="module")
def net():
    return dense()


def test_a_gradient_is_mathematics(net):
    found = net.gradient("W1")
    assert found.text() == str(found) == "∂L/∂W1 = Xᵀ dZ1"
    assert found.text(ascii=True) == "dloss/dW1 = X^T dZ1"
    assert found.latex() == r"\frac{\partial L}{\partial W_1} = X^{\top} dZ_1"
    assert found._repr_latex_() == rf"$\displaystyle {found.latex()}$"
    assert found.entry_text() == "∂L/∂W1_ij = Σ_{k=1..m} X_ki dZ1_kj"
    assert found.shape == (n, h)


def test_a_gradient_is_an_array(net):
    def loss(v):
        z = jnp.tanh(v["X"] @ v["W1"] + v["b1"]) @ v["W2"] + v["b2"]
        return -jnp.mean(jnp.sum(v["Y"] * (z - jnp.log(jnp.exp(z).sum(1, keepdims=True))), 1))

    for start in (3, 5):
        assert_agrees(net, loss, start)


def test_named_cotangents_have_textbook_form(net):
    assert net.gradient("Z2").text() == "∂L/∂Z2 = (P - Y)/m"
    assert net.gradient("Z1").text() == "∂L/∂Z1 = (dZ2 W2ᵀ) ⊙ (1 - A1 ⊙ A1)"


def test_numerator_layout_transposes_gradients_and_their_letters(net):
    assert net.gradient("W1").text(layout="numerator") == "∂L/∂W1 = dZ1 X"
    assert net.gradient("Z2").text(layout="numerator") == "∂L/∂Z2 = (P - Y)ᵀ/m"


def test_examples_in_columns(net):
    document = net.derivation(notation=styled(net, batch="columns"))
    text = document.text()
    assert "Z1 = W1ᵀ X + b1 𝟏ᵀ" in text
    assert "∂L/∂W1 = X dZ1ᵀ" in text
    assert "h×m" in text


def test_jacobians_and_partials():
    z = sb.param("z", k)
    softmax = Network(outputs={"q": 2 * sb.softmax(z)}, values={"p": sb.softmax(z)})
    assert softmax.jacobian("p", "z").text() == "∂p/∂z = diag(p) - p pᵀ"
    for _ in range(2):
        assert softmax.partial("z", of="p").text() == "∂p_i/∂z_j = p_i (δ_ij - p_j)"
    values = {"z": np.array([0.3, -1.0, 0.2])}
    p = np.exp(values["z"]) / np.exp(values["z"]).sum()
    found = softmax.jacobian("p", "z").evaluate(values)
    np.testing.assert_allclose(found, np.diag(p) - np.outer(p, p), atol=1e-14)


def test_a_jacobian_of_a_vector_by_a_matrix_has_three_indices():
    W, x = sb.param("W", h, n), sb.input("x", n)
    found = Network(outputs={"z": W @ x}).jacobian("z", "W")
    assert found.shape == (h, h, n)
    assert found.text() == "∂z_i/∂W_jk = x_k δ_ij"


def test_a_parameter_without_influence_has_a_zero_gradient_and_a_warning():
    W, V, x = sb.param("W", h, n), sb.param("V", k, 2), sb.input("x", n)
    net = Network(loss=sb.sum(W @ x), parameters=[V])
    with pytest.warns(SymbackpropWarning, match='does not depend on "V"'):
        found = net.gradient("V")
    assert found.shape == (k, 2)
    assert found.evaluate({"W": np.ones((2, 3)), "x": np.ones(3)}, {"k": 4}).shape == (4, 2)
    assert "V" in net.parameters


def test_unknown_names_suggest_the_nearest(net):
    with pytest.raises(UnknownNameError, match=r'did you mean "W1"\?'):
        net.gradient("W11")
    with pytest.raises(UnknownNameError):
        net.jacobian("loss", "nothing")
    with pytest.raises(UnknownNameError, match="numerator"):
        net.gradient("W1").text(layout="sideways")


def test_nothing_is_derived_by_labels():
    X, y = sb.input("X", m, n), sb.input("y", m, kind="labels", classes=k)
    net = Network(loss=sb.cross_entropy(X @ sb.param("W", n, k), y, logits=True))
    with pytest.raises(InvalidExpressionError, match="int"):
        net.gradient("y")


def test_a_gradient_needs_a_loss():
    net = Network(outputs={"z": sb.param("W", h, n) @ sb.input("x", n)})
    with pytest.raises(ShapeError, match="scalar loss"):
        net.gradient("W")
    with pytest.raises(ShapeError):
        Network(loss=sb.param("W", h, n) @ sb.input("x", n))
    with pytest.raises(InvalidExpressionError):
        Network()


def test_values_are_evaluated(net):
    sizes = sizes_of(net)
    values = values_of(net, sizes)
    found = net.evaluate(values, "P", "loss")
    np.testing.assert_allclose(found["P"].sum(1), 1)
    assert set(net.evaluate(values)) == {"loss"}


def test_the_document_has_all_formulas(net):
    text = net.derivation().text(form=Form.BOTH)
    for line in ("P = softmax(Z2)", "dZ2 = ∂L/∂Z2 = (P - Y)/m", "∂L/∂b1_i = Σ_{j=1..m} dZ1_ji"):
        assert line in text
    latex = net.derivation().latex()
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") == 3
    assert all(check.ok for check in net.derivation().checks())


def test_json_data(net):
    data = json.loads(json.dumps(net.derivation(wrt=["W1"]).data()))
    assert data["version"] == 1
    assert data["layout"] == "denominator"
    last = data["results"][-1]
    assert (last["of"], last["wrt"], last["shape"]) == ("loss", "W1", ["n", "h"])
    assert last["matrix"] == {"text": "Xᵀ dZ1", "latex": r"X^{\top} dZ_1"}
    assert last["entry"]["indices"] == ["i", "j"]
    assert [r["wrt"] for r in data["results"][:-1]] == ["Z2", "Z1"]


def test_policies_are_said_and_change_the_gradient():
    x = sb.param("x", n)
    net = Network(loss=sb.sum(sb.relu(x)) + sb.max(x), kink="1", ties="share")
    notes = "\n".join(net.derivation().notes())
    assert "relu" in notes
    assert "for 1" in notes
    assert "share" in notes
    zero = {"x": np.zeros(2)}
    np.testing.assert_allclose(net.gradient("x").evaluate(zero), [1.5, 1.5])
    again = with_policy(net, "0", "first")
    np.testing.assert_allclose(again.gradient("x").evaluate(zero), [1.0, 0.0])


def test_verification_finds_a_wrong_gradient():
    net = dense()
    assert net.verify().ok
    derived, _ = net._derived()
    right = derived.gradients["b1"]
    derived.gradients["b1"] = net.problem.graph.total([right, right])
    found = net.verify()
    assert not found.ok
    assert found.worst.what.startswith("gradient of b1")
    assert "disagreement" in str(found)


def test_the_worst_disagreement_is_the_largest_beside_its_bound():
    checks = (Check("a", "b", 1e-3, 1e-9), Check("c", "d", 1e-4, 1e-25), Check("e", "f", 0, 1))
    assert Verification(checks).worst is checks[1]
    assert Verification(checks[2:]).worst is None


def test_unnamed_functions_have_no_code():
    g = sb.opaque("g")
    net = Network(loss=sb.sum(g(sb.param("x", n))))
    with pytest.raises(UnsupportedError, match="g"):
        net.generate()
    assert net.verify().ok
    assert net.gradient("x").text() == "∂L/∂x = g'(x)"


def test_generated_source_is_written(net, tmp_path):
    path = tmp_path / "made.py"
    source = net.generate(str(path))
    assert path.read_text(encoding="utf-8") == source
    with pytest.raises(UnknownNameError, match="float64"):
        net.generate(dtype="float16")


def test_second_derivatives_in_closed_form():
    X, y, w = sb.input("X", m, n), sb.input("y", m), sb.param("w", n)
    p = sb.sigmoid((X @ w).named("z")).named("p")
    net = Network(loss=sb.binary_cross_entropy(p, y))
    found = net.hessian("w")
    assert found.text() == "∂²L/∂w ∂w = Xᵀ diag(p ⊙ (1 - p)) X/m"
    assert found.latex().startswith(r"\frac{\partial^2 L}{\partial w \, \partial w}")
    sizes = sizes_of(net)
    values = values_of(net, sizes)

    def loss(w):
        z = values["X"] @ w
        return jnp.mean(jnp.log(1 + jnp.exp(z)) - values["y"] * z)

    expected = jax.hessian(loss)(jnp.asarray(values["w"]))
    np.testing.assert_allclose(found.evaluate(values, sizes), expected, atol=1e-8)
    assert "∂²L/∂w ∂w" in net.derivation(order=2).text()
    with pytest.raises(ShapeError):
        Network(outputs={"p": p}).hessian("w")


def test_sizes_that_are_sums_hold_together():
    n, m = sb.dims("n m")
    W, X = sb.param("W", n + 1, n - 2), sb.input("X", m, n - 2)
    net = sb.Network(loss=sb.mean((X @ W.T) ** 2) * (n - 1))
    shown = net.derivation().text()
    assert "(n + 1)×(n - 2)" in shown
    assert "(n - 1)" in shown and "(n + 1)" in shown
    for text in (shown, net.derivation().latex()):
        assert "(-" not in text and "1 + n" not in text


def test_a_gradient_that_is_a_variable_has_a_formula():
    """½‖P‖² by P is P itself, in matrix form and by entries."""
    P = sb.param("P", "n")
    net = sb.Network(loss=sb.l2(P) / 2)
    assert net.gradient("P").text() == "∂L/∂P = P"
    assert net.partial("P").text() == "∂L/∂P_i = P_i"
    assert net.verify(differences=False).ok
