"""Limits: no input exhausts time, memory or recursion, and none reaches an evaluator."""

from __future__ import annotations

import ast as python_ast
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_notes import TOKENS, fuzz
from symbackprop.notes import ast
from symbackprop.notes.lexicon import vocabulary_of
from symbackprop.notes.macros import collect
from symbackprop.notes.outline import outline_parsed
from symbackprop.notes.statements import Statement, Unparsed, parse_formula
from symbackprop.notes.tokens import MAX_LENGTH, MAX_TOKENS, tokenize
from symbackprop.notes.tree import nest

PACKAGE = Path(__file__).parent.parent / "symbackprop" / "notes"
EVALUATORS = {
    "eval",
    "exec",
    "sympify",
    "parse_expr",
    "lambdify",
    "__import__",
    "parse_latex",
}


def test_length_limit() -> None:
    (part,) = parse_formula("x" * (MAX_LENGTH + 1)).parts
    assert isinstance(part, Unparsed)
    assert f"more than {MAX_LENGTH}" in part.reason


def test_token_limit() -> None:
    (part,) = parse_formula("x+" * MAX_TOKENS).parts
    assert isinstance(part, Unparsed)
    assert f"more than {MAX_TOKENS} tokens" in part.reason


@pytest.mark.parametrize(
    ("opener", "closer"),
    [
        ("(", ")"), ("{", "}"), (r"\frac{", "}{2}"), ("x^{", "}"), (r"\hat{", "}"), ("f(", ")"),
        (r"\nabla_{", "}f"), (r"\begin{bmatrix}", r"\end{bmatrix}"), ("1/", ""), (r"\log ", ""),
        (r"\mathbf{1/", "}"), ("-", ""), ("^T", ""), ("|", "|"), ("d", ""), (r"\partial ", ""),
        (r"\bf ", ""), (r"\text{", "}"), ("_a", ""), ("'", ""), (r"\sum_i ", ""),
    ],
)  # fmt: skip
def test_deep_nests_are_refused_not_fatal(opener: str, closer: str) -> None:
    latex = "y = x" + opener * 600 + "x" + closer * 600
    start = time.process_time()
    parsed = parse_formula(latex)
    assert time.process_time() - start < 0.5
    outline_parsed(parsed)
    assert parsed.parts


def test_depth_message_names_the_limit() -> None:
    (part,) = parse_formula("y = " + "(" * 60 + "x" + ")" * 60).parts
    assert isinstance(part, Statement)
    opaque = part.sides[1]
    assert isinstance(opaque, ast.Opaque)
    assert opaque.reason == "more than 36 formulas inside one another"


@pytest.mark.parametrize(
    "definition",
    [r"\def\x{\x}", r"\def\x{\x\x}", r"\def\x{\y}\def\y{\x}", r"\newcommand{\x}[1]{\x{#1 #1}}"],
)
def test_macros_that_call_themselves_end(definition: str) -> None:
    (part,) = parse_formula(r"a = \x{b}", collect(definition)).parts
    assert isinstance(part, Unparsed)
    assert "macro" in part.reason or "tokens" in part.reason


@given(st.lists(st.sampled_from(TOKENS), max_size=40))
@settings(max_examples=150, deadline=None)
def test_token_soup(tokens: list[str]) -> None:
    outline_parsed(parse_formula(" ".join(tokens)))


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text(text: str) -> None:
    outline_parsed(parse_formula(text))


def test_fuzz_sample() -> None:
    summary = fuzz(seed=11, count=400)
    assert summary.failures == []
    assert summary.counts["statements"] > 50


def test_vocabulary_of_a_long_run() -> None:
    items, _ = nest(tokenize("ab" * 1_000))
    assert vocabulary_of([items]).words == frozenset()


def test_no_path_from_text_to_an_evaluator() -> None:
    """No module of the reader imports SymPy, and none names anything that runs text."""
    for path in sorted(PACKAGE.glob("*.py")):
        for node in python_ast.walk(python_ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, python_ast.Import | python_ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                assert module.split(".")[0] not in ("subprocess", "pickle", "importlib", "os")
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            assert name not in EVALUATORS, (path.name, name)


@pytest.mark.parametrize(
    "attack",
    [
        "__import__('os').system('echo pwned')",
        r"\input{/etc/passwd}",
        r"().__class__.__base__.__subclasses__()",
        r"{{ 7 * 7 }}",
        r"9^{9^{9^{9}}}",
        "9" * 5_000,
    ],
)
def test_hostile_text_is_data(attack: str) -> None:
    parsed = parse_formula("y = " + attack)
    outline_parsed(parsed)
    assert parsed.source.endswith(attack)
