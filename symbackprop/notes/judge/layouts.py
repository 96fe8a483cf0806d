"""What the prose says of layouts: for the whole document, or for the displays below a sentence."""

from __future__ import annotations

import re

from symbackprop.notes.judge.flags import Layout
from symbackprop.notes.resolve.model import Entry, Model

__all__ = ["another_layout_is_named", "stated_layout"]

_CUE = re.compile(
    r"\b(?:numerator|denominator)[- ]layout|\blayouts?\b|\brow[- ]vectors?\b|\bwith rows\b|"
    r"\btranspos\w*[^.]{0,40}\b(?:jacobians?|derivatives?|gradients?|convention)|"
    r"\b(?:jacobians?|derivatives?|gradients?)\b[^.]{0,40}\btranspos\w*",
    re.IGNORECASE,
)
_NUMERATOR = re.compile(
    r"\b(?:gradients?|derivatives?)\b[^.]{0,80}\b(?:is|are|as)\b[^.]{0,20}\brows?\b|"
    r"\bnumerator[- ]layout",
    re.IGNORECASE,
)
_NOT_NUMERATOR = re.compile(
    r"\bdenominator[- ]layout|\bgradients?\b[^.]{0,60}\bshape of (?:its|their|the)", re.IGNORECASE
)


def another_layout_is_named(model: Model, entry: Entry) -> bool:
    """Whether the nearest sentence before a display speaks of how derivatives are laid out."""
    for position in range(entry.position, -1, -1):
        formula = model.entries[position].formula
        if not formula.display and position != entry.position:
            continue
        text = formula.before.replace("*", "").strip()
        if text:
            return bool(_CUE.search(text.split("\n\n")[-1]))
        if formula.heading != entry.formula.heading:
            return False
    return False


def stated_layout(model: Model) -> Layout | None:
    """The layout that the prose announces, if it announces one only."""
    text = " ".join(line.text for line in model.document.prose).replace("*", "")
    if _NUMERATOR.search(text) and not _NOT_NUMERATOR.search(text):
        return Layout.NUMERATOR
    return None
