"""Prove the repairs: of firmly wrong claims with a known fix, how many are mended rightly.

    python -m benchmarks.repair_notes [--show] [PAGE ...]

A repair is right when it holds by JAX from the page's forward equations, at other seeds and sizes
than any that the checker uses, and when it is no longer than the known fix, in nodes of the syntax
tree. The exit status is 0 when at least 80 % are.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mutate_notes import formula_of, load_tables
from benchmarks.score_notes import PAGES, Claim, claims_of, judge_here, pages_in, pick
from symbackprop.notes import ast
from symbackprop.notes.document import Document, read_document
from symbackprop.notes.statements import Statement, parse_formula
from symbackprop.notes.trees import walk
from tests.notes.page import Page, UnknownError
from tests.notes.tables_kit import TABLES, Kit
from tests.notes_tools import truth

__all__ = ["main", "statements_of", "verdict_on"]

BAR = 0.80
SEEDS = (1, 2)
_SPELLING = (ast.Group, ast.Joint, ast.Label)


def statements_of(latex: str, document: Document) -> list[Statement]:
    """The statements of a formula in a document's macros and words."""
    parsed = parse_formula(latex, document.macros, document.vocabulary)
    return [part for part in parsed.parts if isinstance(part, Statement)]


def length(statements: Sequence[Statement]) -> int:
    """Nodes of some statements, brackets not counted."""
    return sum(
        not isinstance(node, _SPELLING)
        for statement in statements
        for side in statement.sides
        for _, node in walk(side)
    )


def verdict_on(
    repair: str | None, claim: Claim, document: Document, pages: Sequence[Page], number: int
) -> str:
    """What a repair is worth: right, too long, untrue, unread or missing."""
    if repair is None:
        return "missing"
    mended, fix = statements_of(repair, document), statements_of(claim.fix or "", document)
    if not mended:
        return "unread"
    try:
        for page in pages:
            differ = page.differ.get(number, ())
            if not all(truth(page.of(number), statement, differ) for statement in mended):
                return "untrue"
    except UnknownError:
        return "unread"
    return "right" if length(mended) <= length(fix) else "too long"


def judge_page(path: Path) -> tuple[Counter[str], list[str]]:
    """Counts over the firmly wrong claims of a page, and what falls short."""
    counts: Counter[str] = Counter()
    short = []
    document, judged = read_document(path), judge_here(path)
    pages = [TABLES[path.stem](Kit(seed)) for seed in SEEDS]
    for number, claim in enumerate(claims_of(path), 1):
        if not claim.firmly_wrong or claim.fix is None or number in pages[0].by_hand:
            continue
        if formula_of(document, claim) is None:
            continue
        found = pick(judged, claim)
        repair = None if found is None or found.verdict != "wrong" else found.repair
        said = verdict_on(repair, claim, document, pages, number)
        counts.update({"claims": 1, said: 1})
        if said != "right":
            short.append(f"{path.name}:{claim.line} {said}: {repair}   (known: {claim.fix})")
    return counts, short


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the repairs of all pages."""
    parser = argparse.ArgumentParser(description="Count the repairs that are right.")
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--show", action="store_true", help="list what falls short")
    options = parser.parse_args(arguments)
    load_tables()
    counts: Counter[str] = Counter()
    for path in options.pages or pages_in([PAGES]):
        if path.stem not in TABLES:
            continue
        found, short = judge_page(path)
        counts.update(found)
        if options.show:
            print("".join(f"{line}\n" for line in short), end="", flush=True)
    share = counts["right"] / max(1, counts["claims"])
    print({name: counts[name] for name in sorted(counts)})
    print(f"right and no longer than the fix: {share:.1%} of {counts['claims']}")
    return 0 if share >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
