"""What a recurrence computes entry by entry of stacked values alone: done for all steps at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.codegen.arrays import ArrayProgram, Op
from symbackprop.codegen.describe import described
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.loops import Constant, LoopPlan
from symbackprop.codegen.loops import Slice as StepSlice
from symbackprop.codegen.names import Namer
from symbackprop.codegen.records import Block
from symbackprop.ir import Kind
from symbackprop.scalars.numpy_code import Code
from symbackprop.scalars.numpy_tree import Apply

_LONGEST = 70


def for_all_steps(
    plan: LoopPlan,
    ids: Sequence[int],
    operands: Sequence[Code],
    speller: Speller,
    namer: Namer,
    block: Block,
) -> dict[int, str]:
    """Write what needs no carry before the loop: operation -> the variable of all its values.

    Parameters
    ----------
    operands : the code of the operands of the loop
    speller, namer : of the body
    block : what stands before the loop
    """
    body = plan.body
    code: dict[int, Code] = {}
    for argument, what in plan.arguments.items():
        if isinstance(what, StepSlice) or (isinstance(what, Constant) and not body.shape(argument)):
            code[argument] = operands[what.operand]
    found = [i for i in ids if i in code or _is_alike(plan, i, code)]
    inside = [i for i in found if body[i].op is Op.MAP]
    uses = _uses(body, ids, inside)
    roots = {body.base(i) for i in (*plan.carries, *plan.stored)}
    names: dict[int, str] = {}
    for i in inside:
        array = body[i]
        code[i] = speller.expression(array, [code[a] for a in array.args])
        alone = all(reader in inside for reader in uses[i]) and len(uses[i]) == 1
        if not alone or i in roots or len(code[i].text) > _LONGEST:
            names[i] = namer.name(described(body, i))
            shape = speller.shape((plan.length, *array.shape))
            block.add(f"{names[i]} = {code[i].text}", shape)
            code[i] = Code(names[i])
    return names


def _is_alike(plan: LoopPlan, i: int, code: dict[int, Code]) -> bool:
    """Whether an operation is elementwise on stacked values of its shape, and on scalars."""
    body, array = plan.body, plan.body[i]
    if array.op is not Op.MAP or not isinstance(array.detail, Apply) or not array.shape:
        return False
    if array.kind is not Kind.REAL or not all(a in code for a in array.args):
        return False
    if not all(body.shape(a) in ((), array.shape) for a in array.args):
        return False
    code[i] = Code("")
    return True


def _uses(body: ArrayProgram, ids: Sequence[int], inside: Sequence[int]) -> Mapping[int, list[int]]:
    """The readers of each operation."""
    found: dict[int, list[int]] = {i: [] for i in inside}
    for i in ids:
        for arg in body[i].args:
            if arg in found:
                found[arg].append(i)
    return found
