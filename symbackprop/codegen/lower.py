"""Lower the nodes of a graph to array operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from symbackprop.codegen.arrays import ArrayProgram, Op
from symbackprop.codegen.comprehension import Comprehensions
from symbackprop.codegen.loops import LoopPlan, arguments_of, body_of, operands_of, roots
from symbackprop.codegen.options import DType
from symbackprop.codegen.patterns import Patterns
from symbackprop.codegen.running import RunningSums, is_wide_sum
from symbackprop.codegen.stable import LOG, Aspect, Entry, Source, Stabiliser, is_exponential_sum
from symbackprop.codegen.storage import Stored, Task, Tasks, look_ups
from symbackprop.codegen.views import ONE, Aligned, Viewer
from symbackprop.errors import UnsupportedError
from symbackprop.ir import (
    Comp,
    Final,
    Graph,
    Hist,
    Kind,
    Loop,
    Opaque,
    Prim,
    Var,
    consumers,
    operands,
    reachable,
)
from symbackprop.ir.nodes import PrimOp
from symbackprop.scalars import XLogY
from symbackprop.scalars.numpy_helpers import opaque_name
from symbackprop.scalars.numpy_tree import Number, NumpyTree, Operand, Ufunc, apply
from symbackprop.sizes import axis

EXP_OF_DIFFERENCE = apply(Ufunc.EXP, apply(Ufunc.SUBTRACT, Operand(0), Operand(1)))
SHIFT_PLUS_LOG = apply(Ufunc.ADD, Operand(0), apply(Ufunc.LOG, Operand(1)))
EXP = apply(Ufunc.EXP, Operand(0))

_NEEDS = {
    Aspect.EXPONENT: (),
    Aspect.SHIFT: (Aspect.EXPONENT,),
    Aspect.TERMS: (Aspect.EXPONENT, Aspect.SHIFT),
    Aspect.SUM: (Aspect.TERMS,),
    Aspect.LOG: (Aspect.SHIFT, Aspect.SUM),
    Aspect.VALUE: (Aspect.LOG,),
}


class Lowering:
    """A graph on its way to an array program.

    Parameters
    ----------
    graph : Graph
    names : node -> name
    wanted : the nodes that are wanted
    ones : scalar variables that are 1
    layouts : node -> order of its dims in memory, where it is not the usual one
    flat : whether products with several rows are always those of two matrices
    late : variables that are known later than the others
    """

    def __init__(
        self,
        graph: Graph,
        names: Mapping[int, str],
        wanted: Sequence[int],
        layouts: Mapping[int, tuple[int, ...]] | None = None,
        dtype: DType = DType.FLOAT64,
        ones: frozenset[int] = frozenset(),
        flat: bool = False,
        late: frozenset[int] = frozenset(),
    ) -> None:
        self.late = late
        self.ones = ones
        self.dtype = dtype
        self.plans: dict[int, tuple[LoopPlan, dict[int, int]]] = {}
        self.graph = graph
        self.names = names
        self.program = ArrayProgram()
        self.stored: dict[Source, Stored] = {}
        self.viewer = Viewer(self.program)
        self.tasks = Tasks(Stabiliser(graph), self._shared(wanted), frozenset([*wanted, *names]))
        held = dict(layouts or {})
        self.comprehensions = Comprehensions(
            graph, self.viewer, self.stored, held, self._cap(wanted), flat
        )
        self.patterns = Patterns(self.program, held)

        sources = self._wanted(Source(i) for i in wanted)
        self.running = RunningSums(graph, [s.node for s in sources], self.viewer)
        self.projections: dict[int, list[int]] = {}
        for source in sources:
            node = graph[source.node]
            if isinstance(node, Hist | Final):
                self.projections.setdefault(node.loop, []).append(source.node)
        for source in sources:
            self._make(source)
            if source.aspect is Aspect.VALUE:
                self.running.made(source.node, self.stored[source])

    def _cap(self, wanted: Sequence[int]) -> float:
        """What sigmoids are computed by: in float32 a tanh, unless logarithms are taken."""
        nodes = (self.graph[i] for i in reachable(self.graph, wanted))
        logarithms = any(isinstance(n, Comp) and n.body.has(LOG, XLogY) for n in nodes)
        if self.dtype is DType.FLOAT32 and not logarithms:
            return 0.0
        return self.dtype.exponent_cap

    def _shared(self, roots: Sequence[int]) -> frozenset[int]:
        """The nodes that are named, wanted, or read more than once."""
        ids = reachable(self.graph, roots)
        often = [i for i, by in consumers(self.graph, ids).items() if len(by) > 1]
        return frozenset([*often, *roots, *self.names])

    def array(self, node_id: int) -> int:
        """The array of a lowered node, its axes in the order of the node."""
        stored = self.stored[Source(node_id)]
        return self.viewer.transpose(
            stored.array, [stored.dims.index(d) for d in range(len(stored.dims))]
        )

    def _wanted(self, roots: Iterable[Source]) -> list[Source]:
        found = {s: None for s in roots if s not in self.stored}
        pending = list(found)
        while pending:
            for source in self._needs(pending.pop()):
                if source not in found and source not in self.stored:
                    found[source] = None
                    pending.append(source)
        return sorted(found)

    def _needs(self, source: Source) -> Iterable[Source]:
        node = self.graph[source.node]
        if not isinstance(node, Comp) or is_wide_sum(node):
            return [Source(i) for i in operands(node)]
        if self._is_aspect(source, node) and source.aspect is not Aspect.EXPONENT:
            return [Source(source.node, a) for a in _NEEDS[source.aspect]]
        task = self._task(source, node)
        return [*(e.source for e in task.found if e.source), *look_ups(task)]

    def _is_aspect(self, source: Source, node: object) -> bool:
        return source.aspect is not Aspect.VALUE or is_exponential_sum(node)

    def _task(self, source: Source, node: Comp) -> Task:
        if not self._is_aspect(source, node):
            return self.tasks.get(source, node)
        index = tuple(axis(d) for d in range(len(node.shape)))
        comp = self.tasks.stabiliser.exponential_sum(Entry(Source(source.node), index))
        assert comp is not None
        axes = tuple(axis(a) for a in range(len(comp.axes)))
        exponents = Comp(comp.axes, comp.axes, comp.body.args[0], comp.reads, axes, comp.domain)
        return self.tasks.get(source, exponents)

    def _make(self, source: Source) -> None:
        node = self.graph[source.node]
        if isinstance(node, Var) and source.node in self.ones:
            array = self.program.add(Op.MAP, (), Number(1), ())
            self.stored[source] = Stored(array, ())
        elif isinstance(node, Var):
            array = self.program.add(Op.ARGUMENT, (), node.name, node.shape, node.kind)
            if source.node in self.late:
                self.program.late.add(array)
            self.stored[source] = self._laid_out(source.node, array)
        elif isinstance(node, Prim):
            args = [self.array(arg) for arg in node.args]
            kind = Kind.INT if node.op is PrimOp.ARGSORT else Kind.REAL
            array = self.program.add(Op.PRIM, args, node.op, node.shape, kind)
            self.stored[source] = Stored(array, tuple(range(len(node.shape))))
        elif isinstance(node, Loop):
            self._loop(source, node)
        elif isinstance(node, Hist | Final):
            self._projection(source, node)
        elif isinstance(node, Opaque):
            args = [self.array(arg) for arg in node.args]
            shape = self.graph.shape(source.node)
            array = self.program.add(Op.OPAQUE, args, opaque_name(node.name, node.orders), shape)
            self.stored[source] = Stored(array, tuple(range(len(shape))))
        elif source.node in self.running.sums and is_wide_sum(node):
            self.stored[source] = self.running.sums[source.node]
        elif not isinstance(node, Comp):
            raise UnsupportedError(f"code for a {type(node).__name__} node is not written yet")
        elif self._is_aspect(source, node) and source.aspect is not Aspect.EXPONENT:
            self.stored[source] = self._aspect(source, node)
        else:
            task, lower = self._task(source, node), self.comprehensions.lower
            self.stored[source] = self.patterns.lowered(source, task, self.stored, lower)
        self._name(source)

    def _laid_out(self, node: int, array: int) -> Stored:
        """An argument, copied where its dims are to lie in another order."""
        usual = tuple(range(self.program.rank(array)))
        order = self.patterns.layouts.get(node, usual)
        if order == usual:
            return Stored(array, usual)
        view = self.viewer.transpose(array, order)
        made = self.program.add(Op.COPY, (view,), None, self.program.shape(view))
        self.program.hints[made] = f"{self.program[array].detail}_last"
        return Stored(made, order)

    def _loop(self, source: Source, node: Loop) -> None:
        """Lower the body, for the carries and the values that are wanted of it."""
        projections = [self.graph[i] for i in self.projections.get(source.node, ())]
        carries, stored = roots(node, [p for p in projections if isinstance(p, Hist | Final)])
        body = body_of(node)
        late = frozenset(carry.var for carry in node.carries)
        inner = Lowering(body, {}, [*carries, *stored], dtype=self.dtype, late=late)
        self._name_inside(node, inner)
        shapes = [body.shape(i) for i in carries] + [body.shape(i) for i in stored]
        arguments = {
            inner.stored[Source(var)].array: what
            for var, what in arguments_of(node).items()
            if Source(var) in inner.stored
        }
        plan = LoopPlan(
            node.length,
            node.reverse,
            inner.program,
            arguments,
            tuple(inner.array(i) for i in carries),
            tuple(inner.array(i) for i in stored),
            tuple(shapes),
        )
        self.plans[source.node] = (plan, {value: k for k, value in enumerate(stored)})
        args = [self.array(i) for i in operands_of(node)]
        self.stored[source] = Stored(self.program.add(Op.LOOP, args, plan, ()), ())

    def _name_inside(self, loop: Loop, inner: Lowering) -> None:
        """Carries by their names, the values they get in a step as the next ones."""
        for carry in loop.carries:
            var = inner.graph[carry.var]
            assert isinstance(var, Var)
            name = self._carry_name(var.name)
            if Source(carry.var) in inner.stored:
                inner.program.names[inner.stored[Source(carry.var)].array] = name
            out = inner.program.base(inner.array(carry.out))
            if inner.program[out].op is not Op.ARGUMENT:
                inner.program.hints.setdefault(out, f"next_{name}")
        for feed in loop.stacked:
            var = inner.graph[feed.var]
            source = Source(feed.var)
            internal = isinstance(var, Var) and _INTERNAL.match(var.name)
            if internal and source in inner.stored:
                inner.program.names[inner.stored[source].array] = ""

    def _carry_name(self, name: str) -> str:
        """The name of a carry: h for h_prev, dh for the cotangent of that."""
        found = _COTANGENT.match(name)
        if found is None:
            return name.removesuffix("_prev")
        loop = self.graph[int(found.group(1))]
        if not isinstance(loop, Loop):
            return "dcarry"
        var = body_of(loop)[loop.carries[int(found.group(2))].var]
        return f"d{self._carry_name(var.name)}" if isinstance(var, Var) else "dcarry"

    def _projection(self, source: Source, node: Hist | Final) -> None:
        """One result of a loop: a carry after the last step, or a value at all steps."""
        plan, places = self.plans[node.loop]
        if isinstance(node, Final):
            number = node.carry
        else:
            number = len(plan.carries) + places[node.value]
        loop = self.stored[Source(node.loop)].array
        array = self.program.add(Op.PICK, (loop,), number, node.shape)
        self.stored[source] = Stored(array, tuple(range(len(node.shape))))

    def _name(self, source: Source) -> None:
        name = self.names.get(source.node)
        array = self.program.base(self.stored[source].array)
        if self.program[array].op in (Op.ARGUMENT, Op.COPY):
            return
        if name is not None and source.aspect is Aspect.VALUE:
            self.program.names.setdefault(array, name)
        elif source.aspect in _SUFFIX:
            inner = self.program.base(self.stored[Source(source.node, Aspect.EXPONENT)].array)
            named = self.program[inner]
            known = self.program.names.get(inner)
            if named.op is Op.ARGUMENT:
                known = str(named.detail)
            self.program.hints.setdefault(array, _SUFFIX[source.aspect].format(known or "u"))

    def _aspect(self, source: Source, node: Comp) -> Stored:
        """Shift, terms, sum, logarithm and value of a sum of exponentials."""
        get = [self.stored[Source(source.node, a)] for a in _NEEDS[source.aspect]]
        summed = range(len(node.write), len(node.axes))
        if source.aspect in (Aspect.SHIFT, Aspect.SUM):
            op = Op.MAX if source.aspect is Aspect.SHIFT else Op.SUM
            return self._reduced(op, get[0], summed)
        if source.aspect is Aspect.TERMS:
            return self._map(EXP_OF_DIFFERENCE, get, get[0])
        if source.aspect is Aspect.LOG:
            return self._map(SHIFT_PLUS_LOG, get, get[1])
        return self._map(EXP, get, get[0])

    def _map(self, tree: NumpyTree, args: Sequence[Stored], like: Stored) -> Stored:
        sizes = dict(zip(like.dims, self.program.shape(like.array), strict=True))
        box = [sizes.get(d, ONE) for d in range(max(like.dims, default=-1) + 1)]
        parts = [Aligned(a.array, a.dims) for a in args]
        return Stored(self.viewer.map(tree, parts, like.dims, box).array, like.dims)

    def _reduced(self, op: Op, operand: Stored, summed: range) -> Stored:
        gone = tuple(k for k, d in enumerate(operand.dims) if d in summed)
        kept = [k for k, d in enumerate(operand.dims) if d not in summed]
        shape = self.program.shape(operand.array)
        made = self.program.add(op, (operand.array,), gone, [shape[k] for k in kept])
        return Stored(made, tuple(operand.dims[k] for k in kept))


_COTANGENT = re.compile(r"ct_carry(\d+)_(\d+)_\d+\Z")
_INTERNAL = re.compile(r"(primal|ct_value|tan)\d")
_SUFFIX = {
    Aspect.EXPONENT: "{}",
    Aspect.SHIFT: "{}_max",
    Aspect.TERMS: "exp_{}",
    Aspect.SUM: "sum_exp_{}",
    Aspect.LOG: "logsumexp_{}",
}
