"""Repairs of wrong equations: the smallest edit, in the page's own spelling, with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from symbackprop.notes.ast import Add, Name, Number, Product
from symbackprop.notes.check import check_document
from symbackprop.notes.kinds import Sign
from symbackprop.notes.repair.edits import EditKind, edits
from symbackprop.notes.repair.pool import pool_of
from symbackprop.notes.resolve.profile import profile_of
from symbackprop.notes.statements import Statement, parse_formula
from symbackprop.notes.verdict import Part, Verdict

FORWARD = r"""
$$z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}$$

$$a^{[l]} = g^{[l]}(z^{[l]})$$

$$dz^{[l]} = da^{[l]} \odot g^{[l]\prime}(z^{[l]})$$

$$dW^{[l]} = dz^{[l]} a^{[l-1]T}$$

$$da^{[l-1]} = W^{[l]T} dz^{[l]}$$
"""


def last(tmp_path: Path, formula: str) -> Part:
    """The record of a formula that follows a correct page."""
    page = tmp_path / "page.md"
    page.write_text(f"{FORWARD}\n$${formula}$$\n", encoding="utf-8", newline="\n")
    return check_document(page).equations[-1].whole


def sides_of(latex: str) -> tuple[Statement, list[EditKind]]:
    """A statement with the kinds of the single edits of its right side."""
    part = parse_formula(latex).parts[0]
    assert isinstance(part, Statement)
    pool = pool_of(part.sides, profile_of(list(part.sides)))
    return part, [edit.kind for edit in edits(part.sides[1], pool, frozenset({"l"}))]


@pytest.mark.parametrize(
    ("wrong", "right", "reason"),
    [
        (
            r"dW^{[l]} = dz^{[l]} a^{[l-1]}",
            r"dW^{[l]} = dz^{[l]}a^{[l-1]T}",
            "missing transpose",
        ),
        (
            r"da^{[l-1]} = W^{[l]} dz^{[l]}",
            r"da^{[l-1]} = W^{[l]T}dz^{[l]}",
            "missing transpose",
        ),
        (
            r"dW^{[l]} = -dz^{[l]} a^{[l-1]T}",
            r"dW^{[l]} = dz^{[l]} a^{[l-1]T}",
            "the sign is wrong",
        ),
        (
            r"dW^{[l]} = 2 dz^{[l]} a^{[l-1]T}",
            r"dW^{[l]} = dz^{[l]}a^{[l-1]T}",
            "the factor 2 is too much",
        ),
        (
            r"da^{[l-1]} = dz^{[l]} W^{[l]T}",
            r"da^{[l-1]} = W^{[l]T}dz^{[l]}",
            "in the wrong order",
        ),
    ],
)
def test_a_slip_is_mended(tmp_path: Path, wrong: str, right: str, reason: str) -> None:
    part = last(tmp_path, wrong)
    assert part.verdict is Verdict.WRONG
    assert part.repair is not None
    assert part.repair.replace(" ", "") == right.replace(" ", "")
    assert reason in part.reason


def test_a_right_equation_has_no_repair(tmp_path: Path) -> None:
    part = last(tmp_path, r"dW^{[l]} = dz^{[l]} a^{[l-1]T}")
    assert part.verdict is Verdict.CORRECT
    assert part.repair is None


def test_a_repair_is_right_when_it_is_checked_itself(tmp_path: Path) -> None:
    part = last(tmp_path, r"dz^{[l-1]} = W^{[l]} dz^{[l]} \odot g^{[l-1]\prime}(z^{[l-1]})")
    assert part.verdict is Verdict.WRONG
    assert part.repair is not None
    assert last(tmp_path, part.repair).verdict is Verdict.CORRECT


def test_the_left_side_is_no_repair(tmp_path: Path) -> None:
    part = last(tmp_path, r"dW^{[l]} = b^{[l]} b^{[l]} b^{[l]}")
    assert part.repair is None or "= dW" not in part.repair


def test_every_kind_of_edit_is_made() -> None:
    _, kinds = sides_of(r"dW = \frac{1}{m} dz \odot g'(z) - \sum_{i=1}^{m} x_i^T")
    assert set(EditKind) <= set(kinds)


def test_an_edit_keeps_what_it_does_not_touch() -> None:
    side = Add((Name("a"), Name("b")), (Sign.PLUS, Sign.MINUS))
    pool = pool_of([side], profile_of([side]))
    made = [e.side for e in edits(side, pool, frozenset()) if e.kind is EditKind.SIGN]
    assert Add((Name("b"), Name("a")), (Sign.PLUS, Sign.MINUS)) in made
    scaled = [e.side for e in edits(Name("a"), pool, frozenset()) if e.kind is EditKind.SCALE]
    assert any(isinstance(s, Product) and s.factors[0] == Number("2") for s in scaled)
