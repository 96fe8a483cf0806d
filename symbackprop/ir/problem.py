"""A problem: a graph, and what its nodes are called.

What front ends produce and everything else reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.ir.graph import Graph
from symbackprop.sizes import Size


@dataclass(frozen=True, slots=True)
class Tag:
    """A member of a family: the z of layer 3, the width of layer 2.

    `index` is the layer or step.
    """

    family: str
    index: int


@dataclass(frozen=True, slots=True)
class Alias:
    """Another view of a parameter: the same entries under another letter, with permuted axes.

    CSE 849's ``w_ij`` (from unit i to unit j) and ``W_k = [w_ij]^T`` are one parameter in two
    index orders.
    """

    of: str
    letter: str
    axes: tuple[int, ...]


@dataclass(slots=True)
class Problem:
    """What is to be differentiated.

    Attributes
    ----------
    parameters, inputs : name -> Var id, in order of declaration
    values : name -> id of a named forward value, in order of declaration (z1, a1, p, ...); a name
    is kept when formulas are printed and code is written, anonymous nodes are inlined
    outputs : name -> id;  the scalar loss, where there is one, is ``outputs["loss"]``
    spellings : name -> LaTeX, where it is not the default spelling of the name
    origins : name -> first index (0 or 1) of each of its axes, where it is not 1; for printing and
    judging
    tags : roles of nodes in families, several per node
    tagged_sizes : roles of sizes in families
    aliases : alias views of parameters
    blocks : id -> what composite made it ("softmax", "layer_norm"): its Jacobian is worth printing
    steps : id of a loop -> value of its body -> what it is called at one step
    """

    graph: Graph
    parameters: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    origins: dict[str, tuple[int, ...]] = field(default_factory=dict)
    tags: dict[Tag, int] = field(default_factory=dict)
    tagged_sizes: dict[Tag, Size] = field(default_factory=dict)
    aliases: list[Alias] = field(default_factory=list)
    blocks: dict[int, str] = field(default_factory=dict)
    steps: dict[int, dict[int, str]] = field(default_factory=dict)

    @property
    def loss(self) -> int | None:
        """The id of the scalar loss, or None."""
        return self.outputs.get("loss")

    def named(self) -> dict[str, int]:
        """Every name: parameters, inputs, values, outputs."""
        return {**self.parameters, **self.inputs, **self.values, **self.outputs}

    def find(self, name: str) -> int | None:
        """The id of what is called `name`, or None: what `named` has, without making it."""
        for named in (self.outputs, self.values, self.inputs, self.parameters):
            if name in named:
                return named[name]
        return None

    def names(self) -> dict[int, str]:
        """The name of each named node; the first declared where a node has several."""
        found: dict[int, str] = {}
        for name, node_id in self.named().items():
            found.setdefault(node_id, name)
        return found
