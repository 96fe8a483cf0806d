"""`Network`: a loss or outputs, and everything that can be asked of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from symbackprop.calculus import jacobian
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import DType, Options
from symbackprop.errors import (
    InvalidExpressionError,
    ShapeError,
    SymbackpropWarning,
    UnknownNameError,
)
from symbackprop.files import write_text
from symbackprop.frontend import build
from symbackprop.frontend.record import Record
from symbackprop.interpret import evaluate
from symbackprop.ir import Kind, Problem, Ties
from symbackprop.network.checks import Verification, verify
from symbackprop.network.choices import choice
from symbackprop.network.derivative import Derivative
from symbackprop.network.document import Document
from symbackprop.network.kinks import refuse_unnamed
from symbackprop.network.scene import Scene, further
from symbackprop.network.steps import Steps
from symbackprop.printing.notation import DEFAULT_NOTATION, Notation
from symbackprop.scalars import KinkPolicy
from symbackprop.simplify import Derived, derive
from symbackprop.sizes import Size

LOSS = "loss"


class Network:
    """A network: what is computed, from which parameters and inputs.

    Parameters
    ----------
    loss : Tensor of shape () or SymPy expression, optional
        What gradients are taken of.
    outputs : mapping of name to Tensor or SymPy expression, optional
        Other results.
    values : mapping of name to Tensor or SymPy expression, optional
        Forward values that keep a name, beside those named by `Tensor.named`.
    inputs : iterable of symbols, names or tensors, optional
        What is no parameter in SymPy expressions.
    parameters : iterable of Tensor, optional
        Parameters that belong to the network whether or not a result depends on them; the others
        are found by themselves.
    kink : {"0", "1", "1/2"} or KinkPolicy
        The slope of relu and its kin where they have none.
    ties : {"first", "share", "all"} or Ties
        Which of several equal maxima get the gradient.
    latex : mapping of name to str, optional
        How names are spelled.
    notation : Notation, optional
        The habits of who reads the formulas.

    Raises
    ------
    ShapeError
        When the loss is no scalar.
    InvalidExpressionError
        When neither loss nor outputs are given, or names clash.

    Examples
    --------
    >>> import symbackprop as sb
    >>> n, k = sb.dims("n k")
    >>> W, x, y = sb.param("W", k, n), sb.input("x", n), sb.input("y", k)
    >>> net = sb.Network(loss=sb.squared_error(W @ x, y))
    >>> net.gradient("W").shape
    (k, n)
    """

    def __init__(
        self,
        loss: Any = None,
        outputs: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        inputs: Iterable[Any] = (),
        parameters: Iterable[Record] = (),
        kink: KinkPolicy | str | float = KinkPolicy.ZERO,
        ties: Ties | str = Ties.FIRST,
        latex: Mapping[str, str] | None = None,
        notation: Notation = DEFAULT_NOTATION,
    ) -> None:
        problem = build(
            loss,
            outputs,
            values,
            inputs=inputs,
            parameters=parameters,
            kink=choice(KinkPolicy, kink),
            ties=choice(Ties, ties),
            latex=latex,
        )
        self._wrap(problem, notation)

    @classmethod
    def from_problem(cls, problem: Problem, notation: Notation = DEFAULT_NOTATION) -> Network:
        """The network of a problem that a front end has made."""
        made = cls.__new__(cls)
        made._wrap(problem, notation)
        return made

    def _wrap(self, problem: Problem, notation: Notation) -> None:
        self.problem = problem
        self.notation = notation
        self.title = "a network"
        self._scenes: dict[tuple[str, ...], tuple[Derived, Scene]] = {}
        self._jacobians: dict[tuple[str, str], tuple[int, Scene]] = {}
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        def listed(names: Iterable[str]) -> str:
            return ", ".join(names) or "none"

        problem = self.problem
        return (
            f"Network(parameters: {listed(problem.parameters)}; inputs: {listed(problem.inputs)}; "
            f"outputs: {listed(problem.outputs)})"
        )

    @property
    def parameters(self) -> dict[str, tuple[Size, ...]]:
        """The shape of each parameter."""
        return {n: self.problem.graph.shape(i) for n, i in self.problem.parameters.items()}

    @property
    def inputs(self) -> dict[str, tuple[Size, ...]]:
        """The shape of each input."""
        return {n: self.problem.graph.shape(i) for n, i in self.problem.inputs.items()}

    @property
    def outputs(self) -> dict[str, tuple[Size, ...]]:
        """The shape of each output."""
        return {n: self.problem.graph.shape(i) for n, i in self.problem.outputs.items()}

    def evaluate(
        self, values: Mapping[str, object], *names: str, sizes: Mapping[str, int] | None = None
    ) -> dict[str, Any]:
        """The arrays of the outputs, or of the named values, computed in float64.

        Raises
        ------
        UnknownNameError, ShapeError
            When a name is unknown, or a value is missing or does not fit.
        """
        ids = {n: self._id(n) for n in names} or dict(self.problem.outputs)
        found = evaluate(self.problem.graph, ids.values(), values, sizes)
        return {name: found[i] for name, i in ids.items()}

    def gradient(self, wrt: str) -> Derivative:
        """The gradient of the loss by a parameter, an input or a named value.

        Raises
        ------
        UnknownNameError
            When there is no such name.
        ShapeError
            When the network has no scalar loss.
        """
        self._real(wrt)
        if LOSS not in self.problem.outputs:
            raise ShapeError(
                "a gradient needs a scalar loss, and this network has none",
                help='give Network(loss=L), or ask for net.jacobian("y", "W")',
            )
        derived, scene = self._derived(wrt)
        if wrt in derived.independent:
            self._warn(wrt)
        node = derived.gradients[wrt] if wrt in derived.gradients else derived.deltas[wrt]
        return Derivative(LOSS, wrt, node, self.problem, scene, self.notation)

    def gradients(self) -> dict[str, Derivative]:
        """The gradient of the loss by each parameter."""
        return {name: self.gradient(name) for name in self.problem.parameters}

    def jacobian(self, of: str, wrt: str) -> Derivative:
        """The derivative of a named value by another, with the axes of both.

        Raises
        ------
        UnknownNameError
            When there is no such name.
        """
        if of == LOSS or self._real(of) == self.problem.loss:
            return self.gradient(wrt)
        derived, scene = self._jacobian(of, wrt)
        return Derivative(of, wrt, derived, self.problem, scene, self.notation)

    def partial(self, wrt: str, of: str = LOSS) -> Derivative:
        """The derivative by one entry: shows itself in index form.

        Raises
        ------
        UnknownNameError
            When there is no such name.
        """
        found = self.jacobian(of, wrt)
        return Derivative(
            found.of, wrt, found.node, self.problem, found.scene, self.notation, elementwise=True
        )

    def hessian(self, row: str, column: str | None = None) -> Derivative:
        """The second derivative of the loss by two values, with the axes of both.

        Parameters
        ----------
        row, column : names; one name stands for both

        Raises
        ------
        UnknownNameError
            When there is no such name.
        ShapeError
            When the network has no scalar loss.
        """
        other = row if column is None else column
        key = (f"{LOSS} {row}", other)
        if key not in self._jacobians:
            first, by = self.gradient(row).node, self._real(other)
            raw = jacobian(self.problem.graph, first, [by])[by]
            self._jacobians[key] = further(self.problem, raw)
        node, scene = self._jacobians[key]
        return Derivative(row, other, node, self.problem, scene, self.notation, second=True)

    def derivation(
        self,
        of: str | None = None,
        wrt: Iterable[str] | None = None,
        notation: Notation | None = None,
        order: int = 1,
    ) -> Document:
        """All formulas in order: forward values, named cotangents, gradients.

        Parameters
        ----------
        of : str, optional
            What is derived; default: the loss. Another value gives Jacobians.
        wrt : iterable of str, optional
            By what; default: every parameter.
        order : {1, 2}
            Of order 2: the Hessian of the loss by each, and by it again.

        Raises
        ------
        UnknownNameError
            When there is no such name.
        """
        wanted = list(self.problem.parameters) if wrt is None else list(wrt)
        if order == 2:
            return Document(self, [self.hessian(name) for name in wanted], notation=notation)
        if of is None and self.problem.loss is None:
            return Document(self, [], notation=notation)
        found = [self.jacobian(of or LOSS, name) for name in wanted]
        return Document(self, found, notation=notation)

    def steps(self, *wrt: str) -> Steps:
        """How the gradients by `wrt` (default: all parameters) are found, a reason at each step."""
        for name in wrt:
            self.gradient(name)
        return Steps(self._derived()[0], wrt, self.notation)

    def forward(self) -> Document:
        """The formulas of the forward values."""
        return Document(self, [])

    # what leaves the tool

    def generate(
        self,
        path: str | None = None,
        *,
        dtype: DType | str = DType.FLOAT64,
        train: bool = False,
        jvp: bool = False,
        hvp: bool = False,
        hessian: bool = False,
        title: str | None = None,
        command: str = "symbackprop generate",
    ) -> str:
        """The source of a module that computes values and gradients with NumPy alone.

        Parameters
        ----------
        path : str, optional
            Where to write it as well.
        dtype : {"float32", "float64"} or DType
        train : bool
            Whether a training loop and a command line are in the same file.
        jvp, hvp, hessian : bool
            Whether the functions of these names are there.

        Raises
        ------
        UnsupportedError
            Where a part of the network has no code yet.
        OutputError
            When the place cannot be written.
        """
        refuse_unnamed(self.problem)
        options = Options(
            dtype=choice(DType, dtype),
            train=train,
            jvp=jvp,
            hvp=hvp,
            hessian=hessian,
            title=title or self.title,
            command=command,
        )
        source = generate(self.problem, options)
        if path is not None:
            write_text(path, source)
        return source

    def verify(self, *, module: bool = True, differences: bool = True) -> Verification:
        """Compare forward values, gradients and code with the interpreter and with differences.

        Parameters
        ----------
        module : bool
            Whether the generated module is checked too.
        differences : bool
            Whether gradients are compared with central differences in 50 digits.
        """
        return verify(self, module=module, differences=differences)

    def derived(self) -> Derived:
        """The derivation of the loss that formulas are printed from."""
        return self._derived()[0]

    def forget(self) -> None:
        """Drop what has been derived: after a change of policy it is derived anew."""
        self._scenes.clear()
        self._jacobians.clear()

    # how it is found

    def _id(self, name: str) -> int:
        node = self.problem.find(name)
        if node is None:
            raise UnknownNameError("value", name, self.problem.named())
        return node

    def _real(self, name: str) -> int:
        node = self._id(name)
        if self.problem.graph.kind(node) is not Kind.REAL:
            kind = self.problem.graph.kind(node).value
            raise InvalidExpressionError(
                f'"{name}" holds {kind} values: nothing is derived by them',
                help="derive by a real parameter, input or value",
            )
        return node

    def _derived(self, wrt: str | None = None) -> tuple[Derived, Scene]:
        """The derivation that holds the gradient by `wrt`; the whole one where that does."""
        whole = self._derivation(())
        if wrt is None or wrt in whole[0].gradients or wrt in whole[0].deltas:
            return whole
        return self._derivation((wrt,))

    def _derivation(self, wrt: tuple[str, ...]) -> tuple[Derived, Scene]:
        if wrt not in self._scenes:
            problem = self.problem
            derived = derive(problem, wrt or None, general=False)
            names = {i: n for i, n in derived.names.items() if i != problem.loss}
            roots = [*problem.values.values(), *problem.outputs.values()]
            roots += [*derived.deltas.values(), *derived.gradients.values()]
            cotangents = {i: n for n, i in {**derived.gradients, **derived.deltas}.items()}
            said = (problem.spellings, problem.origins)
            scene = Scene(derived.graph, names, roots, *said, cotangents, derived.steps)
            self._scenes[wrt] = derived, scene
        return self._scenes[wrt]

    def _jacobian(self, of: str, wrt: str) -> tuple[int, Scene]:
        if (of, wrt) not in self._jacobians:
            raw = jacobian(self.problem.graph, self._real(of), [self._real(wrt)])
            self._jacobians[of, wrt] = further(self.problem, raw[self._real(wrt)])
        return self._jacobians[of, wrt]

    def _warn(self, name: str) -> None:
        if name in self._warned:
            return
        self._warned.add(name)
        warnings.warn(
            f'the loss does not depend on "{name}": its gradient is zero',
            SymbackpropWarning,
            stacklevel=3,
        )
