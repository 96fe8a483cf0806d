"""Decide whose fault it is that a statement does not hold: its own, or the reading's.

A statement that fails is called wrong only where the document itself says that it was read rightly:
a small slip explains the failure, or other statements that hold confirm every name in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import Outcome, Status
from symbackprop.notes.judge.judge import Config, Judge, Judged
from symbackprop.notes.judge.statements import Kind
from symbackprop.notes.judge.verdicts import Finding, failed, sound
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.repair.edits import EditKind
from symbackprop.notes.repair.search import Repair, Repairer
from symbackprop.notes.resolve.definitions import has_gradient, reached
from symbackprop.notes.resolve.profile import keys_in
from symbackprop.notes.trees import unplaced, walk
from symbackprop.notes.verdict import Verdict

__all__ = ["Decider"]

SLIPS = frozenset(
    {
        EditKind.TRANSPOSE,
        EditKind.ORDER,
        EditKind.SIGN,
        EditKind.SCALE,
        EditKind.JOINT,
        EditKind.SLOPE,
        EditKind.LABEL,
        EditKind.SUM,
    }
)
"""Edits that by themselves tell a slip: a misread statement is hardly ever mended by one."""
TOLD = SLIPS | {EditKind.NAME, EditKind.DROP}
"""Edits that tell a slip where all names are confirmed."""
ENOUGH = 3
"""Statements that hold before a document's reading is trusted."""


@dataclass(slots=True)
class Decider:
    """Decides on a document's failing statements, and mends the wrong ones."""

    judge: Judge
    config: Config
    repairer: Repairer = field(init=False)
    confirmed: Counter[str] = field(init=False)
    lefts: set[Node] = field(init=False)
    known: set[str] = field(init=False)
    ambiguous: set[str] = field(init=False)
    below: dict[str, set[str]] = field(init=False)
    holding: int = 0

    def __post_init__(self) -> None:
        self.repairer = Repairer(self.judge, self.config)
        self.confirmed, self.lefts = Counter(), set()
        self.read_definitions()
        for item in self.judge.claims():
            if item.sorted.kind is Kind.DEFINITION or item.claim is None:
                continue
            if self.judge.outcome(item, self.config).status is Status.RIGHT:
                self.holding += 1
                self.confirmed.update(self.names(item))
                self.lefts.add(unplaced(item.claim.sides[0]))

    def names(self, item: Judged) -> set[str]:
        """The names in a statement, without functions that everybody knows and bare indices."""
        assert item.claim is not None
        profile = self.judge.model.profile
        found = set()
        for side in item.claim.sides:
            for _, node in walk(side):
                if isinstance(node, Name) and node.base not in FUNCTIONS:
                    key = profile.ref(node).key
                    if key in self.known or key in self.judge.model.mentioned:
                        found.add(key)
        return found

    def read_definitions(self) -> None:
        """Which names are defined, which have several definitions, and what they mention."""
        worlds, profile = self.judge.worlds, self.judge.model.profile
        everything = worlds.everything()
        self.known = {d.key for d in everything}
        self.below = {}
        for definition in everything:
            if not definition.late:
                below = self.below.setdefault(definition.key, set())
                below |= keys_in(definition.body, profile)
        self.ambiguous = {
            str(key)
            for (key, _), members in worlds.groups.items()
            if sum(not everything[m].late for m in members) > 1
        }

    def decided(self, item: Judged, finding: Finding) -> Finding:
        """The verdict on a statement, with the repair of a wrong one."""
        outcome = finding.outcome
        if outcome is None or not (finding.failing or finding.verdict is Verdict.WRONG):
            return finding
        trusted = self.trusted(item)
        sure = not finding.failing or sound(item, self.judge, self.config)
        repair = self.repairer.repair(item, outcome, None if sure or trusted else max(SLIPS))
        if not sure and not self.at_fault(item, repair, trusted):
            return finding
        made = failed(outcome)
        return made if repair is None else told(made, repair, outcome)

    def at_fault(self, item: Judged, repair: Repair | None, trusted: bool) -> bool:
        """Whether a failing statement is wrong, and not misread, in a world that is in doubt."""
        if repair is not None and len(repair.kinds) == 1 and repair.kinds[0] in SLIPS:
            return True
        if not trusted:
            return False
        return self.left_holds(item) or (repair is not None and TOLD.issuperset(repair.kinds))

    def trusted(self, item: Judged) -> bool:
        """Whether statements that hold confirm every name, and no name has two definitions."""
        names = self.names(item)
        return (
            self.holding >= ENOUGH
            and all(self.confirmed[key] for key in names)
            and not self.concerned(item, names) & self.ambiguous
        )

    def concerned(self, item: Judged, names: set[str]) -> set[str]:
        """What the value of a statement rests on; gradients rest on what comes after, too."""
        assert item.claim is not None
        found = reached(names, self.below)
        if any(has_gradient(side) for side in item.claim.sides) or not names <= self.known:
            for key in self.below:
                above = reached((key,), self.below)
                if above & names:
                    found |= above
        return found

    def left_holds(self, item: Judged) -> bool:
        """Whether another statement with the same left side holds."""
        assert item.claim is not None
        return unplaced(item.claim.sides[0]) in self.lefts


def told(finding: Finding, repair: Repair, outcome: Outcome) -> Finding:
    """A wrong statement with its repair, and the reason that the repair tells."""
    shapes = not outcome.conforms and bool(outcome.reason)
    reason = f"{repair.reason}: {outcome.reason}" if shapes else repair.reason
    return replace(finding, reason=reason, mended=repair.latex)
