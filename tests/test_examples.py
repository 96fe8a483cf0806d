"""Every example: everything that leaves it is verified, and JAX finds the same gradients."""

import runpy
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from network_tools import assert_agrees, assert_close, sizes_of, values_of

from symbackprop.codegen.selfcheck import load
from symbackprop.network import Network

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))
softmax, sigmoid = jax.nn.softmax, jax.nn.sigmoid


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def network(name):
    return example(name)["network"]


def xlogy(a, b):
    return jnp.where(a == 0, 0.0, a * jnp.log(jnp.where(a == 0, 1.0, b)))


def bce(p, y):
    return -y * jnp.log(p) - (1 - y) * jnp.log(1 - p)


def cs229(v):
    a1 = sigmoid(v["W1"] @ v["x"] + v["b1"])
    return jnp.mean(bce(sigmoid(v["W2"] @ a1 + v["b2"]), v["y"]))


def multiplicative(v):
    z = v["W"] @ v["x"]
    return jnp.sum((z[0::2] * z[1::2] - v["d"]) ** 2)


def maxima(v):
    z = v["W"] @ v["x"] + v["b"]
    h = z.size // 2
    pairs = jax.nn.relu(z[:h]) * jax.nn.leaky_relu(z[h:], 0.1)
    return jnp.max(pairs) + jnp.sum(jnp.maximum(z[:h], z[h:]) ** 2)


def two(v):
    p = softmax(jnp.tanh(v["X"] @ v["W1"] + v["b1"]) @ v["W2"] + v["b2"])
    return jnp.mean(jnp.sum(xlogy(v["D"], v["D"]) - xlogy(v["D"], p), 1))


def eleven(v):
    p = softmax(v["X"] @ v["W"] + v["b"])
    return jnp.mean(jnp.sum(xlogy(v["D"], v["D"]) - xlogy(v["D"], p), 1))


def logistic(v):
    return jnp.mean(bce(sigmoid(v["X"] @ v["w"] + v["b"]), v["y"]))


LOSSES = {
    "cs229_network": cs229,
    "softmax_activation": lambda v: jnp.sum(v["g"] * softmax(v["z"])),
    "multiplicative_unit": multiplicative,
    "maxima": maxima,
    "two_or_not_two": two,
    "eleven_classes": eleven,
    "gradient_descent": logistic,
}
UNNAMED = {"nielsen", "deeplearning_ai", "cse849_scalar", "cse849_vector", "ng_vector_by_matrix"}


def test_every_example_has_its_judge():
    assert {f.stem for f in FILES} == set(LOSSES) | UNNAMED


@pytest.mark.parametrize("start", [3, 5])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradients_are_those_of_jax(name, start):
    assert_agrees(network(name), LOSSES[name], start)


@pytest.mark.parametrize("path", FILES, ids=lambda f: f.stem)
def test_formulas_and_code_are_what_the_example_says(path):
    found = network(path.stem).verify()
    assert found.ok, str(found)


@pytest.mark.parametrize("path", FILES[:3], ids=lambda f: f.stem)
def test_examples_run(path):
    run = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout


def test_the_generalised_jacobian_contracts_to_the_gradient():
    net = network("cs229_network")
    values = values_of(net, {})
    jacobian = net.jacobian("z1", "W1")
    assert jacobian.shape == (2, 2, 3)
    whole = jacobian.evaluate(values)
    delta = net.gradient("z1").evaluate(values)
    assert_close(np.einsum("i,ijk->jk", delta, whole), net.gradient("W1").evaluate(values), "W1")
    assert net.gradient("W1").text() == "∂L/∂W1 = dz1 xᵀ"


def test_nielsen_prints_his_equations():
    net = network("nielsen")
    assert net.gradient("z2").text() == "∂L/∂z2 = (w3ᵀ dz3) ⊙ sigma'(z2)"
    assert net.gradient("b2").text() == "∂L/∂b2 = dz2"
    assert net.gradient("w2").text() == "∂L/∂w2 = dz2 xᵀ"


def test_the_course_in_columns():
    net = network("deeplearning_ai")
    assert net.gradient("Z2").text() == "∂L/∂Z2 = (A2 - Y)/m"
    assert net.gradient("Z1").text() == "∂L/∂Z1 = (W2ᵀ dZ2) ⊙ g'(Z1)"
    assert net.gradient("W1").text() == "∂L/∂W1 = dZ1 Xᵀ"


def test_numerator_layout_of_the_vector_pass():
    net = network("cse849_vector")
    assert net.gradient("W2").text(layout="numerator") == "∂L/∂W2 = y1 dz2"
    assert net.gradient("W1").text(layout="numerator") == "∂L/∂W1 = x dz1"


def test_divergence_and_cross_entropy_have_one_gradient():
    made = example("eleven_classes")
    one, other = (made[name].gradient("Z").text() for name in ("network", "cross_entropy"))
    assert one == other == "∂L/∂Z = (Y - D)/T"


def test_descent_descends():
    made = example("gradient_descent")
    net: Network = made["network"]
    module = load(net.generate())
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 3))
    losses = made["descend"](module, {"X": X, "y": (X[:, 0] > 0).astype(float)})
    assert losses[-1] < 0.5 * losses[0]
    assert sizes_of(net)["T"] != sizes_of(net)["n"]


def test_a_folded_bias_counts_from_zero():
    net = network("cse849_scalar")
    assert net.partial("w1").text() == "∂L/∂w1_ij = y0_i dz1_j"
    assert net.partial("w2").text() == "∂L/∂w2_ij = y1_i dz2_j"
