"""What names for gradients stand for: the reading under which the document's equations hold."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import Claim, Status, evaluate_claim
from symbackprop.notes.judge.flags import Binding
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.kinds import Prefix
from symbackprop.notes.resolve.definitions import ADJOINTS, is_loss_key
from symbackprop.notes.trees import walk

__all__ = ["Unbound", "bind", "unbound_names"]


@dataclass(frozen=True, slots=True)
class Unbound:
    """A name that stands for some gradient; `number` when a numeral tells it from its like."""

    name: str
    labels: int
    number: str = ""


def unbound_in(node: Node, numbers: Numbers) -> list[Unbound]:
    """The names in a node that no definition gives a value."""
    found: list[Unbound] = []
    profile = numbers.scope.profile
    shapes = {k for k, _ in numbers.world.inference.shapes}
    inside: set[int] = set()
    for _, here in walk(node):
        if isinstance(here, ast.Prefixed) and here.prefix in (Prefix.D, Prefix.SMALL_DELTA):
            pre, operand = False, here.operand
            while isinstance(operand, ast.Prefixed):
                inside.add(id(operand))
                pre, operand = True, operand.operand
            if isinstance(operand, Name) and id(here) not in inside:
                ref = profile.ref(operand)
                key = numbers.scope.canonical(ref.key)
                if pre or (key not in numbers.scope.table and key not in shapes):
                    found.append(Unbound(f"d {'p' if pre else ''}{key}", len(ref.labels)))
        elif isinstance(here, Name):
            ref = profile.ref(here)
            delta = len(ref.comps) > 1 and not ref.labels
            if delta or not stands_for_gradient(ref.key, numbers):
                continue
            if ref.key in numbers.scope.table:
                continue
            number = ""
            if ref.labels and isinstance(ref.labels[0], ast.Number):
                number = ref.labels[0].text
            found.append(Unbound(ref.key, len(ref.labels), number))
    return found


def stands_for_gradient(key: str, numbers: Numbers) -> bool:
    """Whether a name is that of a gradient which no derivative on the page defines."""
    if key.split("_")[0] in ADJOINTS:
        return True
    plain = numbers.scope.canonical(key.removeprefix("bar:"))
    if plain != key and any(plain == known for known, _ in numbers.world.inference.shapes):
        return False  # a bar says what it is the gradient by
    return key in numbers.scope.model.gradients and not any(
        isinstance(n, ast.Derivative)
        for d in numbers.scope.definitions
        if d.key == key
        for _, n in walk(d.body)
    )


def unbound_names(claims: list[Claim], numbers: Numbers) -> list[Unbound]:
    """The unbound names of all claims, those that are left sides first."""
    ordered: dict[Unbound, None] = {}
    for claim in claims:
        for name in unbound_in(claim.sides[0], numbers):
            ordered.setdefault(name)
    for claim in claims:
        for side in claim.sides[1:]:
            for name in unbound_in(side, numbers):
                ordered.setdefault(name)
    return list(ordered)


def candidates(unbound: Unbound, numbers: Numbers) -> list[Binding]:
    """The gradients that a name may stand for, the likely ones first."""
    world = numbers.world
    world.define_all()
    families: dict[tuple[str, int], None] = {}
    keys = list(world.starts) + list(world.inference.shapes)
    for key, labels in keys:
        base = key.removeprefix("pre ")
        if not is_loss_key(base) or len(labels):
            families.setdefault((key, len(labels)))
    fed = sorted(families, key=lambda f: (not is_fed(f[0], numbers), f[0] != "z", f[0] != "Z"))
    found: list[Binding] = []
    for key, arity in fed:
        if arity == unbound.labels:
            found.append(Binding(key))
    for key, arity in fed:
        if arity == unbound.labels and arity:
            found.extend((Binding(key, -1), Binding(key, 1)))
        elif arity == 0 and unbound.labels:
            found.append(Binding(key, None))
    return found


def is_fed(key: str, numbers: Numbers) -> bool:
    """Whether a name goes into an activation somewhere."""
    if key.startswith("pre "):
        return True
    for definition in numbers.scope.definitions:
        body = definition.body
        if isinstance(body, ast.Apply):
            for argument in body.arguments:
                if isinstance(argument, Name) and (
                    numbers.scope.canonical(numbers.scope.profile.ref(argument).key) == key
                ):
                    return True
    return False


def bind(needed: Claim, claims: list[Claim], numbers: Numbers) -> dict[str, Binding]:
    """Bind the unbound names of a claim, each to the gradient that explains most with it."""
    for name in unbound_names([needed], numbers):
        key = name.name
        mark = f"{key}[{name.number}]"
        if key in numbers.bindings or mark in numbers.bindings or name in numbers.hopeless:
            continue
        chosen = best(name, claims, numbers)
        if chosen is not None:
            numbers.bindings[chosen[0]] = chosen[1]
        else:
            numbers.hopeless.add(name)
            settle(name, numbers)
    return numbers.bindings


def best(name: Unbound, claims: list[Claim], numbers: Numbers) -> tuple[str, Binding] | None:
    """The binding that makes most claims right; none when none makes any right."""
    lefts = [claim for claim in claims if name in unbound_in(claim.sides[0], numbers)]
    uses = [
        claim
        for claim in claims
        if claim not in lefts and any(name in unbound_in(side, numbers) for side in claim.sides[1:])
    ]
    if name.name.startswith("d "):
        uses = []
    for about in (lefts[:5], uses[:4]):
        found = explaining(name, about, numbers)
        if found is not None:
            return found
    return None


def explaining(name: Unbound, claims: list[Claim], numbers: Numbers) -> tuple[str, Binding] | None:
    """The binding that makes most of some claims right."""
    top: tuple[int, str, Binding] | None = None
    if not claims:
        return None
    for candidate in candidates(name, numbers):
        alone = not name.labels and not name.name.startswith("d ")
        if alone or (candidate.shift is None and name.number):
            where = f"{name.name}[{name.number}]"
        else:
            where = name.name
        numbers.bindings[where] = candidate
        found = [evaluate_claim(claim, numbers, hasty=True) for claim in claims]
        score = sum(outcome.status is Status.RIGHT for outcome in found)
        del numbers.bindings[where]
        if score and (top is None or score > top[0]):
            top = score, where, candidate
        if score == len(claims):
            break
    return None if top is None else (top[1], top[2])


def settle(name: Unbound, numbers: Numbers) -> None:
    """The usual meaning of a delta that no claim decides: the gradient by what is fed."""
    if name.name in numbers.bindings or f"{name.name}[{name.number}]" in numbers.bindings:
        return
    if name.name.split("_")[0] not in ADJOINTS or not name.labels:
        return
    for candidate in candidates(name, numbers):
        if candidate.shift == 0 and is_fed(candidate.key, numbers):
            numbers.bindings[name.name] = candidate
            return
