"""The summation convention: an index that stands twice in a term is summed over."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.document import Document
from symbackprop.notes.kinds import Big
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.statements import Parsed, Statement
from symbackprop.notes.trees import walk

__all__ = ["declared", "summed"]

_SAID = re.compile(
    r"summation convention|(?:sum(?:mation|med)?)\s+over\s+(?:all\s+)?(?:the\s+)?repeated"
    r"|repeated (?:index|indices)|einstein (?:sum|notation|convention)",
    re.IGNORECASE,
)


def declared(document: Document) -> bool:
    """Whether a document says that repeated indices are summed over."""
    return any(_SAID.search(f.before) or _SAID.search(f.after) for f in document.formulas)


def summed(parsed: Parsed, profile: Profile) -> Parsed:
    """A formula with the sums that the convention leaves out.

    A term that shows a sum of its own, and an index that the left side has, are left alone.
    """
    parts = tuple(
        replace(part, sides=(part.sides[0], *(_side(s, part, profile) for s in part.sides[1:])))
        if isinstance(part, Statement)
        else part
        for part in parsed.parts
    )
    return replace(parsed, parts=parts)


def _side(side: Node, statement: Statement, profile: Profile) -> Node:
    free = set(_indices(statement.sides[0], profile))
    if isinstance(side, ast.Add):
        terms = tuple(_term(term, free, profile) for term in side.terms)
        return side if terms == side.terms else replace(side, terms=terms, span=ast.NOWHERE)
    return _term(side, free, profile)


def _term(term: Node, free: set[str], profile: Profile) -> Node:
    if any(isinstance(n, ast.BigOperator) for _, n in walk(term)):
        return term
    letters = _indices(term, profile)
    for letter in sorted(letters):
        if letters[letter] == 2 and letter not in free:
            term = ast.BigOperator(Big.SUM, ast.Range((Name(letter),)), term)
    return term


def _indices(node: Node, profile: Profile) -> Counter[str]:
    """How often each letter stands as an index."""
    found: Counter[str] = Counter()
    for _, here in walk(node):
        if isinstance(here, Name):
            for comp in profile.ref(here).comps:
                if isinstance(comp, Name) and not comp.subs and not comp.sups:
                    found[comp.base] += 1
    return found
