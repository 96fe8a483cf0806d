"""Code for every function, layer and ready model: each module is run beside the interpreter."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from frontend_table import ROWS

from symbackprop import frontend as sb
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import DType, Options
from symbackprop.codegen.selfcheck import load
from symbackprop.errors import UnsupportedError
from symbackprop.models.catalogue import model

NEED_A_SIZE = ("sizes in bodies", "tile", "segment sum")
"""A size of theirs is no axis of a parameter or an input."""

MODELS = (
    "mlp:6-5-4 logistic-regression:5 linear-regression:5-2 autoencoder:6-4-2 cnn:8-4-3 rnn:3-4-5 "
    "lstm:3-4-5 gru:3-4-5 matrix-factorisation:5-4-3 word2vec:7-4"
).split()


@pytest.mark.parametrize("name", ROWS)
def test_every_row_of_the_table_has_code(name):
    problem = sb.build(outputs={"out": ROWS[name][0]})
    if name in NEED_A_SIZE:
        with pytest.raises(UnsupportedError, match="is needed, but it is no axis"):
            generate(problem, Options())
    else:
        generate(problem, Options())  # compares with the interpreter


@pytest.mark.parametrize("spec", MODELS)
def test_every_model_has_code(spec):
    generate(model(spec).problem, Options(DType.FLOAT32))


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["batchnorm-mlp:6-5-4", "transformer-block:2-4"])
def test_large_models_have_code(spec):
    generate(model(spec).problem, Options())


def logistic_regression():
    (m,) = sb.dims("m")
    z = sb.input("X", m, 3) @ sb.param("w", 3)
    return sb.build(loss=sb.mean(sb.softplus(z) - sb.input("y", m) * z))


def test_second_order_equals_jax():
    source = generate(logistic_regression(), Options(jvp=True, hvp=True, hessian=True))
    module = load(source)
    rng = np.random.default_rng(0)
    params = {"w": rng.standard_normal(3)}
    inputs = {"X": rng.standard_normal((5, 3)), "y": rng.integers(0, 2, 5) * 1.0}
    v = rng.standard_normal(3)

    def loss(w):
        z = inputs["X"] @ w
        return jnp.mean(jax.nn.softplus(z) - inputs["y"] * z)

    truth = jax.hessian(loss)(params["w"])
    np.testing.assert_allclose(module.hessian(params, inputs, "w"), truth, atol=1e-12)
    np.testing.assert_allclose(
        module.hessian(params, inputs, "w", blocks=True), np.diag(truth), atol=1e-12
    )
    np.testing.assert_allclose(module.hvp(params, inputs, {"w": v})["w"], truth @ v, atol=1e-12)
    expected = jax.jvp(loss, (params["w"],), (v,))[1]
    assert module.jvp(params, inputs, {"w": v})["loss"] == pytest.approx(float(expected))
    assert module.jvp(params, inputs, {})["loss"] == 0
    with pytest.raises(ValueError, match="wrt: expected names among"):
        module.hvp(params, inputs, {"u": v})
    with pytest.raises(ValueError, match="direction of w: expected shape"):
        module.hvp(params, inputs, {"w": v[:2]})


def test_factorisation_never_builds_more_than_its_blocks():
    U, V, M = sb.param("U", 4, 2), sb.param("V", 5, 2), sb.input("M", 4, 5)
    problem = sb.build(loss=sb.sum(M * (U @ V.T - sb.input("A", 4, 5)) ** 2))
    source = generate(problem, Options(hessian=True))
    blocks = source[source.index("def _hessian_blocks_U") :]
    blocks = blocks[: blocks.index("\n\n\n")]
    assert "zeros" not in blocks
    module = load(source)
    rng = np.random.default_rng(0)
    params = {"U": rng.standard_normal((4, 2)), "V": rng.standard_normal((5, 2))}
    inputs = {"M": rng.standard_normal((4, 5)), "A": rng.standard_normal((4, 5))}
    dense = module.hessian(params, inputs, "U")
    got = module.hessian(params, inputs, "U", blocks=True)
    np.testing.assert_allclose(got, np.einsum("iaib->iab", dense), atol=1e-12)
    expected = 2 * np.einsum("ij,ja,jb->iab", inputs["M"], params["V"], params["V"])
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_convolution_is_one_product_and_slices():
    x, K = sb.input("x", 2, 3, 7, 6), sb.param("K", 4, 3, 3, 2)
    problem = sb.build(outputs={"y": sb.conv2d(x, K, stride=2, padding=1)})
    source = generate(problem, Options())
    assert "einsum" not in source
    assert "np.add.at" not in source
    assert "sliding_window_view(" in source
    assert "np.where" not in source


def test_labels_out_of_range_are_refused():
    (m,) = sb.dims("m")
    p = sb.softmax(sb.input("x", m, 3) @ sb.param("W", 3, 4))
    y = sb.input("y", m, kind="labels", classes=4)
    module = load(generate(sb.build(loss=sb.cross_entropy(p, y)), Options()))
    params, x = {"W": np.eye(3, 4)}, np.ones((2, 3))
    workspace = module.make_workspace(params, {"x": x, "y": np.array([0, 3])})
    for labels in ([0, 4], [-1, 0]):
        inputs = {"x": x, "y": np.array(labels)}
        with pytest.raises(ValueError, match="y: expected integers from 0 to 3"):
            module.forward(params, inputs)
        with pytest.raises(ValueError, match="y: expected integers from 0 to 3"):
            module.loss_and_grad(params, inputs, workspace=workspace)


def test_a_loop_runs_over_any_length():
    module = load(generate(model("rnn:3-4-5").problem, Options()))
    rng = np.random.default_rng(0)
    params = module.init_params(rng, T=1, m=2)
    for T in (1, 6):
        inputs = {"X": rng.standard_normal((T, 2, 3)), "Y": np.eye(5)[[1, 3]]}

        def loss(p, X, Y=inputs["Y"]):
            h = jnp.zeros((2, 4))
            for x in X:
                h = jnp.tanh(x @ p["W"].T + h @ p["U"].T + p["b"])
            return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(h @ p["V"] + p["c"]), axis=1))

        got, grads = module.loss_and_grad(params, inputs)
        expected, truth = jax.value_and_grad(loss)(params, inputs["X"])
        assert got == pytest.approx(float(expected), abs=1e-12)
        for name, value in truth.items():
            np.testing.assert_allclose(grads[name], value, atol=1e-12)


@pytest.mark.parametrize("dtype", DType)
@pytest.mark.parametrize(
    "name",
    "softmax log_softmax logsumexp sigmoid softplus silu gelu gelu_tanh mish tanh elu causal "
    "log_sigmoid log_complement kl".split(),
)
def test_extreme_values_stay_finite(name, dtype):
    (m,) = sb.dims("m")
    x = sb.input("x", m, m if name == "causal" else 4)
    made = {
        "logsumexp": lambda: sb.logsumexp(x, 1),
        "causal": lambda: sb.masked_softmax(x, causal=True),
        "log_sigmoid": lambda: sb.log(sb.sigmoid(x)),
        "log_complement": lambda: sb.log(1 - sb.sigmoid(x)),
        "kl": lambda: sb.kl_divergence(sb.input("y", m, 4, probabilities=True), sb.softmax(x)),
    }
    out = made[name]() if name in made else getattr(sb, name)(x)
    module = load(generate(sb.build(outputs={"out": out}), Options(dtype)))
    rows = [[1e4, -1e4, 0, 3], [-1e4] * 4, [40, -40, 745, -745], [1e-30, -1e-30, 88, -88]]
    inputs = {"x": np.array(rows, module.DTYPE)}
    if "y" in module.INPUTS:
        inputs["y"] = np.eye(4, dtype=module.DTYPE)[[1, 0, 3, 2]]
    outputs, cache = module.forward({}, inputs)
    assert np.isfinite(outputs["out"]).all()
    slopes = module.backward(cache, {"out": np.ones_like(outputs["out"])}, "x")
    assert np.isfinite(slopes["x"]).all()


def test_means_and_loops_over_nothing_are_refused():
    (m,) = sb.dims("m")
    module = load(generate(sb.build(loss=sb.mean(sb.input("x", m) * sb.param("w"))), Options()))
    with pytest.raises(ValueError, match="the size m is 0"):
        module.loss_and_grad({"w": np.array(1.0)}, {"x": np.ones(0)})
    module = load(generate(model("rnn:3-4-5").problem, Options()))
    params = module.init_params(np.random.default_rng(0), T=1, m=2)
    with pytest.raises(ValueError, match="the size T is 0"):
        module.forward(params, {"X": np.ones((0, 2, 3)), "Y": np.eye(5)[[1, 3]]})


def test_weights_inside_a_loop_start_as_others_do():
    module = load(generate(model("rnn:3-4-5").problem, Options()))
    drawn = module.init_params(np.random.default_rng(0))
    assert np.std(drawn["U"]) > 0.1
    assert not drawn["b"].any()


def test_buffers_outlive_the_scalars_that_read_them() -> None:
    """Two inner products of one loss, each over a value that is made on the way."""
    n, h, k = sb.dims("n h k")
    x, y = sb.input("x", n), sb.input("y", k)
    a = sb.sigmoid(sb.param("W2", k, h) @ sb.sigmoid(sb.param("W1", h, n) @ x))
    problem = sb.build(loss=-(y @ sb.log(a) + (1 - y) @ sb.log(1 - a)))
    assert "def loss_and_grad" in generate(problem, Options())


def test_terms_of_a_sum_count_the_axes_that_they_do_not_have():
    """Σ_ij (a_i b_j + c_i d_i): the second term is there for every j."""
    n, m = sb.dims("n m")
    a, c, d, b = sb.param("a", n), sb.param("c", n), sb.param("d", n), sb.param("b", m)
    z = a[:, None] * b + (c * d)[:, None]
    generate(sb.build(loss=sb.sum(z)), Options())  # compares with the interpreter


def test_labels_may_count_through_a_size_that_follows_from_others():
    m, n, k = sb.dims("m n k")
    z = sb.concatenate([sb.input("x", m, n), sb.input("u", m, k)], axis=1)
    y = sb.input("y", m, kind="labels", classes=n + k)
    loss = sb.cross_entropy(sb.softmax(z * sb.param("w", n + k)), y)
    module = load(generate(sb.build(loss=loss), Options()))
    inputs = {"x": np.ones((2, 3)), "u": np.ones((2, 1)), "y": np.array([0, 4])}
    with pytest.raises(ValueError, match="y: expected integers from 0 to 3"):
        module.forward({"w": np.ones(4)}, inputs)
