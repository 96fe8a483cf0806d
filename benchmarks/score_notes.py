"""Score the checker on pages of notes with expected verdicts.

    python -m benchmarks.score_notes [--show] [--run] [FOLDER ...]

Beside every page stands `<stem>.expected.json`: a list of claims with the line on which the formula
opens, its LaTeX, the expected verdict, and the verdicts that a fair reader would accept as well. A
definition counts as correct where correct is expected. The exit status is 0 when every bar holds.
`--run` starts the command line for each page; otherwise the checker is called in this process.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from symbackprop.notes.check import check_document

__all__ = ["BARS", "Claim", "Judged", "Score", "claims_of", "main", "pages_in", "score"]

PAGES = Path(__file__).resolve().parent.parent / "tests" / "notes"
VERDICTS = frozenset({"correct", "convention", "wrong", "not-checkable", "definition"})
_SPACE = re.compile(
    r"\s+|\\(?:displaystyle|left|right|quad|qquad)(?![a-zA-Z])|\\[,;]|[.,;$]+$|"
    r"\\(?:label|tag)\{[^{}]*\}"
)
_LIKE = 0.6


@dataclass(frozen=True, slots=True)
class Claim:
    """A formula of a page and what should be said of it."""

    id: str
    line: int
    latex: str
    expected: str
    also_accept: tuple[str, ...]
    fix: str | None

    @property
    def fair(self) -> frozenset[str]:
        """Every verdict that a fair reader accepts."""
        return frozenset({self.expected, *self.also_accept})

    @property
    def firmly_wrong(self) -> bool:
        """Whether no reading makes it right."""
        return self.expected == "wrong" and "correct" not in self.fair


@dataclass(frozen=True, slots=True)
class Judged:
    """What the checker said of one formula."""

    line: int
    latex: str
    verdict: str
    repair: str | None = None
    reason: str = ""


@dataclass(slots=True)
class Score:
    """Counts over the claims of several pages, and the rows behind them."""

    counts: Counter[str] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def add(self, page: str, claim: Claim, got: str, reason: str = "") -> None:
        """Count one claim."""
        said = "correct" if got == "definition" and "correct" in claim.fair else got
        fair = said in claim.fair
        kind = claim.expected if claim.expected in ("correct", "wrong") else "other"
        passed = said in ("correct", "convention", "definition")
        self.confusion[claim.expected, said] += 1
        self.counts.update({"claims": 1, f"n {kind}": 1, f"ok {kind}": fair, "acceptable": fair})
        self.counts["false pass"] += claim.expected == "wrong" and passed and not fair
        self.counts["false wrong"] += said == "wrong" and "wrong" not in claim.fair
        self.counts["firmly wrong"] += claim.firmly_wrong
        self.counts["found"] += claim.firmly_wrong and said == "wrong"
        if not fair:
            where = f"{page}:{claim.line} {claim.id}"
            self.complaints.append(f"{where}: expected {claim.expected}, got {said}. {reason}")


BARS: tuple[tuple[str, Callable[[Counter[str]], bool]], ...] = (
    ("no wrong equation passes", lambda c: c["false pass"] == 0),
    ("false wrong at most 1.5 %", lambda c: c["false wrong"] <= 0.015 * c["claims"]),
    ("at least 85 % of the correct", lambda c: c["ok correct"] >= 0.85 * c["n correct"]),
    ("at least 85 % of the wrong found", lambda c: c["found"] >= 0.85 * c["firmly wrong"]),
    ("at least 70 % of the others", lambda c: c["ok other"] >= 0.70 * c["n other"]),
    ("no crash", lambda c: c["crashes"] == 0),
)
"""Name and test of every bar."""


def squeezed(latex: str) -> str:
    """A formula without layout and closing punctuation."""
    return _SPACE.sub("", latex)


def claims_of(page: Path) -> list[Claim]:
    """The claims of a page."""
    listed = json.loads(page.with_name(f"{page.stem}.expected.json").read_text(encoding="utf-8"))
    return [
        Claim(
            entry["id"],
            entry["line"],
            entry.get("latex", ""),
            entry["expected"],
            tuple(entry["also_accept"]),
            entry.get("fix"),
        )
        for entry in listed
    ]


def pages_in(folders: Iterable[Path]) -> list[Path]:
    """The pages below some folders that have expected verdicts."""
    found = []
    for folder in folders:
        for expected in sorted(folder.rglob("*.expected.json")):
            stem = expected.name.removesuffix(".expected.json")
            found += [p for p in sorted(expected.parent.glob(f"{stem}.*")) if p != expected]
    return found


def judge_here(page: Path) -> list[Judged]:
    """Verdicts by a call in this process."""
    return [
        Judged(e.whole.line, e.whole.latex, e.verdict.value, e.whole.repair, e.whole.reason)
        for e in check_document(page).equations
    ]


def judge_by_command(page: Path) -> list[Judged]:
    """Verdicts by the command line."""
    run = subprocess.run(
        [sys.executable, "-m", "symbackprop", "check", str(page), "--format", "json"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"exit status {run.returncode}: {run.stderr.strip()[-200:]}")
    return [
        Judged(e["line"], e["latex"], e["verdict"], e["repair"], e["reason"])
        for e in json.loads(run.stdout)["equations"]
    ]


def pick(judged: Sequence[Judged], claim: Claim) -> Judged | None:
    """The formula that a claim is about: on its line, and spelled like it."""
    want = squeezed(claim.latex)

    def likeness(one: Judged) -> float:
        have = squeezed(one.latex)
        if want in have:
            return 1.0
        return difflib.SequenceMatcher(None, want, have, autojunk=False).ratio()

    here = [one for one in judged if one.line == claim.line]
    best = max(here, key=likeness, default=None)
    return best if best is not None and likeness(best) >= _LIKE else None


def score(pages: Iterable[Path], judge: Callable[[Path], list[Judged]] = judge_here) -> Score:
    """Judge pages and count."""
    total = Score()
    for page in pages:
        try:
            judged = judge(page)
            unknown = {one.verdict for one in judged} - VERDICTS
            if unknown:
                raise RuntimeError(f"unknown verdicts {sorted(unknown)}")
        except Exception as error:
            total.counts["crashes"] += 1
            total.complaints.append(f"{page.name}: {type(error).__name__}: {error}")
            judged = []
        for claim in claims_of(page):
            found = pick(judged, claim)
            verdict = "missing" if found is None else found.verdict
            total.add(page.name, claim, verdict, "" if found is None else found.reason)
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Score the pages and print every bar."""
    parser = argparse.ArgumentParser(description="Score the checker on pages of notes.")
    parser.add_argument("folders", nargs="*", type=Path, default=[PAGES])
    parser.add_argument("--show", action="store_true", help="list what was judged unfairly")
    parser.add_argument("--run", action="store_true", help="use the command line")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    total = score(pages_in(options.folders), judge_by_command if options.run else judge_here)
    if options.show:
        print("\n".join(total.complaints))
    print({name: total.counts[name] for name in sorted(total.counts)})
    print({f"{a} -> {b}": total.confusion[a, b] for a, b in sorted(total.confusion)})
    holds = [(name, bar(total.counts)) for name, bar in BARS]
    for name, held in holds:
        print("holds" if held else "FAILS", name)
    print(f"{time.perf_counter() - start:.1f} s")
    return 0 if all(held for _, held in holds) else 1


if __name__ == "__main__":
    sys.exit(main())
