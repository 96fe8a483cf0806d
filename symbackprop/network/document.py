"""All formulas of a network, in the order in which they are computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from symbackprop.ir import reachable
from symbackprop.network.checks import Check, checked_formulas
from symbackprop.network.derivative import Derivative
from symbackprop.network.kinks import policy_notes
from symbackprop.network.scene import Part, Scene, Script, dialect_of
from symbackprop.printing.names import spelling
from symbackprop.printing.notation import Notation
from symbackprop.raising.numbers import MEMBER_LETTERS
from symbackprop.raising.recurrences import names_in
from symbackprop.raising.tree import ZERO, Formula, Ref

if TYPE_CHECKING:
    from symbackprop.network.network import Network


class Form(Enum):
    """Which forms of a formula are shown."""

    MATRIX = "matrix"
    """Matrix form; by entries where there is none."""
    ENTRIES = "entries"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Equation:
    """One line: a side for each form, and the shape."""

    left: str
    right: str
    shape: str


@dataclass(frozen=True, slots=True)
class Section:
    """Equations under a heading."""

    title: str
    equations: tuple[Equation, ...]


class Document:
    """The forward values, named cotangents and gradients of a network.

    Parameters
    ----------
    network : Network
    derivatives : what is shown besides the forward values
    notation : the reader's habits; default: the network's
    """

    def __init__(
        self,
        network: Network,
        derivatives: Sequence[Derivative],
        notation: Notation | None = None,
    ) -> None:
        self.network = network
        self.given = list(derivatives)
        self.notation = notation or network.notation

    # what is in it

    def derivatives(self) -> list[Derivative]:
        """The derivatives shown, the named cotangents that they read first."""
        return [*self._cotangents(self.given), *self.given]

    def _cotangents(self, shown: Iterable[Derivative]) -> list[Derivative]:
        """The named cotangents that the formulas of `shown` read."""
        network = self.network
        found = [d for d in shown if d.is_gradient and d.of == "loss"]
        if not found:
            return []
        derived = network.derived()
        listed = {d.node for d in shown if d.is_own}
        needed = _needed(found, {i: n for n, i in derived.deltas.items()})
        return [network.gradient(n) for n, i in derived.deltas.items() if i in needed - listed]

    def sections(self, script: Script, form: Form = Form.MATRIX) -> list[Section]:
        """The document as sections of equations."""
        found = [Section("Forward", tuple(self._forward(script, form)))]
        derivatives = self.derivatives()
        own = [d.node in d.scene.names and d.is_own for d in derivatives]
        named = [d for d, is_named in zip(derivatives, own, strict=True) if is_named]
        others = [d for d, is_named in zip(derivatives, own, strict=True) if not is_named]
        for title, group in (("Backward", named), ("Gradients", others)):
            back = title == "Backward"
            lines = self._helpers(derivatives, script, form) if back else []
            lines += [line for d in group for line in self._derivative(d, script, form)]
            lines += self._recursions(derivatives, script) if back else []
            if lines:
                found.append(Section(title, tuple(lines)))
        return found

    def notes(self) -> list[str]:
        """What the formulas take for granted at kinks and ties."""
        return policy_notes(self.network.problem)

    def _helpers(self, shown: list[Derivative], script: Script, form: Form) -> list[Equation]:
        """Unnamed nodes that the formulas of `shown` read, such as the winners of a maximum."""
        problem = self.network.problem
        last = max(problem.named().values())
        lines: list[Equation] = []
        for scene in {id(d.scene): d.scene for d in shown}.values():
            below = set(reachable(scene.graph, [d.node for d in shown if d.scene is scene]))
            for i in scene.extra:
                if i > last and i in below and not scene.is_history(i):
                    name = scene.names[i]
                    lines += _equations(scene, i, name, script, form, self.notation)
        return lines

    def _recursions(self, shown: list[Derivative], script: Script) -> list[Equation]:
        """The recurrences that run back, on the way to the derivatives shown."""
        last = max(self.network.problem.named().values())
        lines: list[Equation] = []
        for scene in {id(d.scene): d.scene for d in shown}.values():
            below = set(reachable(scene.graph, [d.node for d in shown if d.scene is scene]))
            for loop in scene.recurrences:
                if loop > last and loop in below:
                    lines += _recursion(scene, loop, script, self.notation)
        return lines

    def checks(self) -> list[Check]:
        """Every formula of the document, evaluated, against the node it is of."""
        problem = self.network.problem
        scene = self._scene()
        printed = {**problem.values, **problem.outputs}
        found = list(checked_formulas(scene, printed))
        groups: dict[int, list[Derivative]] = {}
        for d in self.derivatives():
            groups.setdefault(id(d.scene), []).append(d)
        for group in groups.values():
            nodes = {f"derivative of {d.of} by {d.wrt}": d.node for d in group}
            found.extend(checked_formulas(group[0].scene, nodes))
        return found

    def _forward(self, script: Script, form: Form) -> Iterator[Equation]:
        problem = self.network.problem
        scene = self._scene()
        shown = {i: n for n, i in {**problem.values, **problem.outputs}.items()}
        listed = {i: scene.names[i] for i in scene.extra if i <= max(shown)}
        leaves = {*problem.parameters.values(), *problem.inputs.values()}
        last = max(problem.named().values())
        loops = {loop: "" for loop in scene.recurrences if loop < last}
        for node, name in sorted({**loops, **listed, **shown}.items()):
            if node in loops:
                yield from _recursion(scene, node, script, self.notation)
            elif node not in leaves and not scene.is_history(node):
                yield from _equations(scene, node, name, script, form, self.notation)

    def _scene(self) -> Scene:
        problem = self.network.problem
        if problem.loss is not None:
            return self.network._derived()[1]
        roots = [*problem.values.values(), *problem.outputs.values()]
        said = (problem.spellings, problem.origins)
        return Scene(problem.graph, problem.names(), roots, *said, {}, problem.steps)

    def _derivative(self, d: Derivative, script: Script, form: Form) -> Iterator[Equation]:
        shape = d.scene.shape_text(d.node, script, self.notation)
        name = d.scene.names.get(d.node) if d.is_own else None
        dialect = dialect_of(script, self.notation)
        prefix = "" if name is None else dialect.name(d.scene.spellings[d.node]) + " = "
        matrix = None if form is Form.ENTRIES else d.matrix(script, self.notation)
        if matrix is not None:
            yield Equation(prefix + d.left(script, self.notation), matrix, shape)
        member = None
        if form is not Form.ENTRIES and matrix is None and d.is_gradient:
            member = d.scene.member_text(d.node, script, self.notation)
        if member is not None:
            numbers = MEMBER_LETTERS[: len(d.shape) - 2]
            spelled = d.scene.spellings.get(d.node)
            prefix = (
                "" if name is None or spelled is None else dialect.name(spelled, numbers) + " = "
            )
            left = prefix + d.left(script, self.notation, ("", numbers))
            yield Equation(left, member, shape)
        if (matrix is None and member is None) or form is Form.BOTH:
            entry = d.entry(script, self.notation)
            index = entry.indices[2]
            prefix = "" if name is None else dialect.name(d.scene.spellings[d.node], index) + " = "
            left = prefix + d.left(script, self.notation, entry.indices)
            yield Equation(left, entry.body, shape)

    # as text

    def text(self, *, form: Form = Form.MATRIX, ascii: bool = False) -> str:
        """The document as plain text."""
        sections = self.sections(Script.ASCII if ascii else Script.TEXT, form)
        blocks = [f"{s.title}\n{_table(s.equations)}" for s in sections]
        if self.notes():
            blocks.append("\n".join(self.notes()))
        return "\n\n".join(blocks) + "\n"

    def latex(self, *, form: Form = Form.MATRIX) -> str:
        """The document as LaTeX: one aligned display per section."""
        blocks = []
        for section in self.sections(Script.LATEX, form):
            lines = [f"  {e.left} &= {e.right}" for e in section.equations]
            body = " \\\\\n".join(lines)
            blocks.append(f"% {section.title}\n\\begin{{align*}}\n{body}\n\\end{{align*}}")
        blocks.extend(f"% {note}" for note in self.notes())
        return "\n\n".join(blocks) + "\n"

    def data(self) -> dict[str, Any]:
        """The derivatives as data for JSON, version 1."""
        results = [self._result(d) for d in self.derivatives()]
        return {"version": 1, "layout": self.notation.layout.value, "results": results}

    def _result(self, d: Derivative) -> dict[str, Any]:
        notation = self.notation
        matrix = {s.value: d.matrix(s, notation) for s in (Script.TEXT, Script.LATEX)}
        entries = {s.value: d.entry(s, notation) for s in (Script.TEXT, Script.LATEX)}
        name = d.scene.names.get(d.node) if d.is_own else None
        return {
            "of": d.of,
            "wrt": d.wrt,
            "order": 2 if d.second else 1,
            "name": name,
            "shape": [int(s) if s.is_Integer else str(s) for s in d.shape],
            "matrix": None if matrix["text"] is None else matrix,
            "entry": {
                **{script: found.body for script, found in entries.items()},
                "indices": list(entries["text"].letters),
            },
        }

    def __str__(self) -> str:
        return self.text().rstrip("\n")

    def _repr_latex_(self) -> str:
        lines = [e for s in self.sections(Script.LATEX) for e in s.equations]
        body = r" \\ ".join(rf"{e.left} &= {e.right}" for e in lines)
        return rf"$$\begin{{aligned}} {body} \end{{aligned}}$$"


def _needed(shown: Sequence[Derivative], deltas: dict[int, str]) -> set[int]:
    """The named cotangents below the formulas of `shown`."""
    if not shown:
        return set()
    below = set(reachable(shown[0].scene.graph, [d.node for d in shown]))
    return below & set(deltas)


def _equations(
    scene: Scene, node: int, name: str, script: Script, form: Form, notation: Notation
) -> Iterator[Equation]:
    dialect = dialect_of(script, notation)
    spelled = scene.spellings.get(node) or spelling(name)
    shape = scene.shape_text(node, script, notation)
    matrix = None if form is Form.ENTRIES else scene.matrix_text(node, script, notation)
    if matrix is not None:
        yield Equation(dialect.name(spelled), matrix, shape)
    member = scene.member_text(node, script, notation) if form is not Form.ENTRIES else None
    if member is not None:
        numbers = MEMBER_LETTERS[: len(scene.graph.shape(node)) - 2]
        yield Equation(dialect.name(spelled, numbers), member, shape)
    if (matrix is None and member is None) or form is Form.BOTH:
        rank = len(scene.graph.shape(node))
        entry = scene.entry_text(node, [Part(node, rank)], script, notation)
        yield Equation(dialect.name(spelled, entry.indices[0]), entry.body, shape)


def _recursion(scene: Scene, loop: int, script: Script, notation: Notation) -> Iterator[Equation]:
    """The equations of a recurrence: what its values are at step t, and what it starts from."""
    shapes = scene.recurrences[loop].shapes
    for line in scene.recurrences[loop].lines:
        if line.name in scene.spellings:
            yield Equation(*scene.step_line(line, script, notation, shapes))
    for start in scene.recurrences[loop].starts:
        parts: Sequence[Formula] = (start.left,)
        if start.formula == ZERO:
            own = {line.name for line in scene.recurrences[loop].lines}
            parts = [x for x in names_in(start.left) if isinstance(x, Ref) and x.source in own]
        left = " = ".join(scene.formula_text(part, script, notation) for part in parts)
        yield Equation(left, scene.formula_text(start.formula, script, notation), "")


def _table(equations: Sequence[Equation]) -> str:
    """Equations with their shapes in a column at the right, where that fits 80 characters."""
    lines = [f"  {e.left} = {e.right}" for e in equations]
    width = max((len(line) for line in lines if len(line) <= 66), default=0)
    return "\n".join(
        f"{line:<{width}}   {e.shape}".rstrip() for line, e in zip(lines, equations, strict=True)
    )
