"""NumPy expressions as data: what a body becomes before it is spelled or scheduled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Ufunc(Enum):
    """The functions of lowered bodies: NumPy's, and the helpers that are emitted with them."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    NEGATIVE = "negative"
    POWER = "power"
    GREATER = "greater"
    GREATER_EQUAL = "greater_equal"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    SQUARE = "square"
    SQRT = "sqrt"
    EXP = "exp"
    EXPM1 = "expm1"
    LOG = "log"
    LOG1P = "log1p"
    ABS = "abs"
    SIGN = "sign"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    SIN = "sin"
    COS = "cos"
    TAN = "tan"
    ARCSIN = "arcsin"
    ARCCOS = "arccos"
    ARCTAN = "arctan"
    SINH = "sinh"
    COSH = "cosh"
    TANH = "tanh"
    ARCSINH = "arcsinh"
    ARCCOSH = "arccosh"
    ARCTANH = "arctanh"
    WHERE = "where"
    CAST = "cast"
    """An indicator as numbers of the module's dtype."""
    ERF = "erf"
    ERFC = "erfc"
    XLOGY = "xlogy"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Operand:
    """The k-th operand of the body."""

    index: int


@dataclass(frozen=True, slots=True)
class SizeName:
    """A symbolic size."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A Python number: no NumPy scalar, so that float32 stays float32."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of trees; `name` names an opaque function with the orders of its derivative."""

    function: Ufunc
    args: tuple[NumpyTree, ...]
    name: str = ""
    orders: tuple[int, ...] = ()


NumpyTree: TypeAlias = Operand | SizeName | Number | Apply


def apply(function: Ufunc, *args: NumpyTree) -> Apply:
    """A function of trees."""
    return Apply(function, args)
