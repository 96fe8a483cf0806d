"""What a training module needs besides: the batch axis, the score, what is predicted."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.codegen.face import size_text
from symbackprop.codegen.records import Entry
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Kind, Var, reachable
from symbackprop.ir.nodes import Comp, FactKind
from symbackprop.ir.problem import Problem
from symbackprop.scalars import Sigmoid
from symbackprop.sizes import same_size


@dataclass(frozen=True, slots=True)
class Training:
    """The records of the training templates."""

    batch_axes: tuple[Entry, ...]
    score: str
    score_lines: tuple[str, ...]
    one_hot: tuple[Entry, ...]
    one_hot_note: str
    description: str
    names: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is predicted: a forward value, the input it is judged by, and how."""

    node: int
    target: str
    lines: tuple[str, ...]


def batch_axes(problem: Problem) -> dict[str, int]:
    """The axis of samples of each input: the symbolic size that inputs share and no parameter has.

    Raises
    ------
    UnsupportedError
        When no input has such an axis.
    """
    shape = problem.graph.shape
    owned = {
        str(s) for i in problem.parameters.values() for n in shape(i) for s in [n] if n.is_Symbol
    }
    for i in problem.inputs.values():
        for size in shape(i):
            if size.is_Symbol and str(size) not in owned:
                return {
                    name: next(k for k, n in enumerate(shape(j)) if n == size)
                    for name, j in problem.inputs.items()
                    if size in shape(j)
                }
    raise UnsupportedError(
        "training needs samples: no input has an axis of symbolic length that no parameter has",
        help="declare the inputs with a batch size, such as sb.input('x', m, 64)",
    )


def prediction(problem: Problem) -> Prediction | None:
    """The last named forward value that has the shape of a one-hot, label or binary input."""
    graph = problem.graph
    for name, i in problem.inputs.items():
        var = graph[i]
        if not isinstance(var, Var):
            continue
        facts = {fact.kind: fact for fact in var.facts}
        one_hot = FactKind.ONE_HOT in facts or FactKind.SUMS_TO_ONE in facts
        if one_hot and len(var.shape) == 2:
            found = _last(problem, var.shape)
            axis = facts[
                FactKind.ONE_HOT if FactKind.ONE_HOT in facts else FactKind.SUMS_TO_ONE
            ].axis
            axis = 1 if axis is None else axis
            if found is not None:
                return Prediction(
                    found,
                    name,
                    (
                        f"predicted = predict(params, data).argmax(axis={axis})",
                        f'return float(np.mean(predicted == data["{name}"].argmax(axis={axis})))',
                    ),
                )
        elif var.kind is Kind.INT and len(var.shape) == 1 and FactKind.BELOW in facts:
            size = facts[FactKind.BELOW].size
            found = None if size is None else _last(problem, (*var.shape, size))
            if found is not None:
                return Prediction(
                    found,
                    name,
                    (
                        "predicted = predict(params, data).argmax(axis=1)",
                        f'return float(np.mean(predicted == data["{name}"]))',
                    ),
                )
        elif var.kind is Kind.REAL:
            found = _last(problem, var.shape)
            node = None if found is None else graph[found]
            if found is not None and isinstance(node, Comp) and isinstance(node.body, Sigmoid):
                return Prediction(
                    found,
                    name,
                    (
                        "predicted = predict(params, data) > 0.5",
                        f'return float(np.mean(predicted == (data["{name}"] > 0.5)))',
                    ),
                )
    return None


def _last(problem: Problem, shape: tuple[object, ...]) -> int | None:
    graph = problem.graph
    targets = set(problem.inputs.values())
    for _, i in sorted(problem.values.items(), key=lambda item: -item[1]):
        here = graph.shape(i)
        same = len(here) == len(shape) and all(
            same_size(a, b) for a, b in zip(here, shape, strict=True)
        )
        if same and i not in targets:
            return i
    return None


def training(problem: Problem, predicted: Prediction | None, title: str) -> Training:
    """The records of the training part of a module."""
    axes = batch_axes(problem)
    one_hot = []
    for name, i in problem.inputs.items():
        var = problem.graph[i]
        if isinstance(var, Var) and any(f.kind is FactKind.ONE_HOT for f in var.facts):
            if len(var.shape) == 2 and axes.get(name) == 0 and var.shape[1].is_Integer:
                one_hot.append(Entry(f'"{name}"', size_text(var.shape[1])))
    loss_lines = ('return float(forward(params, data)[0]["loss"])',)
    return Training(
        batch_axes=tuple(Entry(f'"{n}"', str(k)) for n, k in axes.items()),
        score="accuracy" if predicted else "loss",
        score_lines=predicted.lines if predicted else loss_lines,
        one_hot=tuple(one_hot),
        one_hot_note=", labels as one-hot rows" if one_hot else "",
        description=f"Train {title}.".replace('"', "'"),
        names=", ".join(problem.inputs),
    )


def inputs_needed(problem: Problem, node: int) -> list[str]:
    """The inputs that a forward value depends on."""
    ids = set(reachable(problem.graph, [node]))
    return [name for name, i in problem.inputs.items() if i in ids]
