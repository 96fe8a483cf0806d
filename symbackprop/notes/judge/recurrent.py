r"""One step of a recurrent cell: its gradients before activations and its incoming gradients.

Notes on cells write `d\gamma_f` or `d\hat f` for the gradient before a gate's activation, `dtanh`
for that before the cell's own, and `dc_{next}` for what arrives at a state from the following step
alone: the path through the other states of the same step comes on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.scope import Key, Scope
from symbackprop.notes.judge.values import Array
from symbackprop.notes.lexicon import ACTIVATIONS
from symbackprop.notes.resolve.definitions import is_loss_key
from symbackprop.notes.resolve.model import Model
from symbackprop.notes.trees import values_in

if TYPE_CHECKING:
    from symbackprop.notes.judge.numbers import Numbers
    from symbackprop.notes.judge.world import World

__all__ = ["CELL", "about_cell", "arriving", "before_activation", "is_cell", "states"]


CELL = -1
"""In place of the number of labels: the loss depends on this name alone."""


def is_cell(model: Model) -> bool:
    """Whether a document defines names by their values one step of time before."""
    return any(
        len(d.labels) == 1 and isinstance(d.labels[0], Name) and d.labels[0].base == "t"
        for d in model.definitions
        if not d.late and not is_loss_key(d.key)
    )


def states(world: World) -> list[Key]:
    """The names of a single step that the following step takes over."""
    if world.scope.model.depth != 1:
        return []
    return [
        key
        for key in world.values
        if key[1] == (1,) and (key[0], (0,)) in world.inference.shapes and key[0][:4] != "pre "
    ]


def cell_of(scope: Scope, activation: str) -> str:
    """The name of the cell that an activation makes, if there is one only."""
    found = {
        d.key
        for d in scope.definitions
        if isinstance(d.body, ast.Apply)
        and isinstance(d.body.function, Name)
        and d.body.function.base == activation
        and ":" not in d.key
    }
    return found.pop() if len(found) == 1 else ""


def about_cell(side: Node, scope: Scope) -> str:
    """The cell of which a side speaks by `dtanh`, the gradient before its activation."""
    for node in values_in(side):
        if isinstance(node, ast.Prefixed) and isinstance(node.operand, Name):
            own = scope.profile.ref(node.operand).key
            if own in ACTIVATIONS and not scope.table.get(own):
                return cell_of(scope, own)
    return ""


def before_activation(
    numbers: Numbers, name: Name, key: str, labels: tuple[int, ...], pre: bool
) -> Key | None:
    """What goes into an activation, where a gradient's name says so."""
    starts = numbers.world.starts
    own = numbers.scope.profile.ref(name).key
    if own in ACTIVATIONS and not numbers.scope.table.get(own):
        cell = cell_of(numbers.scope, own)
        inner = ("pre " + cell, labels or (numbers.scope.model.depth,))
        return inner if inner in starts else None
    base = own.removeprefix("hat:")
    gate = base if own != base else key
    hinted = pre or own != base or (own[:1].islower() and gate[:1].isupper() and len(own) > 2)
    inner = ("pre " + numbers.scope.canonical(gate), labels)
    return inner if hinted and inner in starts else None


def arriving(numbers: Numbers, name: Name, key: Key, total: Array) -> Array:
    """The gradient of a state without the paths through the other states of its step."""
    if not any(label.word == "next" for label in name.subs):
        return total
    world = numbers.world
    found = total
    for other in states(world):
        if other == key or key[1] != other[1] or key not in world.starts:
            continue
        through = world.slope(world.values[other], key)
        if np.any(through):
            found = found - np.tensordot(
                world.gradient(other, numbers.families), through, axes=total.ndim
            )
    return found
