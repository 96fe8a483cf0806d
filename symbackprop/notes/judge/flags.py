"""What a document's conventions may be, and what a name for a gradient is bound to."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Binding", "Flags", "Layout"]


class Layout(enum.Enum):
    """The shape of derivatives.

    MIXED: gradients have the shape of the variable, Jacobians a row for each output. NUMERATOR:
    gradients have the transposed shape too. DENOMINATOR: Jacobians are transposed.
    """

    MIXED = "gradients have the shape of the variable, Jacobians a row for each output"
    NUMERATOR = "numerator layout: the gradient of a column is a row"
    DENOMINATOR = "denominator layout: Jacobians have a row for each input"


@dataclass(frozen=True, slots=True)
class Flags:
    """The conventions under which claims are read.

    Attributes
    ----------
    layout : Layout
        The shape of derivatives.
    unaveraged : bool
        Gradients of activations are those of the sum over the batch, of parameters of the mean.
    differentials : bool
        `dx` is a differential and no gradient.
    direct : bool
        A derivative of one intermediate by another holds all other names fixed.
    """

    layout: Layout = Layout.MIXED
    unaveraged: bool = False
    differentials: bool = False
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """A name for the gradient by `key`, whose label is shifted; or another name of a value."""

    key: str
    shift: int | None = 0
    transposed: bool = False
    alias: bool = False
