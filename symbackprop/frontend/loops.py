"""Recurrences over a length that may be a symbol: one loop node, never unrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.lower import ancestors, operands_of
from symbackprop.frontend.record import (
    Carried,
    Declared,
    Label,
    Looped,
    Record,
    Result,
    describe,
    shape_text,
)
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Fact, Role
from symbackprop.sizes import Size, same_size

Structure: TypeAlias = Any
"""A tensor, or a tuple of tensors."""


def scan(
    step: Callable[[Structure, Structure], tuple[Structure, Structure]],
    init: Structure,
    sequences: Structure,
    *,
    reverse: bool = False,
) -> tuple[Structure, Structure]:
    """The recurrence ``carry, out[t] = step(carry, sequences[t])`` for t = 0 .. T - 1.

    Parameters
    ----------
    step : callable
        Takes a carry and the slices at one step; gives the next carry and what is kept of the
        step (a tensor, a tuple, or None). It is called once, with handles.
    init : Tensor or tuple of Tensor
        The carry before the first step.
    sequences : Tensor or tuple of Tensor
        Their first axis is the step; all have the same length.
    reverse : bool
        Whether the steps run from the last to the first.

    Returns
    -------
    final : as `init`
        The carry after the last step.
    kept : as the second result of `step`
        What was kept at every step, along a new first axis.

    Raises
    ------
    ShapeError
        Where lengths differ, there is no step, or the carry changes its shape.
    InvalidExpressionError
        Where something is no tensor.

    Examples
    --------
    >>> import symbackprop as sb
    >>> T, n, h = sb.dims("T n h")
    >>> W, U = sb.param("W", h, n), sb.param("U", h, h)
    >>> def step(state, x):
    ...     state = sb.tanh(W @ x + U @ state)
    ...     return state, state
    >>> last, states = sb.scan(step, sb.zeros(h), sb.input("X", T, n))
    >>> states.shape
    (T, h)
    """
    inits = _tensors("the initial carry", init)
    outers = _tensors("the sequences", sequences)
    length = _length(outers)
    carry_vars = [_inside(x, x.shape, ()) for x in inits]
    slices = [_inside(x, x.shape[1:], _facts_of_slice(x)) for x in outers]
    given = step(_like(init, carry_vars), _like(sequences, slices))
    if not isinstance(given, tuple) or len(given) != 2:
        raise InvalidExpressionError(
            "scan: the step must give a carry and what is kept of it",
            help="return carry, out   (or: return carry, None)",
        )
    outs = _tensors("the carry of a step", given[0])
    kept = [] if given[1] is None else _tensors("what is kept of a step", given[1])
    _check_carry(inits, outs)
    inside = (*carry_vars, *slices)
    constants, facts = _outside([*outs, *kept], inside)
    definition = Looped(
        length,
        tuple(Carried(*c) for c in zip(inits, carry_vars, outs, strict=True)),
        tuple(zip(outers, slices, strict=True)),
        constants,
        tuple(kept),
        reverse,
    )
    loop = Tensor((), definition, facts=facts)
    final = [
        Tensor(x.shape, Result(loop, carry=k), label=_hinted(x, "_last"))
        for k, x in enumerate(outs)
    ]
    history = [
        Tensor((length, *x.shape), Result(loop, x), kind=x.kind, label=_hinted(x)) for x in kept
    ]
    return _like(init, final), None if given[1] is None else _like(given[1], history)


def _hinted(x: Tensor, suffix: str = "") -> Label:
    """The name that a result gets from the value inside."""
    name = x.label.name or x.label.hint
    return Label(hint=None if name is None else name + suffix)


def _tensors(what: str, given: Structure) -> list[Tensor]:
    listed = list(given) if isinstance(given, tuple | list) else [given]
    for x in listed:
        if not isinstance(x, Tensor):
            raise InvalidExpressionError(f"scan: {what} holds a {type(x).__name__}, no tensor")
    return listed


def _like(given: Structure, tensors: Sequence[Tensor]) -> Structure:
    return tuple(tensors) if isinstance(given, tuple | list) else tensors[0]


def _length(outers: Sequence[Tensor]) -> Size:
    if not outers:
        raise ShapeError("scan: no sequence tells the number of steps")
    for x in outers:
        if not x.shape:
            raise ShapeError(f"scan: {describe(x)} has no axis to step along")
        if not same_size(x.shape[0], outers[0].shape[0]):
            raise ShapeError(
                f"scan: lengths differ: {describe(outers[0])} and {describe(x)}",
                help="the first axis of each sequence is the step",
            )
    if outers[0].shape[0] == 0:
        raise ShapeError(f"scan: {describe(outers[0])} has no step")
    return outers[0].shape[0]


def _inside(outer: Tensor, shape: Sequence[Size], facts: tuple[Fact, ...]) -> Tensor:
    """A variable of the body."""
    name = outer.label.name or outer.label.hint
    return Tensor(shape, Declared(Role.BODY, facts), kind=outer.kind, label=Label(hint=name))


def _facts_of_slice(x: Tensor) -> tuple[Fact, ...]:
    if not isinstance(x.definition, Declared):
        return ()
    return tuple(
        fact if fact.axis is None else replace(fact, axis=fact.axis - 1)
        for fact in x.definition.facts
        if fact.axis != 0
    )


def _check_carry(inits: Sequence[Tensor], outs: Sequence[Tensor]) -> None:
    if len(inits) != len(outs):
        raise ShapeError(f"scan: the carry has {len(inits)} parts, the step gives {len(outs)}")
    for before, after in zip(inits, outs, strict=True):
        fits = len(before.shape) == len(after.shape)
        if not fits or not all(map(same_size, before.shape, after.shape)):
            raise ShapeError(
                f"scan: the carry changes its shape: {shape_text(before.shape)} before, "
                f"{shape_text(after.shape)} after a step"
            )


def _outside(
    roots: Sequence[Record], inside: Iterable[Record]
) -> tuple[tuple[Record, ...], tuple[Size, ...]]:
    """What the body reads from outside, and the facts of sizes in it.

    What depends on no variable of the body is computed outside, once.
    """
    variables = set(inside)
    first = min(x.serial for x in variables)
    dependent: set[Record] = set(variables)
    facts: dict[Size, None] = {}
    constants: dict[Record, None] = {}
    for record in ancestors(roots, _Older(first)):
        if any(x in dependent for x in operands_of(record)):
            dependent.add(record)
            facts.update(dict.fromkeys(record.facts))
            outer = [x for x in operands_of(record) if x not in dependent]
            constants.update(dict.fromkeys(outer))
    constants.update(dict.fromkeys(x for x in roots if x not in dependent))
    return tuple(constants), tuple(facts)


class _Older:
    """The handles made before a serial: none of them can depend on the variables of a body."""

    def __init__(self, serial: int) -> None:
        self.serial = serial

    def __contains__(self, record: object) -> bool:
        return isinstance(record, Record) and record.serial < self.serial
