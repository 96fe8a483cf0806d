"""Elementwise functions of tensors, from the table of scalar functions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sympy import Expr, Symbol

from symbackprop.errors import InvalidExpressionError
from symbackprop.frontend.comprehend import elementwise, pointwise, refuse_tensors
from symbackprop.frontend.record import Record
from symbackprop.frontend.tensor import Tensor, scalar
from symbackprop.scalars import FUNCTIONS, FunctionRecord, Where, placeholder
from symbackprop.scalars.adopt import adopt


class Elementwise:
    """A scalar function applied entry by entry; its operands are broadcast against each other."""

    def __init__(self, record: FunctionRecord) -> None:
        self.record = record
        self.__name__ = record.name
        self.__doc__ = f"{record.head.__doc__ or record.name}\n\n    Applied entry by entry."

    def __repr__(self) -> str:
        return f"<elementwise function {self.record.name}>"

    def __call__(self, *operands: Any) -> Tensor:
        """The function of tensors, numbers and sizes, at least one of them a tensor."""
        name = self.record.name
        tensors = [x for x in operands if isinstance(x, Tensor)]
        if not tensors:
            raise InvalidExpressionError(
                f"{name}: no tensor among the operands",
                help=f"use sympy.{name} on scalar expressions",
            )
        parts: list[Expr] = []
        known: list[Tensor] = []
        for operand in operands:
            if isinstance(operand, Tensor):
                parts.append(placeholder(len(known)))
                known.append(operand)
            else:
                parts.append(scalar(name, tensors[0], operand))
        body = self.record.build(*parts)
        if isinstance(body, Where):
            return _branches(body, known)
        return elementwise(name, body, known)


def _branches(body: Expr, known: list[Tensor]) -> Tensor:
    """A choice with its branches inside: the one not taken is never looked at, nor is its slope."""
    leaves: list[Tensor] = []
    moves: dict[Expr, Expr] = {}
    for k, tensor in enumerate(known):
        inner = tensor.formula if tensor.name is None else None
        if inner is None:
            leaves.append(tensor)
            moves[placeholder(k)] = placeholder(len(leaves) - 1)
            continue
        first = len(leaves)
        leaves.extend(x for x in inner.leaves if isinstance(x, Tensor))
        places = {placeholder(j): placeholder(first + j) for j in range(len(inner.leaves))}
        moves[placeholder(k)] = inner.body.xreplace(places)
    return pointwise("where", body.xreplace(moves), leaves)


ELEMENTWISE: Final[Mapping[str, Elementwise]] = MappingProxyType(
    {name: Elementwise(record) for name, record in FUNCTIONS.items()}
)
"""Every elementwise function, by name."""


def apply(body: Expr, *tensors: Tensor, symbols: tuple[Symbol, ...] | None = None) -> Tensor:
    """A SymPy scalar expression applied entry by entry.

    Parameters
    ----------
    body : Expr
        ``t * exp(-t)`` in plain SymPy; its symbols stand for the tensors.
    *tensors : Tensor
        What the symbols stand for.
    symbols : tuple of Symbol, optional
        The symbols in the order of the tensors; default: those of `body`, sorted by name.

    Raises
    ------
    InvalidExpressionError
        When there are not as many symbols as tensors.
    """
    if not isinstance(body, Expr) or isinstance(body, Record):
        raise InvalidExpressionError(
            f"apply: expected a SymPy scalar expression, found {type(body).__name__}"
        )
    order = symbols if symbols is not None else tuple(sorted(body.free_symbols, key=str))
    if len(order) != len(tensors):
        raise InvalidExpressionError(
            f"apply: {body} has the symbols {', '.join(map(str, order)) or 'none'}, "
            f"and {len(tensors)} tensors are given",
            help="give the symbols in the order of the tensors: symbols=(s, t)",
        )
    refuse_tensors("apply", body)
    moves = {symbol: placeholder(k) for k, symbol in enumerate(order)}
    return elementwise("apply", adopt(body.xreplace(moves), "apply"), list(tensors))
