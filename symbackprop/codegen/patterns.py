"""Lower a comprehension once for all layers that have it: the others repeat its operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symbackprop.codegen.arrays import Array, ArrayProgram, Op
from symbackprop.codegen.stable import Source
from symbackprop.codegen.storage import Stored, Task

_SOLID = frozenset([Op.ARGUMENT, Op.MAP, Op.MATMUL, Op.VDOT, Op.VECDOT, Op.SUM, Op.MAX])
"""Operations that are not looked through when what reads them is lowered."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """The operations of one task, over its operands and earlier ones by number."""

    steps: tuple[Array, ...]
    array: int
    dims: tuple[int, ...]


class Patterns:
    """The lowered tasks of one program, by what is the same in all layers.

    layouts : node -> order of its dims in memory
    """

    def __init__(self, program: ArrayProgram, layouts: dict[int, tuple[int, ...]]) -> None:
        self.program = program
        self.layouts = layouts
        self._known: dict[Key, Recording | None] = {}

    def lowered(
        self,
        source: Source,
        task: Task,
        stored: dict[Source, Stored],
        lower: Callable[[Source, Task], Stored],
    ) -> Stored:
        """What `lower` gives, from the recording of a task of the same pattern where there is one.

        Sizes, the body, where operands are read and how they were made must be equal; which
        arrays they are may differ, as long as equal ones are equal.
        """
        operands: dict[int, int] = {}
        key = self._key(source, task, stored, operands)
        if key is None:
            return lower(source, task)
        if key not in self._known:
            with self.program.recording() as made:
                result = lower(source, task)
            self._known[key] = self._recorded(operands, made, result)
            return result
        recording = self._known[key]
        repeated = None if recording is None else self._repeated(operands, recording)
        return lower(source, task) if repeated is None else repeated

    def _key(
        self,
        source: Source,
        task: Task,
        stored: dict[Source, Stored],
        operands: dict[int, int],
    ) -> Key | None:
        """The pattern of a task, and in `operands` the number of each array that it reads.

        None where more than that decides.
        """
        comp = task.comp
        if comp.domain or any(term.has_look_up() for term in comp.write):
            return None
        reads: list[object] = []
        for entry in task.found:
            if entry.source is None or any(term.has_look_up() for term in entry.index):
                return None
            held = stored[entry.source]
            array = self.program[held.array]
            if array.op not in _SOLID or (array.op is Op.MAP and not array.args):
                return None
            number = operands.setdefault(held.array, len(operands))
            detail = None if array.op is Op.ARGUMENT else array.detail
            reads += (number, held.dims, entry.index, array.op, detail, array.shape, array.kind)
        layout = self.layouts.get(source.node)
        return (
            comp.shape,
            comp.axes,
            comp.write,
            comp.reduction,
            task.body,
            layout,
            source.aspect,
            *reads,
        )

    def _recorded(
        self, operands: dict[int, int], made: list[tuple[Array, int]], result: Stored
    ) -> Recording | None:
        """The operations by number; None where one of them is an operand already."""
        number = dict(operands)
        steps: list[Array] = []
        for array, i in made:
            if i in operands or any(arg not in number for arg in array.args):
                return None
            if i not in number:
                number[i] = len(number)
                args = tuple(number[arg] for arg in array.args)
                steps.append(Array(array.op, args, array.detail, array.shape, array.kind))
        if result.array not in number:
            return None
        return Recording(tuple(steps), number[result.array], result.dims)

    def _repeated(self, operands: dict[int, int], recording: Recording) -> Stored | None:
        arrays = list(operands)
        for step in recording.steps:
            args = [arrays[arg] for arg in step.args]
            new = self.program.add(step.op, args, step.detail, step.shape, step.kind)
            if new in operands:
                return None
            arrays.append(new)
        return Stored(arrays[recording.array], recording.dims)
