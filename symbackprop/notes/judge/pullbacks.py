r"""Vector-Jacobian products: `\mathrm{VJP}(g, W, x) = W^T g` of the function that a text names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import Claim, Outcome, Status, evaluate_claim
from symbackprop.notes.judge.flags import Flags
from symbackprop.notes.judge.inference import Inference
from symbackprop.notes.judge.maps import PULLBACKS, TWIN, Jacobians
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.scope import Hypothesis, Scope
from symbackprop.notes.judge.selection import spoken_of
from symbackprop.notes.judge.worlds import SEEDS, opened
from symbackprop.notes.kinds import Relation
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.resolve.hypotheses import some_function
from symbackprop.notes.resolve.model import Entry, Model
from symbackprop.notes.statements import Fragment, Statement
from symbackprop.notes.trees import walk

__all__ = ["is_pullback", "last_map", "pulled_back"]

_KEY = "the function"
_NEAR = 12
_RESPECT = re.compile(r"(?:respect to|w\.?r\.?t\.?)(?: the)?(?: \w+)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Map:
    """A function: its arguments, and what it is."""

    formals: tuple[str, ...]
    body: Node


def is_pullback(claim: Claim) -> bool:
    """Whether a claim says what a vector-Jacobian product is."""
    return is_pullback_of(claim.sides[0])


def is_pullback_of(first: Node) -> bool:
    """Whether a left side is a product of a Jacobian and a vector."""
    return (
        isinstance(first, ast.Apply)
        and isinstance(first.function, Name)
        and first.function.base in PULLBACKS
        and len(first.arguments) >= 2
        and all(isinstance(a, Name) for a in first.arguments)
    )


def pulled_back(claim: Claim, model: Model, entry: Entry, flags: Flags) -> Outcome | None:
    """What comes of such a claim for the function that the text before it names."""
    first = claim.sides[0]
    assert isinstance(first, ast.Apply)
    names = [model.profile.ref(a).key for a in first.arguments if isinstance(a, Name)]
    general = any(
        isinstance(n, Name) and n.base == "J" for side in claim.sides[1:] for _, n in walk(side)
    )
    found = None if general else map_of(model, entry, set(names))
    if found is None:
        if not general:
            return None
        found = general_map(claim, first, model)
    seeds = [name for name in names if name not in found.formals]
    if len(seeds) != 1 or not found.formals:
        return None
    by = said_variable(model, entry, found.formals)
    like = (by or found.formals[0]) if _forward(first) else _KEY
    twin = ast.Apply(Name(TWIN), (Name(like),))
    definitions = (
        Definition(_KEY, (), (), found.body, 0),
        Definition(seeds[0], (), (), replace(twin, certain=True), 0),
    )
    scope = Scope(model, definitions, Hypothesis())
    variables = (by,) if by else found.formals
    made: Outcome | None = None
    for seed in SEEDS:
        inference = Inference(scope)
        inference.spoken.update(found.formals)
        inference.run()
        numbers = Numbers(opened(scope, inference, seed), flags)
        numbers.jacobians = Jacobians(_KEY, variables, seeds[0], general)
        made = evaluate_claim(claim, numbers)
        if made.status is not Status.RIGHT:
            break
    if made is None or made.status is Status.UNKNOWN:
        return None
    if made.status is Status.WRONG and len(variables) != 1:
        return None
    return replace(made, sure=True)


def general_map(claim: Claim, first: ast.Apply, model: Model) -> _Map:
    """Some function of the arguments that the right side does not multiply the Jacobian by."""
    outside: set[str] = set()
    for side in claim.sides[1:]:
        inside = {
            id(n)
            for _, here in walk(side)
            if isinstance(here, ast.Apply)
            for argument in here.arguments
            for _, n in walk(argument)
        }
        outside |= {
            model.profile.ref(n).key
            for _, n in walk(side)
            if isinstance(n, Name) and id(n) not in inside
        }
    arguments = tuple(
        a
        for a in first.arguments
        if isinstance(a, Name) and model.profile.ref(a).key not in outside
    )
    return _Map(tuple(model.profile.ref(a).key for a in arguments), some_function(arguments))


def _forward(first: ast.Apply) -> bool:
    return isinstance(first.function, Name) and first.function.base.lower() == "jvp"


def map_of(model: Model, entry: Entry, names: set[str]) -> _Map | None:
    """The nearest function before a formula whose arguments the formula has."""
    for position in range(entry.position - 1, max(-1, entry.position - _NEAR), -1):
        for part in reversed(model.entries[position].parsed.parts):
            found = None
            if isinstance(part, Statement) and part.relations[0] is Relation.EQUAL:
                found = defined_map(part, model)
            elif isinstance(part, Fragment):
                found = named_map(part.node, model)
            if found is not None and set(found.formals) <= names:
                return found
    return None


def defined_map(part: Statement, model: Model) -> _Map | None:
    """The function that an equation defines."""
    head = part.sides[0]
    if not isinstance(head, ast.Apply) or not isinstance(head.function, Name):
        return None
    if head.function.base in PULLBACKS or not all(isinstance(a, Name) for a in head.arguments):
        return None
    formals = tuple(model.profile.ref(a).key for a in head.arguments if isinstance(a, Name))
    return _Map(formals, part.sides[1])


def named_map(node: Node, model: Model) -> _Map | None:
    r"""The function that stands alone, such as `\sin(x)`."""
    if not isinstance(node, ast.Apply) or not isinstance(node.function, Name):
        return None
    if node.function.base not in FUNCTIONS or node.function.base in PULLBACKS:
        return None
    if len(node.arguments) != 1 or not isinstance(node.arguments[0], Name):
        return None
    return _Map((model.profile.ref(node.arguments[0]).key,), node)


def said_variable(model: Model, entry: Entry, formals: tuple[str, ...]) -> str | None:
    """The argument that the text says is differentiated by, or the only one."""
    if len(formals) == 1:
        return formals[0]
    for position in range(entry.position - 1, max(-1, entry.position - 4), -1):
        before = model.entries[position]
        if before.formula.display:
            statements = [p for p in before.parsed.parts if isinstance(p, Statement)]
            if not any(is_pullback_of(p.sides[0]) for p in statements):
                return None
            continue
        part = before.parsed.parts[0] if before.parsed.parts else None
        if isinstance(part, Fragment) and isinstance(part.node, Name):
            key = model.profile.ref(part.node).key
            if key in formals and _RESPECT.search(before.formula.before):
                return key
    return None


def last_map(definitions: tuple[Definition, ...], model: Model, entry: Entry) -> Jacobians | None:
    """The last map of one name to another that stands before a formula."""
    before = [d for d in definitions if d.position <= entry.position and not (d.late or d.labels)]
    for definition in sorted(before, key=lambda d: -d.position):
        names = [n for n in spoken_of(definition.body) if n.base != "e"]
        names += [
            n
            for _, here in walk(definition.body)
            if isinstance(here, Name) and here.base == "e"
            for label in here.sups
            for item in label.items
            for n in spoken_of(item)
        ]
        keys = {model.profile.ref(n).key for n in names} - {definition.key}
        if len(keys) == 1 and not is_loss_key(definition.key):
            return Jacobians(definition.key, (keys.pop(),), "")
    return None
