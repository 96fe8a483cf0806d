"""Whether `w_ij` is the entry of `W` in row i and column j, by how both are multiplied."""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.notes import ast
from symbackprop.notes.ast import Name
from symbackprop.notes.kinds import Big
from symbackprop.notes.resolve.definitions import ADJOINTS, Definition
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.trees import walk

__all__ = ["straight_entries"]


def straight_entries(definitions: Iterable[Definition], profile: Profile) -> frozenset[str]:
    r"""Small letters whose entries are those of the capital letter, in the same order.

    `z = W x` goes with `z_i = \sum_j w_ij x_j`: the second index is that of what comes in. Where
    the first one is, W has to stand behind, as in `z = x W`.
    """
    places: dict[str, set[int]] = {}
    sides: dict[str, set[int]] = {}
    for definition in definitions:
        if definition.late:
            continue
        for _, node in walk(definition.body):
            if isinstance(node, ast.BigOperator) and node.op is Big.SUM:
                summed_places(node, profile, places)
            elif isinstance(node, ast.Product):
                matrix_sides(node, profile, sides)
    return frozenset(
        small
        for small, found in places.items()
        if len(found) == 1 and sides.get(small.upper()) == found
    )


def summed_places(node: ast.BigOperator, profile: Profile, places: dict[str, set[int]]) -> None:
    """Which index of a weight is summed with what comes in."""
    letters = {n.base for n in node.range.indices if isinstance(n, Name)}
    names = [n for _, n in walk(node.body or node) if isinstance(n, Name)]
    incoming = {
        ref.comps[0].base
        for ref in map(profile.ref, names)
        if len(ref.comps) == 1 and isinstance(ref.comps[0], Name)
        and ref.key.split("_")[0] not in ADJOINTS
    }  # fmt: skip
    for name in names:
        ref = profile.ref(name)
        if len(ref.comps) == 2 and len(ref.key) == 1 and ref.key.islower():
            for place, comp in enumerate(ref.comps):
                if isinstance(comp, Name) and comp.base in letters & incoming:
                    places.setdefault(ref.key, set()).add(place)


def matrix_sides(node: ast.Product, profile: Profile, sides: dict[str, set[int]]) -> None:
    """Whether a matrix stands before what it multiplies (1) or behind it (0)."""
    for i, factor in enumerate(node.factors):
        flipped = isinstance(factor, ast.Transposed)
        base = factor.base if isinstance(factor, ast.Transposed) else factor
        if not isinstance(base, Name) or profile.ref(base).comps or not base.base.isupper():
            continue
        before = i + 1 < len(node.factors)
        sides.setdefault(profile.ref(base).key, set()).add(int(before != flipped))
