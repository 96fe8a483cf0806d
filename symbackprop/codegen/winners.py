"""Domains that name the winner of a maximum: where its values are, window by window position."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from symbackprop.codegen.stable import Entry, Source
from symbackprop.ir import Comp, Graph, Read, Reduction
from symbackprop.sizes import At, Constraint, Index, Size, constant, is_positive

MOST_POSITIONS = 9
"""Larger windows are not written position by position."""


@dataclass(frozen=True, slots=True)
class Winner:
    """Where the values of a comprehension go.

    largest : the maximum, read at `place`;  compared : what it was taken of
    windows : the positions of the window, in order
    """

    largest: Source
    place: tuple[Index, ...]
    compared: Source
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """One position of a window: where it is in the array compared, and in the result."""

    read: tuple[Index, ...]
    write: tuple[Index, ...]


def winner_of(graph: Graph, comp: Comp, found: Sequence[Entry]) -> Winner | None:
    """The winner that the domain of a comprehension names, if it says nothing else."""
    if len(comp.domain) != 1 or comp.reduction not in (Reduction.NONE, Reduction.SUM):
        return None
    number, at = _number(comp.domain[0])
    node = None if at is None else graph[at.source]
    if at is None or not isinstance(node, Comp) or node.reduction is not Reduction.ARGMAX:
        return None
    taps = number.own_axes()
    if any(t.has_look_up() or set(t.own_axes()) & set(taps) for e in found for t in e.index):
        return None
    (read,) = node.reads
    written = [t.plain_axis() for t in node.write]
    if node.domain or not isinstance(read, Read) or None in written:
        return None
    if graph.shape(read.source) != comp.shape:
        return None
    digits = _digits(number, comp.axes, [node.axes[a] for a in _summed(node)])
    largest = graph.find(replace(node, reduction=Reduction.MAX))
    if digits is None or largest is None or largest > at.source:
        return None
    kept = {a: t for a, t in zip(written, at.index, strict=True) if a is not None}
    windows = []
    for mine, theirs in digits:
        there = kept | {a: constant(v) for a, v in zip(_summed(node), theirs, strict=True)}
        here = {a: constant(v) for a, v in zip(taps, mine, strict=True)}
        write = tuple(t.substitute(here) for t in comp.write)
        windows.append(Window(tuple(t.substitute(there) for t in read.index), write))
    if not _one_place_each(comp, taps, windows[0].write):
        return None
    return Winner(Source(largest), at.index, Source(read.source), tuple(windows))


def _number(constraint: Constraint) -> tuple[Index, At | None]:
    """The index term that is compared with an integer that is looked up."""
    term = constraint.term
    looked = list(term.look_ups())
    if not constraint.equality or len(looked) != 1 or term.const != 0:
        return term, None
    (at,) = looked
    if any(t.has_look_up() for t in at.index) or any(t.plain_axis() is None for t in at.index):
        return term, None
    sign = -term.coefficient(at)
    number = Index(tuple((a, c * sign) for a, c in term.terms if isinstance(a, int)))
    return number, at if sign in (1, -1) else None


def _summed(node: Comp) -> list[int]:
    return [a for a in range(len(node.axes)) if a not in {t.plain_axis() for t in node.write}]


def _digits(
    number: Index, axes: Sequence[Size], lengths: Sequence[Size]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]] | None:
    """For each window position in order: the axes of `number`, and its digits in `lengths`."""
    sizes = [axes[a] for a in number.own_axes()]
    if not all(n.is_Integer for n in (*sizes, *lengths)):
        return None
    count = math.prod(int(n) for n in lengths)
    if count > MOST_POSITIONS or count != math.prod(int(n) for n in sizes):
        return None
    steps = [number.coefficient(a) for a in number.own_axes()]
    found = {
        sum(c * v for c, v in zip(steps, mine, strict=True)): mine
        for mine in itertools.product(*(range(int(n)) for n in sizes))
    }
    theirs = list(itertools.product(*(range(int(n)) for n in lengths)))
    if set(found) != set(range(count)):
        return None
    return [(found[k], theirs[k]) for k in range(count)]


def _one_place_each(comp: Comp, taps: Sequence[int], write: Sequence[Index]) -> bool:
    """Whether every axis but the taps is written in one dim of its own, upwards."""
    order = [a for t in write for a in t.own_axes()]
    rising = all(is_positive(c) for t in write for _, c in t.terms)
    left = [a for a in range(len(comp.axes)) if a not in taps]
    return rising and all(len(t.own_axes()) <= 1 for t in write) and sorted(order) == left
