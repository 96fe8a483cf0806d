"""The house keeps its order: who imports whom, how long things are, and what never appears."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import jinja2
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "symbackprop"

# A layer may import the layers on the lines above its own, and nothing of its own line.
ORDER = [
    {"_version"},
    {"errors"},
    {"files", "rendering", "data"},
    {"sizes"},
    {"scalars"},
    {"ir"},
    {"primitives"},
    {"interpret", "frontend", "calculus"},
    {"simplify"},
    {"raising"},
    {"printing", "codegen", "presets"},
    {"derivation"},
    {"notes"},
    {"network"},
    {"models"},
    {"cli", "serve"},
    {"__main__"},
]
LEAVES = {"rendering", "files", "data"}  # these import errors at most

# Third-party package -> where it may be imported: a layer, or a file below one.
THIRD_PARTY = {
    "sympy": ["sizes", "scalars", "ir", "frontend", "calculus", "simplify", "printing/scalar"],
    "mpmath": ["interpret", "scalars"],
    # scalars evaluates its own functions, over arrays of every field
    "numpy": ["interpret", "scalars", "codegen/selfcheck", "notes/judge", "notes/repair", "data"],
    "jinja2": ["rendering"],
    "click": ["cli"],
    "rich": ["cli"],
}

FORBIDDEN_CALLS = {"eval", "exec", "sympify", "parse_expr", "lambdify", "compile", "__import__"}
# Generated source is run to check it. A SPEC file is a program of its user: `runpy` runs it.
CALLS_ALLOWED = {"compile": ["codegen/selfcheck"], "exec": ["codegen/selfcheck"]}
BANNED_WORDS = re.compile(
    r"/tmp/|/root/|/home/|\bissue #?\d|\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b",
    re.IGNORECASE,
)

SOURCES = sorted(PACKAGE.rglob("*.py"))
OTHERS = sorted(
    path for folder in ("tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
)
TEMPLATES = sorted((ROOT / "templates").rglob("*.j2"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def layer_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path):
    """Yield (module, line) for every import statement, relative ones made absolute."""
    here = ["symbackprop", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "symbackprop":
                for alias in node.names:
                    yield f"symbackprop.{alias.name}", node.lineno
            else:
                yield module, node.lineno


def rank_of(layer):
    return next((rank for rank, layers in enumerate(ORDER) if layer in layers), None)


def test_every_layer_has_its_place():
    unknown = {layer_of(path) for path in SOURCES} - set().union(*ORDER) - {"__init__"}
    assert sorted(unknown) == []


def upward_imports(path):
    """A layer imports the layers below it; a leaf imports errors at most."""
    layer = layer_of(path)
    if layer == "__init__":
        return
    for module, line in imports_of(path):
        parts = module.split(".")
        if parts[0] != "symbackprop" or len(parts) < 2 or parts[1] in {layer, "__version__"}:
            continue
        allowed = parts[1] in {"errors", "_version"} if layer in LEAVES else True
        rank = rank_of(parts[1])
        if not allowed or rank is None or rank >= rank_of(layer):
            yield f"{name_of(path)}:{line} imports {module}"


def misplaced_packages(path):
    """SymPy, NumPy, Jinja and the others are imported where they belong only."""
    here = path.relative_to(PACKAGE).with_suffix("").as_posix()
    for module, line in imports_of(path):
        places = THIRD_PARTY.get(module.split(".")[0])
        if places is not None and not any(
            here == place
            or here.startswith(place + "/")
            or ("/" in place and here.startswith(place))
            for place in places
        ):
            yield f"{name_of(path)}:{line} imports {module}"


def is_own_import(node):
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == "symbackprop"
    return isinstance(node, ast.Import) and any(
        alias.name.split(".")[0] == "symbackprop" for alias in node.names
    )


def inner_imports(path):
    """No import of our own stands inside a function."""
    for function in ast.walk(tree_of(path)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if is_own_import(node):
                    yield f"{name_of(path)}:{node.lineno} imports inside {function.name}"


def long_things(path):
    """Files have at most 400 lines, functions 80."""
    lines = path.read_text(encoding="utf-8").count("\n")
    if lines > 400:
        yield f"{name_of(path)} has {lines} lines"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            if length > 80:
                yield f"{name_of(path)}:{node.lineno} {node.name} has {length} lines"


def run_text(path):
    """Text is never run, and never given to SymPy's parsers."""
    here = path.relative_to(PACKAGE).as_posix()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in {"sympify", "parse_expr", "lambdify"}:
                    yield f"{name_of(path)}:{node.lineno} imports {alias.name}"
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name == "compile" and isinstance(called, ast.Attribute):
            continue  # re.compile
        allowed = tuple(CALLS_ALLOWED.get(name, ["-"]))
        if name in FORBIDDEN_CALLS and not here.startswith(allowed):
            yield f"{name_of(path)}:{node.lineno} calls {name}"


def unsaid_encodings(path):
    """Text files are opened with their encoding."""
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in {"read_text", "write_text"}:
            if getattr(function.value, "id", "") != "files":
                yield f"{name_of(path)}:{node.lineno} {function.attr} without encoding"
        elif isinstance(function, ast.Name) and function.id == "open":
            modes = [str(a.value) for a in node.args[1:2] if isinstance(a, ast.Constant)]
            if not any("b" in mode for mode in modes):
                yield f"{name_of(path)}:{node.lineno} open without encoding"


def silent_modules(path):
    """Every module says what it is."""
    if not ast.get_docstring(tree_of(path)):
        yield f"{name_of(path)} has no docstring"


CHECKS = [
    upward_imports,
    misplaced_packages,
    inner_imports,
    long_things,
    run_text,
    unsaid_encodings,
    silent_modules,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_module_keeps_the_order(check):
    faults = [fault for path in SOURCES for fault in check(path)]
    assert not faults, "\n".join(faults)


def test_tests_and_examples_are_short_too():
    faults = [fault for path in OTHERS for fault in long_things(path)]
    assert not faults, "\n".join(faults)


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of the project's files")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_the_project_speaks_of_itself_alone():
    wrong = []
    for path in tracked_files():
        binary = path.suffix in {".gz", ".npz", ".woff2"}
        if path == Path(__file__).resolve() or not path.is_file() or binary:
            continue
        text = path.read_text(encoding="utf-8")
        wrong += [
            f"{name_of(path)}:{number} {match.group()}"
            for number, line in enumerate(text.splitlines(), 1)
            for match in BANNED_WORDS.finditer(line)
        ]
        if "\r" in text:
            wrong.append(f"{name_of(path)}: carriage return")
    assert wrong == []


# What a template may not do: it lays out text that was computed in Python.
COMPUTING = (
    jinja2.nodes.Call,
    jinja2.nodes.Getitem,
    jinja2.nodes.BinExpr,
    jinja2.nodes.Compare,
    jinja2.nodes.Concat,
    jinja2.nodes.Macro,
    jinja2.nodes.Assign,
)


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_only_lay_out(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 60
    tree = jinja2.Environment().parse(text)
    logic = (jinja2.nodes.And, jinja2.nodes.Or)
    computing = [
        f"{name_of(path)}:{node.lineno} {type(node).__name__}"
        for node in tree.find_all(COMPUTING)
        if not isinstance(node, logic)
    ]
    assert computing == []


BAD_SOURCES = {
    upward_imports: "from symbackprop.cli import main\n",
    misplaced_packages: "import numpy.linalg\n",
    inner_imports: "def f():\n    from . import index\n",
    long_things: "def f():\n" + "    pass\n" * 81,
    run_text: "import sympy\nsympy.sympify('1')\n",
    unsaid_encodings: "open('a')\n",
    silent_modules: "x = 1\n",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_checks_can_fail(check, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "symbackprop")
    path = tmp_path / "symbackprop" / "sizes" / "bad.py"
    path.parent.mkdir(parents=True)
    path.write_text(BAD_SOURCES[check], encoding="utf-8")
    assert len(list(check(path))) == 1


def test_the_template_check_can_fail(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for number, text in enumerate(["{{ f(x) }}", "{{ a[0] }}", "{{ a + b }}", "{{ a == b }}"]):
        path = tmp_path / f"{number}.j2"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(AssertionError):
            test_templates_only_lay_out(path)
