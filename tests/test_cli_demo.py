"""The demo: formulas, a module that runs by itself, and the accuracy that was promised."""

import re
import subprocess
import sys

import pytest

from symbackprop.cli import main


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "symbackprop", "demo", "--folder", str(folder)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def number(text, name):
    return float(re.search(rf"{name} +([0-9.]+)", text)[1])


def test_the_digits_are_recognised(demo):
    _, out = demo
    assert number(out, "mean") >= 0.96
    assert number(out, "recall") >= 0.95
    assert number(out, "precision") >= 0.95


def test_formulas_come_first(demo):
    _, out = demo
    assert "∂L/∂W1 = Xᵀ dZ1" in out
    assert out.index("Gradients") < out.index("wrote") < out.index("accuracy")


def test_the_module_runs_by_itself(demo):
    folder, _ = demo
    done = subprocess.run(
        [sys.executable, "digits.py", "--data", "digits.npz", "--epochs", "10"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout + done.stderr


def test_it_writes_over_its_own_files_only(demo, tmp_path, capsys):
    assert main(["demo", "--folder", str(tmp_path / "none")]) == 2
    (tmp_path / "digits.npz").write_bytes(b"mine")
    assert main(["demo", "--folder", str(tmp_path)]) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "digits.npz").read_bytes() == b"mine"
