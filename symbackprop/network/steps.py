"""How gradients are found, step by step, and the formulas of a general layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symbackprop.derivation.families import Families, general_formulas
from symbackprop.derivation.general import general_lines, latex_lines, text_lines
from symbackprop.derivation.steps import Grain
from symbackprop.derivation.told import told, told_latex, told_text
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Problem, reachable
from symbackprop.printing import Dialect, Latex, Layout, Notation, Text
from symbackprop.simplify import Derived


class Steps:
    """The derivation of gradients, with the reason of each step.

    Parameters
    ----------
    derived : Derived
    wrt : by what; nothing stands for every parameter
    notation : Notation

    Raises
    ------
    UnsupportedError
        In numerator layout.
    """

    def __init__(self, derived: Derived, wrt: Sequence[str], notation: Notation) -> None:
        if notation.layout is Layout.NUMERATOR:
            raise UnsupportedError(
                "the steps of a derivation are written in denominator layout only",
                help="ask for the formulas alone, or for the steps in denominator layout",
            )
        self.derived = derived
        self.notation = notation
        self.wanted = _with_cotangents(derived, wrt or list(derived.problem.parameters))

    def text(self, *, ascii: bool = False) -> str:
        """The derivation as plain text."""
        dialect = Text(self.notation, ascii=ascii)
        return told_text(self.derived, dialect, Grain.FULL, self.wanted)

    def latex(self) -> str:
        """The derivation as LaTeX: an aligned display for each gradient."""
        return told_latex(self.derived, Latex(self.notation), Grain.FULL, self.wanted)

    def data(self) -> dict[str, Any]:
        """The derivation as data for JSON, version 1."""
        scripts: dict[str, Dialect] = {"text": Text(self.notation), "latex": Latex(self.notation)}
        found = {
            script: [
                {
                    "left": passage.left,
                    "steps": [{"formula": x.formula, "reason": x.why} for x in passage.lines],
                }
                for passage in told(self.derived, dialect, Grain.FULL, self.wanted)
            ]
            for script, dialect in scripts.items()
        }
        pairs = zip(found["text"], found["latex"], strict=True)
        return {"version": 1, "derivations": [{"text": t, "latex": x} for t, x in pairs]}

    def __str__(self) -> str:
        return self.text().rstrip("\n")

    def _repr_latex_(self) -> str:
        shown = self.latex().replace("align*", "aligned").strip().split("\n\n")
        return "\n\n".join(f"$${block}$$" for block in shown)


class GeneralLayer:
    """The formulas of a general layer l of a network of depth L.

    Parameters
    ----------
    build : the network as a function of its depth
    notation : Notation
    """

    def __init__(self, build: Callable[[int], Problem], notation: Notation) -> None:
        self.families: Families = general_formulas(build)
        self.notation = notation

    def text(self, *, ascii: bool = False) -> str:
        """A line for each formula, with the layers it holds for."""
        return "\n".join(text_lines(self.families, Text(self.notation, ascii=ascii))) + "\n"

    def latex(self) -> str:
        """The formulas as one aligned display."""
        return latex_lines(self.families, Latex(self.notation)) + "\n"

    def data(self) -> dict[str, Any]:
        """The formulas as data for JSON, version 1."""
        scripts: dict[str, Dialect] = {"text": Text(self.notation), "latex": Latex(self.notation)}
        found = {
            script: [
                {"left": x.left, "right": x.right, "layers": x.layers}
                for x in general_lines(self.families, dialect)
            ]
            for script, dialect in scripts.items()
        }
        pairs = zip(found["text"], found["latex"], strict=True)
        return {"version": 1, "formulas": [{"text": t, "latex": x} for t, x in pairs]}

    def __str__(self) -> str:
        return self.text().rstrip("\n")

    def _repr_latex_(self) -> str:
        return f"$${self.latex().strip().replace('align*', 'aligned')}$$"


def _with_cotangents(derived: Derived, wrt: Sequence[str]) -> frozenset[str]:
    """The names, and those of the values whose named cotangents their gradients read."""
    found = {**derived.deltas, **derived.gradients}
    below = set(reachable(derived.graph, [found[name] for name in wrt if name in found]))
    return frozenset([*wrt, *(name for name, i in derived.deltas.items() if i in below)])
