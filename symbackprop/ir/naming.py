"""Names with numbers behind them."""

from __future__ import annotations


def with_number(base: str, number: int) -> str:
    """The name and a number that can be told apart: ``h2``, but ``a2_1`` of ``a2``."""
    return f"{base}_{number}" if base[-1:].isdigit() else f"{base}{number}"
