"""Check that formulas render in KaTeX and in MathJax, as a reader's browser would do it.

The two are installed once into a cache folder of the user, with npm. Where there is no Node the
check is skipped, except under `CI=true`, where it must run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "render"


def assert_renders(formulas: Iterable[str]) -> None:
    """Fail with a list of the formulas that KaTeX or MathJax refuses.

    Parameters
    ----------
    formulas : iterable of str
        LaTeX without dollar signs, rendered in display style.
    """
    texts = list(formulas)
    failures = [
        f"{failure['engine']}: {failure['message']}\n    {texts[failure['index']]}"
        for failure in render_failures(texts)
    ]
    assert not failures, "\n".join(failures)


def render_failures(formulas: list[str]) -> list[dict[str, str | int]]:
    """Render each formula and give the failures: index, engine and message of each."""
    result = subprocess.run(
        ["node", str(HERE / "check.cjs"), str(_modules())],
        input=json.dumps(formulas),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    if result.returncode:
        pytest.fail(f"the render check itself failed:\n{result.stderr}")
    found: list[dict[str, str | int]] = json.loads(result.stdout)
    return found


def _give_up(reason: str) -> None:
    """Skip, or fail where the check must run."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason}; under CI the render check must run")
    pytest.skip(f"{reason}: formulas are not rendered here")


@cache
def _modules() -> Path:
    """Find the folder with node_modules, or install it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _give_up("node or npm is missing")
    wanted = (HERE / "package.json").read_bytes()
    folder = _cache_folder() / f"render-{hashlib.sha256(wanted).hexdigest()[:12]}"
    if (folder / "node_modules").is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        (beside / "package.json").write_bytes(wanted)
        _install(beside)
        beside.rename(folder)
    except OSError:
        if not (folder / "node_modules").is_dir():  # else another run has just finished the same
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _cache_folder() -> Path:
    """Give the user's cache folder for this program."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "symbackprop"


def _install(folder: Path) -> None:
    """Run npm there; without a network there is nothing to check with."""
    result = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    if result.returncode:
        _give_up(f"npm install failed ({result.stderr.strip().splitlines()[-1:]})")
