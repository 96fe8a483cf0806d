"""Gradients of neural networks as formulas, as NumPy modules, and as verdicts on course notes.

The public names are loaded when they are first used, so that importing the package, and with it
`symbackprop --version`, stays fast. A new public name goes to three places below: `__all__`,
`_HOMES`, and the imports that only type checkers read.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from symbackprop._version import __version__
from symbackprop.errors import SymbackpropError, nearest

if TYPE_CHECKING:
    from symbackprop import frontend as functions
    from symbackprop.frontend import Tensor as Tensor
    from symbackprop.frontend import dims as dims
    from symbackprop.frontend import input as input
    from symbackprop.frontend import opaque as opaque
    from symbackprop.frontend import opaque_loss as opaque_loss
    from symbackprop.frontend import opaque_tensor as opaque_tensor
    from symbackprop.frontend import param as param
    from symbackprop.models import model as model
    from symbackprop.network import Network as Network

__all__ = [
    "Network",
    "SymbackpropError",
    "Tensor",
    "__version__",
    "dims",
    "functions",
    "input",
    "model",
    "opaque",
    "opaque_loss",
    "opaque_tensor",
    "param",
]

_HOMES: dict[str, str] = {
    "Network": "symbackprop.network",
    "Tensor": "symbackprop.frontend",
    "dims": "symbackprop.frontend",
    "input": "symbackprop.frontend",
    "model": "symbackprop.models",
    "opaque": "symbackprop.frontend",
    "opaque_loss": "symbackprop.frontend",
    "opaque_tensor": "symbackprop.frontend",
    "param": "symbackprop.frontend",
}
"""Lazy public name -> module that defines it."""


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use (PEP 562).

    Beside those of `__all__`, every function of networks is here by its own name: ``sb.softmax``
    is ``sb.functions.softmax``.
    """
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    functions = importlib.import_module("symbackprop.frontend")
    if name == "functions":
        value: Any = functions
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in functions.__all__ or name in functions.ELEMENTWISE:
        value = getattr(functions, name)
    else:
        known = [*__all__, *functions.__all__, *functions.ELEMENTWISE]
        near = nearest(name, known)
        hint = f"; did you mean {near!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
