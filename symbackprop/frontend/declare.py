"""Declaring parameters and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sympy import Expr

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.names import check_name
from symbackprop.frontend.record import Declared, Label
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Fact, FactKind, Kind, Role
from symbackprop.sizes import Size, as_size

Dim: TypeAlias = int | str | Expr

KINDS = {"real": Kind.REAL, "int": Kind.INT, "labels": Kind.INT, "bool": Kind.BOOL}


def param(
    name: str,
    *shape: Dim,
    positive: bool = False,
    latex: str | None = None,
    origin: Sequence[int] | None = None,
    alias: tuple[str, Sequence[int]] | None = None,
) -> Tensor:
    """A parameter: what gradients are taken of.

    Parameters
    ----------
    name : str
        A Python identifier.
    *shape : int, str or size
        One size for each axis; none for a scalar.
    positive : bool
        Declare that all entries are positive.
    latex : str, optional
        How the name is spelled, ``W^{[1]}``.
    origin : sequence of int, optional
        First index of each axis, 0 or 1, in printed formulas.
    alias : (letter, axes), optional
        Another view of the same entries: ``("w", (1, 0))`` is ``w_ij = W_ji``.

    Raises
    ------
    ShapeError
        When a size is no size.
    InvalidExpressionError
        When the name cannot be used.
    """
    facts = (Fact(FactKind.POSITIVE),) if positive else ()
    return declared(name, shape, Role.PARAMETER, Kind.REAL, facts, latex, origin, alias)


def input(
    name: str,
    *shape: Dim,
    kind: str = "real",
    classes: Dim | None = None,
    one_hot: bool = False,
    probabilities: bool = False,
    positive: bool = False,
    axis: int = -1,
    latex: str | None = None,
    origin: Sequence[int] | None = None,
) -> Tensor:
    """An input: what is given with the data.

    Parameters
    ----------
    name, shape, positive, latex, origin
        As for `param`.
    kind : {"real", "labels", "int", "bool"}
        Labels are integers in ``0 .. classes - 1``; a mask is "bool".
    classes : size, optional
        How many values an integer can take.
    one_hot, probabilities : bool
        Declare that the entries along `axis` are one 1 and otherwise 0, or that they sum to one.

    Raises
    ------
    ShapeError, InvalidExpressionError
        As for `param`; also where `kind` and the facts do not fit.
    """
    if kind not in KINDS:
        raise InvalidExpressionError(
            f'input "{name}": there is no kind "{kind}"', help="kinds: " + ", ".join(KINDS)
        )
    facts: list[Fact] = []
    if classes is not None:
        facts.append(Fact(FactKind.BELOW, size=as_size(classes)))
    if kind == "labels" and classes is None:
        raise InvalidExpressionError(
            f'input "{name}": labels need the number of classes',
            help=f'sb.input("{name}", m, kind="labels", classes=k)',
        )
    if classes is not None and KINDS[kind] is not Kind.INT:
        raise InvalidExpressionError(f'input "{name}": only integers have classes')
    if positive:
        facts.append(Fact(FactKind.POSITIVE))
    if one_hot or probabilities:
        fact = FactKind.ONE_HOT if one_hot else FactKind.SUMS_TO_ONE
        if not -len(shape) <= axis < len(shape) or KINDS[kind] is not Kind.REAL:
            raise ShapeError(
                f'input "{name}": no axis {axis} of reals whose entries could be {fact.value}'
            )
        facts.append(Fact(fact, axis=axis % len(shape)))
    return declared(name, shape, Role.INPUT, KINDS[kind], tuple(facts), latex, origin, None)


def declared(
    name: str,
    shape: Sequence[Dim],
    role: Role,
    kind: Kind,
    facts: tuple[Fact, ...],
    latex: str | None,
    origin: Sequence[int] | None,
    alias: tuple[str, Sequence[int]] | None,
) -> Tensor:
    """A variable with its name and sizes checked."""
    check_name(name, role.value)
    sizes: list[Size] = []
    for size in shape:
        try:
            sizes.append(as_size(size))
        except ShapeError as error:
            raise error.at(f'{role.value} "{name}"') from None
    if origin is not None and len(origin) != len(sizes):
        raise ShapeError(f'{role.value} "{name}" has {len(sizes)} axes and {len(origin)} origins')
    if alias is not None and sorted(alias[1]) != list(range(len(sizes))):
        raise ShapeError(
            f'{role.value} "{name}": {tuple(alias[1])} is no order of its {len(sizes)} axes'
        )
    label = Label(
        name=name,
        latex=latex,
        origin=None if origin is None else tuple(origin),
        alias=() if alias is None else ((alias[0], tuple(alias[1])),),
    )
    return Tensor(sizes, Declared(role, facts), kind=kind, label=label)


def family(tensor: Tensor, name: str, index: int) -> Tensor:
    """`tensor` as member `index` of a family, beside what its name tells (W1 is W of layer 1)."""
    return tensor.relabel(family=(*tensor.label.family, (name, index)))
