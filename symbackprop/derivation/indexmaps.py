"""How an index depends on the layer and on the depth: l + c, L + c, c, L - l + c, L/2 + c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import pairwise


class Base(Enum):
    """What an index counts from: (coefficient of the layer, coefficient of the depth)."""

    LAYER = (1, 0)
    DEPTH = (0, 1)
    START = (0, 0)
    MIRROR = (-1, 1)
    HALF = (0, Fraction(1, 2))


@dataclass(frozen=True, slots=True)
class IndexMap:
    """``layer * l + depth * L + shift``."""

    base: Base
    shift: int = 0

    def at(self, layer: int, depth: int) -> int:
        """The index in a layer of a network of a depth."""
        by_layer, by_depth = self.base.value
        return int(by_layer * layer + by_depth * depth + self.shift)

    def text(self, layer: str = "l", depth: str = "L") -> str:
        """The index as it is written: ``l+1``."""
        start = {
            Base.LAYER: layer,
            Base.DEPTH: depth,
            Base.START: "",
            Base.MIRROR: f"{depth}-{layer}",
            Base.HALF: f"{depth}/2",
        }[self.base]
        if not start:
            return str(self.shift)
        if not self.shift:
            return start
        return f"{start}{self.shift:+d}"


@dataclass(frozen=True, slots=True)
class Place:
    """A layer of a network of a depth."""

    layer: int
    depth: int


_MANY = (Base.LAYER, Base.MIRROR, Base.DEPTH, Base.START)
_ONE = (Base.DEPTH, Base.START, Base.HALF)


def fitted(places: Sequence[Place], values: Sequence[int], fixed: bool) -> IndexMap | None:
    """The simplest map with these values; None where there is none.

    fixed : whether the layer itself is fixed (the first, the last), so that nothing depends on it
    """
    for base in _ONE if fixed else _MANY:
        start = IndexMap(base)
        shifts = {v - start.at(p.layer, p.depth) for p, v in zip(places, values, strict=True)}
        if len(shifts) == 1:
            return IndexMap(base, shifts.pop())
    return None


@dataclass(frozen=True, slots=True)
class Range:
    """The layers ``low, low + step, ..`` up to ``high``."""

    low: IndexMap
    high: IndexMap
    step: int = 1

    @property
    def single(self) -> bool:
        """Whether it is one layer."""
        return self.low == self.high

    def layers(self, depth: int) -> range:
        """The layers of a network of a depth."""
        return range(self.low.at(0, depth), self.high.at(0, depth) + 1, self.step)

    def text(self, dots: str, times: str = "") -> str:
        """The range as it is written: ``l = 1, .., L-1``."""
        if self.single:
            return f"l = {self.low.text()}"
        first = self.low.text()
        if self.step == 1:
            return f"l = {first}, {dots}, {self.high.text()}"
        second = IndexMap(self.low.base, self.low.shift + self.step).text()
        return f"l = {first}, {second}, {dots}, {self.high.text()}"


def fitted_range(layers: dict[int, Sequence[int]]) -> Range | None:
    """The range that has these layers at each depth, or None."""
    depths = sorted(layers)
    sets = [sorted(layers[d]) for d in depths]
    if any(not s for s in sets):
        return None
    places = [Place(0, d) for d in depths]
    low = fitted(places, [s[0] for s in sets], fixed=True)
    high = fitted(places, [s[-1] for s in sets], fixed=True)
    low = _from_start(low, [s[0] for s in sets])
    steps = {b - a for s in sets for a, b in pairwise(s)}
    if low is None or high is None or len(steps) > 1:
        return None
    found = Range(low, high, steps.pop() if steps else 1)
    same = all(list(found.layers(d)) == s for d, s in zip(depths, sets, strict=True))
    return found if same else None


def _from_start(low: IndexMap | None, values: Sequence[int]) -> IndexMap | None:
    return IndexMap(Base.START, values[0]) if len(set(values)) == 1 else low
