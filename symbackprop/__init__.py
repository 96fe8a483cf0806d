"""Gradients of neural networks as formulas, as NumPy modules, and as verdicts on course notes.

The public names are loaded when they are first used, so that importing the package, and with it
`symbackprop --version`, stays fast. A new public name goes to three lines below: `__all__`,
`_HOMES`, and the import that only type checkers read.
"""

from __future__ import annotations

import importlib

from symbackprop._version import __version__
from symbackprop.errors import SymbackpropError

# if TYPE_CHECKING: the imports of the lazy names, as `from symbackprop.x import Name as Name`

__all__ = ["SymbackpropError", "__version__"]

_HOMES: dict[str, str] = {}
"""Lazy public name -> module that defines it."""


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
