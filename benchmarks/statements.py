"""Count the statements of generated modules beside those that a person writes.

    python -m benchmarks.statements [WORKLOAD ...] [-o FILE]

A statement counts where it computes: it calls a function or has an operator. Names that are taken
apart or gathered, `return`, and what belongs to the face of a module (checks of arguments, sizes,
names of gradients) count nowhere; nor do gradients of inputs, which nobody asked the person for.
`written` is how many such statements the functions have that run, `run` how many are executed: a
loop that a person writes over layers counts as often as it runs, as do the layers written out.
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

FACE = frozenset(["_check", "_wanted", "_cotangent", "_signature", "float", "make_workspace"])
LIMIT = 1.3
_COUNTER = "_statements_run"
_COMPUTES = (ast.Call, ast.BinOp, ast.UnaryOp, ast.Compare)


@dataclass(frozen=True, slots=True)
class Counts:
    """Computing statements: in the functions that ran, and executed."""

    written: int
    run: int


class _Counting(ast.NodeTransformer):
    """Puts a count before every statement that computes."""

    def __init__(self) -> None:
        self.owner: list[str] = []
        self.places: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.owner.append(node.name)
        node.body = self._counted(node.body)
        self.owner.pop()
        return node

    def _counted(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            if computes(statement):
                found.append(ast.parse(f"{_COUNTER}.append({len(self.places)})").body[0])
                self.places.append(self.owner[0])
            for part in ("body", "orelse"):
                inner = getattr(statement, part, None)
                if isinstance(inner, list) and inner and not isinstance(statement, ast.ClassDef):
                    setattr(statement, part, self._counted(inner))
            found.append(statement)
        return found


def computes(statement: ast.stmt) -> bool:
    """Whether a statement computes something that is no matter of the face."""
    if isinstance(statement, (ast.For, ast.While)):
        return True
    if not isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)):
        return False
    value = statement.value
    if isinstance(statement, ast.AugAssign):
        return True
    if value is None or isinstance(value, ast.Constant):
        return False
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and _called(node) in FACE:
            return False
    return any(isinstance(node, _COMPUTES) for node in ast.walk(value))


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
    functions = {counting.places[k] for k in ran}
    written = sum(owner in functions for owner in counting.places)
    return Counts(written, len(ran))


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
