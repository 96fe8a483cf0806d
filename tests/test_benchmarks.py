"""The benchmarks compute what they say, and time without being fooled."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import speed, timing
from benchmarks.agreement import disagreement
from benchmarks.timing import Timing
from benchmarks.variants import Variant, bind_plain
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent


def run_speed(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_names_are_in_the_order_of_the_table():
    assert list(WORKLOADS)[:3] == ["w1_tiny", "w2_digits32", "w2_digits256"]
    assert list(WORKLOADS)[-2:] == ["w9_gru", "w10_elem"]
    assert len(WORKLOADS) == 14


def test_a_workload_runs_from_the_command_line():
    result = run_speed("w1_tiny", "--budget", "0.02")
    assert result.returncode == 0, result.stderr
    assert "np_plain" in result.stdout and "jax" in result.stdout


def test_unknown_workloads_are_named():
    result = run_speed("w77")
    assert result.returncode == 2
    assert "w2_digits32" in result.stderr


@pytest.mark.slow
def test_all_variants_agree():
    result = run_speed("--check-only")
    assert result.returncode == 0, result.stderr


def test_a_wrong_module_is_reported(tmp_path):
    path = tmp_path / "w1.py"
    path.write_text(
        "import numpy as np\n"
        "def make_workspace(params, inputs):\n    return None\n"
        "def loss_and_grad(params, inputs, wrt=None, *, workspace=None):\n"
        "    return 0.0, {k: np.zeros_like(v) for k, v in params.items()}\n",
        encoding="utf-8",
    )
    result = run_speed("w1_tiny", "--check-only", "--modules", f"wrong={tmp_path}/{{}}.py")
    assert result.returncode == 1
    assert "WRONG w1_tiny wrong:" in result.stderr


@pytest.mark.parametrize("fault", [lambda a: a * 1.001, lambda a: -a, lambda a: a[::-1]])
def test_the_comparison_refutes_small_faults(fault):
    workload = WORKLOADS["w2_digits32"]
    params, inputs = workload.data(np.float64)
    loss, grads = workload.plain(params, inputs)
    variant = Variant("np_plain", bind_plain)
    assert disagreement(workload, variant, np.float64, (loss, grads)) is None
    wrong = grads | {"W1": fault(grads["W1"])}
    assert "W1" in disagreement(workload, variant, np.float64, (loss, wrong))
    assert "missing" in disagreement(workload, variant, np.float64, (loss, grads | {"W9": loss}))


def test_the_ratio_of_two_waits_is_their_ratio(monkeypatch):
    monkeypatch.setattr(timing, "BLOCK_SECONDS", 0.001)

    def spin(seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    calls = {"short": lambda: spin(0.0002), "long": lambda: spin(0.0006)}
    timed = timing.time_interleaved(calls, budget=0.1)
    assert 2.5 < timed["long"].seconds / timed["short"].seconds < 3.5


def test_disturbed_blocks_are_left_out():
    blocks = [(1.0, True)] * 6 + [(50.0, False)] * 5
    assert timing._summary(blocks) == Timing(1.0, 6, 11)
    hardly_any = [(1.0, False), (2.0, True), (3.0, False), (90.0, False)]
    assert timing._summary(hardly_any).seconds == 1.5


def test_the_table_has_a_line_for_each_workload():
    row = {name: Timing(t, 5, 5) for name, t in (("limit_gemm", 1e-6), ("np_plain", 2e-6))}
    rows = {"w1_tiny": row, "w3_mnist": row | {"generated": Timing(1e-6, 5, 5)}}
    text = speed.table(rows)
    assert [line.split()[0] for line in text.splitlines()[3:]] == ["w1_tiny", "w3_mnist"]
    assert "0.500" in speed.head_to_head(rows) and "met" in speed.head_to_head(rows)
    assert speed.slow_baselines(rows)[0].startswith("w3_mnist")
