"""How deep and how large a scalar expression may be, measured without recursion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sympy import Basic

from symbackprop.errors import UnsupportedError

MAX_DEPTH: Final = 80
"""Levels of one body: SymPy's `diff` takes seven frames a level, of the thousand there are."""

MAX_SIZE: Final = 20_000
"""Nodes of one body, each shared one counted once."""

MAX_TREE: Final = 200_000
"""Nodes of one body written out: SymPy walks trees, so sharing costs it exponential time."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How large an expression is.

    Parameters
    ----------
    depth : int
        Levels; 1 for a symbol.
    size : int
        Different subexpressions.
    tree : int
        Nodes when written out without sharing.
    """

    depth: int
    size: int
    tree: int


def extent(expression: Basic) -> Extent:
    """Measure an expression with a stack of its own; linear in its different subexpressions.

    Identity, not equality, tells subexpressions apart: comparing two deep ones would recurse.
    """
    depth: dict[int, int] = {}
    tree: dict[int, int] = {}
    stack = [expression]
    while stack:
        node = stack[-1]
        if id(node) in depth:
            stack.pop()
            continue
        waiting = [a for a in node.args if id(a) not in depth]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        depth[id(node)] = 1 + max((depth[id(a)] for a in node.args), default=0)
        tree[id(node)] = 1 + sum(tree[id(a)] for a in node.args)
    return Extent(depth[id(expression)], len(depth), tree[id(expression)])


def check_extent(expression: Basic, where: str | None = None) -> None:
    """Refuse an expression that SymPy's walkers would not survive.

    Raises
    ------
    UnsupportedError
        When it is deeper than `MAX_DEPTH`, or larger than `MAX_SIZE` or `MAX_TREE`.
    """
    found = extent(expression)
    if found.depth > MAX_DEPTH:
        fault = f"a scalar expression of depth {found.depth}, at most {MAX_DEPTH} is supported"
    elif found.size > MAX_SIZE or found.tree > MAX_TREE:
        fault = f"a scalar expression of {max(found.size, found.tree)} nodes is too large"
    else:
        return
    raise UnsupportedError(
        fault, where=where, help="name intermediate values: one network value per step"
    )
