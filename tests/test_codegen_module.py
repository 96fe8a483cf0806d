"""Generated modules: values, gradients, face, determinism, what a person would write."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symbackprop import frontend as sb
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import DType, Options
from symbackprop.codegen.selfcheck import load, self_check
from symbackprop.errors import InternalError, UnsupportedError
from symbackprop.ir import Problem

jax.config.update("jax_enable_x64", True)

ROOT = Path(__file__).resolve().parent.parent


@cache
def source_of(*options):
    return generate(mlp(), Options(*options))


def mlp(sizes=(5, 4, 3), activation="tanh"):
    (m,) = sb.dims("m")
    h = sb.input("x", m, sizes[0])
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        z = h @ sb.param(f"W{layer}", n_in, n_out) + sb.param(f"b{layer}", n_out)
        h = getattr(sb, activation)(z)
    y = sb.input("y", m, sizes[-1], one_hot=True)
    return sb.build(loss=sb.cross_entropy(sb.softmax(z), y))


def arguments(module, sizes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    params = module.init_params(rng, **sizes)
    params = {n: (rng.standard_normal(v.shape) / 2).astype(dtype) for n, v in params.items()}
    inputs = {}
    for name, shape in module.INPUTS.items():
        lengths = tuple(sizes.get(s, s) for s in shape)
        inputs[name] = rng.standard_normal(lengths).astype(dtype)
    if "y" in inputs:
        hot = rng.integers(0, inputs["y"].shape[1], len(inputs["y"]))
        inputs["y"] = np.eye(inputs["y"].shape[1], dtype=dtype)[hot]
    return params, inputs


def reference_loss(params, inputs):
    h = inputs["x"]
    layers = len(params) // 2
    for layer in range(1, layers + 1):
        z = h @ params[f"W{layer}"] + params[f"b{layer}"]
        h = jnp.tanh(z)
    return -jnp.sum(inputs["y"] * jax.nn.log_softmax(z)) / len(h)


def test_mlp_equals_jax():
    module = load(source_of())
    params, inputs = arguments(module, {"m": 7})
    loss, grads = module.loss_and_grad(params, inputs, ["W1", "b1", "W2", "b2", "x"])
    expected, (dp, dx) = jax.value_and_grad(
        lambda p, x: reference_loss(p, {**inputs, "x": x}), argnums=(0, 1)
    )(params, inputs["x"])
    assert loss == pytest.approx(float(expected), abs=1e-12)
    for name, value in {**dp, "x": dx}.items():
        np.testing.assert_allclose(grads[name], value, atol=1e-12)


def test_workspace_gives_the_same_and_follows_new_shapes():
    module = load(source_of())
    params, inputs = arguments(module, {"m": 7})
    workspace = module.make_workspace(params, inputs)
    for m in (7, 3, 3, 8):
        params, inputs = arguments(module, {"m": m}, seed=m)
        loss, grads = module.loss_and_grad(params, inputs, workspace=workspace)
        expected, truth = module.loss_and_grad(params, inputs)
        assert loss == expected
        for name, value in truth.items():
            np.testing.assert_array_equal(grads[name], value)
    again = module.loss_and_grad(params, inputs, workspace=workspace)[1]
    assert again["W1"] is grads["W1"]


def test_arguments_are_never_written_to():
    module = load(source_of())
    params, inputs = arguments(module, {"m": 4})
    for array in (*params.values(), *inputs.values()):
        array.flags.writeable = False
    workspace = module.make_workspace(params, inputs)
    module.loss_and_grad(params, inputs, workspace=workspace)
    _, cache = module.forward(params, inputs)
    first = module.backward(cache, {"loss": 1.0}, ["x", "W1"])
    second = module.backward(cache, {"loss": 2.0}, ["x", "W1"])
    np.testing.assert_allclose(2 * first["x"], second["x"])


def test_a_missing_cotangent_is_zero():
    module = load(source_of())
    params, inputs = arguments(module, {"m": 4})
    _, cache = module.forward(params, inputs)
    assert not module.backward(cache, {})["W1"].any()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p, i: p.pop("W1"), "params: expected the names W1, b1, W2, b2"),
        (lambda p, i: p.update(W1=p["W1"].T), r"W1: expected shape \(5, 4\), found \(4, 5\)"),
        (lambda p, i: p.update(b1=p["b1"].astype("f")), "b1: expected an array of dtype float64"),
        (lambda p, i: i.update(y=i["y"][1:]), r"y: expected shape \(m=4, 3\), found \(3, 3\)"),
        (lambda p, i: i.update(x=[1.0]), "x: expected an array of dtype float64, found list"),
    ],
)
def test_bad_arguments_are_named(change, told):
    module = load(source_of())
    params, inputs = arguments(module, {"m": 4})
    workspace = module.make_workspace(params, inputs)
    change(params, inputs)
    for call in (
        lambda: module.forward(params, inputs),
        lambda: module.loss_and_grad(params, inputs),
        lambda: module.loss_and_grad(params, inputs, workspace=workspace),
    ):
        with pytest.raises(ValueError, match=told):
            call()


def test_unknown_names_are_told():
    module = load(source_of())
    params, inputs = arguments(module, {"m": 4})
    _, cache = module.forward(params, inputs)
    with pytest.raises(ValueError, match="wrt: expected names among"):
        module.backward(cache, {"loss": 1.0}, ["W9"])
    with pytest.raises(ValueError, match="cotangents: expected names among"):
        module.backward(cache, {"p": 1.0})


def test_float32_stays_float32():
    module = load(generate(mlp(activation="gelu"), Options(dtype=DType.FLOAT32)))
    params, inputs = arguments(module, {"m": 4}, np.float32)
    _, cache = module.forward(params, inputs)
    assert all(getattr(a, "dtype", np.float32) == np.float32 for a in cache)
    for grads in (
        module.backward(cache, {"loss": 1.0}, ["x", "W1", "b2"]),
        module.loss_and_grad(params, inputs)[1],
    ):
        assert all(g.dtype == np.float32 for g in grads.values())


def test_extreme_logits_stay_finite():
    module = load(generate(mlp((2, 3)), Options()))
    x = np.array([[1e4, -1e4], [-1e4, 1e4]])
    params = {"W1": np.array([[1.0, 0, -1], [0, 1, 0]]), "b1": np.zeros(3)}
    y = np.array([[0.0, 1, 0], [0, 1, 0]])
    loss, grads = module.loss_and_grad(params, {"x": x, "y": y})
    assert loss == pytest.approx((2e4 + np.log(2)) / 2, rel=1e-12)
    assert np.isfinite(grads["W1"]).all()


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("z", [-1e4, -40.0, 0.0, 40.0, 1e4])
def test_binary_cross_entropy_of_a_sigmoid_is_exact(width, z):
    (m,) = sb.dims("m")
    a = sb.sigmoid(sb.input("x", m, 1) @ sb.param("w", 1, width))
    problem = sb.build(loss=sb.binary_cross_entropy(a, sb.input("y", m, width)))
    module = load(generate(problem, Options()))
    arguments = {"w": np.ones((1, width))}, {"x": np.array([[z]]), "y": np.zeros((1, width))}
    loss, grads = module.loss_and_grad(*arguments)
    truth = max(z, 0) + np.log1p(np.exp(-abs(z)))
    assert loss == pytest.approx(truth, rel=1e-12)
    slope = np.exp(min(z, 0)) / (1 + np.exp(-abs(z)))
    np.testing.assert_allclose(grads["w"], slope * z / width, rtol=1e-9, atol=1e-300)


def test_empty_batch_and_one_sample():
    problem = sb.build(outputs={"z": sb.input("x", *sb.dims("m"), 3) @ sb.param("W", 3, 2)})
    module = load(generate(problem, Options()))
    params = {"W": np.ones((3, 2))}
    for m in (0, 1):
        outputs, cache = module.forward(params, {"x": np.ones((m, 3))})
        assert outputs["z"].shape == (m, 2)
        assert module.backward(cache, {"z": np.ones((m, 2))})["W"].shape == (3, 2)


def test_same_bytes_under_any_hash_seed():
    code = (
        "import sys\n"
        "from symbackprop.models.catalogue import model\n"
        "from symbackprop.codegen.module import generate\n"
        "from symbackprop.codegen.options import Options\n"
        "sys.stdout.write(generate(model('mlp:5-4-3').problem, Options(train=True)))"
    )
    texts = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True
        )
        texts.add(done.stdout)
    assert len(texts) == 1


def test_runs_without_sympy_and_jinja(tmp_path):
    (tmp_path / "net.py").write_text(generate(mlp(), Options()), encoding="utf-8")
    code = (
        "import sys\n"
        "sys.modules.update(sympy=None, jinja2=None, symbackprop=None)\n"
        "import numpy as np, net\n"
        "p = net.init_params(np.random.default_rng(0), m=3)\n"
        "i = {'x': np.ones((3, 5)), 'y': np.eye(3)}\n"
        "print(net.loss_and_grad(p, i)[0] > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"


def test_the_passes_read_as_written_by_hand():
    source = source_of()
    text = source[source.index("def forward") : source.index("def make_workspace")]
    for line in (
        "    Z1 = x @ W1 + b1  # (m, 4)\n",
        "    A1 = np.tanh(Z1)  # (m, 4)\n",
        "    dW2 = A1.T @ dZ2  # (4, 3)\n",
        "    dZ1 = (dZ2 @ W2.T) * (1 - A1 * A1)  # (m, 4)\n",
    ):
        assert line in text
    assert "einsum" not in source
    assert max(map(len, source.splitlines())) <= 100


def test_the_check_refutes_wrong_modules():
    problem = mlp()
    source = generate(problem, Options())
    for right, wrong in (
        ("dW2 = A1.T @ dZ2 ", "dW2 = 1.001 * A1.T @ dZ2 "),
        ("(1 - A1 * A1)", "(1 - A1)"),
        ("dZ2.sum(axis=0)", "dZ2.mean(axis=0)"),
        ("exp_Z2, 1 / m,", "exp_Z2, 1,"),
        ("np.tanh(Z1)", "np.sin(Z1)"),
    ):
        assert right in source
        with pytest.raises(InternalError, match="differs"):
            self_check(source.replace(right, wrong), problem)


def test_a_size_that_nothing_has_is_refused():
    n, h = sb.dims("n h")
    problem = sb.build(outputs={"y": sb.input("x", n) * h})
    with pytest.raises(UnsupportedError, match="the size h is needed"):
        generate(problem, Options())


def test_an_unknown_function_is_refused():
    problem = sb.build(loss=sb.sum(sb.opaque("g")(sb.input("x", 3))))
    with pytest.raises(UnsupportedError, match="g is an unknown function"):
        generate(problem, Options())


def test_names_that_python_owns():
    (m,) = sb.dims("m")
    x = sb.input("params", m)
    w = sb.param("lambda_")
    problem: Problem = sb.build(outputs={"grads": sb.tanh(w * x).named("cache")})
    module = load(generate(problem, Options()))
    assert set(module.PARAMETERS) == {"lambda_"}
