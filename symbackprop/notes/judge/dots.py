r"""Dot products: `\mathbf w \cdot \mathbf x` of two vectors is a number, whatever their layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.kinds import ProductOp

__all__ = ["dotted"]

_WEIGHTS = frozenset({"w", "u", "v", "theta", "beta", "omega"})


def dotted(node: ast.Product, together: Callable[[Node, Node], bool]) -> ast.Product:
    """The product with a transpose on each weight vector that a dot joins to a vector.

    Parameters
    ----------
    node : ast.Product
        A chain of factors.
    together : callable
        Whether two neighbours are vectors of one layout.
    """
    factors = list(node.factors)
    joints = list(node.joints)
    for i, joint in enumerate(node.joints):
        first, second = factors[i], factors[i + 1]
        if joint.op not in (ProductOp.CDOT, ProductOp.DOT) or not _is_weight(first):
            continue
        if isinstance(second, Name) and together(first, second):
            factors[i] = ast.Group((ast.Transposed(first),))
            joints[i] = replace(joint, op=ProductOp.JUXTAPOSED)
    if factors == list(node.factors):
        return node
    return replace(node, factors=tuple(factors), joints=tuple(joints))


def _is_weight(node: Node) -> bool:
    return isinstance(node, Name) and node.base in _WEIGHTS and not node.accents
