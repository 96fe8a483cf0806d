r"""Shapes that stand beside a name in prose: "$W$ is $h \times n$", "$X$ ($n \times p$)"."""

from __future__ import annotations

import re
from collections.abc import Callable

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.document import Document, Formula
from symbackprop.notes.kinds import ProductOp, Relation
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.resolve.shapes import name_in, shape_key
from symbackprop.notes.statements import Fragment, Parsed, Statement
from symbackprop.notes.trees import children, unwrapped

State = Callable[[Node, tuple[str, str]], None]

__all__ = ["rows_declared", "shapes_beside", "stated_maps"]

_ROWS = re.compile(
    r"\bvectors\b[^.;:]{0,30}\bare\b[^.;:]{0,20}\brows?\b|"
    r"\bas (?:a )?row vectors?\b|\ball (?:the )?(?:data|inputs|vectors)[^.;:]{0,20}\brows\b|"
    r"\b(?:use|using|with|by|in) (?:the )?row[- ]vectors?\b|"
    r"\brow[- ]vector (?:convention|notation)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    r"[\s,]*(?:\(|(?:(?:is|are|be|has|have|of|with|a|an|the|both|now|real|its|some|given|"
    r"which|weight|bias|input|output|data|design|matrix|vector|column|row|tensor|array|"
    r"shapes?|dimensions?|dimensional|sizes?)\b[\s,:]*)+\(?|:)\s*"
)
_PLAIN = re.compile(
    r"\$(?P<name>[^$]{1,40})\$\s*(?:,\s*)?(?:(?:is|has|have|are|be|of|a|an|the|shapes?|dimensions?|"
    r"sizes?|matrix|vector|column|row)\b\s*){1,6}\(?\s*"
    r"(?P<first>\d+|[A-Za-z](?:_\w)?)\s*(?:x|×|by|,)\s*(?P<second>\d+|[A-Za-z](?:_\w)?)\b"
)


def shapes_beside(
    document: Document, parsed: list[Parsed], profile: Profile
) -> dict[str, tuple[str, str]]:
    """The sizes of names with a shape beside them; where two shapes are stated, none."""
    found: dict[str, tuple[str, str]] = {}
    doubtful: set[str] = set()

    def state(name: Node, sizes: tuple[str, str]) -> None:
        if isinstance(name, Name):
            ref = profile.ref(name)
            key = shape_key(ref)
            if not ref.comps and found.setdefault(key, sizes) != sizes:
                doubtful.add(key)

    for line in document.prose:
        for match in _PLAIN.finditer(line.text):
            name = name_in(document, match["name"].strip().strip("$`"))
            if name is not None:
                state(name, (match["first"], match["second"]))
    _beside(document.formulas, parsed, state)
    for key in doubtful:
        del found[key]
    return found


def stated_maps(parsed: list[Parsed], profile: Profile) -> dict[str, tuple[str, str]]:
    r"""Functions between vectors of two lengths: `f : \mathbb{R}^n \to \mathbb{R}^m`."""
    found: dict[str, tuple[str, str]] = {}
    for one in parsed:
        for part in one.parts:
            if not isinstance(part, Statement) or len(part.sides) != 3:
                continue
            name, first, second = part.sides
            if part.relations[0] is not Relation.MAPS or not isinstance(name, Name):
                continue
            spaces = [s for s in (first, second) if isinstance(s, ast.Space)]
            if len(spaces) == 2 and all(len(s.sizes) == 1 for s in spaces):
                sizes = (size_text(spaces[0].sizes[0]), size_text(spaces[1].sizes[0]))
                if sizes[0] != sizes[1]:
                    found[profile.ref(name).key] = sizes
    return found


def rows_declared(document: Document) -> bool:
    """Whether the prose says that vectors are rows."""
    return any(_ROWS.search(line.text.replace("*", "")) for line in document.prose)


def factors_of(node: Node) -> list[Node]:
    r"""The sizes that `\times` separates."""
    node = unwrapped(node)
    if isinstance(node, ast.Product) and any(j.op is ProductOp.TIMES for j in node.joints):
        made: list[list[Node]] = [[node.factors[0]]]
        for joint, factor in zip(node.joints, node.factors[1:], strict=True):
            if joint.op is ProductOp.TIMES:
                made.append([factor])
            else:
                made[-1].append(factor)
        return [ast.Group(tuple(part)) if len(part) > 1 else part[0] for part in made]
    return [node]


def size_text(node: Node) -> str:
    """A size as a word: what spells the same is the same size."""
    if isinstance(node, Name):
        labels = (size_text(item) for label in (*node.subs, *node.sups) for item in label.items)
        return "_".join((node.base, *labels))
    if isinstance(node, ast.Number | ast.Text):
        return node.text
    return "".join(size_text(child) for child in children(node))


def _beside(formulas: tuple[Formula, ...], parsed: list[Parsed], state: State) -> None:
    r"""`$W$ is $h \times n$`: a name, a few words, and a product of two sizes."""
    names: list[Node] = []
    for number, (formula, one) in enumerate(zip(formulas, parsed, strict=True)):
        nodes = [p.node for p in one.parts if isinstance(p, Fragment)]
        if formula.display or len(nodes) != len(one.parts) or not nodes:
            names = []
            continue
        sizes = factors_of(nodes[0]) if len(nodes) == 1 else []
        if len(sizes) == 2 and all(isinstance(s, Name | ast.Number | ast.Group) for s in sizes):
            between = text_between(formulas[number - 1], formula) if number else None
            if names and between is not None and _BETWEEN.fullmatch(between):
                for name in names:
                    state(name, (size_text(sizes[0]), size_text(sizes[1])))
            names = []
            continue
        between = text_between(formulas[number - 1], formula) if number else None
        joined = between is not None and between.strip() in (",", "and", ", and")
        names = [*names, *nodes] if joined else nodes


def text_between(first: Formula, second: Formula) -> str | None:
    """The text between two neighbouring inline formulas."""
    place = second.before.rfind(first.latex)
    if place < 0:
        return None
    return re.sub(r"^\s*(?:\$|\\\))|(?:\$|\\\()\s*$", "", second.before[place + len(first.latex) :])
