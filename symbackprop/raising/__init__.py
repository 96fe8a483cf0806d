"""From nodes to formulas: matrix form where it is honest, index form always, layout when printing.

May import `errors`, `sizes`, `scalars`, `ir`, `primitives`, `calculus` and `simplify`; no SymPy.
"""

from symbackprop.raising.entries import EntryForm, entry_form
from symbackprop.raising.grids import entries_value
from symbackprop.raising.kept import needed_names
from symbackprop.raising.layout import arranged, batch_sizes, with_examples
from symbackprop.raising.matrix import Raiser
from symbackprop.raising.tree import Formula
from symbackprop.raising.values import Values, matrix_value

__all__ = [
    "EntryForm",
    "Formula",
    "Raiser",
    "Values",
    "arranged",
    "batch_sizes",
    "entries_value",
    "entry_form",
    "matrix_value",
    "needed_names",
    "with_examples",
]
