"""The functions beside the two passes that differentiate further: `jvp`, `hvp`, `hessian`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.calculus import jacobian, jvp
from symbackprop.codegen.extras import Extra, Straight
from symbackprop.codegen.records import wrapped
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Comp, Kind, Read, Role, Var
from symbackprop.ir.problem import Problem
from symbackprop.scalars import placeholder
from symbackprop.simplify import derive, simplify
from symbackprop.sizes import axis

SUFFIX = "_dot"


class Directions:
    """Tangents of parameters and real inputs, as variables of the graph.

    Parameters
    ----------
    problem : Problem
    group : what the module calls the dictionary of directions
    names : whose directions there are
    """

    def __init__(self, problem: Problem, group: str, names: Sequence[str]) -> None:
        self.problem = problem
        self.group = group
        graph = problem.graph
        named = {**problem.parameters, **problem.inputs}
        self.tangents: dict[int, int] = {}
        self.owner: dict[str, str] = {}
        for name in names:
            var = Var(f"{name}{SUFFIX}", graph.shape(named[name]), role=Role.TANGENT)
            self.tangents[named[name]] = graph.add(var)
            self.owner[var.name] = name

    def fetch(self, variable: str) -> str:
        """The code that fetches an argument or a direction."""
        if variable in self.owner:
            name = self.owner[variable]
            held = "params" if name in self.problem.parameters else "inputs"
            return f'_direction({self.group}, "{name}", {held}["{name}"].shape)'
        held = "params" if variable in self.problem.parameters else "inputs"
        return f'{held}["{variable}"]'


def real_names(problem: Problem) -> list[str]:
    """The parameters and real inputs."""
    named = {**problem.parameters, **problem.inputs}
    return [n for n, i in named.items() if problem.graph.kind(i) is Kind.REAL]


def simplified(problem: Problem, roots: Sequence[int], forward: int) -> list[int]:
    """Nodes as a person would write them."""
    graph, kept = problem.graph, problem.names()
    found = simplify(graph, roots, forward, [], kept, problem.outputs.values())
    return [found.ids[r] for r in roots]


def jvp_function(problem: Problem, straight: Straight) -> Extra:
    """The function `jvp`."""
    directions = Directions(problem, "tangents", real_names(problem))
    forward = len(problem.graph)
    targets = list(problem.outputs.values())
    found = jvp(problem.graph, directions.tangents, targets)
    nodes = simplified(problem, [found[i] for i in targets], forward)
    straight.fetch = directions.fetch
    lines, codes, used = straight.lines(nodes)
    entries = [f'"{name}": {code}' for name, code in zip(problem.outputs, codes, strict=True)]
    return Extra(
        "jvp(params, inputs, tangents)",
        "Push tangents of parameters and inputs forward: the change of every output.",
        ("A missing tangent is zero.",),
        ("_check(params, inputs)", *lines, *wrapped("return {", entries, "}")),
        tuple(used),
    )


def _loss_gradients(problem: Problem) -> Mapping[str, int]:
    if problem.loss is None:
        raise UnsupportedError("second derivatives need a scalar loss")
    return derive(problem).gradients


def hvp_function(problem: Problem, straight: Straight) -> Extra:
    """The function `hvp`: the JVP of the gradient."""
    names = list(problem.parameters)
    gradients = _loss_gradients(problem)
    directions = Directions(problem, "vectors", names)
    forward = len(problem.graph)
    wanted = [gradients[n] for n in names]
    found = jvp(problem.graph, directions.tangents, wanted)
    nodes = simplified(problem, [found[i] for i in wanted], forward)
    straight.fetch = directions.fetch
    lines, codes, used = straight.lines(nodes)
    entries = [f'"{name}": {code}' for name, code in zip(names, codes, strict=True)]
    return Extra(
        "hvp(params, inputs, vectors, wrt=None)",
        "Multiply the Hessian of the loss in all parameters by `vectors`.",
        ("A missing vector is zero. The result has the parameters in `wrt`, by default all.",),
        (
            "_check(params, inputs)",
            "wrt = _parameters(wrt)",
            *lines,
            *wrapped("products = {", entries, "}"),
            "return {name: products[name] for name in wrt}",
        ),
        tuple(used),
    )


def hessian_functions(problem: Problem, straight: Straight) -> list[Extra]:
    """The function `hessian`, and one function for each parameter and form."""
    made: list[Extra] = []
    table: list[str] = []
    straight.fetch = Directions(problem, "", []).fetch
    gradients = _loss_gradients(problem)
    for name in problem.parameters:
        forward = len(problem.graph)
        parameter = problem.parameters[name]
        dense = jacobian(problem.graph, gradients[name], [parameter])[parameter]
        (dense,) = simplified(problem, [dense], forward)
        nodes = [dense]
        if problem.graph.shape(parameter):
            nodes.append(_diagonal_blocks(problem, dense, len(problem.graph.shape(parameter))))
        words = ["dense", "blocks"][: len(nodes)]
        for word, node in zip(words, nodes, strict=True):
            lines, (code,), used = straight.lines([node])
            function = f"_hessian_{word}_{name}"
            table.append(f'("{name}", {word == "blocks"}): {function},')
            about = "the diagonal blocks of " if word == "blocks" else ""
            made.append(
                Extra(
                    f"{function}(params, inputs)",
                    f"Compute {about}the second derivative of the loss by {name}.",
                    (),
                    (*lines, f"return {code}"),
                    tuple(used),
                )
            )
    entry = Extra(
        "hessian(params, inputs, wrt, blocks=False)",
        "Compute the second derivative of the loss by the parameter `wrt`.",
        (
            "Its shape is that of the parameter, twice; with `blocks` only the entries that agree",
            "on the first axis are computed, and that axis occurs once.",
        ),
        (
            "_check(params, inputs)",
            "(wrt,) = _parameters(wrt)",
            "functions = {",
            *(f"    {line}" for line in table),
            "}",
            "if (wrt, blocks) not in functions:",
            '    raise ValueError(f"wrt: {wrt} is a scalar: its Hessian has no blocks")',
            "return functions[wrt, blocks](params, inputs)",
        ),
    )
    return [entry, *made]


def _diagonal_blocks(problem: Problem, dense: int, rank: int) -> int:
    """``H[i, a.., i, b..]`` as an array over (i, a.., b..)."""
    graph = problem.graph
    shape = graph.shape(dense)
    axes = (*shape[:rank], *shape[rank + 1 :])
    node = graph[dense]
    if isinstance(node, Comp) and node.write[0] == node.write[rank]:
        write = (*node.write[:rank], *node.write[rank + 1 :])
        return graph.comp(
            axes, node.axes, node.body, node.reads, write, node.domain, node.reduction
        )
    here = [axis(k) for k in range(rank)]
    there = [axis(0), *(axis(rank + k) for k in range(rank - 1))]
    return graph.comp(axes, axes, placeholder(0), [Read(dense, (*here, *there))])
