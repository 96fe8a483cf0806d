"""The parser: a table of reviewed outlines, spans, and the reasons for what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from symbackprop.notes import ast
from symbackprop.notes.macros import collect
from symbackprop.notes.outline import outline, outline_parsed
from symbackprop.notes.pieces import Connective
from symbackprop.notes.statements import Fragment, Statement, Unparsed, parse_formula
from symbackprop.notes.trees import walk

TABLE = Path(__file__).parent / "notes" / "outlines.txt"


def _entries() -> list[tuple[str, list[str]]]:
    blocks = TABLE.read_text(encoding="utf-8").strip().split("\n\n")
    made = []
    for block in blocks:
        formula, *lines = block.split("\n")
        made.append((formula, [line.strip() for line in lines]))
    return made


@pytest.mark.parametrize(("formula", "expected"), _entries())
def test_outline(formula: str, expected: list[str]) -> None:
    assert outline_parsed(parse_formula(formula)) == expected


def test_table_is_not_empty() -> None:
    assert len(_entries()) > 120


def _first_side(latex: str, side: int = 0) -> ast.Node:
    part = parse_formula(latex).parts[0]
    assert isinstance(part, Statement)
    return part.sides[side]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"a \cdot b", "a b"),
        ("a * b", r"a \odot b"),
        (r"a \circ b", r"a \odot b"),
        ("a . b", "a b"),
        (r"a \times b", r"a \otimes b"),
        (r"W^{[2]}", "W^2"),
        ("W^{(2)}", "W^2"),
        (r"W^{\langle 2\rangle}", "W^{[2]}"),
        ("W_l", "W^l"),
        ("f'", "f"),
        ("f'(z)", "f(z)'"),
        ("W^T", "W"),
        ("dW", "W"),
        (r"\partial W", "dW"),
        (r"\delta x", "dx"),
        ("a - b", "b - a"),
        ("AB", "BA"),
        (r"\hat{y}", "y"),
        (r"\mathbf{w}", "w"),
        (r"\sum_i a_i + b", r"\sum_i (a_i + b)"),
        ("w_{D_k-1}", "w_{D_{k-1}}"),
        ("-x^2", "(-x)^2"),
    ],
)
def test_different_notation_gives_different_trees(one: str, other: str) -> None:
    first, second = parse_formula(one).parts[0], parse_formula(other).parts[0]
    assert isinstance(first, Fragment)
    assert isinstance(second, Fragment)
    assert first.node != second.node


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"W^{[l]^T}", r"W^{[l]T}"),
        (r"{W^{[l]}}^\top", r"W^{[l]T}"),
        (r"\left( a \right)", "(a)"),
        (r"\displaystyle a\,b", "ab"),
        (r"\boxed{a = b}", "a = b"),
        (r"\frac{\partial L}{\partial W}", r"\dfrac{\partial{L}}{\partial{W}}"),
        ("δ σ", r"\delta \sigma"),
        ("Ŷ", r"\hat{Y}"),
        ("x²", "x^2"),
        ("Wᵀ", "W^T"),
        (r"\mathbf{\hat y}", r"\hat{\mathbf y}"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"a \over b", r"a/b"),
        (r"\color{red} a", "a"),
        (r"\hat{x_i}", r"\hat{x}_i"),
        ("{\\bf W}", r"\mathbf{W}"),
    ],
)
def test_same_notation_gives_the_same_tree(one: str, other: str) -> None:
    first, second = outline_parsed(parse_formula(one)), outline_parsed(parse_formula(other))
    assert [line.replace("\\", "") for line in first] == [line.replace("\\", "") for line in second]


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        ("a = b +", "a formula is missing here"),
        (r"a = \circ b", "nothing stands before .* to be multiplied"),
        ("a = (b", "this is not part of a formula|opens and never closes"),
        (r"a = \frac{b}{}", "the denominator is missing here"),
        (r"a = \foo{b} c", r"\\foo is not a known command"),
        (r"a = [b \}", r"\[ is closed by"),
        (r"a = b \# c", r"\\# is not expected here"),
    ],
)
def test_what_is_not_understood_stays_with_its_reason(latex: str, reason: str) -> None:
    part = parse_formula(latex).parts[0]
    assert isinstance(part, Statement)
    opaque = part.sides[1]
    assert isinstance(opaque, ast.Opaque)
    assert re.search(reason, opaque.reason), opaque.reason


@pytest.mark.parametrize(
    ("latex", "reason", "start"),
    [
        ("a = {b", "this opens and never closes", 4),
        ("a = b}", "a brace closes here and none is open", 5),
        (r"\begin{align} a", "this opens and never closes", 0),
        (r"a \end{align}", r"\\end\{align\} stands here and none is open", 2),
        (r"\begin{a} { \end{a}", r"\{ is still open here", 12),
    ],
)
def test_broken_nesting_is_one_unparsed_piece(latex: str, reason: str, start: int) -> None:
    (part,) = parse_formula(latex).parts
    assert isinstance(part, Unparsed)
    assert re.fullmatch(reason, part.reason), part.reason
    assert part.span.start == start


def test_exact_spans_spell_their_nodes() -> None:
    latex = r"\frac{\partial L}{\partial W_1} = \frac1m\sum_i \delta_i x_i^{T} \odot f'(\hat z_i)"
    for part in parse_formula(latex).parts:
        assert isinstance(part, Statement)
        for side in part.sides:
            for _, node in walk(side):
                if node.span.exact:
                    text = latex[node.span.start : node.span.end]
                    (again,) = parse_formula(text).parts
                    if isinstance(again, Fragment) and not isinstance(
                        node, ast.Label | ast.Range | ast.Comparison
                    ):
                        assert again.node == node, text


def test_macros_expand_and_keep_their_spelling() -> None:
    macros = collect(r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}} \def\W{\mathbf{W}}")
    latex = r"\pd{\ell}{\W} = \W x"
    (part,) = parse_formula(latex, macros).parts
    assert isinstance(part, Statement)
    derivative, product = part.sides
    assert isinstance(derivative, ast.Derivative)
    assert latex[derivative.span.start : derivative.span.end] == r"\pd{\ell}{\W}"
    variable = derivative.variables[0]
    assert outline(variable) == "bo:W"
    assert latex[variable.span.start : variable.span.end] == r"\W"
    assert latex[product.span.start : product.span.end] == r"\W x"


def test_statement_parts() -> None:
    (first, second) = parse_formula(r"z = Wx \implies \frac{dz}{dx} = W \text{ for } x \in S").parts
    assert isinstance(first, Statement)
    assert isinstance(second, Statement)
    assert second.connective is Connective.IMPLIED
    assert outline(second.conditions[0]) == "(x \\in S)"
    assert not second.inherited


def test_row_that_continues_an_earlier_display_is_inherited() -> None:
    (part,) = parse_formula(r"\begin{aligned} &= \delta x^T \end{aligned}").parts
    assert isinstance(part, Statement)
    assert part.inherited
    assert isinstance(part.sides[0], ast.Missing)
