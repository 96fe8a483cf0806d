"""Count the statements of generated modules beside those that a person writes.

    python -m benchmarks.statements [WORKLOAD ...] [-o FILE]

A statement counts where it computes: it calls a function or has an operator. In a dict each value
that computes counts as one, so that gathering gradients saves nothing. Names taken apart, and what
belongs to the face of a module (checks of arguments, names of gradients) count nowhere; nor do
gradients of inputs, which nobody asked the person for. `written` is how many such statements run,
`run` how many are executed: a loop that a person writes over layers counts as often as it runs, as
do layers that are written out; so it is `run` that compares them.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.networks import SOURCES
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.record import Arrays, Workload
from symbackprop.codegen.selfcheck import load

FACE = frozenset(["_check", "_check_shape", "_wanted", "_cotangent"])
_COUNTER = "_statements_run"
_COMPUTES = (ast.Call, ast.BinOp, ast.UnaryOp, ast.Compare)


@dataclass(frozen=True, slots=True)
class Counts:
    """Computing statements: those that ran, and how often they ran together."""

    written: int
    run: int


class _Counting(ast.NodeTransformer):
    """Puts a count before every statement that computes."""

    def __init__(self) -> None:
        self.count = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name in FACE:
            return node
        node.body = self._counted(node.body)
        return node

    def _counted(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            for _ in range(statements_in(statement)):
                found.append(ast.parse(f"{_COUNTER}.append({self.count})").body[0])
                self.count += 1
            for part in ("body", "orelse"):
                inner = getattr(statement, part, None)
                if isinstance(inner, list) and inner and not isinstance(statement, ast.ClassDef):
                    setattr(statement, part, self._counted(inner))
            found.append(statement)
        return found


def statements_in(statement: ast.stmt) -> int:
    """How many statements one counts for: none where it computes nothing."""
    if isinstance(statement, (ast.For, ast.While, ast.AugAssign)):
        return 1
    if not isinstance(statement, (ast.Assign, ast.Expr, ast.Return)) or statement.value is None:
        return 0
    parts: list[ast.expr] = [statement.value]
    gathered = False
    while any(isinstance(part, (ast.Tuple, ast.Dict)) for part in parts):
        gathered = gathered or any(isinstance(part, ast.Dict) for part in parts)
        parts = [inner for part in parts for inner in _inside(part)]
    computing = sum(_computes(part) for part in parts)
    return computing if gathered else min(computing, 1)


def _inside(part: ast.expr) -> list[ast.expr]:
    if isinstance(part, ast.Dict):
        return part.values
    return part.elts if isinstance(part, ast.Tuple) else [part]


def _computes(value: ast.expr) -> bool:
    nodes = list(ast.walk(value))
    if any(isinstance(node, ast.Call) and _called(node) in FACE for node in nodes):
        return False
    return any(isinstance(node, _COMPUTES) for node in nodes)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def count(source: str, call: Callable[[ModuleType], object]) -> Counts:
    """The statements of a module's functions that a call runs."""
    tree = ast.parse(source)
    counting = _Counting()
    tree = counting.visit(tree)
    head = ast.parse(f"{_COUNTER} = []").body
    futures = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    tree.body = [*futures, *head, *(s for s in tree.body if s not in futures)]
    module = load(ast.unparse(ast.fix_missing_locations(tree)))
    ran = vars(module)[_COUNTER]
    ran.clear()
    call(module)
    return Counts(len(set(ran)), len(ran))


def by_hand(workload: Workload, params: Arrays, inputs: Arrays) -> Counts:
    """The statements of the hand-written version."""
    source = Path(inspect.getsourcefile(workload.plain) or "").read_text(encoding="utf-8")
    name = workload.plain.__name__
    return count(source, lambda module: getattr(module, name)(params, inputs))


def generated(source: str, params: Arrays, inputs: Arrays) -> Counts:
    """The statements of `forward` and `backward`."""

    def run(module: Any) -> None:
        _, cache = module.forward(dict(params), dict(inputs))
        module.backward(cache, {"loss": 1.0})

    return count(source, run)


def rows(names: Sequence[str]) -> list[tuple[str, Counts, Counts]]:
    """Name, statements by hand, statements generated."""
    found = []
    for name in names:
        workload = WORKLOADS[name]
        if workload.hessian_of is not None:
            continue
        params, inputs = workload.make(np.random.default_rng(0), np.float32)
        mine = by_hand(workload, params, inputs)
        found.append((name, mine, generated(SOURCES[workload.family](), params, inputs)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statements", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("-o", "--output", help="a file for the table as well")
    options = parser.parse_args(arguments)
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f'there is no workload "{name}"; known: {", ".join(WORKLOADS)}')
    lines = [
        f"{'':14} {'written':^24} {'run':^24}",
        f"{'workload':14} {'by hand':>7} {'generated':>9} {'ratio':>6} "
        f"{'by hand':>7} {'generated':>9} {'ratio':>6}",
    ]
    for name, mine, made in rows(options.workloads or list(WORKLOADS)):
        lines.append(
            f"{name:14} {mine.written:7} {made.written:9} {made.written / mine.written:6.2f} "
            f"{mine.run:7} {made.run:9} {made.run / mine.run:6.2f}"
        )
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
