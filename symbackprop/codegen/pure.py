"""`forward` and `backward`: one readable expression for each named value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from symbackprop.codegen.arrays import Op
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.lower import Lowering
from symbackprop.codegen.names import SIZE_NAME, Namer
from symbackprop.codegen.options import Derived, DType
from symbackprop.codegen.records import Block, Function, assignment, wrapped
from symbackprop.codegen.statements import Writer, functions_used, sizes_above_zero
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Var
from symbackprop.ir.problem import Problem
from symbackprop.scalars.numpy_tree import Ufunc

ONE_LINE = 96


class PureFunctions:
    """The two functions of a module, under construction.

    Parameters
    ----------
    problem, derived : what is computed
    dtype : DType
    namer : Namer
        It has handed out the names of the sizes.
    size_names : size -> variable
    """

    def __init__(
        self,
        problem: Problem,
        derived: Derived,
        dtype: DType,
        namer: Namer,
        size_names: Mapping[str, str],
    ) -> None:
        self.problem = problem
        self.derived = derived
        self.size_names = size_names
        pulled = derived.pullbacks
        wanted = [*derived.outputs.values(), *pulled.values()]
        lowering = Lowering(derived.graph, derived.names, wanted, dtype=dtype)
        self.program = lowering.program
        self.outputs = {n: lowering.array(i) for n, i in derived.outputs.items()}
        self.grads = {n: lowering.array(i) for n, i in pulled.items()}
        for name, array in self.grads.items():
            base = self.program.base(array)
            if self.program[base].op is not Op.ARGUMENT:
                self.program.names.setdefault(base, f"d{name}")
        self.forward_ids = self.program.reachable(self.outputs.values())
        roots = [*self.outputs.values(), *self.grads.values()]
        self.all_ids = self.program.reachable(roots)
        self.used_sizes: dict[str, None] = {}
        self.speller = Speller(self.program, self._size)
        self.writer = Writer(self.program, self.speller, namer.copy(), roots, self.all_ids)
        self.arguments = self._arguments()
        self.taken: set[int] = set()

    def _size(self, text: str) -> str:
        """A size, or an expression of sizes, over the variables of the module."""
        return text if text.startswith("np.") else SIZE_NAME.sub(self._size_name, text)

    def _size_name(self, match: re.Match[str]) -> str:
        name = match.group()
        if name not in self.size_names:
            raise UnsupportedError(
                f"the size {name} is needed, but it is no axis of a parameter or an input",
                help=f"declare it as an integer, or give some array an axis of length {name}",
            )
        self.used_sizes[name] = None
        return self.size_names[name]

    def _arguments(self) -> dict[str, int]:
        """The arguments that are used, in the order of the tables."""
        found = {
            str(self.program[i].detail): i
            for i in self.all_ids
            if self.program[i].op is Op.ARGUMENT
        }
        names = [*self.problem.parameters, *self.problem.inputs]
        names += [n for n in found if n not in names]
        ordered = {name: found[name] for name in names if name in found}
        for i in ordered.values():
            var = str(self.program[i].detail)
            self.program.names[i] = f"d{var[:-4]}" if var.endswith("_bar") else var
            self.writer.argument(i)
        return ordered

    def sizes_above_zero(self) -> list[str]:
        """The sizes that must not be 0."""
        return [s for s in sizes_above_zero(self.program, self.all_ids) if s in self.size_names]

    def functions(self) -> tuple[Function, Function, list[Ufunc]]:
        """Both functions, and the functions that they call."""
        forward, backward = Block(), Block()
        self.writer.write(self.forward_ids, forward)
        results = [f'"{n}": {self.writer.text(i)}' for n, i in self.outputs.items()]
        forward_sizes = dict(self.used_sizes)
        self.used_sizes.clear()
        done = set(self.forward_ids)
        rest = [i for i in self.all_ids if i not in done]
        self._guarded(rest, backward)
        tail = self._gradients(done)
        shapes = self._cotangents()
        cached = self._cached(rest, done)
        return (
            Function((), tuple(self._forward_lines(forward, forward_sizes, results, cached))),
            Function((), tuple(self._backward_lines(backward, shapes, cached, tail))),
            functions_used(self.program, self.all_ids),
        )

    def _guarded(self, rest: Sequence[int], block: Block) -> None:
        """Statements for gradients of inputs only run where those are asked for."""
        program = self.program
        always = set(
            program.reachable([self.grads[n] for n in self.problem.parameters if n in self.grads])
        )
        users: dict[int, list[str]] = {i: [] for i in rest if i not in always}
        for name in self.problem.inputs:
            if name in self.grads and users:
                for i in program.reachable([self.grads[name]]):
                    if i in users:
                        users[i].append(name)
        self.writer.write([i for i in rest if i in always], block)
        for names in dict.fromkeys(tuple(u) for u in users.values()):
            inner = Block()
            self.writer.write([i for i, u in users.items() if tuple(u) == names], inner)
            if inner.lines:
                tests = " or ".join(f'"{n}" in wrt' for n in names)
                block.add(f"if {tests}:")
                for line in inner.lines:
                    block.add("    " + line.text, line.comment)

    def _gradients(self, done: set[int]) -> list[str]:
        """The lines that hand the gradients over."""
        entries: list[str] = []
        guarded: list[str] = []
        for name, i in self.grads.items():
            text = self._handed_over(i, done)
            if name in self.problem.parameters:
                entries.append(f'"{name}": {text}')
            else:
                guarded += [f'if "{name}" in wrt:', f'    grads["{name}"] = {text}']
        lines = [*wrapped("grads = {", entries, "}"), *guarded]
        return [*lines, "return {name: grads[name] for name in wrt}"]

    def _handed_over(self, i: int, done: set[int]) -> str:
        """A gradient as an array that nothing else holds."""
        program, code = self.program, self.writer.operand(i)
        base = program.base(i)
        if not program.shape(i):
            return f"np.asarray({code.text}, DTYPE)"
        again = base in self.taken
        self.taken.add(base)
        if again or base in done or program[i].op is Op.BROADCAST:
            return f"np.array({code.text})"
        return code.text

    def _cotangents(self) -> dict[str, str]:
        """Cotangent variable -> the call that fetches it, for those used."""
        found: dict[str, str] = {}
        for name, i in self.derived.cotangents.items():
            var = self.derived.graph[i]
            assert isinstance(var, Var)
            if var.name in self.arguments:
                variable = self.writer.argument(self.arguments[var.name])
                shape = self.speller.shape(var.shape) if var.shape else "()"
                found[variable] = f'_cotangent(cotangents, "{name}", {shape})'
        return found

    def _cached(self, rest: Sequence[int], done: set[int]) -> list[str]:
        """The variables that `backward` takes from `forward`."""
        program = self.program
        cotangents = {
            program_name.name
            for program_name in (self.derived.graph[i] for i in self.derived.cotangents.values())
            if isinstance(program_name, Var)
        }
        bases: dict[int, None] = {}
        for i in [*rest, *self.grads.values()]:
            for arg in (i, *program[i].args):
                base = program.base(arg)
                array = program[base]
                if array.op is Op.PICK and array.args[0] in done:
                    bases[base] = None
                elif array.op is Op.ARGUMENT:
                    if array.detail not in cotangents:
                        bases[base] = None
                elif base in done and array.op is not Op.LOOP:
                    bases[base] = None
        texts = [self.writer.text(b) for b in sorted(bases) if self._is_name(b)]
        return [*(self.size_names[s] for s in self.used_sizes), *texts]

    def _is_name(self, i: int) -> bool:
        return self.writer.text(i).isidentifier()

    def _forward_lines(
        self, block: Block, sizes: Mapping[str, None], results: list[str], cached: list[str]
    ) -> list[str]:
        lines = ["sizes = _check(params, inputs)"]
        for group, names in (("params", self.problem.parameters), ("inputs", self.problem.inputs)):
            held = [n for n in names if n in self.arguments]
            if held:
                variables = [self.writer.argument(self.arguments[n]) for n in held]
                lines += assignment(variables, [f'{group}["{n}"]' for n in held])
        wanted = [s for s, v in self.size_names.items() if s in sizes or v in cached]
        for size in wanted:
            lines.append(f'{self.size_names[size]} = sizes["{size}"]')
        lines += block.laid_out()
        lines += wrapped("cache = (", _as_tuple(cached), ")")
        lines += wrapped("return {", results, "}, cache")
        return lines

    def _backward_lines(
        self, block: Block, cotangents: Mapping[str, str], cached: list[str], tail: list[str]
    ) -> list[str]:
        lines = ["wrt = _wanted(wrt)"]
        if cached:
            one = f"{', '.join(cached)}{',' if len(cached) == 1 else ''} = cache"
            lines += [one] if len(one) <= ONE_LINE else wrapped("(", _as_tuple(cached), ") = cache")
        lines += [f"{variable} = {call}" for variable, call in cotangents.items()]
        return [*lines, *block.laid_out(), *tail]


def _as_tuple(items: list[str]) -> list[str]:
    """The items of a tuple: one alone needs a comma behind it."""
    return [*items, ""] if len(items) == 1 else items
