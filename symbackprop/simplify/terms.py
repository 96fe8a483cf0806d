"""Index terms of the simplifier: scalar SymPy expressions over entries of nodes.

An anonymous piece of the graph is read as one scalar expression with free index symbols; `Rd` is
an entry of a node that is kept, `Sm` a sum over bound indices, `Dl` a Kronecker delta, `Look` an
integer read from data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sympy import Expr, Integer, Mul, Symbol
from sympy.core.basic import Basic

from symbackprop.ir import Comp, Graph, Position, Read, Reduction
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Index, Size
from symbackprop.sizes.index import linear

ONE = Integer(1)
ZERO = Integer(0)


class Atom(Expr):
    """A real commutative atom with index arguments that no SymPy rule looks into."""

    is_commutative = True
    is_number = False
    is_real = True
    is_finite = True

    def _eval_derivative(self, _symbol: Symbol) -> Expr:
        return ZERO

    def _eval_expand_mul(self, **_hints: object) -> Expr:
        return self


class Rd(Atom):
    """Rd(node, i, j, ..): the entry of a node at index expressions."""

    @property
    def node(self) -> int:
        """The id of the node."""
        return int(self.args[0])

    @property
    def index(self) -> tuple[Expr, ...]:
        """The index expressions."""
        return tuple(self.args[1:])


class Look(Expr):
    """Look(node, i, j, ..): the integer of a node at index expressions, itself part of an index."""

    is_commutative = True
    is_number = False
    is_integer = True
    is_finite = True


class Dl(Atom):
    """Dl(a, b, n): 1 where the index expressions agree, else 0; both may be any of 0 .. n - 1."""

    def __new__(cls, a: Expr, b: Expr, size: Expr) -> Expr:
        """1 at once where the difference is 0, and 0 where it is another number."""
        gap = a - b
        if gap == 0:
            return ONE
        if gap.is_Integer:
            return ZERO
        first, second = sorted((a, b), key=text_key)
        made: Expr = Expr.__new__(cls, first, second, size)
        return made


class Sm(Atom):
    """Sm(body, i, n, j, m, ..): the sum of the body over ``i < n``, ``j < m``, ..."""

    @property
    def body(self) -> Expr:
        """What is summed."""
        return self.args[0]

    @property
    def binders(self) -> tuple[tuple[Symbol, Expr], ...]:
        """The bound indices with their sizes."""
        rest = self.args[1:]
        return tuple(zip(rest[::2], rest[1::2], strict=True))

    @property
    def free_symbols(self) -> set[Basic]:
        """The symbols of the body less the bound ones."""
        bound = set(self.args[1::2])
        inner: set[Basic] = set(self.args[0].free_symbols) - bound
        for size in self.args[2::2]:
            inner |= size.free_symbols
        return inner


@lru_cache(maxsize=65536)
def text_key(expr: Basic) -> str:
    """A key that orders terms the same way in every run."""
    return str(expr)


@lru_cache(maxsize=65536)
def nodes_in(expr: Basic) -> frozenset[int]:
    """The nodes whose entries stand in a term."""
    return frozenset(rd.node for rd in expr.atoms(Rd))


def index_symbol(number: int) -> Symbol:
    """The index symbol number `number`."""
    return Symbol(f"_i{number}", integer=True)


@dataclass(slots=True)
class Fresh:
    """A source of index symbols, each with its size."""

    sizes: dict[Symbol, Size] = field(default_factory=dict)

    def index(self, size: Size) -> Symbol:
        """A new index symbol over ``0 .. size - 1``."""
        new = index_symbol(len(self.sizes))
        self.sizes[new] = size
        return new


def to_expr(term: Index, axes: Sequence[Expr]) -> Expr:
    """An index term of the graph as an expression, axis `a` standing for ``axes[a]``."""
    total: Expr = term.const
    for atom, c in term.terms:
        if isinstance(atom, At):
            total = total + c * Look(Integer(atom.source), *(to_expr(t, axes) for t in atom.index))
        else:
            total = total + c * axes[atom]
    return total


def from_expr(expression: Expr, place: dict[Symbol, int]) -> Index:
    """An index expression as an index term, symbol `s` being axis ``place[s]``."""
    total = Index()
    for part, c in expression.as_coefficients_dict().items():
        total = total + _product_index(part, c, place)
    return total


def _product_index(part: Expr, c: Expr, place: dict[Symbol, int]) -> Index:
    size: Expr = c
    atom: int | At | None = None
    for factor in Mul.make_args(part):
        if isinstance(factor, Look):
            inner = tuple(from_expr(e, place) for e in factor.args[1:])
            atom = At(int(factor.args[0]), inner)
        elif factor in place:
            atom = place[factor]
        else:
            size = size * factor
    return Index((), size) if atom is None else linear([(atom, size)], ZERO)


def summed(body: Expr, binders: Sequence[tuple[Symbol, Expr]]) -> Expr:
    """Σ body over the binders; `body` unchanged when there are none."""
    if not binders:
        return body
    return Sm(body, *(part for binder in binders for part in binder))


def definition(
    graph: Graph, node_id: int, index: Sequence[Expr], fresh: Fresh, entry: Callable[..., Expr]
) -> Expr:
    """The entry of a comprehension at `index`, one level deep.

    entry : (source id, index expressions) -> expression of an operand. The node must be
    `inlinable`.
    """
    comp = graph[node_id]
    assert isinstance(comp, Comp)
    axes: list[Expr | None] = [None] * len(comp.axes)
    deltas: list[Expr] = []
    for place, term in zip(index, comp.write, strict=True):
        a = term.plain_axis()
        if a is not None and axes[a] is None:
            axes[a] = place
    bound: list[tuple[Symbol, Expr]] = []
    for a, size in enumerate(comp.axes):
        if axes[a] is None:
            symbol = fresh.index(size)
            axes[a] = symbol
            bound.append((symbol, size))
    known: list[Expr] = [e for e in axes if e is not None]
    for place, term, size in zip(index, comp.write, comp.shape, strict=True):
        deltas.append(Dl(place, to_expr(term, known), size))
    values = {}
    for k, read in enumerate(comp.reads):
        if isinstance(read, Read):
            at = tuple(to_expr(t, known) for t in read.index)
            values[placeholder(k)] = entry(read.source, at)
        else:
            assert isinstance(read, Position)
            values[placeholder(k)] = to_expr(read.index, known)
    body = comp.body.xreplace(values) if values else comp.body
    return summed(Mul(body, *deltas), bound)


def inlinable(comp: Comp) -> bool:
    """Whether an entry of the node has a form as a term.

    Sums and elementwise nodes without a domain, that write at plain axes or at positions looked up
    in data, with no axis shorter than the dim it writes.
    """
    if comp.reduction not in (Reduction.NONE, Reduction.SUM) or comp.domain:
        return False
    for size, term in zip(comp.shape, comp.write, strict=True):
        a = term.plain_axis()
        if a is not None:
            if comp.axes[a] != size:
                return False
        elif not (len(term.terms) == 1 and isinstance(term.terms[0][0], At)):
            # a dim of size 1 is written at 0; every other write stays in the graph
            if not (size == 1 and term == Index()):
                return False
    return True
