"""The parts of a module's face that are data.

Shapes, kinds, checks of arguments, first parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from symbackprop.codegen.bodies import size_tree
from symbackprop.codegen.options import Derived
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Comp, Graph, Kind, Loop, Read, Reduction, Var, consumers, reachable
from symbackprop.ir.nodes import FactKind
from symbackprop.ir.problem import Problem
from symbackprop.scalars import placeholder
from symbackprop.scalars.numpy_code import numpy_code
from symbackprop.sizes import Size
from symbackprop.sizes.symbols import size_symbols


def size_text(size: Size) -> str:
    """A size as Python text over its symbols."""
    return numpy_code(size_tree(size), ()).text


def shape_entry(size: Size) -> str:
    """A size in a table: an integer, or text."""
    return str(size) if size.is_Integer else f'"{size_text(size)}"'


def shape_text(shape: Iterable[Size]) -> str:
    """A shape in a table."""
    entries = [shape_entry(s) for s in shape]
    return f"({entries[0]},)" if len(entries) == 1 else f"({', '.join(entries)})"


def table(shapes: Mapping[str, tuple[Size, ...]]) -> list[tuple[str, str]]:
    """Names and shapes as text."""
    return [(f'"{name}"', shape_text(shape)) for name, shape in shapes.items()]


@dataclass(frozen=True, slots=True)
class Derivation:
    """A size that follows from others: its text, and a Python function of the sizes."""

    text: str
    code: str


def dependent_sizes(shapes: Iterable[tuple[Size, ...]]) -> list[Derivation]:
    """The sizes in shapes that are neither integers nor symbols."""
    found: dict[str, str] = {}
    for shape in shapes:
        for size in shape:
            if not (size.is_Integer or size.is_Symbol):
                code = numpy_code(size_tree(size), (), lambda name: f's["{name}"]').text
                found[size_text(size)] = code
    return [Derivation(text, code) for text, code in found.items()]


def check_sizes_known(shapes: Iterable[tuple[Size, ...]]) -> list[str]:
    """The size symbols, in order; each must be an axis of some argument by itself.

    Raises
    ------
    UnsupportedError
        Where one occurs only inside sizes such as ``2*M``.
    """
    listed = list(shapes)
    alone = dict.fromkeys(s.name for shape in listed for s in shape if s.is_Symbol)
    for shape in listed:
        for size in shape:
            for symbol in size_symbols(size):
                if symbol.name not in alone:
                    raise UnsupportedError(
                        f"size {symbol} occurs only inside {size}",
                        help=f"use {symbol} as the length of some axis",
                    )
    return list(alone)


def index_ranges(problem: Problem) -> list[tuple[str, Size]]:
    """Integer inputs with a declared range, and the size they must stay below."""
    found: list[tuple[str, Size]] = []
    for name, i in problem.inputs.items():
        node = problem.graph[i]
        if isinstance(node, Var) and node.kind is Kind.INT:
            for fact in node.facts:
                if fact.kind is FactKind.BELOW and fact.size is not None:
                    found.append((name, fact.size))
    return found


def initial_values(problem: Problem, derived: Derived) -> list[tuple[str, str]]:
    """Each parameter and the expression that draws it.

    A parameter that is contracted is normal with variance 1/(number of summed terms), one that is
    looked up is normal, one that is added starts at 0, every other at 1.
    """
    graph = problem.graph
    readers = consumers(graph, reachable(graph, derived.outputs.values()))
    entries: list[tuple[str, str]] = []
    for name, i in problem.parameters.items():
        shape = graph.shape(i)
        text = numpy_shape(shape)
        fan_in = None
        added = False
        for where, node, source in _uses(graph, readers, i):
            fan_in = fan_in or _fan_in(where, node, source)
            added = added or _is_added(node, source)
        if fan_in is not None:
            entries.append((name, f"_normal(rng, {text}, {fan_in})"))
        else:
            kind = "zeros" if added else "ones"
            entries.append((name, f"np.{kind}({text}, DTYPE)"))
    return entries


def _uses(
    graph: Graph, readers: Mapping[int, Sequence[int]], source: int
) -> Iterator[tuple[Graph, Comp, int]]:
    """The comprehensions that read a node, those inside loops included: (graph, node, source)."""
    pending = [(graph, readers, source)]
    while pending:
        where, reading, i = pending.pop()
        for reader in reading.get(i, ()):
            node = where[reader]
            if isinstance(node, Comp) and node.body == placeholder(0) and _is_moved(node):
                pending.append((where, reading, reader))
            elif isinstance(node, Comp):
                yield where, node, i
            elif isinstance(node, Loop) and isinstance(node.body, Graph):
                body = node.body
                inner = consumers(body, reachable(body, [c.out for c in node.carries]))
                feeds = [f for f in (*node.stacked, *node.constants) if f.outer == i]
                pending.extend((body, inner, f.var) for f in feeds)


def _is_moved(node: Comp) -> bool:
    """Whether a node has the entries of its operand in other places: a transpose."""
    return node.reduction is Reduction.NONE and not any(
        t.has_look_up() for read in node.reads if isinstance(read, Read) for t in read.index
    )


def numpy_shape(shape: tuple[Size, ...]) -> str:
    """A shape as Python code."""
    texts = [size_text(s) for s in shape]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _fan_in(graph: Graph, node: Comp, source: int) -> str | None:
    written = {a for t in node.write for a in t.axes()}
    for read in node.reads:
        if not isinstance(read, Read) or read.source != source:
            continue
        if any(t.has_look_up() for t in read.index):
            return size_text(graph.shape(source)[-1])
        summed = sorted({a for t in read.index for a in t.axes()} - written)
        others = any(isinstance(r, Read) and r.source != source for r in node.reads)
        if summed and others:
            total = node.axes[summed[0]]
            for a in summed[1:]:
                total = total * node.axes[a]
            return size_text(total)
    return None


def _is_added(node: Comp, source: int) -> bool:
    for k, read in enumerate(node.reads):
        if isinstance(read, Read) and read.source == source:
            slope = node.body.diff(placeholder(k))
            if slope.is_number:
                return True
    return False
