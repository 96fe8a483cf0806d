"""What is asked of the generator, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from symbackprop.ir import Graph


class DType(Enum):
    """The floating-point type of a module."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def exponent_cap(self) -> float:
        """A whole number x whose exponential is finite."""
        return 88.0 if self is DType.FLOAT32 else 709.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the module is to hold.

    Parameters
    ----------
    dtype : DType
    train : bool
        Training loop and command line in the same file.
    jvp, hvp, hessian : bool
        The functions of these names.
    title : str
        What the module computes, for its docstring.
    command : str
        The command that makes the module again.
    formulas : tuple of str
        Lines for the docstring: the gradients as text.
    """

    dtype: DType = DType.FLOAT64
    train: bool = False
    jvp: bool = False
    hvp: bool = False
    hessian: bool = False
    title: str = "a network"
    command: str = "symbackprop generate"
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """What has been derived of a problem, in the problem's own graph.

    Parameters
    ----------
    graph : Graph
    outputs : output name -> node
    pullbacks : parameter or real input name -> VJP with the variables of `cotangents`
    cotangents : output name -> its cotangent, a variable
    names : node -> name, for forward values and deltas
    """

    graph: Graph
    outputs: Mapping[str, int]
    pullbacks: Mapping[str, int]
    cotangents: Mapping[str, int]
    names: Mapping[int, str] = field(default_factory=dict)
