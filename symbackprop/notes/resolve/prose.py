"""What prose says: shapes in lists, and plain equations such as `z = W x, columns`."""

from __future__ import annotations

import re

from symbackprop.notes import ast
from symbackprop.notes.document import Document, Formula
from symbackprop.notes.kinds import Relation
from symbackprop.notes.lexicon import Vocabulary
from symbackprop.notes.statements import Statement, parse_formula

__all__ = ["local_statements", "shape_lines"]

_PLAIN = re.compile(r"(?<![\w\\$])([A-Za-z]\w*(?:\^?\(\d\))?)\s*=\s*([^,.;:=$]+)")
_SHAPE = re.compile(
    r"^[-*]\s*(?P<names>[^:]+):\s*(?P<shape>.+)$|"
    r"(?P<name>\$?\\?[A-Za-z_{}\\^\[\]()0-9']+\$?)\s+(?:is|has|are|have)\s+(?:an?|the|of)?\s*"
    r"(?:shapes?|dimensions?|size)\s*(?:of)?\s*\$?(?P<of>\([^)]*\)|[\w ]+(?:x|\\times)[\w ]+)"
)
_PAIR = re.compile(
    r"\(\s*([^(),]+?)\s*,\s*([^(),]+?)\s*\)|"
    r"(?:^|[\s{(])([A-Za-z0-9_|^\[\]]+)\s*(?:x|×|\\times)\s*([A-Za-z0-9_|^\[\]]+)"
)


_CONDITION = re.compile(
    r"\b(?:[Ii]f|[Ff]or|[Ww]hen|[Ww]here|[Cc]ase|[Ww]ith)\s*(?:the case\s*)?"
    r"(?:\$(?P<dollar>[^$]{3,24})\$|\\\((?P<paren>.{3,24}?)\\\))[^$.\w]{0,6}\s*"
    r"(?:(?:we|one) (?:have|has|get|gets|find|obtain)|then|this gives)?[^$.\w]{0,3}$"
)


def local_statements(document: Document, formula: Formula) -> list[Statement]:
    """The equations in plain text between a display and the one before it, nearest paragraph."""
    text = re.sub(r"\$[^$]*\$", " ", formula.before)
    paragraph = text.strip().split("\n\n")[-1].strip()
    if not paragraph or len(paragraph) > 160 or paragraph.startswith(("#", "-", "*", "|")):
        return []
    found: list[Statement] = []
    for match in _PLAIN.finditer(paragraph):
        body = re.split(r"\s{2,}|\s(?:element|where|and|with|for|as|by|is|in|on)\b", match[2])[0]
        parsed = parse_formula(f"{_tex(match[1])} = {_tex(body.strip())}", {}, document.vocabulary)
        found.extend(p for p in parsed.parts if isinstance(p, Statement))
    return found


def stated_conditions(formula: Formula, vocabulary: Vocabulary) -> tuple[ast.Node, ...]:
    r"""The condition on indices with which the prose before a display ends: `for $i \ne j$`."""
    match = _CONDITION.search(formula.before[-120:]) if formula.display else None
    if match is None:
        return ()
    parsed = parse_formula(match["dollar"] or match["paren"], {}, vocabulary)
    part = parsed.parts[0] if len(parsed.parts) == 1 else None
    if not isinstance(part, Statement) or len(part.sides) != 2:
        return ()
    letters = all(isinstance(s, ast.Name) and len(s.base) == 1 and not s.subs for s in part.sides)
    if not letters or part.relations[0] not in (Relation.EQUAL, Relation.NOT_EQUAL):
        return ()
    return (ast.Comparison(part.sides, part.relations),)


def _tex(text: str) -> str:
    text = re.sub(r"\byhat\b", r"\\hat{y}", text)
    words = "theta alpha beta gamma sigma phi delta lambda"
    return re.sub(rf"\b({'|'.join(words.split())})\b", r"\\\1", text)


def shape_lines(document: Document) -> list[tuple[str, str, str]]:
    """Names with the two sizes that a list of shapes gives them."""
    found: list[tuple[str, str, str]] = []
    for line in document.prose:
        match = re.match(r"^[-*]\s*(?P<names>[^:]{1,40}):\s*(?P<shape>.{1,60})$", line.text)
        if match is None:
            continue
        pair = _PAIR.search(match["shape"])
        if pair is None:
            continue
        first = pair[1] or pair[3]
        second = pair[2] or pair[4]
        for name in match["names"].split(","):
            name = name.strip().strip("$`")
            if not (first.strip()[:1].isalnum() or first.strip()[:1] == "|"):
                continue
            if re.fullmatch(r"\\?[A-Za-z]+(?:_\w+|_\{\w+\})?(?:\^?\(?\w*\)?)?", name):
                found.append((name, first.strip(), second.strip()))
    return found
