"""What prose says: shapes in lists, and plain equations such as `z = W x, columns`."""

from __future__ import annotations

import re

from symbackprop.notes.document import Document, Formula
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
