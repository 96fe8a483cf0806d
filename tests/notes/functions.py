"""Functions that formulas call by name, products by entries, and how scripts are spelled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from symbackprop.notes import ast
from symbackprop.notes.kinds import ProductOp
from symbackprop.notes.printer import to_latex
from tests.notes.page import Array, softmax


def _diag(value: Array) -> Array:
    if value.ndim == 2 and 1 in value.shape:
        return jnp.diag(jnp.ravel(value))
    return jnp.diag(jnp.diag(value))


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "exp": jnp.exp,
    "log": jnp.log,
    "ln": jnp.log,
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "sgn": jnp.sign,
    "sign": jnp.sign,
    "relu": jax.nn.relu,
    "ReLU": jax.nn.relu,
    "softmax": softmax,
    "diag": _diag,
    "tr": jnp.trace,
    "det": jnp.linalg.det,
    "sum": jnp.sum,
    "max": lambda *a: functools.reduce(jnp.maximum, a),
}
HADAMARD = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.BULLET})
READINGS = ("matrix first", "left to right", "element-wise first")


def label_key(label: ast.Label, above: bool) -> str:
    """How `Page.labels` spells a script: `^[l-1]`, `_t`."""
    left, right = label.bracket.value
    inner = ",".join(to_latex(item) for item in label.items).replace(" ", "")
    mark = "^" if above else "_"
    spelled = f"{mark}{left}{inner}{right}"
    return spelled.replace("\\langle ", "<").replace("\\rangle ", ">")


def letters(items: Sequence[ast.Node]) -> list[str]:
    """The names among the items of a script, juxtaposed ones apart."""
    flat: list[ast.Node] = []
    for item in items:
        if isinstance(item, ast.Add):
            flat += item.terms
        else:
            flat += item.factors if isinstance(item, ast.Product) else (item,)
    return [item.base for item in flat if isinstance(item, ast.Name)]
