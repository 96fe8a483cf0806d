"""Search the smallest edit of a wrong claim that the judge calls right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.claims import Claim, Outcome, Status, compared, evaluate_claim
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.judge import Config, Judge, Judged, seeds_of
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.statements import Kind, sort_statement
from symbackprop.notes.judge.values import MismatchError, OutOfRangeError, UnknownError
from symbackprop.notes.judge.worlds import SEEDS, Choice
from symbackprop.notes.kinds import Sign
from symbackprop.notes.printer import to_latex
from symbackprop.notes.repair.edits import Edit, EditKind, edits
from symbackprop.notes.repair.pool import Pool, letters_in, pool_of
from symbackprop.notes.statements import Statement
from symbackprop.notes.trees import unplaced, walk

__all__ = ["Repair", "Repairer"]

WORK = 8000
"""Nodes of candidates that are evaluated for one claim: long sides get fewer candidates."""
_REFUSED = (
    MismatchError,
    UnknownError,
    ArithmeticError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Repair:
    """The mended statement as LaTeX, in one sentence what was wrong, and the edits' kinds."""

    latex: str
    reason: str
    kinds: tuple[EditKind, ...]


class Repairer:
    """Searches repairs of a document's wrong claims under its conventions."""

    def __init__(self, judge: Judge, config: Config) -> None:
        self.judge = judge
        self.config = config
        self.pool: Pool | None = None

    def pieces(self) -> Pool:
        """What the document offers to an edit."""
        if self.pool is None:
            sides = [
                side
                for entry in self.judge.model.entries
                for part in entry.parsed.parts
                if isinstance(part, Statement)
                for side in part.sides
            ]
            self.pool = pool_of(sides, self.judge.model.profile)
        return self.pool

    def repair(self, item: Judged, outcome: Outcome, most: EditKind | None = None) -> Repair | None:
        """The smallest edit that makes a wrong statement right, if one is found.

        Parameters
        ----------
        item : Judged
            The statement.
        outcome : Outcome
            How it failed.
        most : EditKind, optional
            The last kind of single edits that is tried; without it, all are, and pairs of edits.
        """
        part = item.part
        if not isinstance(part, Statement) or item.claim is None:
            return None
        first = outcome.side if 1 <= outcome.side < len(part.sides) else 1
        if first >= len(part.sides):
            return None
        left = part.sides[0]
        if isinstance(left, ast.Transposed) and not part.inherited:
            search = _Search(self, item, part, 0, outcome)
            if search.accepted(left.base):
                said = ("a transpose too many on {}", (left.base,))
                edit = Edit(EditKind.TRANSPOSE, left.base, (said,))
                return Repair(search.printed(edit), edit.words, (edit.kind,))
        search = _Search(self, item, part, first, outcome)
        found = search.found(most)
        if found is None:
            return None
        edit, kinds = found
        return Repair(search.printed(edit), edit.words, kinds)


class _Search:
    """The search for one claim."""

    def __init__(
        self, owner: Repairer, item: Judged, part: Statement, place: int, outcome: Outcome
    ) -> None:
        self.judge, self.config, self.pool = owner.judge, owner.config, owner.pieces()
        self.item, self.part, self.place, self.outcome = item, part, place, outcome
        assert item.claim is not None
        self.claim = item.claim
        self.letters = frozenset(
            letter for side in item.claim.sides for letter in letters_in(side)
        ) | {letter for letter, _ in outcome.letters}
        self.left = item.claim.sides[0]
        self.mentions = any(self.is_left(n) for _, n in walk(part.sides[place]))
        self.seen: set[Node] = {part.sides[place]}
        self.size = _size(part.sides[place])
        self.work = 0
        self.worlds = self.evaluators()
        self.families = self.worlds[0].families_of(item.claim.sides)
        self.readings: dict[Node, Readings] = {}

    def evaluators(self) -> list[Numbers]:
        """The evaluators of the world in which the claim failed, one for every seed."""
        choices = self.judge.selections(self.item)
        chosen: Choice = choices[0]
        for choice in choices:
            made = self.judge.in_world(self.claim, choice, self.config, SEEDS[:1])
            if made.status in (Status.WRONG, Status.UNNATURAL):
                chosen = choice
                break
        found = []
        for seed in seeds_of(chosen):
            flags = self.config.flags
            numbers = self.judge.worlds.numbers(chosen, self.config.batch, seed, flags)
            numbers.bindings = dict(self.judge.bound(chosen, self.config, self.claim))
            found.append(numbers)
        return found

    def found(self, most: EditKind | None) -> tuple[Edit, tuple[EditKind, ...]] | None:
        """The first right edit: single ones by kind and size, then pairs."""
        side = self.part.sides[self.place]
        singles = self.fresh(edits(side, self.pool, self.letters))
        for edit in singles:
            if (most is not None and edit.kind > most) or self.work >= WORK:
                return None
            if self.accepted(edit.side):
                return edit, (edit.kind,)
        for cap in (EditKind.SLOPE, EditKind.NAME):
            for one in singles:
                if one.kind > cap:
                    break
                made = self.fresh(
                    e for e in edits(one.side, self.pool, self.letters) if one.kind <= e.kind <= cap
                )
                for two in made:
                    if self.work >= WORK:
                        return None
                    if self.accepted(two.side):
                        both = replace(two, said=(*one.said, *two.said))
                        return both, (one.kind, two.kind)
        return None

    def fresh(self, made: Iterator[Edit]) -> list[Edit]:
        """Edits that were not met before, in the order of their kinds, small ones first."""
        kept = []
        for edit in made:
            if edit.side not in self.seen:
                self.seen.add(edit.side)
                kept.append(edit)
        return sorted(kept, key=lambda e: (e.kind, _size(e.side)))

    def is_left(self, node: Node) -> bool:
        """Whether a node is the left side."""
        return node == self.left

    def accepted(self, side: Node) -> bool:
        """Whether the judge calls the claim with an edited side right."""
        self.work += self.size
        if self.place and not self.mentions and any(self.is_left(n) for _, n in walk(side)):
            return False
        if self.place and self.size > 2 and self.is_empty(side):
            return False
        claim = self.claimed(side)
        if claim is None:
            return False
        with np.errstate(all="ignore"):
            return self.holds_there(claim) and all(
                evaluate_claim(claim, numbers).status is Status.RIGHT for numbers in self.worlds
            )

    def is_empty(self, side: Node) -> bool:
        """Whether an edited side says nothing more: a name alone, or what another side says."""
        others = self.part.sides[1 : self.place]
        if others:
            return side in others
        return isinstance(side, Name | ast.Prefixed | ast.Number)

    def claimed(self, side: Node) -> Claim | None:
        """The claim that the edited statement makes."""
        sides = self.part.sides
        if self.item.sorted.kind is Kind.UPDATE and isinstance(side, ast.Add):
            if side.signs[0] is not Sign.PLUS:
                return None
        edited = replace(self.part, sides=(*sides[: self.place], side, *sides[self.place + 1 :]))
        lefts = list(self.item.sorted.lefts) or [self.left]
        made = sort_statement(edited, self.item.entry, self.judge.model, lefts)
        return made.claim if made.kind is self.item.sorted.kind else None

    def holds_there(self, claim: Claim) -> bool:
        """Whether a claim may hold where the wrong one was seen to fail.

        What was not edited is evaluated once for all candidates.
        """
        numbers, letters = self.worlds[0], dict(self.outcome.letters)
        numbers.families = self.families
        try:
            sides = [(i, self.reading(side, letters)) for i, side in enumerate(claim.sides)]
        except (NeedLetterError, OutOfRangeError):
            return True
        except _REFUSED:
            return False
        made = compared(sides, letters)
        return made is None or made.status is Status.RIGHT

    def reading(self, side: Node, letters: dict[str, int]) -> Readings:
        """The readings of a side where the claim failed."""
        if side not in self.claim.sides:
            return self.worlds[0].read(side, Env(letters=letters))
        if side not in self.readings:
            self.readings[side] = self.worlds[0].read(side, Env(letters=letters))
        return self.readings[side]

    def printed(self, edit: Edit) -> str:
        """The mended statement in the document's own spelling."""
        source = self.item.entry.parsed.source
        sides = [to_latex(side, source) for side in self.part.sides]
        sides[self.place] = to_latex(edit.side, source)
        if self.part.inherited:
            foreign = to_latex(self.left) if not sides[0].strip() else sides[0]
            sides[0] = foreign
        made = self.joined(sides)
        if made.count("\\left") != made.count("\\right"):
            whole = (*self.part.sides[: self.place], edit.side, *self.part.sides[self.place + 1 :])
            spelled = [to_latex(unplaced(side)) for side in whole]
            made = self.joined([spelled[0] or sides[0], *spelled[1:]])
        return made

    def joined(self, sides: list[str]) -> str:
        """The sides with their relations between them."""
        made = sides[0].strip()
        for relation, side in zip(self.part.relations, sides[1:], strict=True):
            made += f" {relation.value.strip()} {side.strip()}"
        return made


def _size(node: Node) -> int:
    return sum(not isinstance(n, ast.Group | ast.Joint | ast.Label) for _, n in walk(node))
