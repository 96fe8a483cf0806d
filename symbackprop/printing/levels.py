"""How tightly a piece of text holds together: the one table that decides brackets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How tightly a text holds together: what is below what is asked for gets brackets."""

    SUM = 1
    BIG = 2
    HADAMARD = 3
    PRODUCT = 4
    MATMUL = 5
    POWER = 6
    CALL = 7
    ATOM = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A text and its level."""

    text: str
    level: Level = Level.ATOM
