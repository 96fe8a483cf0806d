"""Wheel, source archive and editable install work outside the checkout, with templates and data."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted(
    path.relative_to(ROOT / "templates").as_posix()
    for path in (ROOT / "templates").rglob("*")
    if path.is_file()
)
PROBE = """
from pathlib import Path
import symbackprop
from symbackprop import data, rendering
folder = rendering.templates_folder()
print(symbackprop.__version__)
print(Path(symbackprop.__file__).parent)
print(data.load_digits()[0].shape)
print(sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()))
"""


def run(*command, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the wheel and the source archive from a copy of the project's files."""
    folder = tmp_path_factory.mktemp("build")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "build", cwd=folder)
    run(python, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)
    return {
        "wheel": next((folder / "dist").glob("*.whl")),
        "sdist": next((folder / "dist").glob("*.tar.gz")),
    }


@pytest.fixture(scope="module")
def python(tmp_path_factory, built):
    """Make a fresh environment with the run-time dependencies alone."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    run(interpreter, "-m", "pip", "install", "-q", built["wheel"], cwd=folder)
    return interpreter


def check_install(python, tmp_path):
    lines = run(python, "-c", PROBE, cwd=tmp_path).splitlines()
    version = run(sys.executable, "-c", "import symbackprop as s; print(s.__version__)", cwd=ROOT)
    assert lines[0] == version.strip()
    assert lines[2] == "(1797, 64)"
    assert lines[3] == str(TEMPLATES)
    shown = run(python.parent / "symbackprop", "--version", cwd=tmp_path)
    assert version.strip() in shown
    return Path(lines[1])


@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_archives_install_and_find_their_files(form, built, python, tmp_path):
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall"]
    run(*install, built[form], cwd=tmp_path)
    assert ROOT not in check_install(python, tmp_path).parents


def test_editable_install_finds_its_files(python, tmp_path):
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", "-e"]
    run(*install, ROOT, cwd=tmp_path)
    assert check_install(python, tmp_path) == ROOT / "symbackprop"


def test_archives_hold_what_they_should(built):
    wheel = zipfile.ZipFile(built["wheel"]).namelist()
    for name in ("py.typed", "data/digits.csv.gz", "data/LICENSE-digits.txt"):
        assert f"symbackprop/{name}" in wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert all(name.startswith(("symbackprop/", "symbackprop-")) for name in wheel)
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "tests/conftest.py", "pyproject.toml"} <= names


def test_wheels_are_reproducible(built, tmp_path):
    python = built["wheel"].parent.parent / "env" / "bin" / "python"
    run(python, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    assert next(tmp_path.glob("*.whl")).read_bytes() == built["wheel"].read_bytes()
