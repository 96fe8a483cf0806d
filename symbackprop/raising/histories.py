"""Names of the values of recurrences: those of the body where it has any, δ for what goes back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from symbackprop.ir import Final, Graph, Hist, Loop, Var

_COTANGENT = re.compile(r"ct_carry(?P<loop>[0-9]+)_(?P<carry>[0-9]+)_[0-9]+\Z")


def history_names(graph: Graph, ids: Iterable[int], taken: Mapping[int, str]) -> dict[int, str]:
    """Names for the histories and final carries among `ids` that have none.

    A value that is handed on is called as it is inside the loop; another value of a loop that runs
    back is δ.

    taken : the names there are
    """
    used = set(taken.values())
    found: dict[int, str] = {}
    for i in ids:
        node = graph[i]
        if isinstance(node, (Hist, Final)) and i not in taken:
            found[i] = _unused(_wanted(graph, node), used)
    return found


def _unused(name: str, used: set[str]) -> str:
    number = 1
    while (name if number == 1 else f"{name}{number}") in used:
        number += 1
    result = name if number == 1 else f"{name}{number}"
    used.add(result)
    return result


def _wanted(graph: Graph, node: Hist | Final) -> str:
    loop = graph[node.loop]
    if not isinstance(loop, Loop) or not isinstance(loop.body, Graph):
        return "h"
    if _runs_back(loop):
        return "delta"
    value = node.value if isinstance(node, Hist) else loop.carries[node.carry].out
    for carry in loop.carries:
        if value in (carry.var, carry.out):
            return carry_name(graph, loop, carry.var)
    return "v"


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
