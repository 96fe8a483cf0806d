"""The formula tree: what a person writes on paper, before it is spelled in LaTeX or text.

Two vocabularies share the arithmetic. In *matrix form* a vector is a column, a matrix a matrix, and
a rational number beside them is broadcast. In *index form* every node is a scalar: entries at index
terms, sums over ranges, Kronecker deltas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from symbackprop.sizes import Constraint, Index, Size


class Form(Enum):
    """What a matrix-form formula is."""

    SCALAR = "scalar"
    COLUMN = "column"
    ROW = "row"
    MATRIX = "matrix"


def form_of_shape(shape: Sequence[Size]) -> Form:
    """How an array of this shape is written: a vector is a column, and axes of size 1 do not count.

    Raises
    ------
    ValueError
        When more than two axes count.
    """
    long = [n for n, size in enumerate(shape) if size != 1]
    if len(long) > 2:
        raise ValueError(f"an array of shape {tuple(shape)} is no matrix")
    if len(long) == 1 and len(shape) > 1 and long[0] == len(shape) - 1:
        return Form.ROW
    return (Form.SCALAR, Form.COLUMN, Form.MATRIX)[len(long)]


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number ``numerator / denominator``."""

    numerator: int
    denominator: int = 1


@dataclass(frozen=True, slots=True)
class Constant:
    """A named number: pi."""

    name: str


@dataclass(frozen=True, slots=True)
class SizeTerm:
    """A size symbol, as a number."""

    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A node kept by name.

    batch : index terms of leading axes that are fixed: the matrix ``A_n`` of a stack
    """

    source: int
    form: Form
    batch: tuple[Index, ...] = ()


@dataclass(frozen=True, slots=True)
class Ones:
    """The column of ones of length `size`."""

    size: Size


@dataclass(frozen=True, slots=True)
class Eye:
    """The identity matrix of order `size`."""

    size: Size


@dataclass(frozen=True, slots=True)
class Add:
    """A sum of at least two terms; a number beside a vector or a matrix is added to each entry."""

    terms: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus the operand."""

    operand: Formula


@dataclass(frozen=True, slots=True)
class Product:
    """A product of scalars; the last factor may be a vector or a matrix, which the others scale."""

    factors: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class MatMul:
    """A matrix product of at least two factors; its result is no scalar."""

    factors: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Inner:
    """``left^T right`` of two columns: a scalar."""

    left: Formula
    right: Formula


@dataclass(frozen=True, slots=True)
class Hadamard:
    """The entrywise product of at least two operands of one shape."""

    factors: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """``numerator / denominator``, entry by entry."""

    numerator: Formula
    denominator: Formula


@dataclass(frozen=True, slots=True)
class Power:
    """``base`` to a power, entry by entry; `exponent` is a number or a scalar formula."""

    base: Formula
    exponent: Formula


@dataclass(frozen=True, slots=True)
class Apply:
    """An elementwise function, by its name in the table of functions."""

    function: str
    args: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Unnamed:
    """An opaque function, differentiated ``orders[j]`` times by argument j.

    tensor : the form of the result of a function of whole tensors; None where it is elementwise
    out_shape : the shape of what such a function gives, not differentiated
    """

    name: str
    orders: tuple[int, ...]
    args: tuple[Formula, ...]
    tensor: Form | None = None
    out_shape: tuple[Size, ...] = ()


@dataclass(frozen=True, slots=True)
class Transpose:
    """The transpose; of a column, a row."""

    operand: Formula


class MatrixFunction(Enum):
    """Functions of whole vectors and matrices."""

    DIAG = "diag"
    """Of a column: the diagonal matrix."""
    DIAGONAL = "diagonal"
    """Of a matrix: its diagonal as a column."""
    TRACE = "tr"
    INVERSE = "inverse"
    DETERMINANT = "det"
    LOGDET = "log det"
    SOFTMAX = "softmax"
    """Of a column, or of each row of a matrix."""
    SOFTMAX_COLUMNS = "softmax of columns"
    LOG_SOFTMAX = "log softmax"
    LOG_SUM_EXP = "logsumexp"
    ARGSORT = "argsort"


SCALAR_VALUED = frozenset(
    {
        MatrixFunction.TRACE,
        MatrixFunction.DETERMINANT,
        MatrixFunction.LOGDET,
        MatrixFunction.LOG_SUM_EXP,
    }
)


@dataclass(frozen=True, slots=True)
class Whole:
    """A function of a whole vector or matrix."""

    function: MatrixFunction
    operand: Formula


@dataclass(frozen=True, slots=True)
class OneHot:
    """Labels as rows of zeros and a one; of one label a column."""

    labels: Formula
    size: Size


@dataclass(frozen=True, slots=True)
class Norm:
    """The Euclidean (Frobenius) norm squared."""

    operand: Formula


@dataclass(frozen=True, slots=True)
class Kron:
    """The Kronecker product."""

    left: Formula
    right: Formula


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a node at an index, one term for each of its dims."""

    source: int
    index: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """The entry at an index of what has no formula by entries: an inverse, an opaque function."""

    operand: Formula
    index: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an index term, as a number."""

    index: Index


class Big(Enum):
    """What is taken over a range."""

    SUM = "sum"
    MAX = "max"
    ARGMAX = "argmax"


@dataclass(frozen=True, slots=True)
class Over:
    """`body` summed (or its maximum taken) over `axes`, where `conditions` hold.

    sizes : of the axes, where the formula they stand in does not say
    """

    big: Big
    axes: tuple[int, ...]
    conditions: tuple[Constraint, ...]
    body: Formula
    sizes: tuple[Size, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """1 where both index terms agree, else 0."""

    left: Index
    right: Index


@dataclass(frozen=True, slots=True)
class Indicator:
    """1 where the conditions hold, else 0."""

    conditions: tuple[Constraint, ...]


Formula = (
    Number
    | Constant
    | SizeTerm
    | Ref
    | Ones
    | Eye
    | Add
    | Negative
    | Product
    | MatMul
    | Inner
    | Hadamard
    | Quotient
    | Power
    | Apply
    | Unnamed
    | Transpose
    | Whole
    | Norm
    | Kron
    | OneHot
    | Entry
    | Component
    | Value
    | Over
    | Delta
    | Indicator
)

ZERO = Number(0)
ONE = Number(1)
