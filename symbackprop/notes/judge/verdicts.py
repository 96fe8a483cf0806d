"""From outcomes to verdicts, with reasons in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from symbackprop.notes import ast
from symbackprop.notes.judge.claims import Claim, Outcome, Status
from symbackprop.notes.judge.elided import has_dots, pattern_of
from symbackprop.notes.judge.judge import Config, Judge, Judged
from symbackprop.notes.judge.layouts import another_layout_is_named
from symbackprop.notes.judge.statements import Kind
from symbackprop.notes.judge.values import MismatchError, UnknownError
from symbackprop.notes.judge.worlds import NUMBERS
from symbackprop.notes.kinds import Relation
from symbackprop.notes.resolve.definitions import is_loss_key
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.trees import values_in, walk
from symbackprop.notes.verdict import Basis, Verdict

__all__ = ["Finding", "failed", "sound", "verdict_of"]

UNSURE = "it does not hold as it was read, and no reading of the notes is sure"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on a statement, before it is put into the document's terms.

    `failing`: it does not hold as it was read; whether that is the statement's fault or the
    reading's is decided by what the document confirms. `mended`: the repaired statement, as LaTeX.
    """

    verdict: Verdict
    reason: str = ""
    remarks: tuple[str, ...] = ()
    counterexample: str | None = None
    basis: Basis | None = None
    outcome: Outcome | None = None
    supposed: tuple[str, ...] = ()
    mended: str = ""
    failing: bool = False


def verdict_of(item: Judged, judge: Judge, config: Config) -> Finding:
    """The verdict on a statement under the document's conventions."""
    if item.sorted.kind is Kind.OTHER:
        return Finding(Verdict.NOT_CHECKABLE, item.sorted.reason)
    if item.sorted.kind is Kind.SHAPE:
        return Finding(Verdict.DEFINITION)
    outcome = judge.outcome(item, config)
    if item.sorted.kind is Kind.DEFINITION:
        return definition(item, outcome, judge.model.profile)
    if outcome.status is Status.RIGHT:
        return right(item, outcome)
    if outcome.status is Status.UNKNOWN:
        return unknown(item, judge, config, outcome)
    if outcome.status is Status.UNNATURAL:
        return Finding(
            Verdict.CONVENTION,
            "right only when a product is read as is not usual for its sign",
            outcome=outcome,
        )
    return wrong(item, judge, config, outcome)


def definition(item: Judged, outcome: Outcome, profile: Profile) -> Finding:
    """A definition; a later side that differs is wrong."""
    if outcome.status is Status.WRONG and outcome.side >= 2:
        if outcome.conforms and item.claim is not None and len(item.claim.sides) > 2:
            return Finding(Verdict.NOT_CHECKABLE, outcome.reason, outcome=outcome)
        return failed(outcome)
    if item.claim is not None and any(has_dots(side) for side in item.claim.sides):
        return written_out(item.claim, outcome, profile)
    if item.claim is not None and any(
        isinstance(node, ast.Dots) for side in item.claim.sides for _, node in walk(side)
    ):
        if is_range(item.claim):
            return Finding(Verdict.DEFINITION, outcome=outcome)
        return Finding(Verdict.NOT_CHECKABLE, "dots stand for entries", outcome=outcome)
    return Finding(Verdict.DEFINITION, outcome=outcome)


def written_out(claim: Claim, outcome: Outcome, profile: Profile) -> Finding:
    """A matrix with dots that defines something: its entries have to show one pattern."""
    for side in claim.sides:
        if isinstance(side, ast.Matrix) and has_dots(side):
            try:
                pattern_of(side, profile)
            except MismatchError as error:
                return Finding(Verdict.WRONG, str(error))
            except UnknownError as error:
                return Finding(Verdict.NOT_CHECKABLE, str(error), outcome=outcome)
    return Finding(Verdict.DEFINITION, outcome=outcome)


def is_range(claim: Claim) -> bool:
    r"""Whether a letter is said to run: `l = 1, \dots, L`."""
    first, *rest = claim.sides
    return (
        isinstance(first, ast.Name)
        and not (first.subs or first.sups)
        and all(
            isinstance(item, ast.Dots | ast.Number | ast.Name | ast.Add)
            for side in rest
            for item in (side.items if isinstance(side, ast.Group) else (side,))
        )
    )


def right(item: Judged, outcome: Outcome) -> Finding:
    """A right equation; the value at a kink is a choice."""
    remarks = tuple(sorted(outcome.notes))
    if item.claim is not None and at_kink(item):
        return Finding(
            Verdict.CONVENTION,
            "right away from the kink; the value at the kink is a choice",
            remarks,
            basis=Basis.AGREES,
            outcome=outcome,
        )
    return Finding(Verdict.CORRECT, "", remarks, basis=Basis.AGREES, outcome=outcome)


def at_kink(item: Judged) -> bool:
    """Whether a case or indicator takes a side at a kink."""
    assert item.claim is not None
    for side in item.claim.sides[1:]:
        for _, node in walk(side):
            if isinstance(node, ast.Cases):
                for case in node.cases:
                    condition = case.condition
                    if isinstance(condition, ast.Comparison) and any(
                        r in (Relation.GREATER_EQUAL, Relation.LESS_EQUAL)
                        for r in condition.relations
                    ):
                        return True
    return False


def unknown(item: Judged, judge: Judge, config: Config, outcome: Outcome) -> Finding:
    """What the document's conventions leave open may hold for one example or a batch."""
    for other in judge.configs():
        same = replace(other, batch=config.batch) == config
        if not same or judge.at_first(item, other).status is Status.WRONG:
            continue
        if judge.outcome(item, other).status is Status.RIGHT:
            return right(item, judge.outcome(item, other))
    return Finding(Verdict.NOT_CHECKABLE, outcome.reason, outcome=outcome)


def wrong(item: Judged, judge: Judge, config: Config, outcome: Outcome) -> Finding:
    """A claim that fails: another layout may be a convention, unless the document has its own."""
    for other in judge.configs():
        same = replace(other, flags=replace(other.flags, layout=config.flags.layout)) == config
        if not same or judge.outcome(item, other).status is not Status.RIGHT:
            continue
        if evident(judge, config, other, item):
            return Finding(
                Verdict.CONVENTION,
                f"right in another convention: {other.flags.layout.value}",
                basis=Basis.AGREES,
                outcome=outcome,
            )
    if excused(item, judge, config):
        return Finding(
            Verdict.NOT_CHECKABLE,
            "right in another layout only, and nothing shows which one the notes have",
            outcome=outcome,
        )
    if loss_unknown(item, judge, config):
        return Finding(
            Verdict.NOT_CHECKABLE, "the loss that the target enters is not given", outcome=outcome
        )
    return Finding(Verdict.NOT_CHECKABLE, UNSURE, outcome=outcome, failing=True)


def sound(item: Judged, judge: Judge, config: Config) -> bool:
    """Whether the world is beyond doubt: one definition for each name, nothing that failed."""
    if judge.outcome(item, config).sure:
        return not excused(item, judge, config)
    if item.sorted.lefts or item.claim is None:
        return False
    choices = judge.selections(item)
    if choices[0][-1:] == (NUMBERS,):
        choices = [choice for choice in choices if choice[-1] == NUMBERS]
    else:
        choices = judge.worlds.choices(item.entry)
    if len(choices) > 1:
        return False
    choice = choices[0]
    world = judge.worlds.world(choice, config.batch, 1)
    return not world.failed and not world.inference.conflicts


def excused(item: Judged, judge: Judge, config: Config) -> bool:
    """Whether a claim holds in another layout, and nothing shows that the document has this one."""
    for other in judge.configs():
        same = replace(other, flags=replace(other.flags, layout=config.flags.layout)) == config
        if same and judge.outcome(item, other).status is Status.RIGHT:
            if not established(judge, config, other, item):
                return True
    return False


def loss_unknown(item: Judged, judge: Judge, config: Config) -> bool:
    """Whether a claim speaks of a target while no loss is defined."""
    if item.claim is None:
        return False
    world = judge.worlds.world(judge.worlds.choices(item.entry)[0], config.batch, 1)
    if world.own_loss() is not None:
        return False
    keys = {
        judge.model.profile.ref(n).key
        for side in item.claim.sides
        for n in values_in(side)
        if isinstance(n, ast.Name)
    }
    named = {key for key, _ in world.inference.shapes}
    return any(key in {"y", "Y", "t"} and key not in named for key in keys)


def evident(judge: Judge, config: Config, other: Config, item: Judged) -> bool:
    """Whether another layout may be meant: by a Jacobian alone, by a gradient like others."""
    if another_layout_is_named(judge.model, item.entry):
        return True
    if established(judge, config, other, item):
        return False
    first = item.claim.sides[0] if item.claim is not None else None
    if isinstance(first, ast.Derivative) and isinstance(first.target, ast.Name):
        key = judge.model.profile.ref(first.target).key
        if not is_loss_key(key):
            return True
    return established(judge, other, config, item)


def established(judge: Judge, config: Config, other: Config, item: Judged) -> bool:
    """Whether another equation holds in the document's layout and not in the other."""
    return any(
        one is not item
        and one.sorted.kind is not Kind.DEFINITION
        and judge.at_first(one, config).status is Status.RIGHT
        and judge.at_first(one, other).status is not Status.RIGHT
        for one in judge.claims()
    )


def failed(outcome: Outcome) -> Finding:
    """A wrong equation with what shows it."""
    return Finding(
        Verdict.WRONG, outcome.reason, counterexample=outcome.example or None, outcome=outcome
    )
