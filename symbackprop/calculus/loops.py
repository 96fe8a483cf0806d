"""The derivative of a recurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symbackprop.errors import MissingRuleError
from symbackprop.ir import Final, Graph, Hist, Loop
from symbackprop.sizes import Size

if TYPE_CHECKING:
    from symbackprop.calculus.adjoint import Sweep


def loop_vjp(sweep: Sweep, i: int, loop: Loop) -> None:
    """Hand the cotangents of a loop's results on to what the loop reads."""
    raise MissingRuleError("a loop has no VJP yet", where=f"%{i}")


def loop_jvp(
    graph: Graph, i: int, node: Hist | Final, known: dict[int, int], extra: tuple[Size, ...]
) -> int:
    """The tangent of a projection of a loop."""
    raise MissingRuleError("a loop has no JVP yet", where=f"%{i}")
