"""Array operations as statements: one expression for each named or shared value, the rest written in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symbackprop.codegen.arrays import ArrayProgram, Op
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.names import Namer
from symbackprop.codegen.records import Block
from symbackprop.codegen.scatter import PlaceWrite, SliceWrite
from symbackprop.ir import Kind
from symbackprop.scalars.numpy_code import Code, CodePrecedence

_MAX_INLINE = 76
ATOM = CodePrecedence.ATOM
_TRANSPARENT = (Op.VIEW, Op.BROADCAST)


class Writer:
    """Writes the operations of a program, in order of their ids, into blocks.

    Parameters
    ----------
    program : ArrayProgram
    speller : Speller
    namer : Namer
        What it has handed out is not used again.
    roots : ids that must have names of their own
    ids : all ids that will be written, ascending
    """

    def __init__(
        self,
        program: ArrayProgram,
        speller: Speller,
        namer: Namer,
        roots: Iterable[int],
        ids: Sequence[int],
    ) -> None:
        self.program = program
        self.speller = speller
        self.namer = namer
        self.code: dict[int, Code] = {}
        self.roots = frozenset(program.base(r) for r in roots)
        self.uses = use_counts(program, ids)

    def write(self, ids: Iterable[int], block: Block) -> None:
        """Add the statements of `ids` (ascending) to a block."""
        for i in ids:
            if i not in self.code:
                self._write(i, block)

    def argument(self, i: int) -> str:
        """The variable of an argument, chosen when first asked for."""
        if i not in self.code:
            wanted = self.program.names.get(i, str(self.program[i].detail))
            self.code[i] = Code(self.namer.name(wanted))
        return self.code[i].text

    def _write(self, i: int, block: Block) -> None:
        array = self.program[i]
        if array.op is Op.ARGUMENT:
            self.argument(i)
            return
        if array.op is Op.SCATTER:
            self._scatter(i, block)
            return
        code = self.speller.expression(array, [self.code[a] for a in array.args])
        if array.op in _TRANSPARENT or not self._is_statement(i, code):
            self.code[i] = code
            return
        name = self.namer.name(self._wanted(i))
        shape = self.speller.shape(array.shape) if array.shape else ""
        block.add(f"{name} = {code.text}", shape)
        self.code[i] = Code(name)

    def _scatter(self, i: int, block: Block) -> None:
        """Zeros, then what is written into them."""
        array = self.program[i]
        name = self.namer.name(self._wanted(i))
        shape = self.speller.shape(array.shape)
        block.add(f"{name} = np.zeros({shape}, DTYPE)", shape)
        values, *places = (self.code[a] for a in array.args)
        if isinstance(array.detail, PlaceWrite):
            where = ", ".join(p.text for p in places)
            if array.detail.unique:
                block.add(f"{name}[{where}] = {values.text}")
            else:
                block.add(f"np.add.at({name}, ({where},), {values.text})")
        else:
            assert isinstance(array.detail, SliceWrite)
            if array.detail.taps and not values.text.isidentifier():
                held = self.namer.name(f"{name}_parts")
                block.add(f"{held} = {values.text}")
                values = Code(held)
            for line in slice_lines(self.speller, self.namer, name, values, array.detail):
                block.add(line)
        self.code[i] = Code(name)

    def _is_statement(self, i: int, code: Code) -> bool:
        if not self.program[i].args and self.program[i].op is Op.MAP:
            return False
        if i in self.program.names or i in self.roots:
            return True
        return self.uses.get(i, 0) > 1 or len(code.text) > _MAX_INLINE

    def _wanted(self, i: int) -> str:
        found = self.program.names.get(i) or self.program.hints.get(i)
        return found if found is not None else described(self.program, i)


def slice_lines(
    speller: Speller, namer: Namer, name: str, values: Code, write: SliceWrite
) -> list[str]:
    """One slice update for each tap."""
    taps: list[str] = []
    lines: list[str] = []
    for count in write.taps:
        indent = "    " * len(taps)
        taps.append(namer.name("tap"))
        lines.append(f"{indent}for {taps[-1]} in range({speller.size(count).text}):")
    items = speller.shifted_items(write.items, write.shifts, taps)
    here = f"{values.within(ATOM)}[..., {', '.join(taps)}]" if taps else values.text
    update = "=" if write.unique else "+="
    indent = "    " * len(taps)
    return [*lines, f"{indent}{name}[{', '.join(items) or '()'}] {update} {here}"]


def use_counts(program: ArrayProgram, ids: Sequence[int]) -> dict[int, int]:
    """How often each array is read by `ids`, views counted as what they show."""
    uses: dict[int, int] = {}
    for i in ids:
        if program[i].op in _TRANSPARENT:
            continue
        for arg in program[i].args:
            base = program.base(arg)
            uses[base] = uses.get(base, 0) + 1
    return uses


_WORDS = {
    Op.MATMUL: "product",
    Op.VDOT: "dot",
    Op.VECDOT: "dots",
    Op.SUM: "sum",
    Op.MAX: "max",
    Op.ARGMAX: "winner",
    Op.GATHER: "picked",
    Op.SCATTER: "placed",
}


def described(program: ArrayProgram, i: int) -> str:
    """A name made of what is computed of what: `tanh_z1`, `x_sum`."""
    array = program[i]
    operand = ""
    for arg in array.args:
        base = program.base(arg)
        operand = str(
            program[base].detail
            if program[base].op is Op.ARGUMENT
            else program.names.get(base) or program.hints.get(base) or ""
        )
        if operand:
            break
    if array.op is Op.MAP:
        function = getattr(array.detail, "function", None)
        word = function.value if function is not None else "value"
        if array.kind is Kind.BOOL:
            word = "mask"
    else:
        word = _WORDS.get(array.op, "value")
    return f"{word}_{operand}" if operand else word
