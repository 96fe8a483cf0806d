"""Entries of tensors at symbolic indices, for comprehensions: ``W[i, k] * x[k]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from sympy import Expr, Idx, Integer

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.record import Record, describe


class Entry(Expr):
    """The entry of a tensor at an index; a real number."""

    is_real = True
    is_commutative = True

    def __new__(cls, tensor: Record, *indices: Expr) -> Self:
        """Make an entry; one index for each axis.

        Raises
        ------
        ShapeError
            When there are more or fewer.
        """
        if len(indices) != len(tensor.shape):
            raise ShapeError(
                f"{describe(tensor)} has {len(tensor.shape)} axes, found {len(indices)} indices"
            )
        made: Self = Expr.__new__(cls, tensor, *indices)
        return made

    @property
    def tensor(self) -> Any:
        """The tensor."""
        return self.args[0]

    @property
    def indices(self) -> tuple[Expr, ...]:
        """One index for each axis."""
        return tuple(self.args[1:])

    def diff(self, *symbols: Any, **options: Any) -> NoReturn:
        """Refuse: SymPy does not look into a tensor."""
        raise InvalidExpressionError(
            f"SymPy cannot differentiate by or through {self}",
            help='wrap the loss: sb.Network(loss=L).gradient("W")',
        )

    def _sympystr(self, printer: object) -> str:
        name = self.tensor.label.name or "tensor"
        return f"{name}[{', '.join(str(i) for i in self.indices)}]"


def indices(names: str) -> tuple[Idx, ...]:
    """Index symbols from a string of names, for comprehensions."""
    return tuple(Idx(name) for name in re.split(r"[\s,]+", names.strip()) if name)


def is_symbolic(keys: Sequence[Any]) -> bool:
    """Whether a subscript holds an index symbol."""
    return any(isinstance(k, Expr) and (k.has(Idx) or k.has(Entry)) for k in keys)


def entry(x: Record, keys: Sequence[Any]) -> Entry:
    """The entry of `x` at an index with index symbols.

    Raises
    ------
    InvalidExpressionError
        When slices stand beside index symbols.
    """
    parts: list[Expr] = []
    for k in keys:
        if isinstance(k, int) and not isinstance(k, bool):
            parts.append(Integer(k))
        elif isinstance(k, Expr):
            parts.append(k)
        else:
            raise InvalidExpressionError(
                f"{describe(x)}: a {type(k).__name__} stands beside index symbols",
                help="with index symbols every axis has one: W[i, k]",
            )
    return Entry(x, *parts)
