"""Formulas that claims differentiate in so many words, as if they were defined.

`d(a^T x)/dx = a` needs no forward equation: what it differentiates is there. Each such formula
becomes a definition without name, for its own claim alone, so that its letters have shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.resolve.definitions import Definition, has_gradient, is_loss_key
from symbackprop.notes.resolve.profile import Profile, keys_in
from symbackprop.notes.statements import Statement
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["EXPLICIT", "explicit_definitions", "is_explicit"]

EXPLICIT = "expr "
"""How the keys of such definitions begin."""


def is_explicit(key: str) -> bool:
    """Whether a key is that of a formula without name."""
    return key.startswith((EXPLICIT, f"pre {EXPLICIT}"))


def explicit_definitions(
    statement: Statement, position: int, profile: Profile, known: set[str]
) -> Iterator[Definition]:
    """The formulas that a statement differentiates without a name for them.

    `known` are names of the document's network; a function of these has a value as it is.
    """
    bodies: list[Node] = []
    for side in statement.sides:
        for _, node in walk(side):
            body = differentiated(node, profile)
            if body is None or body in bodies or has_gradient(body):
                continue
            if not isinstance(node, ast.Apply) or not keys_in(body, profile) & known:
                bodies.append(body)
    for number, body in enumerate(bodies):
        comps, labels = free_indices(body, profile), free_labels(body, profile)
        if len(comps) <= 2 and len(labels) <= 1:
            key = f"{EXPLICIT}{position}.{number}"
            yield Definition(key, tuple(labels), tuple(comps), body, position, local=True)


def differentiated(node: Node, profile: Profile) -> Node | None:
    """The formula under a derivative, or the function of which a prime takes the derivative."""
    if isinstance(node, ast.Derivative) and node.target is not None:
        body = unwrapped(node.target)
        if isinstance(body, Name) and not (body.base == "e" and body.sups):
            return None
        if isinstance(body, ast.Apply) and not applied(body, profile):
            return None
        return body
    if isinstance(node, ast.Apply) and applied(node, profile):
        function = node.function
        if isinstance(function, ast.Primed):
            return replace(node, function=function.base)
        if isinstance(function, Name) and function.primes:
            return replace(node, function=replace(function, primes=0))
    return None


def applied(node: ast.Apply, profile: Profile) -> bool:
    """Whether a call is of a function, and not of a name that depends on its arguments."""
    function = node.function
    while isinstance(function, ast.Power | ast.Primed):
        function = function.base
    if not isinstance(function, Name):
        return False
    key = profile.ref(function).key
    return key in profile.functions and not is_loss_key(key) and len(node.arguments) == 1


def free_indices(body: Node, profile: Profile) -> list[Node]:
    """The index letters of a formula that no sum in it binds."""
    bound: set[str] = set()
    found: dict[str, Node] = {}
    for _, node in walk(body):
        if isinstance(node, ast.BigOperator):
            bound |= {n.base for n in node.range.indices if isinstance(n, Name)}
            for condition in node.range.conditions:
                if isinstance(condition, ast.Comparison) and isinstance(condition.sides[0], Name):
                    bound.add(condition.sides[0].base)
        if isinstance(node, Name):
            for comp in profile.ref(node).comps:
                for _, letter in walk(comp):
                    if isinstance(letter, Name) and len(letter.base) == 1 and not letter.subs:
                        found.setdefault(letter.base + "'" * letter.primes, letter)
    return [node for letter, node in found.items() if letter not in bound]


def free_labels(body: Node, profile: Profile) -> list[Node]:
    """The label letters of a formula."""
    found: dict[str, Node] = {}
    for _, node in walk(body):
        if isinstance(node, Name):
            for label in profile.ref(node).labels:
                for _, letter in walk(label):
                    if isinstance(letter, Name) and (len(letter.base) == 1 or letter.base == "ell"):
                        found.setdefault(letter.base, letter)
    return list(found.values())
