"""Recurrences: a Python loop over steps, the body lowered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.codegen.arrays import ArrayProgram
from symbackprop.ir import Final, Graph, Hist, Loop
from symbackprop.sizes import Size


@dataclass(frozen=True, slots=True, eq=False)
class LoopPlan:
    """A loop ready to be spelled. Equality is identity.

    body : operations of one step
    arguments : body argument (array id) -> what it is
    carries : for each carry the id of its value after the step
    stored : the ids of the values that are kept for all steps
    results : what the picks of the loop stand for: first the stored values, then the carries
    """

    length: Size
    reverse: bool
    body: ArrayProgram
    arguments: dict[int, LoopArgument]
    carries: tuple[int, ...]
    stored: tuple[int, ...]
    shapes: tuple[tuple[Size, ...], ...]


@dataclass(frozen=True, slots=True)
class CarryIn:
    """The carry of this number before the step."""

    number: int


@dataclass(frozen=True, slots=True)
class Slice:
    """The slice of an operand of the loop at this step."""

    operand: int


@dataclass(frozen=True, slots=True)
class Constant:
    """An operand of the loop."""

    operand: int


LoopArgument = CarryIn | Slice | Constant


def body_of(loop: Loop) -> Graph:
    """The body as a graph."""
    assert isinstance(loop.body, Graph)
    return loop.body


def roots(loop: Loop, projections: Sequence[Hist | Final]) -> tuple[list[int], list[int]]:
    """The body nodes to compute: carries out, and values to store."""
    stored = dict.fromkeys(p.value for p in projections if isinstance(p, Hist))
    return [c.out for c in loop.carries], list(stored)


def operands_of(loop: Loop) -> list[int]:
    """The outer nodes that the loop reads: first values of carries, stacked, constants."""
    return [
        *(c.init for c in loop.carries),
        *(f.outer for f in loop.stacked),
        *(f.outer for f in loop.constants),
    ]


def arguments_of(loop: Loop) -> dict[int, LoopArgument]:
    """Body variable -> what it is; operands are numbered as in `operands_of`."""
    found: dict[int, LoopArgument] = {}
    count = len(loop.carries)
    for k, carry in enumerate(loop.carries):
        found[carry.var] = CarryIn(k)
    for k, feed in enumerate(loop.stacked):
        found[feed.var] = Slice(count + k)
    for k, feed in enumerate(loop.constants):
        found[feed.var] = Constant(count + len(loop.stacked) + k)
    return found
