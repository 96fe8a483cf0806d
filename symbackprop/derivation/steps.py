"""The steps of a derivation as data: what depends on what, and every checkpoint of the term."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from symbackprop.ir import Comp, FactKind, Graph, Reduction, Var, consumers, reachable
from symbackprop.simplify import Derived


class Grain(Enum):
    """How much of a derivation is shown."""

    BRIEF = "brief"
    """The first form and the last one."""
    FULL = "full"
    """The chain rule and every checkpoint."""


class Reason(Enum):
    """Why a checkpoint equals the one before."""

    CHAIN_RULE = "chain rule"
    DEFINITION = "definition"
    """A forward value is recognised."""
    SUMS_TO_ONE = "sums to one"
    ALGEBRA = "algebra"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The whole term after a step.

    node : the term;  because : why it equals the one before
    names : the forward values that were recognised, or the variables that sum to one
    """

    node: int
    because: Reason
    names: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """The derivation of the gradient by one value.

    wrt : name of the value;  node : id of the gradient
    through : the named values that read it, nearest first; the loss counts
    checkpoints : first the chain rule, last the result
    """

    wrt: str
    node: int
    through: tuple[int, ...]
    checkpoints: tuple[Checkpoint, ...]


def passages(derived: Derived) -> tuple[Passage, ...]:
    """The derivation of every named cotangent, in the order of the sweep, then of every parameter.

    A gradient that is a named cotangent itself has a passage of one checkpoint.
    """
    problem = derived.problem
    named = problem.named()
    found = [_passage(derived, name, named[name], node) for name, node in derived.deltas.items()]
    for name, node in derived.gradients.items():
        if name in problem.parameters:
            found.append(_passage(derived, name, named[name], node))
    return tuple(found)


def _passage(derived: Derived, name: str, target: int, node: int) -> Passage:
    through = nearest_named(derived, target)
    if name in derived.problem.parameters and node in derived.names:
        return Passage(name, node, through, (Checkpoint(node, Reason.CHAIN_RULE),))
    steps = list(_checkpoints(derived, derived.adjoint.cotangents[target], node))
    return Passage(name, node, through, tuple(steps))


def _checkpoints(derived: Derived, raw: int, result: int) -> Iterator[Checkpoint]:
    found = [] if derived.simplified is None else derived.simplified.steps(raw)
    nodes = list(dict.fromkeys([node for _, node, _ in found] + [result]))
    before: int | None = None
    for node in nodes:
        if before is None:
            yield Checkpoint(node, Reason.CHAIN_RULE)
        else:
            yield _compared(derived, before, node)
        before = node


def _compared(derived: Derived, before: int, node: int) -> Checkpoint:
    """Why a term equals the one before, as far as the two of them tell."""
    known, read = (_named_below(derived, i) for i in (before, node))
    gone = known - read
    recognised = [
        i
        for i in sorted(read)
        if i in derived.problem.names()
        and (i not in known or _named_below(derived, i) & gone)
        and not isinstance(derived.graph[i], Var)
    ]
    if recognised:
        return Checkpoint(node, Reason.DEFINITION, tuple(recognised))
    sums = _summed(derived, before) - _summed(derived, node)
    facts = tuple(i for i in sorted(sums) if _sums_to_one(derived.graph, i))
    if facts:
        return Checkpoint(node, Reason.SUMS_TO_ONE, facts)
    return Checkpoint(node, Reason.ALGEBRA)


def _sums_to_one(graph: Graph, node_id: int) -> bool:
    node = graph[node_id]
    kinds = (FactKind.SUMS_TO_ONE, FactKind.ONE_HOT)
    return isinstance(node, Var) and any(fact.kind in kinds for fact in node.facts)


def _stays(derived: Derived, node_id: int) -> bool:
    if node_id == derived.problem.loss:
        return False
    return node_id in derived.names or isinstance(derived.graph[node_id], Var)


def _inlined(derived: Derived, root: int) -> list[int]:
    """The node and the anonymous nodes that its formula is made of."""
    found, pending = [root], [root]
    while pending:
        for source in derived.graph.operands(pending.pop()):
            if not _stays(derived, source) and source not in found:
                found.append(source)
                pending.append(source)
    return found


def _named_below(derived: Derived, root: int) -> set[int]:
    """The named nodes that the formula of a node reads."""
    return {
        source
        for i in _inlined(derived, root)
        for source in derived.graph.operands(i)
        if _stays(derived, source)
    }


def _summed(derived: Derived, root: int) -> set[int]:
    """The named nodes that stand under a sum in the formula of a node."""
    graph = derived.graph
    found: set[int] = set()
    for i in _inlined(derived, root):
        node = graph[i]
        if isinstance(node, Comp) and node.reduction is Reduction.SUM:
            found |= _named_below(derived, i)
    return found


def nearest_named(derived: Derived, target: int) -> tuple[int, ...]:
    """The named forward values that read `target`, directly or through anonymous nodes."""
    problem = derived.problem
    names = problem.names()
    readers = consumers(derived.graph, reachable(derived.graph, problem.outputs.values()))
    found: set[int] = set()
    pending, seen = [target], {target}
    while pending:
        for reader in readers.get(pending.pop(), ()):
            if reader in names:
                found.add(reader)
            elif reader not in seen:
                seen.add(reader)
                pending.append(reader)
    return tuple(sorted(found))


__all__ = ["Checkpoint", "Grain", "Passage", "Reason", "nearest_named", "passages"]
