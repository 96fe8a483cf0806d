"""Find what a document leaves out: the standard loss or activation that its equations confirm.

A piece is supplied only when one family of standard pieces makes more of the document's statements
hold than it does as it stands, or when all of them refute a statement about the target.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from symbackprop.notes.judge.claims import Status
from symbackprop.notes.judge.judge import Config, Judge, Judged
from symbackprop.notes.judge.recurrent import is_cell
from symbackprop.notes.judge.standard import (
    activations_told,
    losses,
    mentions,
    target_pair,
    words_of,
)
from symbackprop.notes.judge.statements import Kind
from symbackprop.notes.judge.supply import Supply
from symbackprop.notes.resolve.model import Model

__all__ = ["completed"]

_ASCENT = re.compile(r"likelihood|ascent|maximi[sz]|negative of the (?:gradient|derivative)", re.I)


def completed(model: Model) -> Judge:
    """The judge of a document with what it leaves out supplied."""
    judge = Judge(model)
    told = activations_told(judge)
    if told:
        judge = Judge(model, Supply(activations=told))
    return _loss(_sigmoid(_one_step(judge)))


def _one_step(judge: Judge) -> Judge:
    """The judge of a single step of a cell, where more statements hold for that than for many."""
    if not is_cell(judge.model) or judge.model.depth == 1:
        return judge
    other = Judge(replace(judge.model, depth=1), judge.supply)
    best = other.best_config()
    return other if _held(other, best) > _held(judge, judge.best_config()) else judge


def _sigmoid(judge: Judge) -> Judge:
    """Sigma as the sigmoid, where that makes more statements hold."""
    profile, known = judge.model.profile, dict(judge.supply.activations)
    used = "sigma" in profile.functions and profile.ranks.get("sigma", 0) == 0
    if not used or "sigma" in known or "sigma" in judge.model.defined():
        return judge
    supply = Supply(
        activations=(("sigma", "sigmoid"),),
        words=("sigma is the sigmoid",),
        keys=frozenset({"sigma"}),
    )
    other = Judge(judge.model, judge.supply.joined(supply))
    config = judge.best_config()
    places = range(len(_claims(judge)))
    return other if _right(other, config, places) > _held(judge, config) else judge


def _held(judge: Judge, config: Config) -> int:
    return sum(judge.at_first(i, config).status is Status.RIGHT for i in _claims(judge))


def _claims(judge: Judge) -> list[Judged]:
    return [i for i in judge.claims() if i.sorted.kind is not Kind.DEFINITION]


def _right(judge: Judge, config: Config, places: Iterable[int]) -> int:
    """How many of some statements hold, averaged over the examples or not."""
    claims = _claims(judge)
    return max(
        sum(judge.at_first(claims[i], one).status is Status.RIGHT for i in places)
        for one in _averages(judge, config)
    )


def _averages(judge: Judge, config: Config) -> list[Config]:
    """The reading itself, and with gradients averaged or not where there are batches."""
    made = [config]
    for other in judge.configs():
        flags = replace(other.flags, unaveraged=config.flags.unaveraged)
        if flags == config.flags and other not in made:
            made.append(other)
    return made


def _loss(judge: Judge) -> Judge:
    """The judge with the standard loss that its statements about the target confirm."""
    pair = target_pair(judge)
    if pair is None:
        return judge
    config = judge.best_config()
    target = frozenset({judge.model.profile.ref(pair.target).key})
    claims = _claims(judge)
    places = [
        i
        for i, item in enumerate(claims)
        if mentions(item, target, judge) and not _explained(judge, item, config)
    ]
    if not places:
        return judge
    found: list[tuple[int, Supply, Judge]] = []
    for supply in losses(judge, pair):
        other = Judge(judge.model, judge.supply.joined(supply))
        found.append((_right(other, config, places), supply, other))
    return _chosen(judge, found, config, places)


def _explained(judge: Judge, item: Judged, config: Config) -> bool:
    """Whether a statement is judged as it stands: it holds, or the document has its own loss."""
    if judge.at_first(item, config).status is Status.RIGHT:
        return True
    choice = judge.worlds.choices(item.entry)[0]
    world = judge.worlds.world(choice, config.batch, 1)
    return world.own_loss() is not None and not world.loss_is_opaque()


def _chosen(
    judge: Judge,
    found: list[tuple[int, Supply, Judge]],
    config: Config,
    places: list[int],
) -> Judge:
    """The judge with the one family that explains most; with any when all of them refute."""
    if not found:
        return judge
    top = max(score for score, _, _ in found)
    best = [(supply, other) for score, supply, other in found if score == top]
    if top:
        if len({supply.family for supply, _ in best}) > 1:
            return judge
        return best[0][1]
    if _ASCENT.search(words_of(judge)):
        return judge
    refuted = all(
        _claims(other)
        and all(
            other.at_first(_claims(other)[i], one).status is Status.WRONG
            for i in places
            for one in _averages(other, config)[:2]
        )
        for _, _, other in found
    )
    return found[0][2] if refuted else judge
