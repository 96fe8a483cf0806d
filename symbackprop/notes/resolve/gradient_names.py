"""Which names of a document stand for gradients, by the equations that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.resolve.definitions import Definition, is_loss_key, reached
from symbackprop.notes.resolve.profile import Profile, keys_in
from symbackprop.notes.trees import walk

__all__ = ["gradient_names", "marked"]


def gradient_names(definitions: Sequence[Definition], profile: Profile) -> frozenset[str]:
    r"""Find the names that stand for gradients: every equation of theirs is a claim.

    A name is one where an equation of it has a derivative, a slope `f'(z)`, or another such name
    on its right side, and where the loss does not rest on it.

    Parameters
    ----------
    definitions : sequence of Definition
        All equations of the form `name = body`.
    profile : Profile
        How the document uses its names.
    """
    mentions = {id(d): keys_in(d.body, profile) for d in definitions}
    found: set[str] = set()
    changed = True
    while changed:
        changed = False
        for d in definitions:
            if d.key in found or d.formals or is_loss_key(d.key) or _is_step(d, profile):
                continue
            if d.late or _has_slope(d.body) or mentions[id(d)] & found:
                found.add(d.key)
                changed = True
    uses: dict[str, set[str]] = {}
    for d in definitions:
        if not d.late:
            uses.setdefault(d.key, set()).update(mentions[id(d)])
    losses = {key for key in uses if is_loss_key(key)}
    forward = reached(set().union(*(uses[key] for key in losses)), uses)
    return frozenset(found - forward)


def _is_step(definition: Definition, profile: Profile) -> bool:
    r"""Whether a name is said to be itself and more: `w_{t+1} = w_t - \eta \nabla C`."""
    body = definition.body
    first = body.terms[0] if isinstance(body, ast.Add) else None
    return isinstance(first, Name) and profile.ref(first).key == definition.key


def marked(definitions: Sequence[Definition], gradients: frozenset[str]) -> list[Definition]:
    """The definitions; those of gradients' names are no part of the forward equations."""
    return [replace(d, late=True) if d.key in gradients else d for d in definitions]


def _has_slope(body: Node) -> bool:
    """Whether the derivative of a function is applied in a body."""
    return any(
        isinstance(n, ast.Apply)
        and (
            isinstance(n.function, ast.Primed)
            or (isinstance(n.function, Name) and bool(n.function.primes))
        )
        for _, n in walk(body)
    )
