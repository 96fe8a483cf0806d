"""The formula of a general layer, found at two depths and checked at a third.

A network is declared as a function of its depth. Its formulas are cut at the members of families
(z of layer l, W of layer l, the cotangent of z of layer l), their indices taken out, and what is
left is compared: layers that differ in their indices only are one class, and every index must be
l + c, L - l + c, L + c or c in all of them. What does not fit is left to single layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symbackprop.derivation.cells import Cell, Member, Quantity, Term, cells_of
from symbackprop.derivation.indexmaps import (
    Base,
    IndexMap,
    Place,
    Range,
    fitted,
    fitted_range,
)
from symbackprop.ir import Problem
from symbackprop.raising import Formula
from symbackprop.simplify import derive

DEPTHS = (4, 5)
UNSEEN = 6


@dataclass(frozen=True, slots=True)
class GeneralTerm:
    """A summand of a general formula.

    skeleton, formula : the summand without indices, and in the layer it was taken from
    maps : the index of each member of a family in it, in the order in which they stand
    over : the range of a sum over layers, where the summand is one
    """

    skeleton: Formula
    formula: Formula
    maps: tuple[IndexMap, ...]
    over: Range | None = None


@dataclass(frozen=True, slots=True)
class General:
    """The formula of a quantity in a range of layers.

    members : node id -> quantity and index, in the network that the terms were taken from
    """

    quantity: Quantity
    layers: Range
    terms: tuple[GeneralTerm, ...]
    members: dict[int, Member]


@dataclass(frozen=True, slots=True)
class Families:
    """The general formulas of a network, and the quantities that have none."""

    formulas: tuple[General, ...]
    single: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class _Network:
    depth: int
    members: dict[int, Member]
    cells: dict[Quantity, dict[int, Cell]]


def general_formulas(
    build: Callable[[int], Problem],
    depths: Sequence[int] = DEPTHS,
    unseen: int = UNSEEN,
) -> Families:
    """The formulas of a general layer.

    Parameters
    ----------
    build : the network as a function of its depth
    depths : where the formulas are found; two, and 6 and 8 where every second layer differs
    unseen : a further depth, where they must hold
    """
    numbers: dict[Quantity, int] = {}
    seen = [_network(build, depth, numbers) for depth in depths]
    third = _network(build, unseen, numbers)
    found: list[General] = []
    single: list[Quantity] = []
    for quantity in seen[-1].cells:
        classes = _classes(quantity, seen)
        if classes is not None and _holds(classes, third):
            found.extend(classes)
        else:
            single.append(quantity)
    return Families(tuple(found), tuple(single))


def _network(build: Callable[[int], Problem], depth: int, numbers: dict[Quantity, int]) -> _Network:
    atoms, found = cells_of(derive(build(depth)), depth, numbers)
    cells: dict[Quantity, dict[int, Cell]] = {}
    for quantity, cell in found:
        cells.setdefault(quantity, {})[cell.layer] = cell
    return _Network(depth, atoms.members, cells)


def _shape(cell: Cell) -> tuple[str, ...]:
    """What two layers of one class share: their skeletons, however often each occurs."""
    return tuple(sorted({repr(term.skeleton) for term in cell.terms}))


def _classes(quantity: Quantity, seen: Sequence[_Network]) -> list[General] | None:
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for network in seen:
        for cell in network.cells.get(quantity, {}).values():
            groups.setdefault(_shape(cell), []).append(cell)
    found: list[General] = []
    for cells in groups.values():
        general = _one_class(quantity, cells, seen)
        if general is None:
            return None
        found.append(general)
    return sorted(found, key=lambda g: g.layers.layers(seen[-1].depth)[0])


def _one_class(
    quantity: Quantity, cells: Sequence[Cell], seen: Sequence[_Network]
) -> General | None:
    layers = fitted_range({n.depth: [c.layer for c in cells if c.depth == n.depth] for n in seen})
    if layers is None:
        return None
    terms: list[GeneralTerm] = []
    for skeleton in dict.fromkeys(repr(t.skeleton) for t in cells[-1].terms):
        slots = [_slots(cell, skeleton) for cell in cells]
        made = (
            _separate(cells, slots, layers.single)
            if len({len(s) for s in slots}) == 1
            else _summed(cells, slots)
        )
        if made is None:
            return None
        terms.extend(made)
    return General(quantity, layers, tuple(terms), seen[-1].members)


def _slots(cell: Cell, skeleton: str) -> list[Term]:
    """The summands of a skeleton, by how far their indices are from the layer."""
    found = [t for t in cell.terms if repr(t.skeleton) == skeleton]
    return sorted(found, key=lambda t: tuple(i - cell.layer for i in t.indices))


def _separate(
    cells: Sequence[Cell], slots: Sequence[Sequence[Term]], fixed: bool
) -> list[GeneralTerm] | None:
    """As many summands in every layer: one general summand for each."""
    places = [Place(cell.layer, cell.depth) for cell in cells]
    made: list[GeneralTerm] = []
    for k in range(len(slots[0])):
        terms = [slot[k] for slot in slots]
        maps = _maps(places, terms, fixed)
        if maps is None:
            return None
        made.append(GeneralTerm(terms[-1].skeleton, terms[-1].formula, maps))
    return made


def _maps(
    places: Sequence[Place], terms: Sequence[Term], fixed: bool
) -> tuple[IndexMap, ...] | None:
    found = [
        fitted(places, [t.indices[p] for t in terms], fixed) for p in range(len(terms[0].indices))
    ]
    maps = tuple(m for m in found if m is not None)
    return maps if len(maps) == len(found) else None


def _summed(cells: Sequence[Cell], slots: Sequence[Sequence[Term]]) -> list[GeneralTerm] | None:
    """More summands in a deeper network: a sum over layers, as tied weights have it."""
    if len({cell.layer for cell in cells}) > 1 or any(not t.indices for s in slots for t in s):
        return None
    ranges: dict[int, Sequence[int]] = {}
    offsets: set[tuple[int, ...]] = set()
    for cell, terms in zip(cells, slots, strict=True):
        ranges[cell.depth] = [t.indices[0] for t in terms]
        offsets.update(tuple(i - t.indices[0] for i in t.indices) for t in terms)
    over = fitted_range(ranges)
    if over is None or len(offsets) != 1:
        return None
    maps = tuple(IndexMap(Base.LAYER, o) for o in offsets.pop())
    last = slots[-1][-1]
    return [GeneralTerm(last.skeleton, last.formula, maps, over)]


def _holds(classes: Sequence[General], network: _Network) -> bool:
    """Whether every layer of an unseen network has the formula that its class says."""
    covered: dict[int, General] = {}
    for general in classes:
        for layer in general.layers.layers(network.depth):
            if layer in covered:
                return False
            covered[layer] = general
    cells = network.cells.get(classes[0].quantity, {}) if classes else {}
    return sorted(cells) == sorted(covered) and all(
        _matches(general, cells[layer], network) for layer, general in covered.items()
    )


def _matches(general: General, cell: Cell, network: _Network) -> bool:
    depth = network.depth
    expected = sorted(
        (repr(term.skeleton), tuple(m.at(layer, depth) for m in term.maps))
        for term in general.terms
        for layer in (term.over.layers(depth) if term.over else [cell.layer])
    )
    return expected == sorted((repr(t.skeleton), t.indices) for t in cell.terms)


__all__ = ["DEPTHS", "UNSEEN", "Families", "General", "GeneralTerm", "general_formulas"]
