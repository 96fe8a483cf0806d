"""What a document leaves out and its equations show to be meant: a loss, an activation."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.notes.resolve.definitions import Definition

__all__ = ["NO_SUPPLY", "Supply"]


@dataclass(frozen=True, slots=True)
class Supply:
    """Standard pieces that are put beside a document's own definitions.

    Attributes
    ----------
    definitions : tuple of Definition
        They take the place of the document's own definitions of the same names.
    activations : tuple of (str, str)
        Which known function an unnamed one is.
    words : tuple of str
        What is supposed, for the report.
    family : str
        Supplies of one family differ in name only where an equation does not tell them apart.
    keys : frozenset of str
        The names that a statement mentions when it leans on the supply.
    """

    definitions: tuple[Definition, ...] = ()
    activations: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    family: str = ""
    keys: frozenset[str] = frozenset()

    def joined(self, other: Supply) -> Supply:
        """Both supplies together."""
        return Supply(
            (*self.definitions, *other.definitions),
            (*self.activations, *other.activations),
            (*self.words, *other.words),
            self.family or other.family,
            self.keys | other.keys,
        )


NO_SUPPLY = Supply()
"""No supply: the document as it stands."""
