"""Walks over the syntax tree and edits of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any

from symbackprop.notes.ast import NOWHERE, Group, Label, Node

__all__ = [
    "MAX_DEPTH",
    "children",
    "depth",
    "map_children",
    "replace_at",
    "unplaced",
    "unwrapped",
    "values_in",
    "walk",
]


MAX_DEPTH = 90
"""Nodes inside one another in a tree: what recursion over it may rely on."""


@cache
def _parts(kind: type) -> tuple[str, ...]:
    """The names of the fields in which a kind of node may hold nodes."""
    return tuple(part.name for part in fields(kind) if part.type not in _PLAIN)


_PLAIN = frozenset(
    "str|bool|int|Span|Font|Bracket|Delimiter|Prefix|DerivativeForm|Big|ProductOp|TransposeStyle|"
    "tuple[str, ...]|tuple[Sign, ...]|tuple[Relation, ...]".split("|")
)
"""The types of fields, as they are annotated, that hold no nodes."""


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in field order."""
    found: list[Node] = []
    kind: Any = type(node)
    for name in _parts(kind):
        value = getattr(node, name)
        if type(value) is tuple:
            found.extend(value)
        elif value is not None:
            found.append(value)
    return tuple(found)


def map_children(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with `change` applied to each child; itself when nothing changed.

    A changed node loses its span, so that the printer spells it anew.
    """
    values: dict[str, object] = {}
    changed = False
    for part in fields(node):
        value = getattr(node, part.name)
        new: object = value
        if isinstance(value, Node):
            new = change(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            new = tuple(change(item) for item in value)
            if all(a is b for a, b in zip(new, value, strict=True)):
                new = value
        changed = changed or new is not value
        values[part.name] = new
    if not changed:
        return node
    values["span"] = NOWHERE
    if "tex" in values and isinstance(node, Label):
        values["tex"] = ""
    return type(node)(**values)  # type: ignore[arg-type]  # fields of the same class


def depth(node: Node) -> int:
    """How many nodes stand inside one another, found without recursion."""
    deepest = 0
    stack = [(node, 1)]
    while stack:
        here, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in children(here))
    return deepest


def walk(node: Node) -> Iterator[tuple[tuple[int, ...], Node]]:
    """Every node below and including `node` with its path of child positions, parents first."""
    stack: list[tuple[tuple[int, ...], Node]] = [((), node)]
    while stack:
        path, here = stack.pop()
        yield path, here
        below = children(here)
        stack.extend(((*path, i), below[i]) for i in range(len(below) - 1, -1, -1))


def unwrapped(node: Node) -> Node:
    """A node without the brackets around it."""
    while isinstance(node, Group) and len(node.items) == 1:
        node = node.items[0]
    return node


def unplaced(node: Node) -> Node:
    """The node without spans, to be set into another formula."""
    moved = map_children(node, unplaced)
    return moved if moved.span == NOWHERE else replace(moved, span=NOWHERE)


def replace_at(node: Node, path: tuple[int, ...], new: Node) -> Node:
    """The tree with the node at `path` replaced; every ancestor loses its span."""
    if not path:
        return new
    position = iter(range(len(children(node))))

    def change(child: Node) -> Node:
        return replace_at(child, path[1:], new) if next(position) == path[0] else child

    return map_children(node, change)


def values_in(node: Node) -> Iterator[Node]:
    """The nodes of a tree that stand for values: none inside of labels."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(c for c in reversed(children(here)) if not isinstance(c, Label))
