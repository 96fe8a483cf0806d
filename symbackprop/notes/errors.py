"""What can be wrong with a document or a formula in it, with its line and column."""

from __future__ import annotations

from symbackprop.errors import SymbackpropError

__all__ = ["FormulaError", "NotesError"]


class NotesError(SymbackpropError):
    """A document cannot be read: no such file, not UTF-8, not a notebook, an unknown hint."""


class FormulaError(SymbackpropError):
    """A formula cannot be parsed.

    Parameters
    ----------
    message : str
        What was found, and what was expected.
    offset : int
        Where in the formula, in characters from its first.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset
