"""What users say in a word, as the enum that it means."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from symbackprop.codegen.options import DType
from symbackprop.errors import UnknownNameError
from symbackprop.ir import Ties
from symbackprop.printing.notation import BatchSide, Layout
from symbackprop.scalars import KinkPolicy

Choice = TypeVar("Choice", bound=Enum)


def choice(kind: type[Choice], value: object) -> Choice:
    """The member of `kind` that `value` is or names.

    Raises
    ------
    UnknownNameError
        When it is none.
    """
    if isinstance(value, kind):
        return value
    word = _word(value)
    for member in kind:
        if member.value == word:
            return member
    known = [str(member.value) for member in kind]
    raise UnknownNameError(_KINDS.get(kind, "choice"), word, known)


def _word(value: object) -> str:
    if isinstance(value, float):
        return {0.0: "0", 0.5: "1/2", 1.0: "1"}.get(value, str(value))
    return str(value)


_KINDS: dict[type[Enum], str] = {
    KinkPolicy: "value at a kink",
    Ties: "tie policy",
    Layout: "layout",
    BatchSide: "batch side",
    DType: "dtype",
}
