"""What a computation is.

Nodes, the graph that holds them, and the join of a producer with its consumer.

May import `errors`, `sizes` and `scalars`.
"""

from symbackprop.ir.canonical import (
    Draft,
    canonical,
    determined_axes,
    fully_written,
    product,
    renumbered,
    used_placeholders,
)
from symbackprop.ir.graph import (
    DEFAULT_POLICY,
    Graph,
    consumers,
    is_reindex,
    operands,
    reachable,
    substituted,
    with_operands,
)
from symbackprop.ir.join import Joined, join
from symbackprop.ir.naming import is_second, with_number
from symbackprop.ir.nodes import (
    Carry,
    Comp,
    Fact,
    FactKind,
    Feed,
    Final,
    Hist,
    Kind,
    Loop,
    Node,
    Opaque,
    Operand,
    Policy,
    Position,
    Prim,
    PrimOp,
    Read,
    Reduction,
    Role,
    Ties,
    Var,
)
from symbackprop.ir.problem import Alias, Problem, Tag

__all__ = [
    "DEFAULT_POLICY",
    "Alias",
    "Carry",
    "Comp",
    "Draft",
    "Fact",
    "FactKind",
    "Feed",
    "Final",
    "Graph",
    "Hist",
    "Joined",
    "Kind",
    "Loop",
    "Node",
    "Opaque",
    "Operand",
    "Policy",
    "Position",
    "Prim",
    "PrimOp",
    "Problem",
    "Read",
    "Reduction",
    "Role",
    "Tag",
    "Ties",
    "Var",
    "canonical",
    "consumers",
    "determined_axes",
    "fully_written",
    "is_reindex",
    "is_second",
    "join",
    "operands",
    "product",
    "reachable",
    "renumbered",
    "substituted",
    "used_placeholders",
    "with_number",
    "with_operands",
]
