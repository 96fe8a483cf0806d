"""A training module trains, scores, saves and runs by itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from symbackprop import frontend as sb
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import DType, Options
from symbackprop.codegen.selfcheck import load
from symbackprop.data import load_digits, stratified_split
from symbackprop.errors import UnsupportedError


def recogniser():
    (m,) = sb.dims("m")
    h = sb.tanh(sb.input("x", m, 64) @ sb.param("W1", 64, 32) + sb.param("b1", 32))
    p = sb.softmax(h @ sb.param("W2", 32, 10) + sb.param("b2", 10))
    return sb.build(loss=sb.cross_entropy(p, sb.input("y", m, 10, one_hot=True)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    source = generate(recogniser(), Options(DType.FLOAT32, train=True, title="digits"))
    (folder / "digits.py").write_text(source, encoding="utf-8")
    x, y = load_digits()
    train, test = stratified_split(y)
    arrays = {"x": x[train] / 16, "y": y[train], "x_test": x[test] / 16, "y_test": y[test]}
    np.savez(folder / "digits.npz", **arrays)
    return folder


def run(folder, *arguments):
    command = [sys.executable, "-I", str(folder / "digits.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_trains_by_itself_and_goes_on_from_a_file(digits):
    first = run(digits, "--data", "digits.npz", "--save", "params.npz", "--epochs", "5")
    assert first.returncode == 0, first.stderr
    again = run(digits, "--data", "digits.npz", "--params", "params.npz", "--epochs", "20")
    assert float(again.stdout.split()[-1]) > 0.95
    assert (
        run(digits, "--data", "digits.npz", "--epochs", "2").stdout
        == run(digits, "--data", "digits.npz", "--epochs", "2").stdout
    )


def test_recognises_digits(digits):
    module = load((digits / "digits.py").read_text(encoding="utf-8"))
    data, test = module.load_data(digits / "digits.npz", 0.2, 0)
    scores = []
    for seed in range(5):
        params = module.init_params(np.random.default_rng(seed))
        module.train(params, data, epochs=40, rate=1e-2, seed=seed)
        scores.append(module.score(params, test))
    assert np.mean(scores) >= 0.96


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_every_optimiser_lowers_the_loss(digits, optimizer):
    module = load((digits / "digits.py").read_text(encoding="utf-8"))
    data, _ = module.load_data(digits / "digits.npz", 0.2, 0)
    params = module.init_params(np.random.default_rng(0))
    losses = module.train(params, data, epochs=3, rate=1e-2, optimizer=optimizer)
    assert losses[-1] < losses[0]
    assert all(p.dtype == np.float32 for p in params.values())


def test_one_step_of_each_optimiser(digits):
    module = load((digits / "digits.py").read_text(encoding="utf-8"))
    for step, expected in ((module.sgd, 0.8), (module.momentum, 0.8), (module.adam, 0.9)):
        params = {"w": np.array([1.0], np.float32)}
        step(params, {"w": np.array([2.0], np.float32)}, {}, 0.1)
        assert params["w"][0] == pytest.approx(expected, abs=1e-6)


def test_a_file_without_the_inputs_is_told(digits):
    np.savez(digits / "other.npz", z=np.ones(3))
    done = run(digits, "--data", "other.npz")
    assert done.returncode == 2
    assert "expected an array x" in done.stderr
    assert "Traceback" not in done.stderr
    assert "nowhere.npz" in run(digits, "--data", "nowhere.npz").stderr


def test_training_needs_samples_and_a_loss():
    w = sb.param("w", 3)
    with pytest.raises(UnsupportedError, match="samples"):
        generate(sb.build(loss=sb.sum((w - sb.input("t", 3)) ** 2)), Options(train=True))
    with pytest.raises(UnsupportedError, match="needs a scalar loss"):
        generate(sb.build(outputs={"y": w * sb.input("t", 3)}), Options(train=True))
