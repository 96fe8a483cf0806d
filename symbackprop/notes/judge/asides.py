r"""Claims that stand for themselves: rules of calculus about names that nothing defines.

`\partial(a^T x)/\partial x = a` needs no network: its names are arrays whose shapes follow from the
formula itself. A chain rule needs functions of no special kind. What such a claim says of names
that only its right side has stays open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import NOTHING, Claim, Outcome, Status, evaluate_claim
from symbackprop.notes.judge.flags import Flags
from symbackprop.notes.judge.inference import Inference
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.scope import Hypothesis, Scope
from symbackprop.notes.judge.selection import spoken_of
from symbackprop.notes.judge.worlds import LAST_SEED, SEEDS, opened
from symbackprop.notes.kinds import Font, Prefix
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import ADJOINTS, Definition
from symbackprop.notes.resolve.hypotheses import some_function
from symbackprop.notes.resolve.model import Entry, Model
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["aside", "called_in", "said_symmetric"]

_SYMMETRIC = re.compile(
    r"\bsymmetric(?:\s+(?:positive|definite|semi-?definite|matrix|matrices|real|and|\(|\)))*\s*"
    r"\$(?P<after>[^$]*)\$|\$(?P<before>[^$]*)\$\s*(?:is|are|be|being|was|were)?\s*(?:a |an |"
    r"assumed |real |square |to be )*symmetric",
    re.IGNORECASE,
)
_CONSTANTS = frozenset({"I", "1", "0", "e", "pi", "d"})


def aside(
    claim: Claim,
    model: Model,
    given: tuple[Definition, ...],
    flags: Flags,
    symmetric: frozenset[str] = frozenset(),
) -> Outcome | None:
    """What comes of a claim with leaves for its own names; None where that says nothing.

    Parameters
    ----------
    claim : Claim
        The claim.
    model : Model
        The document, for its stated shapes.
    given : tuple of Definition
        The definitions that hold beside it; empty for a rule that stands alone.
    flags : Flags
        The reading of the conventions.
    symmetric : frozenset of str
        The matrices that the author calls symmetric here.
    """
    if isinstance(claim.sides[0], Name | ast.Prefixed):
        return None
    names = [name for side in claim.sides for name in spoken_of(side)]
    refs = [model.profile.ref(name) for name in names]
    if any(ref.labels or ref.key.split("_")[0] in ADJOINTS or "bar:" in ref.key for ref in refs):
        return None
    defined = {d.key for d in given}
    chain = () if given else chained(claim, model)
    own = {ref.key for ref in refs} - defined - _CONSTANTS - model.profile.letters
    flags = flags if given else replace(flags, differentials=True)
    found: list[Outcome] = []
    tried = [*hypotheses(claim, names), *([Hypothesis(symmetric=symmetric)] if symmetric else [])]
    for hypothesis in tried:
        made = in_own_world(claim, Scope(model, (*given, *chain), hypothesis), flags)
        if made.status is Status.RIGHT:
            return made
        found.append(made)
    called = {model.profile.ref(f).key for side in claim.sides for f in called_in(side)}
    if called - FUNCTIONS - defined - _CONSTANTS:
        return None
    first = {model.profile.ref(name).key for name in spoken_of(claim.sides[0])}
    if (
        chain
        or not own <= first
        or not moves(claim.sides[0])
        or any(made.status is not Status.WRONG for made in found)
    ):
        return None
    return replace(found[0], sure=not given)


def moves(node: Node) -> bool:
    """Whether something is differentiated: what is only equated may be a condition."""
    return any(
        isinstance(n, ast.Derivative | ast.Differential | ast.Prefixed)
        or (isinstance(n, ast.Apply) and isinstance(n.function, Name) and n.function.base == "d")
        or (isinstance(n, Name) and n.primes > 0)
        or isinstance(n, ast.Primed)
        for _, n in walk(node)
    )


def called_in(node: Node) -> list[Name]:
    """The names that a formula uses as functions."""
    found: list[Name] = []
    for _, here in walk(node):
        if isinstance(here, ast.Apply):
            function = here.function
            while isinstance(function, ast.Power | ast.Primed):
                function = function.base
            if isinstance(function, Name):
                found.append(function)
    return found


def said_symmetric(model: Model, entry: Entry) -> frozenset[str]:
    """The matrices that are said to be symmetric since the last heading, or right after."""
    formula = entry.formula
    texts = [formula.after[:80]]
    for other in model.entries[: entry.position + 1]:
        if other.formula.heading == formula.heading:
            texts.append(other.formula.before)
    found: set[str] = set()
    for text in texts:
        for match in _SYMMETRIC.finditer(text):
            found.update(re.findall(r"[A-Z]", match["before"] or match["after"] or ""))
    return frozenset(found)


def hypotheses(claim: Claim, names: list[Name]) -> Iterable[Hypothesis]:
    """Small letters are vectors; numbers too, where nothing shows a vector."""
    yield Hypothesis()
    shown = any(
        isinstance(node, ast.Transposed | ast.Norm | ast.Matrix)
        or (isinstance(node, ast.Name) and node.base in ("diag", "I", "tr", "det"))
        for side in claim.sides
        for _, node in walk(side)
    )
    if not shown and not any(n.font is Font.BOLD or n.base[:1].isupper() or n.subs for n in names):
        yield Hypothesis(scalars=True)


def in_own_world(claim: Claim, scope: Scope, flags: Flags) -> Outcome:
    """What comes of a claim at every seed of a world in which its own names have values."""
    made = Outcome(Status.UNKNOWN, "nothing to evaluate")
    for seed in range(SEEDS[0], LAST_SEED + 1):
        inference = Inference(scope)
        inference.run(claim.sides)
        if inference.conflicts:
            return Outcome(Status.UNKNOWN, "no shapes fit")
        numbers = Numbers(opened(scope, inference, seed), flags)
        outcome = evaluate_claim(claim, numbers)
        if outcome.reason == NOTHING and seed > SEEDS[0]:
            continue
        if outcome.status is not Status.RIGHT:
            return outcome
        made = outcome
    return made


def chained(claim: Claim, model: Model) -> tuple[Definition, ...]:
    """Functions of no special kind for what a claim differentiates: each of what is next below."""
    pairs: dict[str, list[Name]] = {}
    for side in claim.sides:
        for _, node in walk(side):
            if not isinstance(node, ast.Derivative) or len(node.variables) != 1:
                continue
            target, variable = plain(node.target), plain(node.variables[0])
            if target is None or variable is None:
                continue
            below = pairs.setdefault(model.profile.ref(target).key, [])
            if variable not in below:
                below.append(variable)
    if not pairs:
        return ()
    values = {
        model.profile.ref(name).key
        for side in claim.sides
        for name in spoken_of(undifferentiated(side))
    }
    keys = {key: {model.profile.ref(v).key for v in below} for key, below in pairs.items()}
    made: list[Definition] = []
    for key, below in pairs.items():
        if key in values:
            continue
        through = set().union(*(keys.get(other, set()) for other in keys[key]))
        direct = [v for v in below if model.profile.ref(v).key not in through]
        if key in through or not direct:
            return ()
        made.append(Definition(key, (), (), some_function(direct), 0))
    return tuple(made)


def plain(node: Node | None) -> Name | None:
    """The bare name of what is differentiated, its components and arguments left out."""
    node = node and unwrapped(node)
    if isinstance(node, ast.Apply):
        node = node.function
    if not isinstance(node, Name) or node.primes or node.base in FUNCTIONS:
        return None
    return Name(node.base, accents=node.accents, font=node.font, head=node.head)


def undifferentiated(node: Node) -> Node:
    """A formula with its derivatives taken out."""
    if isinstance(node, ast.Derivative) or (
        isinstance(node, ast.Prefixed) and node.prefix is not Prefix.BIG_DELTA
    ):
        return ast.Missing()
    from_below = [undifferentiated(child) for child in below_of(node)]
    return ast.Group(tuple(from_below)) if from_below else node


def below_of(node: Node) -> tuple[Node, ...]:
    """The parts of a sum, a product, a bracket or a big operator."""
    if isinstance(node, ast.Add):
        return node.terms
    if isinstance(node, ast.Product):
        return node.factors
    if isinstance(node, ast.Group):
        return node.items
    if isinstance(node, ast.Transposed | ast.Power):
        return (node.base,)
    if isinstance(node, ast.Negative):
        return (node.operand,)
    if isinstance(node, ast.BigOperator) and node.body is not None:
        return (node.body,)
    return ()
