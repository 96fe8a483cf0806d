"""In which order a product of many factors is summed: one index after the other, cheapest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from sympy import Expr, Symbol, preorder_traversal
from sympy.core.basic import Basic

from symbackprop.simplify.terms import text_key

Group: TypeAlias = tuple[frozenset[Basic], list[Expr]]
"""Factors that have the same indices, or some of them, and those indices."""


def kept_indices(
    inside: Sequence[Group], outside: Sequence[Group], bound: Collection[Symbol]
) -> frozenset[Basic]:
    """The indices that the product of the groups `inside` keeps: what is free or read outside."""
    return frozenset(s for s in _indices(inside) if s not in bound or s in _indices(outside))


def next_index(groups: Sequence[Group], bound: Sequence[Symbol], done: Collection[str]) -> Symbol:
    """The index to sum over next: where the least is multiplied, and the result is smallest.

    A sum of the same form as one in `done` goes first: equal chains at both ends of a product are
    one chain then. Then what leads away from the free indices, so that such chains meet last.
    """

    def cost(symbol: Symbol) -> tuple[bool, int, int, int]:
        inside, outside = parted(groups, symbol)
        kept = kept_indices(inside, outside, bound)
        new = form(inside) not in done
        return new, len(_indices(inside)), len(kept), -len(kept.difference(bound))

    return min((s for s in bound if s in _indices(groups)), key=cost)


def parted(groups: Sequence[Group], symbol: Symbol) -> tuple[list[Group], list[Group]]:
    """The groups that have an index, and the others."""
    return [g for g in groups if symbol in g[0]], [g for g in groups if symbol not in g[0]]


def next_pair(
    inside: Sequence[Group], outside: Sequence[Group], bound: Collection[Symbol]
) -> tuple[int, int]:
    """The two groups to multiply first: the smallest product, with indices that much else has."""

    def cost(pair: tuple[int, int]) -> tuple[int, int, int]:
        two = [inside[k] for k in pair]
        rest = [*(g for k, g in enumerate(inside) if k not in pair), *outside]
        kept = kept_indices(two, rest, bound)
        elsewhere = sum(len(kept & g[0]) for g in outside)
        return len(kept), -len(kept.difference(bound)), -elsewhere

    count = len(inside)
    return min(((i, j) for i in range(count) for j in range(i + 1, count)), key=cost)


def form(groups: Sequence[Group]) -> str:
    """The product of groups as text, the same whatever the indices are called."""
    symbols = _indices(groups)
    nameless: dict[Basic, Basic] = dict.fromkeys(symbols, Symbol("i"))
    factors = [f for g in groups for f in g[1]]
    factors.sort(key=lambda f: text_key(f.xreplace(nameless)))
    numbered: dict[Basic, Basic] = {}
    for factor in factors:
        for part in preorder_traversal(factor):
            if part in symbols and part not in numbered:
                numbered[part] = Symbol(f"i{len(numbered)}")
    return "*".join(text_key(f.xreplace(numbered)) for f in factors)


def _indices(groups: Sequence[Group]) -> frozenset[Basic]:
    return frozenset().union(*(g[0] for g in groups))
