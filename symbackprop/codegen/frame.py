"""The frame of a training step: the workspace, what is taken from it, what is handed over."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.codegen.arrays import Op
from symbackprop.codegen.chunks import ROWS
from symbackprop.codegen.fast import Step
from symbackprop.codegen.records import WIDTH, assignment, wrapped
from symbackprop.codegen.statements import functions_used
from symbackprop.scalars.numpy_tree import Ufunc


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace class and the body of `loss_and_grad`: lines of code."""

    init: tuple[str, ...]
    lines: tuple[str, ...]
    functions: tuple[Ufunc, ...]


def workspace_of(step: Step) -> Workspace:
    """The lines of the workspace and of the step."""
    step.run()
    results = result_lines(step)
    lines = (*head_lines(step), *step.block.laid_out(), *results)
    used = functions_used(step.program, step.ids)
    return Workspace(tuple(init_lines(step)), lines, tuple(used))


def shape_text(step: Step, i: int) -> str:
    """The shape of an array as code."""
    shape = step.program.shape(i)
    return step.speller.shape(shape) if shape else "()"


def result_lines(step: Step) -> list[str]:
    """Hand the gradients and the loss over."""
    lines: list[str] = []
    entries: list[str] = []
    for name, i in step.grads.items():
        code = step.code[i].text
        if name not in step.own:
            held = step.namer.name(f"d{name}_out")
            step.hold(held, f"np.empty({shape_text(step, i)}, DTYPE)")
            lines.append(f"np.copyto({held}, {code})")
            code = held
        entries.append(f'"{name}": {code}')
    lines += wrapped("grads = {", entries, "}")
    return [*lines, f"loss = float({step.code[step.loss].text})"]


def head_lines(step: Step) -> list[str]:
    """Take arguments, sizes and arrays into variables."""
    lines = []
    for group, names in (("params", step.problem.parameters), ("inputs", step.problem.inputs)):
        held = {
            str(step.program[i].detail): step.wholes.get(i, step.code[i].text)
            for i in step.ids
            if step.program[i].op is Op.ARGUMENT and str(step.program[i].detail) in names
        }
        ordered = [n for n in names if n in held]
        lines += assignment([held[n] for n in ordered], [f'{group}["{n}"]' for n in ordered])
    used = [v for s, v in step.size_names.items() if s in step.used_sizes]
    if used:
        one = f"{', '.join(used)}{',' if len(used) == 1 else ''} = workspace.sizes"
        short = len(one) <= WIDTH - 4
        lines += [one] if short else wrapped("(", used, ") = workspace.sizes")
    listed = [n for n, _ in step.held]
    lines += wrapped("(", [*listed, ""] if len(listed) == 1 else listed, ") = workspace.arrays")
    return lines


def init_lines(step: Step) -> list[str]:
    """Allocate the arrays of the workspace."""
    lines = ["sizes = _check(params, inputs)"]
    used = [s for s in step.size_names if s in step.used_sizes]
    lines += [f'{step.size_names[s]} = sizes["{s}"]' for s in used]
    if step.chunks is not None:
        lines += [f"{step.rows} = min({step.speller.size(step.chunks.size).text}, {ROWS})"]
    listed = [step.size_names[s] for s in used]
    lines += wrapped("self.sizes = (", listed, ",)" if len(used) == 1 else ")")
    lines += list(step.init.laid_out())
    lines.append("self.arrays = (")
    for name, made in step.held:
        lines.append(f"    {made}," if name == made else f"    {made},  # {name}")
    lines.append(")")
    return lines
