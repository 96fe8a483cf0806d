"""Judge a document: evaluate its claims in its worlds, choose its conventions, give verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.asides import aside, called_in, said_symmetric
from symbackprop.notes.judge.bindings import bind
from symbackprop.notes.judge.claims import NOTHING, Claim, Outcome, Status, evaluate_claim
from symbackprop.notes.judge.flags import Binding, Flags, Layout
from symbackprop.notes.judge.layouts import stated_layout
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.pullbacks import is_pullback, last_map, pulled_back
from symbackprop.notes.judge.selection import of_one_example, spoken_of
from symbackprop.notes.judge.statements import Kind, Sorted, sort_statement, under_condition
from symbackprop.notes.judge.supply import NO_SUPPLY, Supply
from symbackprop.notes.judge.world import NO_LOSS, NO_SLOPE
from symbackprop.notes.judge.worlds import LAST_SEED, NUMBERS, SEEDS, Choice, Worlds
from symbackprop.notes.kinds import Prefix
from symbackprop.notes.resolve.model import Entry, Model
from symbackprop.notes.statements import Fragment, Statement, Unparsed
from symbackprop.notes.trees import walk

__all__ = ["Config", "Judge", "Judged", "seeds_of"]


ENOUGH = 0.6
"""Share of the claims that a reading with several examples must explain to be preferred."""


UNUSUAL = 1.0
"""What a layout costs that is not the usual one: a single equation is no evidence for it."""

FLAT = (NO_LOSS, NO_SLOPE)
"""Reasons that a flat side of a kink gives at some seeds."""


def bent(claim: Claim) -> bool:
    """Whether a claim goes by cases, so that it may be trivial on one side."""
    return any(
        isinstance(n, ast.Cases | ast.Indicator)
        or (isinstance(n, Name) and n.base.lower() in ("max", "relu", "sgn", "sign"))
        for side in claim.sides
        for _, n in walk(side)
    )


@dataclass(frozen=True, slots=True)
class Config:
    """A reading of a document's conventions."""

    batch: int = 0
    flags: Flags = field(default_factory=Flags)


@dataclass(slots=True)
class Judged:
    """A statement with what came of it under each reading of the conventions."""

    entry: Entry
    part: Statement | Fragment | Unparsed
    sorted: Sorted
    outcomes: dict[Config, Outcome] = field(default_factory=dict)
    quick: dict[Config, Outcome] = field(default_factory=dict)

    @property
    def claim(self) -> Claim | None:
        """The claim that is evaluated, if any."""
        return self.sorted.claim


def seeds_of(choice: Choice, sides: bool = False) -> tuple[int, ...]:
    """The seeds at which a claim has to hold: more of them for kinks, and for bare numbers."""
    many = sides or (bool(choice) and choice[-1] == NUMBERS)
    return tuple(range(SEEDS[0], LAST_SEED + 1)) if many else SEEDS


class Judge:
    """The judge of one document."""

    def __init__(self, model: Model, supply: Supply = NO_SUPPLY) -> None:
        self.model = model
        self.supply = supply
        self.worlds = Worlds(model, supply.definitions, supply.activations)
        self.items: list[Judged] = []
        self.tried: list[Config] = []
        self.selected: dict[tuple[int, Claim | None], list[Choice]] = {}
        self.kinked = any(bent(Claim((d.body,))) for d in model.definitions if not d.late)
        self.binders: dict[tuple[Choice, int, Flags], Numbers] = {}
        self.sort()

    def sort(self) -> None:
        """Sort the statements into definitions, claims and the rest."""
        lefts: list[Node] = []
        for entry in self.model.entries:
            for part in entry.parsed.parts:
                made = under_condition(
                    sort_statement(part, entry, self.model, lefts), entry, self.model
                )
                self.items.append(Judged(entry, part, made))
                if isinstance(part, Statement) and not part.inherited:
                    lefts.append(part.sides[0])
                elif isinstance(part, Statement):
                    lefts.extend(d.body for d in entry.local if d.late)

    def claims(self) -> list[Judged]:
        """The statements that are evaluated."""
        return [item for item in self.items if item.claim is not None]

    def configs(self) -> list[Config]:
        """The readings of the conventions that are tried, the usual ones first."""
        if not self.tried:
            self.tried = self.worth_trying()
        return self.tried

    def worth_trying(self) -> list[Config]:
        """List the readings of the conventions that the document gives a reason for."""
        claims = self.claims()
        sides = [side for item in claims if item.claim for side in item.claim.sides]
        derivatives = any(
            isinstance(n, ast.Derivative)
            or (
                isinstance(n, ast.Apply) and isinstance(n.function, Name) and n.function.base == "J"
            )
            for side in sides
            for _, n in walk(side)
        )
        straight = any(
            isinstance(n, ast.Prefixed) and n.prefix is Prefix.D
            for side in sides
            for _, n in walk(side)
        )
        made = []
        for differentials in (False, True) if straight else (False,):
            for layout in Layout if derivatives else (Layout.MIXED,):
                for batch in reversed(self.worlds.batches()):
                    for unaveraged in (False, True) if batch else (False,):
                        made.append(Config(batch, Flags(layout, unaveraged, differentials)))
        return made

    def outcome(self, item: Judged, config: Config) -> Outcome:
        """What comes of a claim under a reading, in the best of its worlds."""
        if config not in item.outcomes:
            item.outcomes[config] = self.evaluated(item, config)
        return item.outcomes[config]

    def evaluated(self, item: Judged, config: Config) -> Outcome:
        """Evaluate a claim in the worlds that it may be about."""
        assert item.claim is not None
        first: Outcome | None = None
        for number, claim in enumerate(self.variants(item)):
            choices = self.selections(item, claim)
            for choice in choices if number == 0 else choices[:1]:
                made = self.in_world(claim, choice, config)
                if made.status is Status.RIGHT:
                    return made
                if first is None or (
                    first.status is Status.UNKNOWN and made.status is not Status.UNKNOWN
                ):
                    first = made
        assert first is not None
        if first.status is Status.RIGHT:
            return first
        if config.batch and of_one_example(item.claim, self.model):
            alone = Config(0, replace(config.flags, unaveraged=False))
            if (made := self.outcome(item, alone)).status is Status.RIGHT:
                return made
        return self.aside(item, config, first) or first

    def with_jacobian(
        self, claim: Claim, entry: Entry, choice: Choice, config: Config
    ) -> Outcome | None:
        """What comes of a claim about J, the Jacobian of the map that was defined last."""
        jacobians = last_map(self.worlds.definitions(choice), self.model, entry)
        made: Outcome | None = None
        for seed in SEEDS if jacobians is not None else ():
            numbers = self.worlds.numbers(choice, config.batch, seed, config.flags)
            numbers.bindings = dict(self.bound(choice, config, claim))
            numbers.jacobians = jacobians
            made = evaluate_claim(claim, numbers)
            if made.status is not Status.RIGHT:
                break
        return made

    def aside(self, item: Judged, config: Config, found: Outcome) -> Outcome | None:
        """What a claim says by itself: with values for what nothing defines, or as a rule."""
        claim = item.claim
        if claim is None or item.sorted.kind is not Kind.CLAIM or item.sorted.lefts:
            return None
        if is_pullback(claim):
            return pulled_back(claim, self.model, item.entry, config.flags)
        choice = self.worlds.choices(item.entry)[0]
        if found.reason == "J is not defined":
            made = [
                self.with_jacobian(claim, item.entry, one, config)
                for one in self.worlds.choices(item.entry)
            ]
            right = [o for o in made if o is not None and o.status is Status.RIGHT]
            return right[0] if right else made[0]
        given = self.worlds.definitions(choice)
        keys = {
            self.model.profile.ref(name).key for side in claim.sides for name in spoken_of(side)
        }
        called = {self.model.profile.ref(f).key for side in claim.sides for f in called_in(side)}
        alone = not (keys | called) & {d.key for d in given if not d.late}
        symmetric = said_symmetric(self.model, item.entry)
        open_ = found.status is Status.UNKNOWN and "not defined" in found.reason
        if not (alone or symmetric or open_):
            return None
        return aside(claim, self.model, () if alone else given, config.flags, symmetric)

    def selections(self, item: Judged, claim: Claim | None = None) -> list[Choice]:
        """The selections of definitions that a claim may be about, the likely ones first."""
        claim = claim or item.claim
        key = (item.entry.position, claim)
        if key not in self.selected:
            choices = self.worlds.choices(item.entry)
            narrow = [n for c in choices for n in self.worlds.narrow(claim, c)] if claim else []
            numbers = [n for n in narrow if n[-1] == NUMBERS]
            if numbers and narrow[0] == numbers[0] and self.superseded(choices, item):
                choices, numbers, narrow = choices[:1], numbers[:1], []
            others = [n for n in narrow if n[-1] != NUMBERS]
            self.selected[key] = list(dict.fromkeys((*numbers, *choices, *others)))
        return self.selected[key]

    def superseded(self, choices: list[Choice], item: Judged) -> bool:
        """Whether the other selections have older definitions, with claims about them already."""
        everything = self.worlds.everything()
        here = item.entry.position
        for choice in choices[1:]:
            for old, new in zip(choice, choices[0], strict=True):
                if old < 0 or new < 0 or old == new:
                    continue
                first, last = everything[old].position, everything[new].position
                if first < last <= here and not any(
                    first <= one.entry.position < last and one.sorted.kind is Kind.CLAIM
                    for one in self.items
                ):
                    return False
        return True

    def variants(self, item: Judged) -> list[Claim]:
        """The claim, and where its left side is missing, with each left side before it."""
        assert item.claim is not None
        made = [item.claim]
        if item.sorted.lefts:
            for definition in item.entry.local:
                if definition.late:
                    sides = (definition.body, *item.claim.sides[1:])
                    made.append(Claim(sides, item.claim.conditions))
        for left in reversed(item.sorted.lefts[-6:-1]):
            other = Claim((left, *item.claim.sides[1:]), item.claim.conditions)
            if other not in made:
                made.append(other)
        return made

    def conventions(self, config: Config) -> tuple[str, ...]:
        """What was found of the document's conventions, in words."""
        said = [config.flags.layout.value]
        if config.batch:
            said.append("the examples of a batch are side by side")
        if config.flags.unaveraged:
            said.append(
                "gradients of activations are not averaged over the batch, those of parameters are"
            )
        if config.flags.differentials:
            said.append("d in front of a name makes a differential")
        return tuple(said)

    def at_first(self, item: Judged, config: Config) -> Outcome:
        """What comes of a claim in its nearest world, at one seed."""
        config = self.projected(item, config)
        if config not in item.quick:
            assert item.claim is not None
            choice = self.selections(item)[0]
            item.quick[config] = self.in_world(item.claim, choice, config, SEEDS[:1])
        return item.quick[config]

    def projected(self, item: Judged, config: Config) -> Config:
        """The reading without what cannot matter for a claim."""
        assert item.claim is not None
        flags = config.flags
        kinds = {type(n) for side in item.claim.sides for _, n in walk(side)}
        if not kinds & {ast.Derivative, ast.Apply} or self.entrywise(item.claim):
            flags = replace(flags, layout=Layout.MIXED)
        if ast.Prefixed not in kinds:
            flags = replace(flags, differentials=False)
        return Config(config.batch, flags)

    def entrywise(self, claim: Claim) -> bool:
        """Whether all derivatives of a claim are by entries, so that no layout matters."""
        for side in claim.sides:
            for _, node in walk(side):
                if isinstance(node, ast.Derivative):
                    for variable in node.variables:
                        if not isinstance(variable, Name):
                            return False
                        if not self.model.profile.ref(variable).comps:
                            return False
                elif isinstance(node, ast.Apply) and isinstance(node.function, Name):
                    if node.function.base == "J":
                        return False
        return True

    def in_world(
        self, claim: Claim, choice: Choice, config: Config, seeds: tuple[int, ...] = SEEDS
    ) -> Outcome:
        """What comes of a claim in one choice of definitions, at every seed."""
        made: Outcome | None = None
        sides = bent(claim)
        waiting = list(seeds_of(choice, sides) if len(seeds) > 1 else seeds)
        while waiting:
            seed = waiting.pop(0)
            numbers = self.worlds.numbers(choice, config.batch, seed, config.flags)
            numbers.bindings = dict(self.bound(choice, config, claim))
            outcome = evaluate_claim(claim, numbers)
            if outcome.reason == NOTHING and sides:
                made = made or outcome
                continue
            flat = self.kinked and any(said in outcome.reason for said in FLAT)
            if flat and seed < LAST_SEED and len(seeds) > 1:
                made = made or outcome
                waiting = waiting or [seed + 1]
                continue
            if outcome.status is not Status.RIGHT:
                return outcome
            made = outcome
        assert made is not None
        return made

    def bound(self, choice: Choice, config: Config, claim: Claim) -> dict[str, Binding]:
        """What names for gradients stand for in a choice of definitions."""
        flags = Flags(config.flags.layout, config.flags.unaveraged)
        key = (choice, config.batch, flags)
        if key not in self.binders:
            self.binders[key] = self.worlds.numbers(choice, config.batch, SEEDS[0], flags)
        claims = [
            item.claim
            for item in self.claims()
            if item.claim is not None and item.sorted.kind is not Kind.DEFINITION
        ]
        return bind(claim, claims, self.binders[key])

    def best_config(self) -> Config:
        """The reading that explains most of the document's claims.

        Where the document averages over examples, a single example proves too much: that reading
        is taken only where one with several examples explains hardly anything.
        """
        scores = {config: self.explained(config) for config in self.configs()}
        if not scores:
            return Config()
        best = max(scores, key=lambda config: scores[config])
        if best.batch == 0 and self.worlds.averages():
            several = {c: s for c, s in scores.items() if c.batch}
            other = max(several, key=lambda config: several[config], default=best)
            if scores[other] >= ENOUGH * scores[best]:
                return other
        return best

    def explained(self, config: Config) -> float:
        """How many claims a reading explains; the usual readings win where others do no better."""
        score = -0.01 * self.configs().index(config)
        score += config.flags.layout is stated_layout(self.model)
        score -= UNUSUAL * (config.flags.layout is not Layout.MIXED)
        for item in self.claims():
            if item.sorted.kind is not Kind.DEFINITION:
                status = self.at_first(item, config).status
                score += {Status.RIGHT: 1.0, Status.UNNATURAL: 0.5}.get(status, 0.0)
        return score


__all__ += ["Kind"]
