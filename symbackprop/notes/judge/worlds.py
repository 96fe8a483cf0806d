"""The worlds of a document: which definitions hold where, and which hypotheses fit them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name
from symbackprop.notes.judge.claims import Claim
from symbackprop.notes.judge.entries import all_entries
from symbackprop.notes.judge.flags import Flags
from symbackprop.notes.judge.inference import Inference
from symbackprop.notes.judge.narrow import closed, cone, numbers_only, plain_names
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.scope import Hypothesis, Scope
from symbackprop.notes.judge.selection import (
    acyclic,
    distance,
    general,
    hypothetical,
    self_contained,
)
from symbackprop.notes.judge.world import World
from symbackprop.notes.kinds import Font
from symbackprop.notes.resolve.definitions import Definition, has_gradient, is_loss_key
from symbackprop.notes.resolve.model import Entry, Model
from symbackprop.notes.statements import Fragment
from symbackprop.notes.trees import walk

__all__ = ["Choice", "Worlds"]

SEEDS = (1, 2)
LAST_SEED = 6
"""The last seed of those at which a claim with corners is evaluated."""
MOST_CHOICES = 4

Choice = tuple[int, ...]

NUMBERS = -2
"""The last item of a choice in which nothing is an array."""


@dataclass(slots=True)
class Worlds:
    """All worlds of a model, made when they are asked for."""

    model: Model
    supplied: tuple[Definition, ...] = ()
    activations: tuple[tuple[str, str], ...] = ()
    groups: dict[tuple[str, tuple[object, ...]], list[int]] = field(default_factory=dict)
    cache: dict[tuple[Choice, Hypothesis, int], World] = field(default_factory=dict)
    inferences: dict[tuple[Choice, Hypothesis], tuple[Scope, Inference]] = field(
        default_factory=dict
    )
    small: set[str] | None = None
    tried: tuple[int, ...] | None = None
    listed: list[Definition] = field(default_factory=list)

    bold: bool | None = None

    def __post_init__(self) -> None:
        local = [d for entry in self.model.entries for d in entry.local]
        self.listed = [*self.model.definitions, *self.supplied, *local]
        for number, definition in enumerate(self.everything()):
            if not usable(definition, self.model):
                continue
            pattern = tuple(_pattern(label, self.model) for label in definition.labels)
            members = self.groups.setdefault((definition.key, pattern), [])
            if definition in self.supplied:
                members[:] = [number]
                continue
            if any(self.listed[m] in self.supplied for m in members):
                continue
            same = [
                m
                for m in members
                if self.everything()[m].body == definition.body
                and self.everything()[m].comps == definition.comps
            ]
            if not same or definition.late or definition.local:
                members.append(number)

    def everything(self) -> list[Definition]:
        """All definitions, the supplied and the local ones last."""
        return self.listed

    def choices(self, entry: Entry) -> list[Choice]:
        """Selections of definitions for an entry: the nearest ones, then others."""
        everything = self.everything()
        nearest: list[int] = []
        options: list[tuple[int, list[int]]] = []
        for members in self.groups.values():
            usable = [
                m for m in members
                if not everything[m].local or everything[m].position == entry.position
            ]  # fmt: skip
            if not usable:
                nearest.append(-1)
                options.append((-1, []))
                continue
            ordered = sorted(usable, key=lambda m: distance(everything[m], entry.position))
            nearest.append(ordered[0])
            beside = everything[ordered[0]].local
            options.append((ordered[0], [] if beside else ordered[1:]))
        made = [tuple(nearest)]
        later, far = general(made[0], list(self.groups), everything, entry.position)
        if later != made[0]:
            made.insert(0 if far else 1, later)
            nearest = list(made[0])
        without = tuple(
            -1 if m >= 0 and is_loss_key(everything[m].key) and not everything[m].late else m
            for m in nearest
        )
        for place, (_, others) in enumerate(options):
            for other in others:
                if everything[other].late or len(made) > MOST_CHOICES:
                    continue
                made.append((*nearest[:place], other, *nearest[place + 1 :]))
        if without != made[0]:
            made.append(without)
        alone = self_contained(made[0], everything, self.model.profile, entry)
        if alone is not None:
            made.insert(0, alone)
        made.extend(hypothetical(nearest, everything, entry))
        cut = [acyclic(c, everything, self.model.profile, entry.position) for c in made]
        return list(dict.fromkeys(cut))

    def narrow(self, claim: Claim, choice: Choice) -> list[Choice]:
        """The definitions that a claim rests on alone; all as numbers where no array is among them.

        None when the claim asks for a gradient of a loss, which rests on everything.
        """
        profile = self.model.profile
        definitions = self.definitions(choice)
        if not closed(claim, definitions, profile):
            return []
        keys = cone(claim, definitions, profile)
        everything = self.everything()
        kept = tuple(m if m >= 0 and everything[m].key in keys else -1 for m in choice)
        made = [kept]
        chosen = [everything[m] for m in kept if m >= 0 and not everything[m].late]
        if numbers_only(claim, chosen, profile, self.plain()):
            made.insert(0, (*kept, NUMBERS))
        return made

    def plain(self) -> set[str]:
        """Names that look like numbers everywhere."""
        if self.small is None:
            nodes = [
                node
                for entry in self.model.entries
                for part in entry.parsed.parts
                for node in (
                    (part.node,) if isinstance(part, Fragment) else getattr(part, "sides", ())
                )
            ]
            shaped = {key.split("[")[0] for key in self.model.shapes}
            self.small = plain_names(nodes, self.model.profile) - shaped
        return self.small

    def definitions(self, choice: Choice) -> tuple[Definition, ...]:
        """The definitions of a selection, in the order of the document; local ones first."""
        everything = self.everything()
        chosen = [everything[m] for m in choice if m >= 0]
        local = [d for d in chosen if d.local]
        keys = {d.key for d in local}
        return (*local, *(d for d in chosen if not d.local and d.key not in keys))

    def inference(self, choice: Choice, batch: int) -> tuple[Scope, Inference]:
        """Shapes of a selection, under the first hypothesis without conflict."""
        key = (choice, Hypothesis(batch=batch))
        if key in self.inferences:
            return self.inferences[key]
        best: tuple[int, Scope, Inference] | None = None
        hypotheses: tuple[Hypothesis, ...] = (
            Hypothesis(batch),
            Hypothesis(batch, weights=True),
            Hypothesis(batch, rows=True),
            *(() if self.has_vectors() else (Hypothesis(batch, scalars=True),)),
        )
        if choice and choice[-1] == NUMBERS:
            hypotheses = (Hypothesis(scalars=True, narrow=True),)
        for hypothesis in hypotheses:
            scope = Scope(self.model, self.definitions(choice), hypothesis)
            inference = Inference(scope)
            inference.run()
            if best is None or inference.conflicts < best[0]:
                best = (inference.conflicts, scope, inference)
            if not inference.conflicts:
                break
        assert best is not None
        self.inferences[key] = best[1], best[2]
        return self.inferences[key]

    def has_vectors(self) -> bool:
        """Whether bold letters show that the document's small letters are vectors."""
        if self.bold is None:
            names = (
                name
                for definition in self.everything()
                for _, name in walk(definition.body)
                if isinstance(name, Name)
            )
            self.bold = any(n.font is Font.BOLD and n.base[:1].islower() for n in names)
        return self.bold

    def world(self, choice: Choice, batch: int, seed: int) -> World:
        """The world of a selection."""
        key = (choice, Hypothesis(batch=batch), seed)
        if key not in self.cache:
            scope, inference = self.inference(choice, batch)
            world = opened(scope, inference, seed, self.activations)
            if any("not finite" in reason for reason in world.failed.values()):
                positive = replace(scope.hypothesis, positive=True)
                again = Scope(self.model, scope.definitions, positive)
                inference = Inference(again)
                inference.run()
                world = opened(again, inference, seed, self.activations)
            self.cache[key] = world
        return self.cache[key]

    def numbers(self, choice: Choice, batch: int, seed: int, flags: Flags) -> Numbers:
        """An evaluator in a world."""
        return Numbers(self.world(choice, batch, seed), flags)

    def averages(self) -> bool:
        """Whether a loss is defined as a mean over examples: with a factor 1/m or 1/N."""
        return any(
            isinstance(n, ast.Fraction)
            and isinstance(n.denominator, Name)
            and n.denominator.base in ("m", "N", "B", "M")
            for d in self.model.definitions
            if is_loss_key(d.key) and not d.late
            for _, n in walk(d.body)
        )

    def batches(self) -> tuple[int, ...]:
        """Which hypotheses on batches are worth a try."""
        if self.tried is None:
            self.tried = self.worth_trying()
        return self.tried

    def worth_trying(self) -> tuple[int, ...]:
        """Find the hypotheses on batches that the document gives a reason for."""
        claimed = {
            n.base
            for entry in self.model.entries
            for part in entry.parsed.parts
            if any(has_gradient(side) for side in getattr(part, "sides", ()))
            for side in getattr(part, "sides", ())
            for _, n in walk(side)
            if isinstance(n, Name)
        }
        made = [0]
        capital = any(
            len(d.key) == 1 and d.key.isupper() and not is_loss_key(d.key)
            for d in self.model.definitions
            if not d.late and any(isinstance(n, ast.Product) for _, n in walk(d.body))
        )
        data = {d.key for d in self.model.definitions if len(d.key) == 1 and not is_loss_key(d.key)}
        both = any(key.islower() and key.upper() in data for key in data)
        if capital or both:
            made.append(1)
        shaped = any(pair[1] in ("m", "N", "B") for pair in self.model.shapes.values())
        if claimed & {"m", "np.sum", "batch", "M"} or shaped or (capital and "N" in claimed):
            made.append(2)
        return tuple(made)


def opened(
    scope: Scope, inference: Inference, seed: int, activations: tuple[tuple[str, str], ...] = ()
) -> World:
    """A world with everything in it evaluated."""
    world = World(scope, inference, seed)
    world.activations = dict(activations)
    world.at_once = all_entries
    Numbers(world)
    world.define_all()
    return world


def usable(definition: Definition, model: Model) -> bool:  # noqa: C901  # one test each
    """Whether a definition can give a value: no dots, no prose, no index out of nowhere."""
    if definition.late:
        return True
    if any(not isinstance(comp, Name) for comp in definition.comps):
        return False
    if isinstance(definition.body, ast.Number) and not definition.labels:
        return False
    if definition.key in model.profile.letters and not definition.labels and not definition.comps:
        listed = definition.key not in model.profile.label_letters
        return not isinstance(definition.body, (Name, ast.Group) if listed else Name)
    letters = {n.base for c in definition.comps for _, n in walk(c) if isinstance(n, Name)}
    for _, node in walk(definition.body):
        if isinstance(node, ast.Dots | ast.Opaque | ast.Text | ast.Missing):
            return False
        if isinstance(node, ast.BigOperator):
            letters |= {n.base for n in node.range.indices if isinstance(n, Name)}
            for condition in node.range.conditions:
                letters |= {n.base for _, n in walk(condition) if isinstance(n, Name)}
    for _, node in walk(definition.body):
        if isinstance(node, Name):
            for comp in model.profile.ref(node).comps:
                if isinstance(comp, Name) and len(comp.base) == 1 and not comp.subs:
                    if comp.base not in letters and comp.base not in "yYc":
                        return False
                if isinstance(comp, ast.Add | ast.Product) and any(
                    isinstance(n, ast.Number) for _, n in walk(comp)
                ):
                    return False
    return True


def _pattern(label: ast.Node, model: Model) -> object:
    if isinstance(label, ast.Number):
        return label.text
    if {n.base for _, n in walk(label) if isinstance(n, Name)} & model.lasts:
        return label
    return "letter"
