"""A graph as text, one line for each node: for messages, tests and the curious.

%0       (h, n)   = parameter W
%1       (n)      = input x
%2[i]    (h)      = sum_k %0[i, k]*%1[k]
%3[2i+k] (n)     += %2[i]   for i < h, k < 3   where i - k >= 0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sympy import Expr, Symbol

from symbackprop.ir.canonical import determined_axes
from symbackprop.ir.graph import Graph
from symbackprop.ir.nodes import (
    Comp,
    Final,
    Hist,
    Loop,
    Node,
    Opaque,
    Operand,
    Prim,
    Read,
    Reduction,
    Var,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import Constraint, Index, Size

_LETTERS = "ijklmnopqrstuvwabcdefgh"


def dump(graph: Graph, ids: Iterable[int] | None = None) -> str:
    """The nodes `ids` (default: all), a line each; the body of a loop follows it, indented."""
    chosen = range(len(graph)) if ids is None else ids
    return "\n".join(line for node_id in chosen for line in _lines(graph, node_id))


def dump_node(graph: Graph, node_id: int) -> str:
    """One node on one line, with the names of the variables it reads."""
    return describe(graph[node_id], f"%{node_id}", graph.shape(node_id), graph)


def _lines(graph: Graph, node_id: int) -> Iterator[str]:
    pending = [(graph, node_id, 0)]
    while pending:
        here, current, depth = pending.pop()
        node = here[current]
        yield "  " * depth + dump_node(here, current)
        if isinstance(node, Loop) and isinstance(node.body, Graph):
            pending.extend((node.body, n, depth + 1) for n in reversed(range(len(node.body))))


def describe(node: Node, name: str, shape: tuple[Size, ...], graph: Graph | None = None) -> str:
    """`node` as ``name (shape) = law``; its operands carry their names where `graph` is given."""
    match node:
        case Var():
            kind = "" if node.kind.value == "real" else f" of {node.kind.value}"
            return f"{name} {sizes_text(shape)} = {node.role.value} {node.name}{kind}"
        case Comp():
            return _comp_text(node, name, graph)
        case Opaque():
            args = ", ".join(source_name(a, graph) for a in node.args)
            primes = "" if not any(node.orders) else f"^{sizes_text(node.orders)}"
            return f"{name} {sizes_text(shape)} = {node.name}{primes}({args})"
        case Prim():
            args = ", ".join(source_name(a, graph) for a in node.args)
            return f"{name} {sizes_text(shape)} = {node.op.value}({args})"
        case Loop():
            return f"{name} = {_loop_text(node, graph)}"
        case Hist():
            return f"{name} {sizes_text(shape)} = history of body %{node.value} in %{node.loop}"
        case Final():
            return f"{name} {sizes_text(shape)} = carry {node.carry} of %{node.loop} at the end"


def _loop_text(node: Loop, graph: Graph | None) -> str:
    carries = [f"body %{c.var} from {source_name(c.init, graph)} to %{c.out}" for c in node.carries]
    feeds = [f"body %{f.var} = {source_name(f.outer, graph)}[t]" for f in node.stacked]
    feeds += [f"body %{f.var} = {source_name(f.outer, graph)}" for f in node.constants]
    falling = " falling" if node.reverse else ""
    return f"loop t < {node.length}{falling}: " + "; ".join(carries + feeds)


def sizes_text(shape: Iterable[object]) -> str:
    """A shape in the way Python writes it, without the comma of one entry."""
    return "(" + ", ".join(str(size) for size in shape) + ")"


def source_name(source: int, graph: Graph | None) -> str:
    """``%3``, or ``%3:W`` for a variable W."""
    if graph is not None and 0 <= source < len(graph):
        node = graph[source]
        if isinstance(node, Var):
            return f"%{source}:{node.name}"
    return f"%{source}"


def axis_names(node: Comp) -> tuple[str, ...]:
    """A letter for each axis that is no name of a size in the node."""
    sizes = (*node.axes, *node.shape, *(t.const for t in node.write))
    taken = {str(symbol) for size in sizes for symbol in size.free_symbols}
    free = [letter for letter in _LETTERS if letter not in taken]
    free += [f"i{n}" for n in range(len(node.axes))]
    return tuple(free[: len(node.axes)])


def index_text(term: Index, names: tuple[str, ...], graph: Graph | None = None) -> str:
    """An index term with its axes by name: ``2*i + k - 1``."""
    pieces: list[str] = []
    for atom, c in term.terms:
        if isinstance(atom, int):
            text = names[atom] if 0 <= atom < len(names) else f"axis{atom}"
        else:
            inner = ", ".join(index_text(t, names, graph) for t in atom.index)
            text = f"{source_name(atom.source, graph)}[{inner}]"
        pieces.append(_scaled_text(c, text))
    if term.const != 0 or not pieces:
        pieces.append(str(term.const))
    return " + ".join(pieces).replace("+ -", "- ")


def _scaled_text(c: Expr, text: str) -> str:
    if c == 1:
        return text
    if c == -1:
        return f"-{text}"
    return f"({c})*{text}" if c.is_Add else f"{c}*{text}"


def constraint_text(
    constraint: Constraint, names: tuple[str, ...], graph: Graph | None = None
) -> str:
    """``i - k >= 0`` or ``i - k = 0``."""
    sign = "=" if constraint.equality else ">="
    return f"{index_text(constraint.term, names, graph)} {sign} 0"


def operand_text(operand: Operand, names: tuple[str, ...], graph: Graph | None = None) -> str:
    """``%3[i, k]``, or the index term of a position."""
    if isinstance(operand, Read):
        inner = ", ".join(index_text(t, names, graph) for t in operand.index)
        name = source_name(operand.source, graph)
        return f"{name}[{inner}]" if operand.index else name
    return f"({index_text(operand.index, names, graph)})"


def _comp_text(node: Comp, name: str, graph: Graph | None) -> str:
    names = axis_names(node)
    moves = {
        placeholder(k): Symbol(operand_text(r, names, graph)) for k, r in enumerate(node.reads)
    }
    body = str(node.body.xreplace(moves))
    written = ", ".join(index_text(t, names, graph) for t in node.write)
    target = f"{name}[{written}]" if written else name
    scattered = {a for t in node.write for a in t.axes()}
    loose = [names[a] for a in range(len(node.axes)) if a not in scattered]
    sign = "="
    if node.reduction is not Reduction.NONE:
        if scattered - _determined(node) or not loose:
            sign = "+=" if node.reduction is Reduction.SUM else f"{node.reduction.value}="
        else:
            body = f"{node.reduction.value}_{{{', '.join(loose)}}} {body}"
    text = f"{target} {sizes_text(node.shape)} {sign} {body}"
    if node.axes:
        text += "   for " + ", ".join(
            f"{n} < {size}" for n, size in zip(names, node.axes, strict=True)
        )
    if node.domain:
        text += "   where " + ", ".join(constraint_text(c, names, graph) for c in node.domain)
    return text


def _determined(node: Comp) -> frozenset[int]:
    known = all(0 <= a < len(node.axes) for t in node.write for a in t.axes())
    return determined_axes(node.write, node.axes) if known else frozenset()
