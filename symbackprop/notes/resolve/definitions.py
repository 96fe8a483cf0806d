"""Which statements of a document define something: forward values, functions, losses, names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.kinds import Prefix, Relation
from symbackprop.notes.resolve.profile import Profile, Ref, names_in
from symbackprop.notes.statements import Statement
from symbackprop.notes.trees import values_in, walk

__all__ = [
    "ADJOINTS",
    "LOSSES",
    "Definition",
    "definitions_of",
    "has_gradient",
    "is_loss_key",
    "reached",
]

LOSSES = frozenset(
    """L J E C D S l ell loss Loss cost Cost Div div err Err error Error CE MSE BCE NLL KL SSE RSS
    Q""".split()
)
"""Names that are losses when nothing says otherwise."""

ADJOINTS = frozenset({"delta", "Delta"})
"""Names that are gradients when nothing defines them otherwise."""

_DEFINING = frozenset(
    {
        Relation.EQUAL,
        Relation.DEFINED,
        Relation.EQUAL_BY_DEFINITION,
        Relation.EQUIVALENT,
        Relation.ASSIGNED,
    }
)


@dataclass(frozen=True, slots=True)
class Definition:
    """`key` with labels and components is `body`; `formals` are the arguments it is written with.

    `late` marks a name for a gradient: its body has a derivative, and is no forward value.
    """

    key: str
    labels: tuple[Node, ...]
    comps: tuple[Node, ...]
    body: Node
    position: int
    formals: tuple[Name, ...] = ()
    late: bool = False
    local: bool = False
    power: str = ""


def is_loss_key(key: str) -> bool:
    """Whether a key is a loss by its base."""
    base = key.split(":")[-1].split("_")[0].split("^")[0]
    return base in LOSSES


def has_gradient(node: Node) -> bool:
    """Whether a derivative or a gradient stands in a node."""
    return any(
        isinstance(n, ast.Derivative | ast.Differential)
        or (isinstance(n, ast.Prefixed) and n.prefix is not Prefix.BIG_DELTA)
        or (isinstance(n, ast.Prefixed))
        for _, n in walk(node)
    )


def reached(keys: Iterable[str], uses: Mapping[str, Iterable[str]]) -> set[str]:
    """Some names with all that their definitions lead to."""
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(uses.get(key, ()))
    return found


def _stripped(node: Node) -> Node:
    while isinstance(node, ast.Group | ast.Accented):
        if isinstance(node, ast.Group):
            if len(node.items) != 1:
                return node
            node = node.items[0]
        elif node.accent == "vec":
            node = node.base
        else:
            return node
    return node


def _target(side: Node, profile: Profile) -> tuple[Name, tuple[Name, ...]] | None:
    """The name that a left side introduces, and its arguments."""
    side = _stripped(side)
    if isinstance(side, Name):
        return side, ()
    if isinstance(side, ast.Apply) and isinstance(side.function, Name):
        formals = []
        for argument in side.arguments:
            bare = _stripped(argument)
            if isinstance(bare, ast.Apply) and isinstance(bare.function, Name):
                bare = bare.function
            if not isinstance(bare, Name):
                return None
            formals.append(bare)
        return side.function, tuple(formals)
    return None


def definitions_of(
    statement: Statement, position: int, profile: Profile, local: bool = False
) -> list[Definition]:
    """The definitions that a statement may be; none when it is a claim about a gradient."""
    made: list[Definition] = []
    targets = []
    sides = statement.sides
    for i, side in enumerate(sides[:-1]):
        if statement.relations[i] not in _DEFINING:
            break
        target = _target(side, profile)
        if target is None:
            break
        targets.append(target)
    equal = sides[: len(targets)]
    if not targets or isinstance(sides[len(targets)], ast.Missing | ast.Opaque | ast.Space):
        return made
    following = sides[len(targets)]
    for i, (name, formals) in enumerate(targets):
        body = equal[i + 1] if i + 1 < len(targets) else following
        made.extend(_definition(name, formals, body, position, profile, local))
    return made


def _definition(
    name: Name,
    formals: tuple[Name, ...],
    body: Node,
    position: int,
    profile: Profile,
    local: bool,
) -> list[Definition]:
    if name.primes or _mentions(body, name, profile) or isinstance(body, ast.Dots | ast.Text):
        return []
    if isinstance(body, ast.Apply) and _is_self_call(body, name, profile):
        return []
    ref = profile.ref(name)
    power = ""
    if ref.power is not None:
        if not isinstance(ref.power, ast.Number):
            return []
        power = ref.power.text
    late = has_gradient(body) or ref.key.split("_")[0].split("^")[0] in ADJOINTS
    late = late or any(
        isinstance(n, Name) and profile.ref(n).key.split("_")[0] in ADJOINTS and len(
            profile.ref(n).comps) < 2
        for _, n in walk(body)
    )  # fmt: skip
    late = late or _is_adjoint(name, body) or _is_jacobian(ref, body)
    late = late or (name.base == "J" and bool(formals) and bool(name.subs or name.sups))
    key = ref.key + (f"^{power}" if power else "")
    return [Definition(key, ref.labels, ref.comps, body, position, formals, late, local)]


def _is_adjoint(name: Name, body: Node) -> bool:
    """A bar on the left and on the right: gradients, and no mean."""
    bars = ("bar", "overline")
    return any(a in bars for a in name.accents) and any(
        isinstance(n, Name) and any(a in bars for a in n.accents) for _, n in walk(body)
    )


def _is_jacobian(ref: Ref, body: Node) -> bool:
    """`J` with two indices, or of a diagonal; a product that a function is said to have."""
    if ref.key != "J":
        return ref.key in ("VJP", "vjp", "JVP", "jvp")
    return len(ref.comps) == 2 or any(
        isinstance(n, Name) and n.base in ("diag", "Diag") for _, n in walk(body)
    )


def _is_self_call(body: ast.Apply, name: Name, profile: Profile) -> bool:
    """`Div = Div(z)` says what it depends on, no more."""
    return isinstance(body.function, Name) and body.function.base == name.base


def _mentions(body: Node, name: Name, profile: Profile) -> bool:
    """Whether a body refers to the very thing that it would define."""
    ref: Ref = profile.ref(name)
    for node in values_in(body):
        if isinstance(node, Name) and node.base == name.base:
            other = profile.ref(node)
            if other.key == ref.key and other.labels == ref.labels and other.power == ref.power:
                if not _distinct_components(ref, other):
                    return True
    return False


def _distinct_components(a: Ref, b: Ref) -> bool:
    return bool(a.comps) and bool(b.comps) and a.comps != b.comps and not (
        names_in(a.comps[0]) and names_in(b.comps[0])
    )  # fmt: skip
