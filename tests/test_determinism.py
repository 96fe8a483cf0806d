"""The same bytes under any hash seed: everything that is printed, written and reported."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("mlp:3-2-2",)
EVERY = (
    "mlp:3-2-2",
    "cnn:6-6-2",
    "gru:2-2-2",
    "lstm:2-2-2",
    "transformer-block:2-2",
    "word2vec:5-2",
)
SCRIPT = """
import contextlib, hashlib, io, json, sys
from symbackprop.cli.app import main

specs, notes = json.loads(sys.argv[1])
asked = [["models"], ["models", "mlp"]]
for spec in specs:
    asked += [["derive", spec, "--form", "both", "--format", f] for f in ("text", "latex", "json")]
    asked.append(["generate", spec, "--train"])
asked.append(["derive", "mlp:3-2-2", "--order", "2"])
asked.append(["generate", "mlp:3-2-2", "--jvp", "--hvp", "--hessian"])
asked += [["check", notes, "--format", f] for f in ("json", "html")]
found = {}
for arguments in asked:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(arguments)
    text = out.getvalue()
    found[" ".join(arguments)] = [code, len(text), hashlib.sha256(text.encode()).hexdigest()]
print(json.dumps(found))
"""


@pytest.mark.parametrize("specs", [QUICK, pytest.param(EVERY, marks=pytest.mark.slow)])
def test_same_bytes_under_any_hash_seed(specs, clean_environment):
    notes = str(ROOT / "docs" / "notes" / "two_layers.md")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps([specs, notes])],
            cwd=ROOT,
            env=clean_environment | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1", "4711")
    ]
    results = [json.loads(process.communicate(timeout=600)[0]) for process in started]
    assert all(process.returncode == 0 for process in started)
    for asked, (code, length, _) in results[0].items():
        assert code in (0, 1) and length > 100, f"{asked}: exit {code}, {length} characters"
        texts = {tuple(result[asked]) for result in results}
        assert len(texts) == 1, f"{asked} differs with the hash seed"
    assert results[0].keys() == results[1].keys() == results[2].keys()
    assert hashlib.sha256(b"").hexdigest() not in {r[2] for r in results[0].values()}
