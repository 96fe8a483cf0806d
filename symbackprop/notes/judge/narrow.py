"""Claims that only a few definitions bear on: functions of numbers, formulas written out.

`f(x, y) = x y` on a page about matrices speaks of two numbers. A claim that asks for no gradient of
a loss rests on the definitions of its own names only; where nothing in these is an array, all
of them are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import Claim
from symbackprop.notes.kinds import Font, ProductOp
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import ADJOINTS, Definition, is_loss_key, reached
from symbackprop.notes.resolve.explicit import is_explicit
from symbackprop.notes.resolve.profile import Profile, keys_in
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["closed", "cone", "numbers_only", "plain_names"]

_ARRAY_JOINTS = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.OTIMES, ProductOp.BULLET,
                           ProductOp.AT})  # fmt: skip
_ARRAYS = (ast.Transposed, ast.Matrix, ast.Indexed, ast.BigOperator, ast.Dots, ast.Space)


def closed(claim: Claim, definitions: tuple[Definition, ...], profile: Profile) -> bool:
    """Whether a claim asks for nothing that comes after its own names: no gradient of a loss."""
    forward = {d.key: d for d in definitions if not d.late}
    derivatives = False
    for side in claim.sides:
        for _, node in walk(side):
            if isinstance(node, ast.Prefixed | ast.Differential):
                return False
            if isinstance(node, ast.Derivative):
                derivatives = True
                target = node.target and unwrapped(node.target)
                if isinstance(target, ast.Apply) and isinstance(target.function, Name):
                    target = target.function
                if isinstance(target, Name) and not (target.base == "e" and target.sups):
                    key = profile.ref(target).key
                    if key not in forward and key not in profile.functions:
                        return False
                    if is_loss_key(key) and (key not in forward or not forward[key].formals):
                        return False
            if isinstance(node, Name):
                ref = profile.ref(node)
                adjoint = ref.key.split("_")[0] in ADJOINTS and len(ref.comps) != 2
                if adjoint or "bar" in node.accents:
                    return False
    return derivatives or any(is_explicit(d.key) for d in definitions)


def cone(claim: Claim, definitions: tuple[Definition, ...], profile: Profile) -> set[str]:
    """The keys of a claim with all that their definitions mention."""
    uses: dict[str, set[str]] = {}
    for definition in definitions:
        if not definition.late:
            uses.setdefault(definition.key, set()).update(keys_in(definition.body, profile))
    own = set().union(*(keys_in(side, profile) for side in claim.sides))
    return reached(own | {d.key for d in definitions if is_explicit(d.key)}, uses)


def numbers_only(claim: Claim, chosen: list[Definition], profile: Profile, plain: set[str]) -> bool:
    """Whether nothing in a claim and in its definitions is an array.

    Parameters
    ----------
    claim, chosen : Claim, list of Definition
        The claim and the definitions in its cone.
    profile : Profile
        How the document uses its names.
    plain : set of str
        Names that look like numbers wherever the document uses them.
    """
    formals = {profile.ref(f).key for d in chosen for f in d.formals}
    defined = {d.key for d in chosen if d.formals or is_explicit(d.key)}
    if any(d.labels or d.comps for d in chosen):
        return False
    for node in (*claim.sides, *(d.body for d in chosen)):
        if any(_is_array(part) for _, part in walk(node)):
            return False
        for _, name in walk(node):
            if not isinstance(name, Name) or name.base in FUNCTIONS or name.base in ("e", "pi"):
                continue
            key = profile.ref(name).key
            if not plain_name(name, profile):
                return False
            if key not in formals | defined | (plain - profile.functions):
                return False
    return True


def _is_array(part: Node) -> bool:
    """Whether a node is a sign of an array."""
    if isinstance(part, ast.Product):
        return any(j.op in _ARRAY_JOINTS for j in part.joints)
    return isinstance(part, _ARRAYS) or (isinstance(part, ast.Norm) and part.double)


def plain_name(name: Name, profile: Profile) -> bool:
    """Whether a name looks like a number: small, no index, not bold, no arrow."""
    ref = profile.ref(name)
    return (
        name.font is not Font.BOLD
        and not {"vec", "boldsymbol"} & set(name.accents)
        and not ref.labels
        and not ref.comps
        and (not name.base[:1].isupper() or is_loss_key(ref.key))
    )


def plain_names(nodes: Iterable[Node], profile: Profile) -> set[str]:
    """Names that look like numbers in all the formulas of a document."""
    seen: set[str] = set()
    arrays: set[str] = set()
    for node in nodes:
        for _, part in walk(node):
            if isinstance(part, Name):
                key = profile.ref(part).key
                (seen if plain_name(part, profile) else arrays).add(key)
            elif isinstance(part, ast.Transposed):
                arrays |= keys_in(part, profile)
            elif isinstance(part, ast.Norm) and part.double:
                arrays |= keys_in(part, profile)
            elif isinstance(part, ast.Product) and any(j.op in _ARRAY_JOINTS for j in part.joints):
                arrays.update(profile.ref(n).key for n in part.factors if isinstance(n, Name))
    return seen - arrays
