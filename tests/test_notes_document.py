"""Documents: which formulas a page has, where, and what its author says about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from symbackprop.notes.document import formula_id, read_document, read_text
from symbackprop.notes.errors import NotesError
from symbackprop.notes.hints import HintKind
from symbackprop.notes.outline import outline_parsed
from symbackprop.notes.scanner import Syntax
from symbackprop.notes.statements import Statement

PAGES = Path(__file__).parent / "notes"


def test_markdown_lines_and_kinds() -> None:
    document = read_document(PAGES / "columns.md")
    displays = [f for f in document.formulas if f.display]
    assert [(f.line, f.end_line) for f in displays] == [
        (10, 17),
        (21, 23),
        (27, 27),
        (30, 30),
        (36, 38),
    ]
    inline = [f.latex for f in document.formulas if not f.display]
    assert inline == [
        r"X \in \mathbb{R}^{n \times m}",
        "W^{[1]}",
        "(h, n)",
        "W^{[2]}",
        r"k \times h",
    ]
    assert [f.heading for f in displays] == ["Forward"] * 2 + ["Backward"] * 3


def test_markdown_says_what_is_silenced_and_noted() -> None:
    document = read_document(PAGES / "columns.md")
    assert [f.line for f in document.formulas if f.ignored] == [30]
    assert document.formulas[0].note == "the whole page stores one example a column"


def test_hints() -> None:
    hints = read_document(PAGES / "columns.md").hints
    assert [(hint.kind, hint.subject, hint.value) for hint in hints] == [
        (HintKind.SHAPE, "Y", "(k, m)"),
        (HintKind.LOSS, "", "cross-entropy"),
        (HintKind.PRODUCT, "*", "elementwise"),
        (HintKind.BATCH, "", "columns"),
    ]
    assert hints[0].line == 43


def test_hint_that_says_nothing_is_an_error_with_its_line() -> None:
    with pytest.raises(NotesError, match="not understood: 'shap W: 3'") as caught:
        read_text("a\n\n```symbackprop\nshap W: 3\n```\n")
    assert caught.value.where == "line 4"


def test_latex_follows_inputs_below_its_folder_only() -> None:
    document = read_document(PAGES / "rows.tex")
    displays = [(f.file, f.line) for f in document.formulas if f.display]
    assert displays == [
        ("rows.tex", 9),
        ("rows.tex", 19),
        ("rows.tex", 23),
        ("parts/backward.tex", 2),
    ]
    assert all("not" not in f.latex and "after" not in f.latex for f in document.formulas)
    assert [f.line for f in document.formulas if f.ignored] == [23]


def test_latex_macros_reach_included_files() -> None:
    document = read_document(PAGES / "rows.tex")
    back = document.formulas[-1]
    assert outline_parsed(document.parse(back)) == [
        "(D:PARTIAL:FR<bo:B> ell) = [bo:h.T ~ (D:PARTIAL:FR<bo:o> ell)]",
        "(D:PARTIAL:FR<bo:u> ell) = "
        "[(D:PARTIAL:FR<bo:o> ell) ~ bo:B.T \\circ phi'(bo:u)] = bo:epsilon",
    ]


def test_notebook_cells() -> None:
    document = read_document(PAGES / "recurrent.ipynb")
    assert [(f.cell, f.line) for f in document.formulas] == [(1, 3), (3, 3)]


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": [3]}'])
def test_broken_notebook(tmp_path: Path, text: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(text, encoding="utf-8", newline="\n")
    if text == '{"cells": [3]}':
        assert read_document(path).formulas == ()
        return
    with pytest.raises(NotesError, match="is not a notebook"):
        read_document(path)


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="cannot be read"):
        read_document(tmp_path / "none.md")
    path = tmp_path / "latin.md"
    path.write_bytes(b"caf\xe9 $x$")
    with pytest.raises(NotesError, match="is not UTF-8: byte 3"):
        read_document(path)


def test_ids_survive_edits_elsewhere() -> None:
    page = "$$a = b$$\n\n$$dW = dz\\, x^T$$\n\n$$a = b$$\n"
    first = [f.id for f in read_text(page).formulas]
    edited = page.replace("$$dW = dz\\, x^T$$", "New text $c$.\n\n$$ dW =\n dz\\;x^T. $$")
    second = [f.id for f in read_text(edited).formulas if f.display]
    assert first == second
    assert len(set(first)) == 3
    assert formula_id("a", 1) == formula_id("a", 0) + "-2"


def test_position_of_an_offset() -> None:
    document = read_text("x\n\n$$\na = b\n  + c\n$$\n")
    formula = document.formulas[0]
    assert formula.position(0) == (4, 1)
    assert formula.position(formula.latex.index("c")) == (5, 5)


def test_delimiters() -> None:
    page = r"\(a=1\) \[b=2\] \\(c=3\\) \\[d=4\\] $`e=5`$ \begin{align*} f &= 6 \end{align*} \$g=7\$"
    found = [(f.latex, f.display) for f in read_text(page).formulas]
    assert found == [
        ("a=1", False),
        ("b=2", True),
        ("c=3", False),
        ("d=4", True),
        ("e=5", False),
        (r"\begin{align*} f &= 6 \end{align*}", True),
    ]


def test_quoted_display() -> None:
    page = "> $$\n> a = b\n> + c\n> $$\n"
    document = read_text(page)
    assert outline_parsed(document.parse(document.formulas[0])) == ["a = (b + c)"]


def test_open_display_is_reported() -> None:
    assert read_text("a\n\n$$ x = y\n").problems == (
        "notes:3: $$ opens a formula that never closes",
    )


def test_ignore_ranges() -> None:
    comment = "<!-- symbackprop: ignore-{} -->\n"
    page = comment.format("start") + "$$a=1$$\n$$b=2$$\n" + comment.format("end") + "$$c=3$$"
    assert [f.ignored for f in read_text(page).formulas] == [True, True, False]


def test_latex_comment_hides_a_formula() -> None:
    page = "a % $x = 1$\n\\% $y = 2$\n"
    assert [f.latex for f in read_text(page, Syntax.LATEX).formulas] == ["y = 2"]


def test_before_and_after() -> None:
    document = read_text(
        "W is of shape (h, n).\n\n$$a = Wx$$\n\nHere x is a column.\n\n$$b = a$$\n"
    )
    first, second = document.formulas
    assert first.before == "W is of shape (h, n)."
    assert first.after == second.before == "Here x is a column."


def test_input_cycle_ends(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text("$$a=1$$\\input{b}", encoding="utf-8", newline="\n")
    (tmp_path / "b.tex").write_text("$$b=2$$\\input{a}", encoding="utf-8", newline="\n")
    assert [f.latex for f in read_document(tmp_path / "a.tex").formulas] == ["a=1", "b=2"]


def test_input_does_not_leave_the_folder_through_a_link(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret.tex").write_text("$$s=1$$", encoding="utf-8", newline="\n")
    (inside / "link.tex").symlink_to(tmp_path / "secret.tex")
    page = "\\input{link}\\input{../secret}\\input{" + str(tmp_path / "secret.tex") + "}$$a=1$$"
    (inside / "a.tex").write_text(page, encoding="utf-8", newline="\n")
    assert [f.latex for f in read_document(inside / "a.tex").formulas] == ["a=1"]


def test_every_page_parses_without_a_gap() -> None:
    for path in sorted(PAGES.glob("*.*")):
        document = read_document(path)
        for formula in document.formulas:
            for line in outline_parsed(document.parse(formula)):
                assert "OPAQUE" not in line, (path.name, formula.line, line)
                assert "UNPARSED" not in line, (path.name, formula.line, line)


def test_notebook_of_lines_joins_them(tmp_path: Path) -> None:
    cell = {"cell_type": "markdown", "source": ["$$a\n", "= b$$\n"]}
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8", newline="\n")
    document = read_document(path)
    parts = document.parse(document.formulas[0]).parts
    assert isinstance(parts[0], Statement)
