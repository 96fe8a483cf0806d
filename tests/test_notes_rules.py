"""Rules of calculus, maps, matrices with dots and stated shapes, on pages of a few lines."""

import json

import pytest

from benchmarks.score_notes import PAGES
from symbackprop.notes import ast
from symbackprop.notes.check import check, check_document
from symbackprop.notes.document import read_text
from symbackprop.notes.judge.elided import pattern_of
from symbackprop.notes.judge.layouts import stated_layout
from symbackprop.notes.judge.values import MismatchError, UnknownError
from symbackprop.notes.resolve.model import model_of
from symbackprop.notes.statements import Fragment, parse_formula

LINEAR = r"Let $z = A x + b$ with $x \in \mathbb{R}^n$, $A \in \mathbb{R}^{m \times n}$." + "\n"


def verdict(page: str, claim: str) -> str:
    return check(read_text(f"{page}\n\n$${claim}$$\n")).equations[-1].verdict.value


def test_the_page_of_maps_and_rules_is_judged_as_expected():
    report = check_document(PAGES / "open" / "maps_and_rules.md")
    found = {e.whole.line: e.verdict.value for e in report.equations}
    claims = json.loads((PAGES / "open" / "maps_and_rules.expected.json").read_text())
    assert {c["line"]: c["expected"] for c in claims} == {
        c["line"]: found[c["line"]] for c in claims
    }


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (r"\frac{\partial\, a^T X b}{\partial X} = a b^T", "correct"),
        (r"\frac{\partial\, a^T X b}{\partial X} = b a^T", "wrong"),
        (r"\frac{\partial}{\partial X} \log |X| = X^{-T}", "correct"),
        (r"\frac{\partial}{\partial X} \log |X| = X^{-1}", "wrong"),
        (r"d(X^{-1}) = -X^{-1}\, dX\, X^{-1}", "correct"),
        (r"d(X^{-1}) = X^{-1}\, dX\, X^{-1}", "wrong"),
        (r"\frac{\partial \mathbf{y}}{\partial \mathbf{x}} = \frac{\partial \mathbf{y}}"
         r"{\partial \mathbf{u}} \frac{\partial \mathbf{u}}{\partial \mathbf{x}}", "correct"),
        (r"\frac{\partial E}{\partial x} = q", "not-checkable"),
    ],
)  # fmt: skip
def test_rules_stand_for_themselves(claim, expected):
    page = "A rule.\n\n$$\\frac{\\partial\\, u^T Y v}{\\partial Y} = u v^T$$"
    assert verdict(page, claim) == expected


def test_a_single_rule_may_be_in_another_layout():
    assert verdict("A rule.", r"\frac{\partial\, a^T X b}{\partial X} = b a^T") == "not-checkable"


@pytest.mark.parametrize(
    ("before", "claim", "expected"),
    [
        ("", r"\nabla_x f = A^T \nabla_z f", "correct"),
        ("", r"\nabla_x f = A \nabla_z f", "wrong"),
        ("In numerator layout", r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial z} A",
         "convention"),
        ("", r"\nabla_A f = x^T \nabla_z f", "wrong"),
        ("", r"\nabla_A f = \nabla_z f\, x^T", "correct"),
    ],
)  # fmt: skip
def test_layouts_of_a_linear_map(before, claim, expected):
    others = "\n\n".join(
        f"$${c}$$"
        for c in (
            r"\nabla_b f = \nabla_z f",
            r"\nabla_x f = A^\top \nabla_z f",
            r"\frac{\partial f}{\partial b} = \nabla_z f",
            r"\nabla_A f = (\nabla_z f) x^\top",
        )
    )
    assert verdict(f"{LINEAR}\n{others}\n\n{before}", claim) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("For $q(W, x) = W x$ with respect to $x$,|(g, W, x) = W^T g", "correct"),
        ("For $q(W, x) = W x$ with respect to $x$,|(g, W, x) = W g", "wrong"),
        ("For $q(W, x) = W x$ with respect to $W$,|(g, W, x) = g x^T", "correct"),
        ("For $q(W, x) = W x$ with respect to $W$,|(g, W, x) = x g^T", "wrong"),
        (r"The product of $\sin(x)$ is|(g, x) = g \odot \cos(x)", "correct"),
        (r"The product of $\sin(x)$ is|(g, x) = -g \odot \cos(x)", "wrong"),
    ],
)
def test_products_with_a_jacobian(text, expected):
    before, claim = text.split("|")
    assert verdict(before, rf"\mathrm{{VJP}}{claim}") == expected


def matrix(latex: str) -> ast.Matrix:
    (part,) = parse_formula(rf"\begin{{bmatrix}} {latex} \end{{bmatrix}}").parts
    assert isinstance(part, Fragment)
    assert isinstance(part.node, ast.Matrix)
    return part.node


def test_dots_stand_for_the_pattern_of_what_is_written():
    profile = model_of(read_text("$$y_j = \\sum_i w_{ij} x_i$$")).profile
    rows = matrix(
        r"w_{11} & \cdots & w_{1n} \\ \vdots & \ddots & \vdots \\ w_{m1} & \cdots & w_{mn}"
    )
    found = pattern_of(rows, profile)
    assert (found.row, found.column, found.diagonal) == ("i", "j", None)
    bad = matrix(
        r"w_{11} & \cdots & w_{1n} \\ \vdots & \ddots & \vdots \\ w_{m1} & \cdots & w_{nm}"
    )
    with pytest.raises(UnknownError):
        pattern_of(bad, profile)
    short = matrix(
        r"w_{11} & w_{12} & \cdots & w_{1,m-1} \\ w_{21} & w_{22} & \cdots & w_{2,m-1} \\"
        r"\vdots & \vdots & \ddots & \vdots \\ w_{m1} & w_{m2} & \cdots & w_{m,m-1}"
    )
    with pytest.raises(MismatchError):
        pattern_of(short, profile)


def test_shapes_beside_a_name_are_stated():
    page = (
        r"All vectors are rows. $x$ is $1 \times D$, $W$ is $D \times H$; data $X$ ($n \times p$)."
    )
    model = model_of(read_text(page + "\n\nLet $c$ be a 2x3 matrix.\n"))
    assert model.rows
    assert model.shapes == {
        "x": ("1", "D"), "W": ("D", "H"), "X": ("n", "p"), "c": ("2", "3")
    }  # fmt: skip


def test_a_layout_is_announced():
    said = "The derivative by a column vector is a row vector on this page."
    assert stated_layout(model_of(read_text(said))) is not None
    assert stated_layout(model_of(read_text("Rows of the data are examples."))) is None


def test_definitions_of_different_places_make_no_loop():
    page = r"""
$$\mathbf{y} = f(\mathbf{z})$$

Affine functions:

$$\mathbf{z} = \mathbf{W} \mathbf{y} + \mathbf{b}$$
"""
    assert verdict(page, r"\nabla_{\mathbf{y}} \mathbf{z} = \mathbf{W}") == "correct"
    assert verdict(page, r"\nabla_{\mathbf{y}} \mathbf{z} = -\mathbf{W}") != "correct"


@pytest.mark.parametrize(
    ("claim", "expected"), [(r"-p_i p_j", "correct"), (r"p_i (1 - p_j)", "wrong")]
)
def test_the_sentence_before_says_when_an_equation_holds(claim, expected):
    page = r"$$p_i = \frac{e^{z_i}}{\sum_k e^{z_k}}$$" + "\n\nand for $i \\neq j$"
    assert verdict(page, rf"\frac{{\partial p_i}}{{\partial z_j}} = {claim}") == expected


def test_the_end_of_a_range_is_the_last_layer():
    page = r"For $k = 1, \dots, K$ let $$a^{(k)} = f(W^{(k)} a^{(k-1)})$$ and $y = a^{(K)}$."
    assert model_of(read_text(page)).lasts == {"L", "N", "T", "K"}
    assert model_of(read_text("$$a^{(l)} = f(W^{(l)} a^{(l-1)})$$")).lasts == {"L", "N", "T"}
