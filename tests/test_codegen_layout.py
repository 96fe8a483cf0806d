"""Layouts of workspaces with convolutions, and pooling without index arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.codegen.chunks import ROWS
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import Options
from symbackprop.codegen.selfcheck import load
from symbackprop.frontend import Tensor
from symbackprop.models.catalogue import model

(m,) = sb.dims("m")


def two_layers(x: Tensor) -> Tensor:
    """Padded and strided convolutions, with pooling between them."""
    h = sb.relu(sb.conv2d(x, sb.param("K", 4, 2, 3, 3), padding=1) + sb.param("c", 4, 1, 1))
    h = sb.max_pool(h, (2, 2))
    return sb.tanh(sb.conv2d(h, sb.param("L", 3, 4, 2, 2), stride=2))


NETWORKS: dict[str, Callable[[Tensor], Tensor]] = {
    "two layers": two_layers,
    "groups": lambda x: sb.relu(sb.conv2d(x, sb.param("K", 4, 1, 3, 3), groups=2)),
    "overlap": lambda x: sb.max_pool(
        sb.tanh(sb.conv2d(x, sb.param("K", 3, 2, 2, 2))), (3, 3), stride=1
    ),
    "dilated": lambda x: sb.conv2d(sb.tanh(x), sb.param("K", 3, 2, 2, 2), dilation=2),
    "average": lambda x: sb.avg_pool(sb.conv2d(x, sb.param("K", 3, 2, 3, 3)), (2, 2)),
    "wide pool": lambda x: sb.max_pool(sb.conv2d(x, sb.param("K", 3, 2, 3, 3)), (4, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_workspace_has_the_batch_last_and_the_same_values(name: str) -> None:
    maps = NETWORKS[name](sb.input("x", m, 2, 6, 6))
    source = generate(sb.build(loss=sb.mean(maps**2)), Options())  # runs it beside the interpreter
    assert ", m), DTYPE)," in source[source.index("class Workspace") :]


def test_patches_are_copied_once_for_both_passes() -> None:
    maps = sb.relu(sb.conv2d(sb.input("x", m, 1, 6, 6), sb.param("K", 4, 1, 3, 3)))
    source = generate(sb.build(loss=sb.mean(sb.max_pool(maps, (2, 2)) ** 2)), Options())
    step = source[source.index(") = workspace.arrays") :]
    assert step.count("sliding_window_view(") == 1
    assert "argmax" not in source
    assert "np.where" not in source


def test_ties_go_to_the_first_position() -> None:
    x = sb.param("x", m, 1, 4, 4)
    source = generate(
        sb.build(loss=sb.sum(sb.input("d", m, 1, 2, 2) * sb.max_pool(x, (2, 2)))), Options()
    )
    module = load(source)
    values = np.zeros((2, 1, 4, 4))
    values[1, 0, 1, 1] = 1.0
    d = np.arange(1.0, 9.0).reshape(2, 1, 2, 2)
    expected = np.zeros_like(values)
    expected[:, :, ::2, ::2] = d
    expected[1, 0, 0, 0], expected[1, 0, 1, 1] = 0.0, d[1, 0, 0, 0]
    params, inputs = {"x": values}, {"d": d}
    held = module.make_workspace(params, inputs)
    for workspace in (None, held):
        _, grads = module.loss_and_grad(params, inputs, workspace=workspace)
        np.testing.assert_array_equal(grads["x"], expected)


@pytest.mark.parametrize("count", [1, ROWS, 2 * ROWS + 5])
def test_a_long_chain_is_done_in_parts(count: int) -> None:
    (n,) = sb.dims("n")
    t = sb.tanh(sb.param("w") * sb.input("x", n) + sb.param("b"))
    source = generate(sb.build(loss=sb.mean(sb.softplus(-sb.input("s", n) * t))), Options())
    assert f"rows = {ROWS}" in source
    module = load(source)
    rng = np.random.default_rng(0)
    params = {"w": np.array(1.25), "b": np.array(-0.5)}
    inputs = {name: rng.standard_normal(count) for name in ("x", "s")}
    outputs, cache = module.forward(params, inputs)
    expected = module.backward(cache, {"loss": 1.0})
    loss, grads = module.loss_and_grad(params, inputs)
    assert loss == pytest.approx(float(outputs["loss"]), rel=1e-12)
    for name, value in expected.items():
        np.testing.assert_allclose(grads[name], value, rtol=1e-9)


@pytest.mark.parametrize("spec", ["rnn:3-4-5", "lstm:3-4-5", "gru:3-4-5"])
def test_a_loop_computes_only_what_a_step_needs(spec: str) -> None:
    source = generate(model(spec).problem, Options())
    assert ")[t" not in source
    loops = [part.split("\n    d")[0] for part in source.split("in reversed(range(T)):")[1:]]
    assert loops
    assert not any("np.square(" in loop or "(1 - " in loop for loop in loops)
