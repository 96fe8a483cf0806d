"""Check a set of notes: from a file to a verdict on every equation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from symbackprop.notes import ast
from symbackprop.notes.complete import completed
from symbackprop.notes.decide import Decider
from symbackprop.notes.document import Document, Formula, read_document
from symbackprop.notes.judge.judge import Judged
from symbackprop.notes.judge.standard import mentions
from symbackprop.notes.judge.statements import Kind
from symbackprop.notes.judge.verdicts import Finding, verdict_of
from symbackprop.notes.resolve.model import model_of
from symbackprop.notes.statements import Fragment, Statement
from symbackprop.notes.trees import walk
from symbackprop.notes.verdict import Equation, Part, Report, worst

__all__ = ["check", "check_document"]


def check_document(path: Path | str) -> Report:
    """Read a file of notes and judge every equation in it.

    Raises
    ------
    NotesError
        The file cannot be read.
    """
    return check(read_document(path), str(path))


def check(document: Document, file: str = "") -> Report:
    """Judge every equation of a document."""
    model = model_of(document)
    judge = completed(model)
    config = judge.best_config()
    decider = Decider(judge, config)
    by_entry: dict[int, list[tuple[Judged, Finding]]] = {}
    for item in judge.items:
        finding = decider.decided(item, verdict_of(item, judge, config))
        if item.sorted.kind is not Kind.DEFINITION and mentions(item, judge.supply.keys, judge):
            finding = replace(finding, supposed=judge.supply.words)
        by_entry.setdefault(item.entry.position, []).append((item, finding))
    equations = []
    for position, formula in enumerate(document.formulas):
        found = by_entry.get(position, [])
        if formula.ignored or not found:
            continue
        if not formula.display and not any(_says_something(i) for i, _ in found):
            continue
        equations.append(_equation(formula, found))
    return Report(file or document.name, judge.conventions(config), tuple(equations))


def _says_something(item: Judged) -> bool:
    """Whether an inline formula states a relation, or shows a derivative or a transpose."""
    if isinstance(item.part, Statement):
        return True
    return isinstance(item.part, Fragment) and any(
        isinstance(node, ast.Derivative | ast.Transposed) for _, node in walk(item.part.node)
    )


def _equation(formula: Formula, found: list[tuple[Judged, Finding]]) -> Equation:
    parts = tuple(
        _part(formula, f"{formula.id}.{number}" if len(found) > 1 else formula.id, item, finding)
        for number, (item, finding) in enumerate(found, 1)
    )
    verdict = worst(part.verdict for part in parts)
    chosen = next(part for part in parts if part.verdict is verdict)
    whole = Part(
        formula.id,
        formula.line,
        formula.end_line,
        formula.cell,
        formula.latex,
        verdict,
        chosen.basis,
        chosen.reason,
        chosen.remarks,
        chosen.supposed,
        chosen.repair,
        chosen.counterexample,
        chosen.reading,
    )
    return Equation(whole, parts if len(parts) > 1 else ())


def _part(formula: Formula, name: str, item: Judged, finding: Finding) -> Part:
    span = item.part.span if isinstance(item.part, Statement) else None
    latex = formula.latex
    if span is not None and 0 <= span.start < span.end <= len(latex):
        latex = latex[span.start : span.end]
    return Part(
        name,
        formula.line,
        formula.end_line,
        formula.cell,
        latex,
        finding.verdict,
        finding.basis,
        finding.reason,
        finding.remarks,
        finding.supposed,
        finding.mended or None,
        finding.counterexample,
        None,
    )
