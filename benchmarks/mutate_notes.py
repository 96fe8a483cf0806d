"""Break right equations of the notes' pages, one edit at a time, and count what is refused.

    python -m benchmarks.mutate_notes --seed 0 [--limit N] [--together K] [PAGE ...]

Every edit is one that authors make: a transpose dropped, factors swapped, a sign flipped, 1/m lost,
a matrix product for an element-wise one, f for its derivative, an index or a layer shifted, a sum
dropped. Whether the value of a mutant differs is found by JAX from the table of the page, without
the judge; only those count. A mutant that is the transpose of what it should be may be called a
convention. The exit status is 0 when at least 98 % are refused.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.score_notes import PAGES, Claim, claims_of, pages_in, pick, squeezed
from benchmarks.score_notes import judge_here as judge
from symbackprop.notes import ast
from symbackprop.notes.document import Document, Formula, read_document
from symbackprop.notes.kinds import Big, Bracket, ProductOp, Sign
from symbackprop.notes.printer import to_latex
from symbackprop.notes.statements import Statement, parse_formula
from symbackprop.notes.trees import children, replace_at, walk
from tests.notes.page import Page, UnknownError, View
from tests.notes.slopes import Evaluator
from tests.notes.tables_kit import TABLES, Kit
from tests.notes_tools import truth, turned

__all__ = ["Mutant", "edits", "main", "mutants_of"]

BAR = 0.98
_HADAMARD = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.STAR, ProductOp.BULLET})
_PRODUCTS = frozenset({"VJP", "JVP"})
_PASSED = frozenset({"correct", "definition"})


def load_tables() -> None:
    """Enter the tables of all pages."""
    for module in sorted((PAGES).glob("tables_*.py")):
        importlib.import_module(f"tests.notes.{module.stem}")


@dataclass(frozen=True, slots=True)
class Mutant:
    """An edited equation: what was done, the formula's new text, and whether it is a transpose."""

    page: Path
    claim: Claim
    edit: str
    latex: str
    start: int
    end: int
    transpose: bool


def edits(side: ast.Node) -> Iterator[tuple[str, ast.Node]]:
    """Every single edit of a side."""
    yield "flip the sign", ast.Negative(side)
    letters = sorted({*_indices(side)})
    for path, node in walk(side):
        for name, new in _local(node, letters):
            yield name, replace_at(side, path, new)


def _local(node: ast.Node, letters: Sequence[str]) -> Iterator[tuple[str, ast.Node]]:
    if isinstance(node, ast.Transposed):
        yield "drop a transpose", node.base
    elif isinstance(node, ast.Negative):
        yield "flip a sign", node.operand
    elif isinstance(node, ast.Add):
        for i, sign in enumerate(node.signs):
            other = Sign.MINUS if sign is Sign.PLUS else Sign.PLUS
            signs = (*node.signs[:i], other, *node.signs[i + 1 :])
            yield "flip a sign", _unspanned(replace(node, signs=signs))
    elif isinstance(node, ast.Product):
        yield from _product_edits(node)
    elif isinstance(node, ast.Apply):
        function = node.function
        if isinstance(function, ast.Name) and function.primes == 1:
            plain = _unspanned(replace(function, primes=0))
            yield "f for f'", _unspanned(replace(node, function=plain))
    elif isinstance(node, ast.BigOperator):
        if node.op is Big.SUM and node.body is not None:
            yield "drop a sum", node.body
    elif isinstance(node, ast.Name):
        yield from _shifts(node, letters)


def _unspanned(node: ast.Node) -> ast.Node:
    return replace(node, span=ast.NOWHERE)


def _product_edits(node: ast.Product) -> Iterator[tuple[str, ast.Node]]:
    for i in range(len(node.joints)):
        factors = list(node.factors)
        factors[i], factors[i + 1] = factors[i + 1], factors[i]
        if not any(isinstance(f, ast.Number | ast.Fraction) for f in factors[i : i + 2]):
            yield "swap factors", _unspanned(replace(node, factors=tuple(factors)))
        if node.joints[i].op in _HADAMARD:
            joints = (*node.joints[:i], ast.Joint(ProductOp.JUXTAPOSED), *node.joints[i + 1 :])
            yield "matrix product for element-wise", _unspanned(replace(node, joints=joints))
    for i, factor in enumerate(node.factors):
        if isinstance(factor, ast.Fraction | ast.Number):
            factors_left = (*node.factors[:i], *node.factors[i + 1 :])
            at = min(i, len(node.joints) - 1)
            joints = (*node.joints[:at], *node.joints[at + 1 :])
            left: ast.Node = factors_left[0]
            if len(factors_left) > 1:
                left = _unspanned(replace(node, factors=factors_left, joints=joints))
            yield "lose a factor", left


def _shifts(node: ast.Name, letters: Sequence[str]) -> Iterator[tuple[str, ast.Node]]:
    for place in ("subs", "sups"):
        labels: tuple[ast.Label, ...] = getattr(node, place)
        for i, label in enumerate(labels):
            for name, new in _shifted(label, letters):
                changed = (*labels[:i], new, *labels[i + 1 :])
                made = (
                    replace(node, subs=changed) if place == "subs" else replace(node, sups=changed)
                )
                yield name, _unspanned(made)


def _shifted(label: ast.Label, letters: Sequence[str]) -> Iterator[tuple[str, ast.Label]]:
    fresh = replace(label, tex="", span=ast.NOWHERE)
    for k, item in enumerate(label.items):
        if isinstance(item, ast.Add) and isinstance(item.terms[0], ast.Name):
            yield "shift a layer", replace(fresh, items=_put(label.items, k, item.terms[0]))
        elif isinstance(item, ast.Name) and (place_of_layer := label.bracket.value[0]) in (
            "[",
            "(",
        ):
            del place_of_layer
            less = ast.Add((item, ast.Number("1")), (Sign.PLUS, Sign.MINUS))
            yield "shift a layer", replace(fresh, items=_put(label.items, k, less))
        elif isinstance(item, ast.Name) and item.base in letters:
            other = letters[(letters.index(item.base) + 1) % len(letters)]
            if other != item.base:
                new = replace(item, base=other, head="", span=ast.NOWHERE)
                yield "change an index", replace(fresh, items=_put(label.items, k, new))
        elif isinstance(item, ast.Product):
            yield from _juxtaposed(fresh, label, k, item)


def _juxtaposed(
    fresh: ast.Label, label: ast.Label, k: int, item: ast.Product
) -> Iterator[tuple[str, ast.Label]]:
    if len(item.factors) == 2 and item.factors[0] != item.factors[1]:
        turned_ = _unspanned(replace(item, factors=item.factors[::-1]))
        yield "swap indices", replace(fresh, items=_put(label.items, k, turned_))


def _put(items: tuple[ast.Node, ...], k: int, new: ast.Node) -> tuple[ast.Node, ...]:
    return (*items[:k], new, *items[k + 1 :])


def _indices(node: ast.Node) -> Iterator[str]:
    if isinstance(node, ast.Label) and node.bracket is Bracket.NONE:
        for item in node.items:
            inner = item.factors if isinstance(item, ast.Product) else (item,)
            yield from (n.base for n in inner if isinstance(n, ast.Name) and len(n.base) == 1)
    for child in children(node):
        yield from _indices(child)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """The mutants of a page whose value is known to differ."""
    table = TABLES.get(path.stem)
    if table is None or path.suffix == ".ipynb":
        return
    page, document = table(Kit(0)), read_document(path)
    for number, claim in enumerate(claims_of(path), 1):
        if claim.expected != "correct" or number in page.by_hand:
            continue
        formula = formula_of(document, claim)
        if formula is not None:
            differ = page.differ.get(number, ())
            yield from _of_formula(path, claim, document, formula, page.of(number), differ)


def formula_of(document: Document, claim: Claim) -> Formula | None:
    """The formula of a document that a claim is about."""
    want = squeezed(claim.latex)
    here = [f for f in document.formulas if f.line == claim.line]
    return next((f for f in here if want in squeezed(f.latex)), None)


def _of_formula(
    path: Path,
    claim: Claim,
    document: Document,
    formula: Formula,
    page: Page,
    differ: Sequence[str],
) -> Iterator[Mutant]:
    statements = [p for p in document.parse(formula).parts if isinstance(p, Statement)]
    for statement in statements:
        side = statement.sides[-1]
        if forward(page, statement):
            continue
        if len(statement.sides) < 2 or not side.span.exact or side.span.start < 0:
            continue
        seen: set[str] = set()
        for name, edited in edits(side):
            text = to_latex(edited, formula.latex)
            whole = formula.latex[: side.span.start] + text + formula.latex[side.span.end :]
            if text in seen:
                continue
            seen.add(text)
            again = parse_formula(whole, document.macros, document.vocabulary)
            broken = [p for p in again.parts if isinstance(p, Statement)]
            try:
                if len(broken) == len(statements) and not all(
                    truth(page, one, differ) for one in broken
                ):
                    other = any(turned(page, one) for one in broken)
                    yield Mutant(path, claim, name, whole, *_place(path, formula), other)
            except (UnknownError, ValueError, TypeError, AttributeError, AssertionError):
                continue


def forward(page: Page, statement: Statement) -> bool:
    """Whether a statement gives a value to a name of the network: what it says is a choice."""
    left = statement.sides[0]
    while isinstance(left, ast.Apply):
        function = left.function
        plain = isinstance(function, ast.Name) and not function.subs and not function.primes
        if plain and isinstance(function, ast.Name) and function.base in page.functions:
            return function.base not in _PRODUCTS
        left = function
    if not isinstance(left, ast.Name) or left.primes:
        return False
    if any(node == left for _, node in walk(statement.sides[1])):
        return False
    binding = {**page.fixed, **dict.fromkeys(page.ranges, page.base)}
    evaluator = Evaluator(page, binding)
    try:
        key, at, _ = evaluator.reference(left)
    except UnknownError:
        return False
    meaning = evaluator.meaning_or(key, at)
    return isinstance(meaning, View) or (isinstance(meaning, str) and meaning in page.env)


def _place(path: Path, formula: Formula) -> tuple[int, int]:
    lines = path.read_text(encoding="utf-8").split("\n")
    start = sum(len(line) + 1 for line in lines[: formula.content_line - 1])
    start += formula.content_column - 1
    return start, start + len(formula.latex)


def judged_together(mutants: Sequence[Mutant], folder: Path) -> list[str]:
    """Verdicts on mutants of different formulas of one page, all set into it."""
    text = mutants[0].page.read_text(encoding="utf-8")
    for mutant in sorted(mutants, key=lambda m: -m.start):
        text = text[: mutant.start] + mutant.latex + text[mutant.end :]
    page = folder / mutants[0].page.name
    page.write_text(text, encoding="utf-8", newline="\n")
    said = judge(page)
    found = []
    for mutant in mutants:
        one = pick(said, replace(mutant.claim, latex=mutant.latex))
        found.append("missing" if one is None else one.verdict)
    return found


def batches(mutants: Sequence[Mutant], together: int) -> Iterator[list[Mutant]]:
    """Groups of mutants of one page, no two in one line."""
    left = list(mutants)
    while left:
        group: list[Mutant] = []
        for mutant in left:
            apart = all(abs(mutant.claim.line - g.claim.line) > 0 for g in group)
            if apart and mutant.page == left[0].page and len(group) < together:
                group.append(mutant)
        left = [m for m in left if m not in group]
        yield group


def run(mutants: Sequence[Mutant], together: int) -> tuple[Counter[str], list[str]]:
    """Judge mutants; what was counted, and the survivors."""
    counts: Counter[str] = Counter()
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        for group in batches(mutants, together):
            for mutant, verdict in zip(group, judged_together(group, Path(folder)), strict=True):
                excused = verdict == "convention" and mutant.transpose
                passed = verdict in _PASSED or (verdict == "convention" and not excused)
                counts.update({"mutants": 1, verdict: 1, "passed": passed})
                counts[f"passed: {mutant.edit}"] += passed
                if passed:
                    where = f"{mutant.page.name}:{mutant.claim.line}"
                    survivors.append(f"{where} {verdict} ({mutant.edit}): {mutant.latex.strip()}")
    return counts, survivors


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate, judge, and print the survivors."""
    parser = argparse.ArgumentParser(description="Count the broken equations that are refused.")
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0, help="mutants of a page, drawn by the seed")
    parser.add_argument(
        "--together", type=int, default=1, help="equations of a page broken at once"
    )
    options = parser.parse_args(arguments)
    load_tables()
    start = time.perf_counter()
    counts: Counter[str] = Counter()
    for path in options.pages or pages_in([PAGES]):
        mutants = list(mutants_of(path))
        chooser = random.Random(f"{options.seed} {path.stem}")
        chooser.shuffle(mutants)
        chosen = mutants[: options.limit] if options.limit else mutants
        found, survivors = run(chosen, options.together)
        counts.update(found)
        print(f"{path.name}: {len(mutants)} differ, {len(chosen)} judged", flush=True)
        print("".join(f"  {line}\n" for line in survivors), end="", flush=True)
    refused = 1 - counts["passed"] / max(1, counts["mutants"])
    print({name: counts[name] for name in sorted(counts) if counts[name]})
    print(f"refused {refused:.2%} of {counts['mutants']}; {time.perf_counter() - start:.0f} s")
    return 0 if refused >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
