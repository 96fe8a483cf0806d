"""A document as the judge needs it: its statements in order, its names, its definitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.document import Document, Formula
from symbackprop.notes.kinds import Prefix, ProductOp
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, definitions_of
from symbackprop.notes.resolve.explicit import explicit_definitions
from symbackprop.notes.resolve.gradient_names import gradient_names, marked
from symbackprop.notes.resolve.hypotheses import supposed
from symbackprop.notes.resolve.profile import Profile, bare, head_of, profile_of
from symbackprop.notes.resolve.prose import local_statements
from symbackprop.notes.resolve.repeated import declared, summed
from symbackprop.notes.resolve.shapes import stated_shapes
from symbackprop.notes.resolve.sizes import rows_declared, shapes_beside, stated_maps
from symbackprop.notes.resolve.weights import straight_entries
from symbackprop.notes.statements import Fragment, Parsed, Statement
from symbackprop.notes.trees import unwrapped, walk

LAST = frozenset({"L", "N", "T"})
"""Letters that mean the last layer or step."""

__all__ = ["Entry", "Model", "model_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A formula with what it says; `local` are definitions that the prose before it gives."""

    position: int
    formula: Formula
    parsed: Parsed
    local: tuple[Definition, ...] = ()


_ENTRYWISE = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.BULLET})
_STARS = frozenset({ProductOp.STAR, ProductOp.AST})


@dataclass(slots=True)
class Model:
    """What a document says."""

    document: Document
    profile: Profile
    entries: list[Entry]
    definitions: list[Definition] = field(default_factory=list)
    depth: int = 3
    general_last: bool = False
    shapes: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: bool = False
    lasts: frozenset[str] = LAST
    scalars: frozenset[str] = frozenset()
    maps: dict[str, tuple[str, str]] = field(default_factory=dict)
    mentioned: set[str] = field(default_factory=set)
    straight: frozenset[str] = frozenset()
    windows: bool = False
    gradients: frozenset[str] = frozenset()
    signed: bool = False
    biases: frozenset[str] = frozenset()

    def defined(self) -> set[str]:
        """Keys with a forward definition."""
        return {d.key for d in self.definitions if not d.late}


def _nodes(parsed: Parsed) -> list[Node]:
    made: list[Node] = []
    for part in parsed.parts:
        if isinstance(part, Statement):
            made.extend((*part.sides, *part.conditions))
        elif isinstance(part, Fragment):
            made.append(part.node)
    return made


def model_of(document: Document) -> Model:
    """Read a document's statements, names and definitions."""
    parsed = [document.parse(formula) for formula in document.formulas]
    nodes = [node for one in parsed for node in _nodes(one)]
    profile = profile_of(nodes)
    if declared(document):
        parsed = [summed(one, profile) for one in parsed]
    model = Model(document, profile, [], signed=has_entrywise_sign(nodes))
    for position, (formula, one) in enumerate(zip(document.formulas, parsed, strict=True)):
        local = _beside(document, formula, one, position, profile) if formula.display else []
        model.entries.append(Entry(position, formula, one, tuple(local)))
        for part in one.parts:
            if isinstance(part, Statement) and not _is_update(part):
                model.definitions.extend(definitions_of(part, position, profile))
    add_explicit(model)
    everything = [*model.definitions, *(d for e in model.entries for d in e.local)]
    model.gradients = gradient_names(everything, profile)
    model.definitions = marked(model.definitions, model.gradients)
    model.entries = [
        replace(e, local=tuple(marked(e.local, model.gradients))) for e in model.entries
    ]
    for definition in model.definitions:
        if not definition.late:
            for _, node in walk(definition.body):
                if isinstance(node, Name):
                    model.mentioned.add(profile.ref(node).key)
    model.straight = straight_entries(everything, profile)
    model.biases = added_to_products(model.definitions, profile)
    _depth(model, nodes)
    model.shapes = stated_shapes(document, parsed, profile)
    for key, pair in shapes_beside(document, parsed, profile).items():
        model.shapes.setdefault(key, pair)
    model.rows = rows_declared(document)
    model.maps = stated_maps(parsed, profile)
    model.scalars = differentiated_only(parsed, profile) - model.defined()
    return model


def added_to_products(definitions: list[Definition], profile: Profile) -> frozenset[str]:
    """Names that are added to a matrix times a value: biases, whatever their letter."""
    found = set()
    for definition in definitions:
        body = definition.body
        if definition.late or not isinstance(body, ast.Add):
            continue
        matrices = any(
            isinstance(n, Name) and n.base.isupper()
            for term in body.terms
            if isinstance(term, ast.Product)
            for n in term.factors
        )
        if matrices:
            found |= {profile.ref(t).key for t in body.terms if isinstance(t, Name)}
    return frozenset(found)


def has_entrywise_sign(nodes: list[Node]) -> bool:
    """Whether a document writes entrywise products with a sign of their own.

    A star is one where it stands in one chain with another joint: `W^T . dz * g'(z)`.
    """
    for node in nodes:
        for _, here in walk(node):
            if isinstance(here, ast.Product):
                ops = {joint.op for joint in here.joints}
                if ops & _ENTRYWISE or (ops & _STARS and ops - _STARS):
                    return True
    return False


def _beside(
    document: Document, formula: Formula, parsed: Parsed, position: int, profile: Profile
) -> list[Definition]:
    """What holds for one display: what the prose before it defines, and what it supposes."""
    found: list[Definition] = []
    for statement in local_statements(document, formula):
        found.extend(definitions_of(statement, position, profile, local=True))
    for part in parsed.parts:
        if isinstance(part, Statement):
            found.extend(supposed(part, position, profile))
    return found


def add_explicit(model: Model) -> None:
    """Add the formulas that claims differentiate without a name, for these claims alone."""
    known = {d.key for d in model.definitions if not d.formals}
    for definition in model.definitions:
        if not definition.formals:
            names = (n for _, n in walk(definition.body) if isinstance(n, Name))
            known |= {model.profile.ref(n).key for n in names}
    for place, entry in enumerate(model.entries):
        made: list[Definition] = []
        for part in entry.parsed.parts:
            if isinstance(part, Statement):
                made.extend(explicit_definitions(part, entry.position, model.profile, known))
        if made:
            model.entries[place] = replace(entry, local=(*entry.local, *made))


def differentiated_only(parsed: list[Parsed], profile: Profile) -> frozenset[str]:
    """Names of which equations show derivatives and never a value: scalars."""
    targets: set[str] = set()
    others: set[str] = set()
    for one in parsed:
        for part in one.parts:
            if not isinstance(part, Statement) or not all(r.is_equality for r in part.relations):
                continue
            for side in part.sides:
                _targets(side, profile, targets, others)
    return frozenset(key for key in targets - others if not profile.ranks.get(key))


def _targets(side: Node, profile: Profile, targets: set[str], others: set[str]) -> None:
    heads: set[int] = set()
    for _, node in walk(side):
        if isinstance(node, ast.Derivative) and node.variables and node.target is not None:
            target = unwrapped(node.target)
            if isinstance(target, ast.Apply):
                target = target.function
            plain = isinstance(target, Name) and not target.subs and not target.sups
            if plain and isinstance(target, Name) and target.base not in FUNCTIONS:
                targets.add(profile.ref(target).key)
                heads.add(id(target))
        elif isinstance(node, Name) and id(node) not in heads:
            others.add(profile.ref(node).key)


def _is_update(statement: Statement) -> bool:
    first = statement.sides[0]
    return isinstance(first, ast.Prefixed) and first.prefix is Prefix.BIG_DELTA


def _ranges(nodes: list[Node]) -> Iterator[tuple[str, str]]:
    r"""Letters that are said to run, with where they end: `k = 1, \dots, K`."""
    for first, second in pairwise(nodes):
        items = second.items if isinstance(second, ast.Group) else ()
        if isinstance(second, ast.Product):
            items = second.factors
        if isinstance(first, Name) and any(isinstance(i, ast.Dots) for i in items):
            if isinstance(items[0], ast.Number) and isinstance(items[-1], Name):
                yield first.base, items[-1].base


def _depth(model: Model, nodes: list[Node]) -> None:
    """How many layers there are, and whether the last letter counts layers as l does."""
    numbers = {0}
    letters: set[str] = set()
    shifted: set[str] = set()
    moved: set[str] = set()
    for node in nodes:
        for _, name in walk(node):
            if not isinstance(name, Name):
                continue
            for label in model.profile.ref(name).labels:
                if isinstance(label, ast.Number) and label.text.isdigit():
                    base = bare(head_of(name))
                    if base not in ("x", "y", "t", "f") and int(label.text) < 12:
                        numbers.add(int(label.text))
                for _, letter in walk(label):
                    if isinstance(letter, Name):
                        letters.add(letter.base)
                if isinstance(label, ast.Add) and isinstance(label.terms[0], Name):
                    if len(label.signs) > 1 and label.signs[1].value == "+":
                        shifted.add(label.terms[0].base)
                    moved.add(label.terms[0].base)
    model.general_last = "L" in shifted
    ends = {end for letter, end in _ranges(nodes) if letter in moved and end not in moved}
    usual = LAST - {"L"} if model.general_last else LAST
    model.lasts = usual | (frozenset(ends) & letters)
    general = letters - {"L", "N", "T"} - model.lasts
    highest = max(numbers)
    model.windows = windows(model, nodes)
    least = 2 if model.windows else 3
    model.depth = max(least, highest) if general or model.general_last or not highest else highest


def windows(model: Model, nodes: list[Node]) -> bool:
    """Whether arrays are met at the sum of two indices, as in convolutions; few layers will do."""
    for node in nodes:
        for _, name in walk(node):
            for comp in model.profile.ref(name).comps if isinstance(name, Name) else ():
                if isinstance(comp, ast.Add) and all(isinstance(t, Name) for t in comp.terms):
                    return True
    return False
