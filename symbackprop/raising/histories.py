"""Names of the values of recurrences: those of the body where it has any, δ for what goes back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.ir import Comp, Final, Graph, Hist, Loop, Var, with_number

_COTANGENT = re.compile(r"ct_carry(?P<loop>[0-9]+)_(?P<carry>[0-9]+)_[0-9]+\Z")
_MARKED = re.compile(r"[A-Za-z]_?(?P<mark>[a-z])\Z")
_NOTHING: Mapping[int, str] = {}
_NO_STEPS: Mapping[int, Mapping[int, str]] = {}


def history_names(
    graph: Graph,
    ids: Iterable[int],
    taken: Mapping[int, str],
    cotangents: Mapping[int, str] = _NOTHING,
    steps: Mapping[int, Mapping[int, str]] = _NO_STEPS,
) -> dict[int, str]:
    """Names for the histories and final carries among `ids` that have none.

    A value that is handed on is called as it is inside the loop; one that is made with ``W_o``,
    ``U_o`` and ``b_o`` is o; a value of a loop that runs back is δ, or ``delta_o`` where it gives
    the gradients of those.

    taken : the names there are;  cotangents : gradient -> name of its variable
    steps : loop -> value of its body -> what it is called
    """
    namer = _Namer(graph, list(ids), dict(taken), cotangents, steps)
    return namer.named()


@dataclass(slots=True)
class _Namer:
    graph: Graph
    ids: list[int]
    taken: dict[int, str]
    cotangents: Mapping[int, str]
    steps: Mapping[int, Mapping[int, str]]
    used: set[str] = field(default_factory=set)

    def named(self) -> dict[int, str]:
        """A name for each history and final carry that has none."""
        self.used = set(self.taken.values())
        found: dict[int, str] = {}
        for i in self.ids:
            node = self.graph[i]
            if isinstance(node, (Hist, Final)) and i not in self.taken:
                found[i] = self._unused(self._wanted(i, node))
        return found

    def _unused(self, name: str) -> str:
        number = 1
        while (name if number == 1 else with_number(name, number)) in self.used:
            number += 1
        result = name if number == 1 else with_number(name, number)
        self.used.add(result)
        return result

    def _wanted(self, i: int, node: Hist | Final) -> str:
        loop = self.graph[node.loop]
        if not isinstance(loop, Loop) or not isinstance(loop.body, Graph):
            return "h"
        own = node.value if isinstance(node, Hist) else None
        called = None if own is None else self.steps.get(node.loop, {}).get(own)
        if called and _runs_back(loop):
            return called
        if _runs_back(loop):
            mark = _common_mark(self._gradients_of(i))
            return f"delta_{mark}" if mark else "delta"
        if isinstance(node, Final):
            return carry_name(self.graph, loop, loop.carries[node.carry].var) + "_last"
        graph, value = self.graph, node.value
        inside = loop.body[value]
        while isinstance(inside, Hist) and isinstance(loop.body, Graph):
            found = loop.body[inside.loop]
            if not isinstance(found, Loop) or not isinstance(found.body, Graph):
                break
            graph, loop, value = loop.body, found, inside.value
            inside = found.body[value]
        for carry in loop.carries:
            if value in (carry.var, carry.out):
                return carry_name(graph, loop, carry.var)
        if loop is not self.graph[node.loop] or not isinstance(loop.body, Graph):
            return "v"
        mark = _common_mark(self._constants_of(loop, loop.body, node.loop, value))
        return mark or called or "v"

    def _gradients_of(self, i: int) -> list[str]:
        """The variables whose gradients read a history, directly."""
        return [
            name
            for node, name in self.cotangents.items()
            if i in self.graph.operands(node) and node != i
        ]

    def _variable(self, i: int) -> str:
        """The variable that a node is a view of."""
        while isinstance(self.graph[i], Comp) and len(self.graph.operands(i)) == 1:
            (i,) = self.graph.operands(i)
        node = self.graph[i]
        return node.name if isinstance(node, Var) else ""

    def _constants_of(self, loop: Loop, body: Graph, loop_id: int, value: int) -> list[str]:
        """The constants a value is made of, up to other values that have a history."""
        stops = {
            node.value
            for node in (self.graph[i] for i in self.ids)
            if isinstance(node, Hist) and node.loop == loop_id
        }
        outer = {feed.var: feed.outer for feed in loop.constants}
        found: list[str] = []
        pending, seen = [value], {value}
        while pending:
            for source in body.operands(pending.pop()):
                if source in outer:
                    found.append(self._variable(outer[source]))
                elif source not in stops and source not in seen:
                    seen.add(source)
                    pending.append(source)
        return found


def _common_mark(names: Sequence[str]) -> str:
    """The letter behind the first one that all names share: o of ``W_o``, ``U_o``, ``bo``."""
    marks = {match["mark"] if (match := _MARKED.match(name)) else "" for name in names}
    return marks.pop() if len(marks) == 1 else ""


def _runs_back(loop: Loop) -> bool:
    """Whether the loop carries cotangents."""
    body = loop.body
    assert isinstance(body, Graph)
    variables = [body[carry.var] for carry in loop.carries]
    return any(isinstance(v, Var) and v.name.startswith("ct_") for v in variables)


def carry_name(graph: Graph, loop: Loop, var: int) -> str:
    """The name of a carry: that of its body variable, without the mark of the step before.

    The cotangent of carry c is dc.
    """
    body = loop.body
    assert isinstance(body, Graph)
    node = body[var]
    if not isinstance(node, Var):
        return "h"
    back = _COTANGENT.match(node.name)
    if back is None:
        return node.name.removesuffix("_prev")
    forward = graph[int(back["loop"])]
    if not isinstance(forward, Loop):
        return "epsilon"
    return "d" + carry_name(graph, forward, forward.carries[int(back["carry"])].var)
