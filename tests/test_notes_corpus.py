"""The pages of notes: every expected verdict is what JAX says, and stands where it should."""

from __future__ import annotations

import pytest

from benchmarks.mutate_notes import edits, formula_of, load_tables
from benchmarks.repair_notes import statements_of, verdict_on
from benchmarks.score_notes import PAGES, VERDICTS, Claim, Score, claims_of, pages_in, squeezed
from symbackprop.notes.document import read_document, read_text
from symbackprop.notes.kinds import Relation
from symbackprop.notes.statements import Statement
from tests.notes.page import Page, UnknownError
from tests.notes.tables_kit import TABLES, Kit
from tests.notes_tools import truth

load_tables()
EXAMPLES = PAGES.parent.parent / "examples" / "notes"
ALL = pages_in([PAGES, EXAMPLES])
QUICK = {"zh_backprop", "ng_columns", "batchnorm_paper", "typical_errors"}
VERIFIED = [
    pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
    for path in ALL
]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_claim_names_a_formula_on_its_line(path):
    document = read_document(path)
    for claim in claims_of(path):
        assert {claim.expected, *claim.also_accept} <= VERDICTS
        here = [f for f in document.formulas if f.line == claim.line]
        assert any(squeezed(claim.latex) in squeezed(f.latex) for f in here), claim.id


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_wrong_claim_has_a_fix_that_can_be_read(path):
    document = read_document(path)
    for claim in claims_of(path):
        assert (claim.fix is not None) == (claim.expected == "wrong"), claim.id
        if claim.fix is not None:
            assert statements_of(claim.fix, document), claim.id


def says(page: Page, statement: Statement, number: int) -> bool | None:
    """Whether a statement holds; None for ranges and what the table leaves out."""
    if any(not relation.is_equality for relation in statement.relations[:1]):
        if statement.relations[0] not in (Relation.TO, Relation.IN):
            return None
    try:
        return truth(page.of(number), statement, page.differ.get(number, ()))
    except UnknownError:
        return None


def statements(path, claim: Claim) -> list[Statement]:
    document = read_document(path)
    here = [f for f in document.formulas if f.line == claim.line]
    formula = formula_of(document, claim) or here[0]
    return [p for p in document.parse(formula).parts if isinstance(p, Statement)]


@pytest.mark.parametrize("path", VERIFIED)
def test_jax_agrees_with_every_expected_verdict(path):
    page = TABLES[path.stem](Kit(0))
    document = read_document(path)
    for number, claim in enumerate(claims_of(path), 1):
        if number in page.by_hand or claim.expected not in ("correct", "wrong"):
            continue
        said = [says(page, part, number) for part in statements(path, claim)]
        if claim.expected == "correct":
            assert True in said and False not in said, claim.id
        else:
            assert False in said, claim.id
            fixed = [says(page, p, number) for p in statements_of(claim.fix, document)]
            assert fixed and all(fixed), claim.id


def test_a_repair_is_measured_by_value_and_by_length():
    path = next(p for p in ALL if p.stem == "zh_backprop")
    document, pages = read_document(path), [TABLES["zh_backprop"](Kit(1))]
    wrong = [(n, c) for n, c in enumerate(claims_of(path), 1) if c.expected == "wrong"]
    number, claim = wrong[0]
    assert verdict_on(claim.fix, claim, document, pages, number) == "right"
    assert verdict_on(claim.latex, claim, document, pages, number) == "untrue"
    longer = f"{claim.fix} + 0 \\cdot z^{{(l)}}"
    assert verdict_on(longer, claim, document, pages, number) == "too long"
    assert verdict_on(None, claim, document, pages, number) == "missing"


def test_edits_are_those_that_authors_make():
    document = read_text("$$d = \\frac{1}{m} W^T (x \\odot f'(z)) + \\sum_i a^{[l-1]}_i$$")
    (statement,) = document.parse(document.formulas[0]).parts
    names = {name for name, _ in edits(statement.sides[-1])}
    assert names >= {
        "drop a transpose",
        "swap factors",
        "flip a sign",
        "lose a factor",
        "matrix product for element-wise",
        "f for f'",
        "shift a layer",
        "drop a sum",
    }


def test_scores_count_what_passes_and_what_is_falsely_refused():
    score = Score()
    right = Claim("a", 1, "a = b", "correct", (), None)
    wrong = Claim("b", 2, "a = c", "wrong", (), "a = b")
    either = Claim("c", 3, "a = d", "wrong", ("correct",), "a = b")
    for claim, got in ((right, "definition"), (right, "wrong"), (wrong, "convention")):
        score.add("page", claim, got)
    score.add("page", either, "correct")
    counts = score.counts
    assert (counts["false pass"], counts["false wrong"], counts["firmly wrong"]) == (1, 1, 1)
    assert (counts["ok correct"], counts["n correct"]) == (1, 2)
