"""Sort statements: definitions, claims that can be evaluated, and what cannot be checked."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import Claim
from symbackprop.notes.kinds import Relation, Sign
from symbackprop.notes.resolve.definitions import definitions_of, has_gradient
from symbackprop.notes.resolve.hypotheses import is_dependence
from symbackprop.notes.resolve.model import Entry, Model
from symbackprop.notes.resolve.prose import stated_conditions
from symbackprop.notes.statements import Fragment, Statement, Unparsed
from symbackprop.notes.trees import walk

__all__ = ["Kind", "Sorted", "sort_statement", "under_condition"]

_MEMBERSHIP = frozenset({Relation.IN, Relation.SUBSET, Relation.MAPS, Relation.DISTRIBUTED})
_LEADS = ("for", "if", "when", "where", "with", "case", "i.e.")
_RATES = frozenset(
    {"eta", "alpha", "epsilon", "lr", "mu", "gamma", "lambda", "rho", "learning_rate"}
)


class Kind(enum.Enum):
    """What a statement is."""

    DEFINITION = "definition"
    CLAIM = "claim"
    SHAPE = "shape"
    UPDATE = "update"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Sorted:
    """A statement's kind, the claim to evaluate, and why there is none."""

    kind: Kind
    claim: Claim | None = None
    reason: str = ""
    lefts: tuple[Node, ...] = ()


def sort_statement(
    part: Statement | Fragment | Unparsed, entry: Entry, model: Model, lefts: list[Node]
) -> Sorted:
    """Sort one part of a formula; `lefts` are the left sides before it."""
    if isinstance(part, Unparsed):
        return Sorted(Kind.OTHER, reason=f"not understood: {part.reason}")
    if isinstance(part, Fragment):
        return Sorted(Kind.OTHER, reason="states no relation")
    if is_dependence(part) or part.relations[0] is Relation.MAPS:
        return Sorted(Kind.SHAPE, reason="says what depends on what")
    sides, relations = list(part.sides), list(part.relations)
    while relations and relations[-1] in _MEMBERSHIP:
        sides.pop()
        relations.pop()
    if not relations:
        return Sorted(Kind.SHAPE, reason="says where something lies")
    if isinstance(sides[-1], ast.Missing):
        sides.pop()
        relations.pop()
    if not relations or not all(r.is_equality for r in relations):
        return Sorted(Kind.OTHER, reason="no equation")
    update = update_of(part, sides, model)
    if update is not None:
        return Sorted(Kind.UPDATE, Claim(update, part.conditions))
    if part.inherited:
        if not lefts:
            return Sorted(Kind.OTHER, reason="the left side is missing")
        return Sorted(
            Kind.CLAIM, Claim((lefts[-1], *sides[1:]), part.conditions), lefts=tuple(lefts)
        )
    return defined_or_claimed(part, sides, entry, model)


def defined_or_claimed(part: Statement, sides: list[Node], entry: Entry, model: Model) -> Sorted:
    """A definition, or a claim under the conditions that the author states."""
    made = definitions_of(part, entry.position, model.profile)
    conditions = part.conditions or stated_conditions(entry.formula, model.document.vocabulary)
    claim = Claim(tuple(sides), conditions)
    if aside_only(entry, sides):
        return Sorted(Kind.OTHER, reason="holds under a condition that the text gives")
    late = any(d.late or d.key in model.gradients for d in made)
    if made and not late and not has_gradient(sides[0]):
        return Sorted(Kind.DEFINITION, claim)
    return Sorted(Kind.CLAIM, claim)


def aside_only(entry: Entry, sides: list[Node]) -> bool:
    """Whether a formula in a sentence only says what is nought where the text goes on to say."""
    zero = isinstance(sides[-1], ast.Number) and sides[-1].text == "0"
    return zero and not entry.formula.display and entry.formula.after.lstrip().startswith(
        ("for ", "if ", "when ", "where ", "unless ", "outside ", "beyond ", "whenever ")
    )  # fmt: skip


def update_of(part: Statement, sides: list[Node], model: Model) -> tuple[Node, ...] | None:
    """The gradient and what an update subtracts, when a statement is an update."""
    if len(sides) != 2:
        return None
    right = sides[1]
    if not isinstance(right, ast.Add) or len(right.terms) != 2:
        return None
    if right.signs[0] is Sign.MINUS:
        return None
    name = weight(sides[0], model)
    if name is None or weight(right.terms[0], model) != name:
        return None
    step = right.terms[1]
    factors = list(step.factors) if isinstance(step, ast.Product) else [step]
    joints = list(step.joints) if isinstance(step, ast.Product) else []
    rate = next((i for i, f in enumerate(factors) if is_rate(f)), None)
    if rate is None:
        return None
    del factors[rate]
    if joints:
        del joints[min(rate, len(joints) - 1)]
    if not factors:
        return None
    rest: Node = factors[0] if len(factors) == 1 else ast.Product(tuple(factors), tuple(joints))
    if right.signs[1] is Sign.PLUS:
        rest = ast.Negative(rest)
    target = ast.Derivative(Name("Loss", head="L"), (name,))
    return target, rest


def is_rate(node: Node) -> bool:
    """Whether a factor is a learning rate."""
    return isinstance(node, Name) and node.base in _RATES


def weight(node: Node, model: Model) -> Name | None:
    """The parameter that a side of an update names, without what tells old from new."""
    if isinstance(node, ast.Apply) and isinstance(node.function, Name) and len(node.arguments) == 1:
        node = node.function
    if not isinstance(node, Name):
        return None
    words = ("new", "old", "next")
    sups = tuple(s for s in node.sups if s.word not in words and not _is_time(s))
    subs = tuple(s for s in node.subs if s.word not in words and not _is_time(s))
    return replace(node, sups=sups, subs=subs, primes=0)


def _is_time(label: ast.Label) -> bool:
    names = {n.base for item in label.items for n in _names(item)}
    return names == {"t"}


def _names(node: Node) -> list[Name]:
    return [n for _, n in walk(node) if isinstance(n, Name)]


def under_condition(made: Sorted, entry: Entry, model: Model) -> Sorted:
    r"""The statement with the condition that ends the sentence before it: "for $i \neq j$"."""
    if made.kind is not Kind.CLAIM or made.claim is None or not entry.formula.display:
        return made
    before = model.entries[entry.position - 1] if entry.position else None
    if before is None or before.formula.display or len(before.parsed.parts) != 1:
        return made
    part = before.parsed.parts[0]
    text = entry.formula.before.rstrip(" \t\n,:$")
    if not isinstance(part, Statement) or not text.endswith(before.formula.latex.strip()):
        return made
    if part.relations not in ((Relation.NOT_EQUAL,), (Relation.EQUAL,)):
        return made
    if not all(isinstance(s, Name) and len(s.base) == 1 and not s.subs for s in part.sides):
        return made
    lead = text[: -len(before.formula.latex.strip())].rstrip(" $").lower()
    if not lead.endswith(_LEADS):
        return made
    condition = ast.Comparison(part.sides, part.relations)
    claim = replace(made.claim, conditions=(*made.claim.conditions, condition))
    return replace(made, claim=claim)
