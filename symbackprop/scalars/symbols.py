"""The symbols of a body: positional placeholders, and the value at a kink."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache, lru_cache
from typing import Final

from sympy import Expr, Rational, Symbol

from symbackprop.errors import InvalidExpressionError

_PLACEHOLDER = re.compile(r"p(0|[1-9][0-9]*)\Z")

KINK: Final[Symbol] = Symbol("kink", real=True)
"""Stands for the value at a kink in derivatives that have not met their policy yet."""


class KinkPolicy(Enum):
    """What ``Step(0)`` is, and so the slope of relu and its kin at a kink.

    At a kink the slope is ``left + value (right - left)`` for relu-like functions. A saturating
    function (clip, hard tanh) takes ``value`` times its inner slope. A two-operand maximum gives
    ``1 - value`` to its first operand and ``value`` to its second, so that maximum(0, z) and
    relu(z) agree. abs has slope 0 and sign is 0 at 0 under every policy.
    """

    ZERO = "0"
    HALF = "1/2"
    ONE = "1"

    @property
    def number(self) -> Rational:
        """The value as an exact number."""
        return Rational(self.value)

    @classmethod
    def parse(cls, text: str) -> KinkPolicy:
        """Read "0", "1/2" (or "0.5") or "1".

        Raises
        ------
        InvalidExpressionError
            For any other text.
        """
        spelled = "1/2" if text.strip() == "0.5" else text.strip()
        for policy in cls:
            if policy.value == spelled:
                return policy
        raise InvalidExpressionError(
            f"the value at a kink cannot be {text!r}", help="it is 0, 1/2 or 1"
        )


@cache
def placeholder(k: int) -> Symbol:
    """The real symbol ``p{k}`` that stands for the k-th read of a body; one object for each k.

    >>> placeholder(0) is placeholder(0)
    True
    """
    if k < 0:
        raise InvalidExpressionError(f"a placeholder counts from 0, found {k}")
    return Symbol(f"p{k}", real=True)


@lru_cache(maxsize=65536)
def placeholder_index(symbol: Expr) -> int | None:
    """The k of a placeholder ``p{k}``; None for every other expression (a size called p0, say)."""
    if not isinstance(symbol, Symbol):
        return None
    match = _PLACEHOLDER.match(symbol.name)
    if match is None:
        return None
    k = int(match.group(1))
    return k if symbol == placeholder(k) else None


@lru_cache(maxsize=65536)
def placeholders(body: Expr) -> tuple[int, ...]:
    """The indices of the placeholders in a body, ascending."""
    found = (placeholder_index(symbol) for symbol in body.free_symbols)
    return tuple(sorted(k for k in found if k is not None))


@lru_cache(maxsize=65536)
def body_sizes(body: Expr) -> tuple[Symbol, ...]:
    """The size symbols in a body, by name."""
    rest = (s for s in body.free_symbols if placeholder_index(s) is None and s != KINK)
    return tuple(sorted(rest, key=lambda s: s.name))
