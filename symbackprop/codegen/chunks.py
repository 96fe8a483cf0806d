"""Steps over one long axis, done part by part so that what is between passes stays in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.codegen.arrays import ArrayProgram, Op
from symbackprop.codegen.bodies import operand_indices
from symbackprop.codegen.records import Block, assignment
from symbackprop.scalars.numpy_tree import Apply, Operand, Ufunc
from symbackprop.sizes import Size

ROWS = 16384
"""Entries of a part: a few arrays of as many floats fit into a second-level cache."""

FEWEST_PASSES = 6
"""Fewer passes are not worth a loop."""

_SUMS = (Op.SUM, Op.MATMUL, Op.VDOT)


@dataclass(frozen=True, slots=True)
class Chunks:
    """A step whose arrays all have one long axis, and are only read entry by entry or summed.

    size : of the axis;  before, inside, after : operations;  sums : those inside that are summed
    arguments : the arguments that have the axis
    """

    size: Size
    before: tuple[int, ...]
    inside: tuple[int, ...]
    after: tuple[int, ...]
    sums: frozenset[int]
    arguments: tuple[int, ...]

    @property
    def order(self) -> list[int]:
        """All operations in the order in which they are done."""
        return [*self.before, *self.inside, *self.after]


def chunks_of(program: ArrayProgram, ids: Sequence[int], results: Sequence[int]) -> Chunks | None:
    """How a step is done in parts; None where an array needs the others, or all of itself."""
    sizes = {s for i in ids for s in program.shape(i)}
    if len(sizes) != 1 or any(program.shape(i) for i in results):
        return None
    (size,) = sizes
    before, inside, after = [], [], []
    sums: set[int] = set()
    late: set[int] = set()
    for i in ids:
        array = program[i]
        waits = not late.isdisjoint(array.args)
        long = any(program.shape(a) for a in array.args)
        if len(array.shape) > 1 or array.op not in (Op.ARGUMENT, Op.MAP, *_SUMS):
            return None
        if array.shape or long:
            if waits:
                return None
            inside.append(i)
            if not array.shape:
                sums.add(i)
                late.add(i)
        elif waits:
            after.append(i)
            late.add(i)
        else:
            before.append(i)
    arguments = tuple(i for i in inside if program[i].op is Op.ARGUMENT)
    passes = len(inside) - len(arguments)
    if size.is_Integer or not sums or passes < FEWEST_PASSES:
        return None
    return Chunks(size, tuple(before), tuple(inside), tuple(after), frozenset(sums), arguments)


def scaled_last(program: ArrayProgram, result: int) -> int:
    """A sum of a multiple of an array, as the multiple of a sum: one pass less."""
    total = program[result]
    if total.shape or total.op not in _SUMS:
        return result
    for k, arg in enumerate(total.args):
        array = program[arg]
        tree = array.detail
        if array.op is not Op.MAP or not isinstance(tree, Apply) or len(array.args) != 1:
            continue
        scale = [t for t in tree.args if not operand_indices(t)]
        if tree.function is not Ufunc.MULTIPLY or len(scale) != 1 or Operand(0) not in tree.args:
            continue
        args = (*total.args[:k], array.args[0], *total.args[k + 1 :])
        new = program.add(total.op, args, total.detail, ())
        program.hints.setdefault(new, program.names.get(result, "total"))
        return program.add(Op.MAP, (new,), tree, ())
    return result


def loop_lines(
    names: tuple[str, str],
    length: str,
    arguments: Sequence[tuple[str, str]],
    sums: Sequence[str],
    buffers: Sequence[str],
    inner: Block,
) -> list[str]:
    """The loop over parts.

    Parameters
    ----------
    names : variables of the first entry of a part, and of how many entries it has
    length : text of the long axis
    arguments : (variable of the part, variable of the whole)
    sums : variables that are added to;  buffers : arrays as long as a part
    """
    start, rows = names
    body = assignment(
        [part for part, _ in arguments],
        [f"{whole}[{start}:{start} + {rows}]" for _, whole in arguments],
    )
    short = [f"{b}[:{length} - {start}]" for b in buffers]
    body += [f"if {length} - {start} < {rows}:"]
    body += [f"    {line}" for line in assignment(list(buffers), short)]
    body += inner.laid_out()
    return [
        f"{rows} = {ROWS}  # what is between passes over so many entries stays in the cache",
        " = ".join([*sums, "0.0"]),
        f"for {start} in range(0, {length}, {rows}):",
        *(f"    {line}" for line in body),
    ]
