"""A derivative as mathematics: in matrix form, entry by entry, and as an array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from symbackprop.interpret import evaluate
from symbackprop.ir import Problem
from symbackprop.network.choices import choice
from symbackprop.network.scene import Entries, Part, Scene, Script, dialect_of
from symbackprop.printing.dialect import Dialect
from symbackprop.printing.names import Spelling, spelling
from symbackprop.printing.notation import Layout, Notation
from symbackprop.sizes import Size


@dataclass(frozen=True, slots=True)
class Derivative:
    """The derivative of one value of a network by another.

    Of a scalar it is a gradient, of the shape of the variable. Else it is a Jacobian: the axes of
    what is derived, then those of the variable.

    Attributes
    ----------
    of, wrt : names of what is derived, and of the variable
    node : id of the derivative in the network's graph
    """

    of: str
    wrt: str
    node: int
    problem: Problem
    scene: Scene
    notation: Notation
    elementwise: bool = False
    second: bool = False

    @property
    def shape(self) -> tuple[Size, ...]:
        """The shape, of symbols and integers."""
        return self.scene.graph.shape(self.node)

    def text(self, *, layout: object = None, ascii: bool = False) -> str:
        """The derivative and its formula as plain text: ``∂L/∂W1 = Xᵀ dZ1``."""
        return self._line(Script.ASCII if ascii else Script.TEXT, self._styled(layout))

    def latex(self, *, layout: object = None) -> str:
        r"""The derivative and its formula as LaTeX: ``\frac{\partial L}{\partial W_1} = ...``."""
        return self._line(Script.LATEX, self._styled(layout))

    def entry_text(self, *, ascii: bool = False) -> str:
        """The derivative by one entry, as plain text: ``∂L/∂W1_ij = Σ_{k=1..m} X_ki dZ1_kj``."""
        return self.entry_line(Script.ASCII if ascii else Script.TEXT, self.notation)

    def entry_latex(self) -> str:
        """The derivative by one entry, as LaTeX."""
        return self.entry_line(Script.LATEX, self.notation)

    def evaluate(self, values: Mapping[str, object], sizes: Mapping[str, int] | None = None) -> Any:
        """The array of the derivative, computed by the interpreter in float64.

        Parameters
        ----------
        values : an array for every parameter and input, by name
        sizes : values of size symbols that are no axis of any of them

        Raises
        ------
        UnknownNameError, ShapeError
            When a value is missing or does not fit.
        """
        return evaluate(self.scene.graph, [self.node], values, sizes)[self.node]

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        return self.text()

    # used by the documents and the command line

    def matrix(self, script: Script, notation: Notation) -> str | None:
        """The formula alone in matrix form, or None."""
        if self.elementwise:
            return None
        if not self.is_gradient:
            notation = replace(notation, layout=Layout.DENOMINATOR)
        return self.scene.matrix_text(self.node, script, notation, not self.is_own)

    def entry(self, script: Script, notation: Notation) -> Entries:
        """The formula alone of one entry."""
        named = self.problem.named()
        shape = self.scene.graph.shape
        parts = [Part(named[n], len(shape(named[n]))) for n in (self.of, self.wrt)]
        return self.scene.entry_text(self.node, parts, script, notation, not self.is_own)

    @property
    def is_own(self) -> bool:
        """Whether a name of the node, if it has one, is this derivative's: dz for the one by z."""
        return self.scene.cotangents.get(self.node) == self.wrt

    @property
    def is_gradient(self) -> bool:
        """Whether what is derived is a scalar, and only once."""
        if self.second:
            return False
        outputs = self.problem.outputs
        of = outputs[self.of] if self.of in outputs else self.problem.named()[self.of]
        return not self.scene.graph.shape(of)

    def _styled(self, layout: object) -> Notation:
        if layout is None:
            return self.notation
        return replace(self.notation, layout=choice(Layout, layout))

    def _line(self, script: Script, notation: Notation) -> str:
        formula = self.matrix(script, notation)
        if formula is None:
            return self.entry_line(script, notation)
        return f"{self.left(script, notation)} = {formula}"

    def entry_line(self, script: Script, notation: Notation) -> str:
        """The equation of one entry."""
        found = self.entry(script, notation)
        return f"{self.left(script, notation, found.indices)} = {found.body}"

    def left(self, script: Script, notation: Notation, indices: tuple[str, ...] = ("", "")) -> str:
        """The derivative as it is called, or its entry at `indices`."""
        dialect = dialect_of(script, notation)
        of, wrt = self._spelling(self.of), self._spelling(self.wrt)
        if self.second:
            return self._second_left(dialect, dialect.name(of, indices[0]), wrt, indices[1])
        if self.is_gradient:
            return dialect.gradient(dialect.name(of), wrt, indices[1])
        return dialect.jacobian(dialect.name(of, indices[0]), dialect.name(wrt, indices[1]))

    def _second_left(self, dialect: Dialect, row: str, column: Spelling, index: str) -> str:
        loss, by = dialect.name(self._spelling("loss")), dialect.name(column, index)
        if dialect.is_latex:
            return rf"\frac{{\partial^2 {loss}}}{{\partial {row} \, \partial {by}}}"
        sign = dialect.jacobian("", "").split("/")[0]
        return f"{dialect.power(sign, '2')}{loss}/{sign}{row} {sign}{by}"

    def _spelling(self, name: str) -> Spelling:
        return spelling(name, self.problem.spellings.get(name))
