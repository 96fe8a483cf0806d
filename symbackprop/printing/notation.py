"""How formulas are spelled: one frozen record, passed to every printer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Layout(Enum):
    """The shape of a derivative by a vector or matrix."""

    DENOMINATOR = "denominator"
    """A gradient has the shape of its variable."""
    NUMERATOR = "numerator"
    """A gradient is the transpose of that: a row for a column."""


class GradientStyle(Enum):
    """How the gradient of L by W is called."""

    PARTIAL = "partial"
    """∂L/∂W"""
    D = "d"
    """dW"""
    NABLA = "nabla"
    """∇_W L"""
    BAR = "bar"
    """W with a bar"""


class BatchSide(Enum):
    """Along which axis of a matrix of examples the examples stand."""

    ROWS = "rows"
    COLUMNS = "columns"


class WeightSide(Enum):
    """On which side of its input a weight matrix stands."""

    LEFT = "left"
    """z = W x"""
    RIGHT = "right"
    """z = x W"""


class LayerMark(Enum):
    """Where the layer stands on a member of a family."""

    SQUARE = "[l]"
    ROUND = "(l)"
    BARE = "l"
    """A superscript without brackets."""
    SUBSCRIPT = "_l"


@dataclass(frozen=True, slots=True)
class Notation:
    """A reader's habits.

    Parameters
    ----------
    layout : Layout
        Numerator layout prints every gradient, named ones too, as the transpose.
    gradient : GradientStyle
        How a gradient without a name of its own is called.
    flipped : frozenset of str
        Names whose letter stands for the transpose of the stored array (a batch that stands in
        columns here and in rows there, a weight stored the other way round, a row vector).
    transpose, hadamard, ones, identity : str
        LaTeX of the transpose mark, the entrywise product, the column of ones, the identity matrix.
    parenthesised_entries : bool
        Whether an entry of ``W_1`` is ``(W_1)_{ij}``; else ``W_{1,ij}``.
    functions : tuple of (name, LaTeX)
        Spellings of functions other than the table's.
    layer : LayerMark
        How the layer is marked in the formula of a general layer.
    deltas : tuple of (family, name)
        What the cotangents of a family are called there: ``("z", "delta")``; default ``dz``.
    """

    layout: Layout = Layout.DENOMINATOR
    gradient: GradientStyle = GradientStyle.PARTIAL
    flipped: frozenset[str] = frozenset()
    transpose: str = r"\top"
    hadamard: str = r"\odot"
    ones: str = r"\mathbf{1}"
    identity: str = "I"
    parenthesised_entries: bool = True
    functions: tuple[tuple[str, str], ...] = ()
    layer: LayerMark = LayerMark.SQUARE
    deltas: tuple[tuple[str, str], ...] = ()


DEFAULT_NOTATION = Notation()
