"""Second derivatives in generated modules: the order of long products, and their values."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np

import symbackprop as sb
from symbackprop.calculus import jacobian
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import Options
from symbackprop.codegen.second import simplified
from symbackprop.codegen.selfcheck import load
from symbackprop.frontend import Tensor
from symbackprop.interpret import evaluate
from symbackprop.ir import Problem
from symbackprop.simplify import derive

WIDTH = 3


def network(layers: int, activation: str) -> Problem:
    """Layers of one width, half a squared error."""
    (m,) = sb.dims("m")
    h: Tensor = sb.input("x", m, WIDTH)
    for n in range(1, layers + 1):
        z = h @ sb.param(f"W{n}", WIDTH, WIDTH)
        h = getattr(sb, activation)(z) if n < layers else z
    return sb.build(loss=sb.sum((h - sb.input("y", m, WIDTH)) ** 2) / (2 * m))


def test_the_chain_of_jacobians_is_computed_once():
    layers = 7
    source = generate(network(layers, "relu"), Options(hessian=True))
    dense = source[source.index("def _hessian_dense_W1(") :]
    dense = dense[: dense.index("\n\n\n")]
    for n in range(3, layers):
        # fetched, forward, in the Jacobian of the output by the first layer
        assert len(re.findall(rf"\bW{n}\b", dense)) == 4, dense
    rng = np.random.default_rng(0)
    params = {f"W{n}": rng.standard_normal((WIDTH, WIDTH)) for n in range(1, layers + 1)}
    inputs = {name: rng.standard_normal((4, WIDTH)) for name in ("x", "y")}

    def loss(first):
        h = jax.nn.relu(inputs["x"] @ first)
        for n in range(2, layers):
            h = jax.nn.relu(h @ params[f"W{n}"])
        return jnp.sum((h @ params[f"W{layers}"] - inputs["y"]) ** 2) / 8

    truth = jax.hessian(loss)(params["W1"])
    found = load(source).hessian(params, inputs, "W1")
    np.testing.assert_allclose(found, truth, atol=1e-8 * max(1, np.abs(truth).max()))


def test_a_second_derivative_of_too_many_terms_is_left_as_it_was_derived():
    problem = network(8, "tanh")
    gradient = derive(problem).gradients["W2"]
    start, parameter = len(problem.graph), problem.parameters["W2"]
    dense = jacobian(problem.graph, gradient, [parameter])[parameter]
    (found,) = simplified(problem, [dense], start)
    rng = np.random.default_rng(1)
    values = {n: rng.standard_normal((WIDTH, WIDTH)) / 2 for n in problem.parameters}
    values |= {n: rng.standard_normal((2, WIDTH)) for n in problem.inputs}
    arrays = evaluate(problem.graph, [dense, found], values)
    np.testing.assert_allclose(arrays[found], arrays[dense], atol=1e-12)
