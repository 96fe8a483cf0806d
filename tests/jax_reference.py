"""A graph as a function over JAX: an evaluator of its own, so that JAX's autodiff can be the judge.

Index terms are evaluated in plain Python at every point; bodies through `jax.numpy`. Nothing of
`interpret` or `calculus` takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product as points
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy

from symbackprop import scalars
from symbackprop.ir import Comp, Graph, Prim, Read, Reduction, Var, reachable
from symbackprop.scalars import placeholder_index
from symbackprop.sizes import Index, evaluate_size, size_symbol

jax.config.update("jax_enable_x64", True)

Values = Mapping[str, Any]

_HEADS: dict[type, Callable[..., Any]] = {
    sympy.exp: jnp.exp,
    sympy.log: jnp.log,
    sympy.sin: jnp.sin,
    sympy.cos: jnp.cos,
    sympy.tanh: jnp.tanh,
    scalars.Sigmoid: jax.nn.sigmoid,
    scalars.Softplus: jax.nn.softplus,
    scalars.Relu: jax.nn.relu,
    scalars.Absolute: jnp.abs,
    scalars.Maximum: jnp.maximum,
}


def body_value(body: sympy.Expr, values: Sequence[Any], sizes: Mapping[str, int]) -> Any:
    """A body over JAX arrays."""
    if body.is_Rational:
        return int(body.p) / int(body.q)
    if body.is_Symbol:
        k = placeholder_index(body)
        return sizes[body.name] if k is None else values[k]
    args = [body_value(arg, values, sizes) for arg in body.args]
    if body.is_Add:
        return sum(args[1:], args[0])
    if body.is_Mul:
        total = args[0]
        for arg in args[1:]:
            total = total * arg
        return total
    if body.is_Pow:
        exponent = body.args[1]
        return args[0] ** (int(exponent) if exponent.is_Integer else args[1])
    return _HEADS[type(body)](*args)


def jax_function(
    graph: Graph, targets: Iterable[int], sizes: Mapping[str, int], integers: Values
) -> Callable[[Values], list[Any]]:
    """`targets` as a function of the real variables, by name; `integers` has the others."""
    wanted = list(targets)
    ids = reachable(graph, wanted)
    known = {size_symbol(name): value for name, value in sizes.items()}

    @cache
    def whole(size: sympy.Expr) -> int:
        return int(size.subs(known))

    def run(reals: Values) -> list[Any]:
        values: dict[int, Any] = {}
        for i in ids:
            node = graph[i]
            if isinstance(node, Var):
                real = node.name in reals
                values[i] = reals[node.name] if real else np.asarray(integers[node.name])
            elif isinstance(node, Comp):
                values[i] = _comp(node, values, sizes, whole)
            elif isinstance(node, Prim):
                values[i] = _PRIMS[node.op.value](*(values[a] for a in node.args))
            else:
                raise TypeError(f"no reference for {node}")
        return [values[i] for i in wanted]

    return run


_PRIMS: dict[str, Callable[..., Any]] = {
    "inverse": jnp.linalg.inv,
    "determinant": jnp.linalg.det,
    "logdet": lambda x: jnp.linalg.slogdet(x)[1],
    "solve": lambda a, b: jnp.linalg.solve(a, b.reshape(len(a), -1)).reshape(b.shape),
}


def _term(term: Index, point: Sequence[int], values: Mapping[int, Any], whole: Any) -> int:
    total = whole(term.const)
    for atom, c in term.terms:
        if isinstance(atom, int):
            total += whole(c) * point[atom]
        else:
            place = tuple(_term(t, point, values, whole) for t in atom.index)
            total += whole(c) * int(values[atom.source][place])
    return total


def _comp(comp: Comp, values: Mapping[int, Any], sizes: Mapping[str, int], whole: Any) -> Any:
    shape = tuple(evaluate_size(s, sizes) for s in comp.shape)
    rows: list[list[tuple[int, ...]]] = [[] for _ in comp.reads]
    targets = []
    for point in points(*(range(evaluate_size(s, sizes)) for s in comp.axes)):
        terms = ((c, _term(c.term, point, values, whole)) for c in comp.domain)
        if all(t == 0 if c.equality else t >= 0 for c, t in terms):
            targets.append(tuple(_term(t, point, values, whole) for t in comp.write))
            for row, read in zip(rows, comp.reads, strict=True):
                index = read.index if isinstance(read, Read) else (read.index,)
                row.append(tuple(_term(t, point, values, whole) for t in index))
    if not targets:
        return jnp.zeros(shape)
    operands = []
    for row, read in zip(rows, comp.reads, strict=True):
        where = tuple(np.array(dim) for dim in zip(*row, strict=True))
        if isinstance(read, Read):
            operands.append(jnp.asarray(values[read.source])[where])
        else:
            operands.append(jnp.asarray(where[0]))
    result = jnp.broadcast_to(body_value(comp.body, operands, sizes), (len(targets),))
    flat = np.array([int(np.ravel_multi_index(t, shape)) if shape else 0 for t in targets])
    count = int(np.prod(shape))
    if comp.reduction is Reduction.MAX:
        return jnp.full(count, -jnp.inf).at[flat].max(result).reshape(shape)
    return jnp.zeros(count).at[flat].add(result).reshape(shape)
