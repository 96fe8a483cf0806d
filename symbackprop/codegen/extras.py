"""Functions of a module beside the two passes: one value, tangents, second derivatives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.codegen.arrays import Op
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.lower import Lowering
from symbackprop.codegen.names import SIZE_NAME, Namer
from symbackprop.codegen.options import DType
from symbackprop.codegen.records import Block
from symbackprop.codegen.statements import Writer, functions_used
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Graph
from symbackprop.scalars.numpy_tree import Ufunc


@dataclass(frozen=True, slots=True)
class Extra:
    """A function of a module."""

    signature: str
    summary: str
    doc: tuple[str, ...]
    lines: tuple[str, ...]
    functions: tuple[Ufunc, ...] = ()

    @property
    def docstring(self) -> tuple[str, ...]:
        """The lines of the docstring, indented."""
        if not self.doc:
            return (f'    """{self.summary}"""',)
        return (f'    """{self.summary}', "", *(f"    {line}" for line in self.doc), '    """')


@dataclass(slots=True)
class Straight:
    """Nodes computed one after the other.

    graph, names : of the nodes
    fetch : from the name of a variable to the code that fetches its array
    """

    graph: Graph
    names: Mapping[int, str]
    namer: Namer
    size_names: Mapping[str, str]
    dtype: DType
    fetch: Callable[[str], str]
    used_sizes: dict[str, None] = field(default_factory=dict)

    def _size(self, text: str) -> str:
        return text if text.startswith("np.") else SIZE_NAME.sub(self._size_name, text)

    def _size_name(self, match: re.Match[str]) -> str:
        name = match.group()
        if name not in self.size_names:
            raise UnsupportedError(f"the size {name} is no axis of a parameter or an input")
        self.used_sizes[name] = None
        return self.size_names[name]

    def lines(self, nodes: Sequence[int]) -> tuple[list[str], list[str], list[Ufunc]]:
        """Statements, the code of each node, and the functions called."""
        lowering = Lowering(self.graph, self.names, nodes, dtype=self.dtype, flat=True)
        program = lowering.program
        roots = [lowering.array(i) for i in nodes]
        ids = program.reachable(roots)
        speller = Speller(program, self._size)
        writer = Writer(program, speller, self.namer.copy(), (), ids)
        head: list[str] = []
        sizes: dict[str, str] = {}
        for i in ids:
            if program[i].op is Op.ARGUMENT:
                variable = writer.argument(i)
                head.append(f"{variable} = {self.fetch(str(program[i].detail))}")
                for axis, size in enumerate(program.shape(i)):
                    if size.is_Symbol:
                        sizes.setdefault(str(size), f"{variable}.shape[{axis}]")
        block = Block()
        writer.write(ids, block)
        results = [writer.result(r, block) for r in roots]
        for size in self.used_sizes:
            if size in sizes:
                head.append(f"{self.size_names[size]} = {sizes[size]}")
            else:
                head.append(f'{self.size_names[size]} = _check(params, inputs)["{size}"]')
        used = functions_used(program, ids)
        return [*head, *block.laid_out()], results, used
