"""Generate a NumPy module: lower, write statements, lay out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symbackprop import rendering
from symbackprop._version import __version__
from symbackprop.codegen import face
from symbackprop.codegen.derive import derived_of, refuse_unknown_functions, stabilised
from symbackprop.codegen.extras import Extra, Straight
from symbackprop.codegen.fast import Step
from symbackprop.codegen.frame import Workspace, workspace_of
from symbackprop.codegen.names import Namer
from symbackprop.codegen.options import Options
from symbackprop.codegen.pure import PureFunctions
from symbackprop.codegen.records import Entry, Function, Table
from symbackprop.codegen.second import hessian_functions, hvp_function, jvp_function
from symbackprop.codegen.selfcheck import self_check
from symbackprop.codegen.training import Prediction, Training, inputs_needed, prediction, training
from symbackprop.errors import UnsupportedError
from symbackprop.ir.problem import Problem
from symbackprop.scalars.numpy_helpers import helper_sources
from symbackprop.scalars.numpy_tree import Ufunc
from symbackprop.sizes import Size
from symbackprop.sizes.symbols import size_symbols


@dataclass(frozen=True, slots=True)
class Init:
    """The body of `init_params`."""

    lines: tuple[str, ...]
    normal: bool


@dataclass(frozen=True, slots=True)
class Range:
    """An integer input and the size its entries stay below."""

    name: str
    size: str


@dataclass(frozen=True, slots=True)
class Module:
    """Everything the template lays out."""

    title: str
    version: str
    command: str
    doc: tuple[str, ...]
    imports: tuple[str, ...]
    dtype: str
    tables: tuple[Table, ...]
    init: Init
    forward: Function
    backward: Function
    workspace: Workspace | None
    extras: tuple[Extra, ...]
    helpers: tuple[str, ...]
    ranges: tuple[Range, ...]
    dependent: tuple[face.Derivation, ...]
    training: Training | None
    positive: tuple[str, ...]
    windows: bool
    quiet: bool
    directions: bool


def generate(problem: Problem, options: Options) -> str:
    """The source of a NumPy module, which has been run beside the interpreter.

    Raises
    ------
    UnsupportedError
        Where a part of the network has no code yet.
    """
    generator = _Generator(problem, options)
    source = rendering.render("module.py.j2", module=generator.module())
    self_check(source, problem, generator.plain)
    return source


class _Generator:
    """One module under construction."""

    def __init__(self, problem: Problem, options: Options) -> None:
        refuse_unknown_functions(problem.graph, problem.outputs.values())
        self.problem = problem
        self.plain = derived_of(problem)
        self.derived = stabilised(self.plain)
        self.options = options
        self.graph = problem.graph
        shapes = [*self.shapes(problem.parameters), *self.shapes(problem.inputs)]
        self.shape_list = shapes
        symbols = face.check_sizes_known(shapes)
        self.namer = Namer()
        self.size_names = {symbol: self.namer.name(symbol) for symbol in symbols}

    def shapes(self, named: dict[str, int]) -> list[tuple[Size, ...]]:
        """The shapes of named nodes."""
        return [self.graph.shape(i) for i in named.values()]

    def module(self) -> Module:
        """All records."""
        if self.options.train and self.problem.loss is None:
            raise UnsupportedError(
                "a training loop needs a scalar loss", help='give it as outputs={"loss": ...}'
            )
        pure = PureFunctions(
            self.problem, self.derived, self.options.dtype, self.namer, self.size_names
        )
        forward, backward, used = pure.functions()
        problem, options = self.problem, self.options
        workspace = self.workspace()
        predicted = prediction(problem) if options.train else None
        extras = tuple(self.extras(predicted))
        for extra in extras:
            used += extra.functions
        trained = training(problem, predicted, options.title) if options.train else None
        used += workspace.functions if workspace else ()
        written = [*forward.lines, *backward.lines, *(x for e in extras for x in e.lines)]
        written += [*workspace.init, *workspace.lines] if workspace else []
        ranges = face.index_ranges(problem)
        return Module(
            title=f"{options.title}: values and gradients in NumPy.",
            version=__version__,
            command=options.command,
            doc=("", *options.formulas) if options.formulas else (),
            imports=self.imports(),
            dtype=options.dtype.value,
            tables=self.tables(),
            init=self.init(),
            forward=forward,
            backward=backward,
            workspace=workspace,
            extras=extras,
            helpers=tuple(h.source.rstrip("\n") for h in helper_sources(used)),
            ranges=tuple(Range(name, face.shape_entry(size)) for name, size in ranges),
            dependent=tuple(
                face.dependent_sizes([*self.shape_list, *((size,) for _, size in ranges)])
            ),
            training=trained,
            directions=options.jvp or options.hvp or options.hessian,
            positive=tuple(pure.sizes_above_zero()),
            windows=any("sliding_window_view(" in line for line in written),
            quiet=Ufunc.WHERE in used,
        )

    def tables(self) -> tuple[Table, ...]:
        """The four tables of the face."""
        shape = self.graph.shape
        kinds = [
            (f'"{name}"', f'"{self.graph.kind(i).value}"')
            for name, i in self.problem.inputs.items()
        ]
        tables = [
            ("PARAMETERS", face.table({n: shape(i) for n, i in self.problem.parameters.items()})),
            ("INPUTS", face.table({n: shape(i) for n, i in self.problem.inputs.items()})),
            ("OUTPUTS", face.table({n: shape(i) for n, i in self.problem.outputs.items()})),
            ("INPUT_KINDS", kinds),
        ]
        return tuple(Table(name, tuple(Entry(*e) for e in entries)) for name, entries in tables)

    def init(self) -> Init:
        """The body of `init_params`."""
        entries = face.initial_values(self.problem, self.derived)
        text = " ".join(value for _, value in entries)
        sizes: dict[str, None] = {}
        for i in self.problem.parameters.values():
            for size in self.graph.shape(i):
                sizes.update({s.name: None for s in size_symbols(size)})
        lines = [f'{name} = sizes["{name}"]' for name in sizes]
        lines.append("return {")
        lines.extend(f'    "{name}": {value},' for name, value in entries)
        lines.append("}")
        return Init(tuple(lines), "_normal(" in text)

    def workspace(self) -> Workspace | None:
        """The step over preallocated arrays, where there is a scalar loss."""
        loss = self.problem.loss
        if loss is None or self.graph.shape(loss):
            return None
        options, names = self.options, self.size_names
        return workspace_of(Step(self.problem, self.derived, options.dtype, self.namer, names))

    def imports(self) -> tuple[str, ...]:
        """The import lines."""
        return ("import argparse", "import sys", "") if self.options.train else ()

    def extras(self, predicted: Prediction | None) -> list[Extra]:
        """The functions asked for beside the two passes."""
        options, made = self.options, [self.predict(predicted)] if predicted else []
        if options.jvp:
            made.append(jvp_function(self.problem, self.straight()))
        if options.hvp:
            made.append(hvp_function(self.problem, self.straight()))
        if options.hessian:
            made.extend(hessian_functions(self.problem, self.straight()))
        return made

    def straight(self, fetch: Callable[[str], str] = str) -> Straight:
        """A way to write a function of its own."""
        namer, sizes = self.namer, self.size_names
        return Straight(self.graph, self.derived.names, namer, sizes, self.options.dtype, fetch)

    def predict(self, predicted: Prediction) -> Extra:
        """The function that computes what is predicted."""
        names = inputs_needed(self.problem, predicted.node)

        def fetch(name: str) -> str:
            return f'{"inputs" if name in names else "params"}["{name}"]'

        lines, (result,), used = self.straight(fetch).lines([predicted.node])
        told = self.derived.names.get(predicted.node, "the prediction")
        return Extra(
            "predict(params, inputs)",
            f"Compute {told}, which is compared with {predicted.target}; of the inputs it needs "
            f"{', '.join(names)}.",
            (),
            (*lines, f"return {result}"),
            tuple(used),
        )
