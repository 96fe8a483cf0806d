"""The command line: its answers, its errors, its exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from symbackprop import __version__
from symbackprop.cli import app
from symbackprop.cli.options import write
from symbackprop.errors import InternalError, OutputError

NETWORK = """import symbackprop as sb

n, h = sb.dims("n h")
W, x = sb.param("W", h, n), sb.input("x", n)
print("a word of the user")
network = sb.Network(loss=sb.sum(sb.tanh(W @ x)))
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NETWORK, encoding="utf-8")
    return path


def program(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "symbackprop", *args],
        capture_output=True,
        encoding="utf-8",
        check=False,
        **options,
    )


def test_a_bare_command_says_in_six_lines_what_to_type(run):
    status, out, _ = run()
    assert status == 0
    assert len(out.splitlines()) == 6
    assert all(len(line) <= 80 for line in out.splitlines())


def test_the_version_comes_fast():
    program("--version")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = program("--version")
        times.append(time.perf_counter() - start)
    assert done.stdout == f"symbackprop {__version__}\n"
    assert min(times) < 0.3


def test_every_help_ends_with_an_example(run):
    for args in ([], *([name] for name in app.COMMANDS)):
        status, out, _ = run(*args, "--help")
        assert status == 0
        assert out.rstrip().splitlines()[-1].strip().startswith("Example: symbackprop ")
        assert all(len(line) <= 80 for line in out.splitlines())


def test_derive_prints_formulas(run):
    status, out, err = run("derive", "mlp:3-4-2")
    assert (status, err) == (0, "")
    assert "∂L/∂W1 = Xᵀ dZ1" in out
    assert "dZ2 = ∂L/∂Z2 = (P - Y)/m" in out


def test_derive_options(run):
    _, out, _ = run("derive", "mlp", "--of", "P", "--wrt", "Z2", "--form", "entries")
    assert "∂P_ij/∂Z2_lq" in out
    _, out, _ = run("derive", "mlp", "--layout", "numerator", "--wrt", "W1")
    assert "∂L/∂W1 = dZ1 X" in out
    assert "W2 =" not in out
    _, out, _ = run("derive", "logistic-regression", "--order", "2", "--wrt", "w")
    assert "Xᵀ diag(p ⊙ (1 - p)) X/m" in out
    _, out, _ = run("derive", "mlp", "--batch", "columns")
    assert "∂L/∂W1 = X dZ1ᵀ" in out
    _, out, _ = run("derive", "mlp:3-4-2,activation=relu", "--kink", "1")
    assert "for 1" in out
    _, out, _ = run("derive", "mlp", "--format", "latex")
    assert r"\frac{\partial L}{\partial W_1} &= X^{\top} dZ_1" in out


def test_json_is_alone_on_standard_output(run, spec):
    status, out, err = run("derive", spec, "--format", "json")
    data = json.loads(out)
    assert (status, data["version"], data["layout"]) == (0, 1, "denominator")
    assert data["results"][-1]["wrt"] == "W"
    assert "a word of the user" in err


def test_derive_writes_a_file(run, tmp_path):
    path = tmp_path / "out.tex"
    for _ in range(2):
        assert run("derive", "mlp:3-2", "--format", "latex", "-o", path)[0] == 0
    assert r"\begin{align*}" in path.read_text(encoding="utf-8")


def test_generate_writes_a_module_and_only_over_its_own(run, tmp_path):
    path = tmp_path / "made.py"
    assert run("generate", "mlp:3-2", "-o", path)[0] == 0
    first = path.read_bytes()
    assert run("generate", "mlp:3-2", "-o", path)[0] == 0
    assert path.read_bytes() == first
    path.write_text("mine\n", encoding="utf-8")
    status, _, err = run("generate", "mlp:3-2", "-o", path)
    assert status == 2
    assert "--force" in err
    assert path.read_text(encoding="utf-8") == "mine\n"
    assert run("generate", "mlp:3-2", "-o", path, "--force")[0] == 0
    assert path.read_bytes() == first


def test_a_place_that_cannot_be_written(run, tmp_path):
    status, _, err = run("generate", "mlp:3-2", "-o", tmp_path / "no" / "made.py")
    assert status == 2
    assert "make the folder" in err
    assert list(tmp_path.iterdir()) == []


def test_write_refuses_what_is_no_text(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OutputError):
        write(path, "text", mark="mark", force=False)


def test_verify(run, spec):
    status, out, _ = run("verify", spec)
    assert status == 0
    assert "agree at" in out
    status, out, _ = run("verify", "mlp:3-2", "--all")
    assert "against differences" in out


def test_verify_fails_with_the_worst_disagreement(run, monkeypatch):
    from symbackprop.network import Check, Verification

    wrong = Verification((Check("gradient of W", "differences", 0.5, 1e-25),), {"n": 3})
    monkeypatch.setattr("symbackprop.network.Network.verify", lambda self: wrong)
    status, out, _ = run("verify", "mlp:3-2")
    assert status == 1
    assert "disagreement: gradient of W against differences: 5.0e-01" in out


def test_models(run):
    status, out, _ = run("models")
    assert status == 0
    assert "mlp:64-32-10" in out
    _, out, _ = run("models", "mlp")
    assert "activation=tanh" in out
    status, _, err = run("models", "mpl")
    assert status == 2
    assert 'did you mean "mlp"?' in err


BROKEN = {
    "network = 3\n": "expected a Network",
    "x = 1\n": "defines no `network`",
    "x = 1\ny = x / 0\n": 'net.py:2 "y = x / 0"',
    "def f(:\n": "net.py:1",
    "import sys\nsys.exit(3)\n": "ends by itself",
    'import symbackprop as sb\nsb.param("lambda", 2)\n': "keyword",
    "import symbackprop as sb\nsb.sofmax\n": "did you mean 'softmax'?",
    'import symbackprop as sb\nsb.param("A", 2, 3) @ sb.param("B", 4, 5)\n': "(2, 3)",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_file_that_fails_is_told_in_one_message(run, spec, text):
    spec.write_text(text, encoding="utf-8")
    status, out, err = run("derive", spec)
    assert (status, out) == (2, "")
    assert BROKEN[text] in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["derive", "mpl:3-2"], 'did you mean "mlp"?'),
        (["derive", "none.py"], "does not exist"),
        (["derive", "."], "is a folder"),
        (["derive", "mlp:3"], "expected 2 or more sizes"),
        (["derive", "mlp:0-2"], "size of 0"),
        (["derive", "mlp:3-2,activation=than"], 'did you mean "tanh"?'),
        (["derive", "mlp:3-2,actvation=tanh"], 'did you mean "activation"?'),
        (["derive", "mlp:3-2,tanh"], "option=value"),
        (["derive", "mlp:3-2", "--wrt", "W11"], 'did you mean "W1"?'),
        (["derive", "mlp:3-2", "--layout", "odd"], "numerator"),
        (["derive"], "SPEC"),
        (["drive"], 'did you mean "derive"?'),
        (["derive", "--frm", "both", "mlp"], "--form"),
    ],
)
def test_bad_requests(run, args, told):
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_a_bug_of_ours_asks_for_a_report(run, monkeypatch):
    monkeypatch.setattr("symbackprop.cli.derive.resolve", lambda spec: 1 / 0)
    status, _, err = run("derive", "mlp:3-2")
    assert status == 70
    assert "report" in err
    assert "Traceback" not in err

    def fail(spec):
        raise InternalError("an invariant does not hold")

    monkeypatch.setattr("symbackprop.cli.derive.resolve", fail)
    assert run("derive", "mlp:3-2")[0] == 70


def test_terminals_without_the_signs_get_ascii():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = program("derive", "mlp:3-2", env=environment)
    assert done.returncode == 0, done.stderr
    assert "dloss/dW1 = X^T dZ1" in done.stdout
    assert done.stdout.isascii()


def test_output_has_no_colour_in_a_pipe():
    assert "\x1b" not in program("derive", "mlp:3-2").stdout


def test_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m symbackprop generate mlp:3-2 | head -1",
        shell=True,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="signals are told otherwise there")
def test_an_interrupt_ends_quietly(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "symbackprop", "derive", str(path)],
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
