"""Sizes and index terms: the integer arithmetic under every shape, read and write.

A *size* is a SymPy expression over declared positive integer symbols. An *index term* (`Index`) is
affine in the axes of a comprehension, with sizes as coefficients. May import `errors` and SymPy,
nothing else of ours.
"""

from symbackprop.sizes.facts import Box, Constraint, implied, is_nonnegative, is_positive
from symbackprop.sizes.index import At, Atom, Index, axis, constant
from symbackprop.sizes.symbols import (
    Size,
    as_size,
    dims,
    evaluate_size,
    same_size,
    size_symbol,
    size_symbols,
)

__all__ = [
    "At",
    "Atom",
    "Box",
    "Constraint",
    "Index",
    "Size",
    "as_size",
    "axis",
    "constant",
    "dims",
    "evaluate_size",
    "implied",
    "is_nonnegative",
    "is_positive",
    "same_size",
    "size_symbol",
    "size_symbols",
]
