"""Formulas as LaTeX, plain text and ASCII. May import everything up to `raising`; no SymPy."""

from symbackprop.printing.context import Context
from symbackprop.printing.dialect import Dialect, Latex, Text
from symbackprop.printing.formulas import Printer
from symbackprop.printing.letters import Letters, choose_letters, size_names
from symbackprop.printing.levels import Level
from symbackprop.printing.names import Spelling, spelling
from symbackprop.printing.notation import (
    DEFAULT_NOTATION,
    BatchSide,
    GradientStyle,
    LayerMark,
    Layout,
    Notation,
    WeightSide,
)

__all__ = [
    "DEFAULT_NOTATION",
    "BatchSide",
    "Context",
    "Dialect",
    "GradientStyle",
    "Latex",
    "LayerMark",
    "Layout",
    "Letters",
    "Level",
    "Notation",
    "Printer",
    "Spelling",
    "Text",
    "WeightSide",
    "choose_letters",
    "size_names",
    "spelling",
]
