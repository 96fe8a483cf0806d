"""The printer: the author's spelling where nothing changed, one that parses back elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from symbackprop.notes import ast
from symbackprop.notes.kinds import TransposeStyle
from symbackprop.notes.macros import collect
from symbackprop.notes.printer import to_latex
from symbackprop.notes.statements import Fragment, Statement, parse_formula
from symbackprop.notes.trees import replace_at, unplaced, walk

TABLE = Path(__file__).parent / "notes" / "outlines.txt"
REGROUPED = (
    r"\substack",  # the index that two lines of a substack share is said once
    "W[l]'",  # a transpose of a name with a label is put in brackets
    r"\underbrace",  # a delta that braces kept from its x is a prefix without them
    "neuron",  # prose is set again in a text of its own
    r"\frac{\partial L}{\partial W}^T",
    r"\begin{array}{ll}",
    r"\over",
)


def _formulas() -> list[str]:
    blocks = TABLE.read_text(encoding="utf-8").strip().split("\n\n")
    return [b.split("\n")[0] for b in blocks if not any(mark in b for mark in REGROUPED)]


def _sides(latex: str) -> list[ast.Node]:
    made: list[ast.Node] = []
    for part in parse_formula(latex).parts:
        if isinstance(part, Statement):
            made.extend(part.sides)
        elif isinstance(part, Fragment):
            made.append(part.node)
    return [side for side in made if not isinstance(side, ast.Missing)]


@pytest.mark.parametrize("latex", _formulas())
def test_respelled_tree_parses_back(latex: str) -> None:
    for side in _sides(latex):
        if isinstance(side, ast.Group) and not side.span.exact:
            continue  # a list that commas of the display made
        (again,) = _sides(to_latex(side))
        assert again == side


@pytest.mark.parametrize("latex", _formulas())
def test_unchanged_tree_prints_as_written(latex: str) -> None:
    for side in _sides(latex):
        if side.span.exact:
            assert to_latex(side, latex) == latex[side.span.start : side.span.end]


def _edited(latex: str, old: str, new: ast.Node) -> str:
    """The formula's right side with the node spelled `old` replaced."""
    side = _sides(latex)[1]
    for path, node in walk(side):
        if node.span.exact and latex[node.span.start : node.span.end] == old:
            return to_latex(replace_at(side, path, new), latex)
    raise AssertionError(f"{old} is no node of {latex}")


def _name(base: str) -> ast.Name:
    return ast.Name(base, head=base)


def test_edit_keeps_the_rest_as_written() -> None:
    latex = r"dW = \frac 1 m\; dZ^{[l]}  A^{[l-1]}"
    found = _sides(latex)[1]
    name = next(n for _, n in walk(found) if isinstance(n, ast.Name) and n.base == "A")
    fixed = ast.Transposed(name, TransposeStyle.T, inside=True)
    assert _edited(latex, "A^{[l-1]}", fixed) == r"\frac 1 mdZ^{[l]}A^{[l-1]T}"


def test_transposes_in_the_document_s_style() -> None:
    (node,) = _sides("a^{[l-1]}")
    assert to_latex(ast.Transposed(node, TransposeStyle.TOP, inside=True)) == r"a^{[l-1]\top}"
    assert to_latex(ast.Transposed(node, TransposeStyle.T)) == r"\left(a^{[l-1]}\right)^T"
    assert to_latex(ast.Transposed(node, TransposeStyle.PRIME)) == "a^{[l-1]}'"
    assert to_latex(ast.Transposed(_name("W"), TransposeStyle.DOT_T)) == "W.T"
    (gradient,) = _sides("dZ^{[l]}")
    assert to_latex(ast.Transposed(gradient, TransposeStyle.T, inside=True)) == "dZ^{[l]T}"


def test_sum_in_a_product_gets_brackets() -> None:
    assert _edited("y = a b", "a", unplaced(_sides("c + d")[0])) == r"\left(c + d\right)b"
    assert _edited("y = a b", "b", unplaced(_sides("-c")[0])) == r"a\left(-c\right)"
    assert _edited(r"y = x^T b", "x", unplaced(_sides("c + d")[0])) == r"\left(c + d\right)^Tb"


def test_macros_survive_an_edit() -> None:
    macros = collect(r"\newcommand{\vx}{\mathbf{x}} \newcommand{\vd}{\boldsymbol{\delta}}")
    latex = r"g = \vd^T \vx"
    (part,) = parse_formula(latex, macros).parts
    assert isinstance(part, Statement)
    side = part.sides[1]
    assert isinstance(side, ast.Product)
    fixed = replace(
        side, factors=(side.factors[0], ast.Transposed(side.factors[1])), span=ast.NOWHERE
    )
    assert to_latex(fixed, latex) == r"\vd^T\mathbf{x}^T"
    swapped = replace(side, factors=side.factors[::-1], span=ast.NOWHERE)
    assert to_latex(swapped, latex) == r"\vx\vd^T"
