"""Names with numbers behind them."""

from __future__ import annotations

import re

_SECOND = re.compile(r".*[0-9]_[0-9]+\Z")


def with_number(base: str, number: int) -> str:
    """The name and a number that can be told apart: ``h2``, but ``a2_1`` of ``a2``."""
    return f"{base}_{number}" if base[-1:].isdigit() else f"{base}{number}"


def is_second(name: str) -> bool:
    """Whether a name is one of several of a layer, such as ``a2_1``."""
    return _SECOND.match(name) is not None
