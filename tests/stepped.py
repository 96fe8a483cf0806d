"""Recurrences as they are written, computed step by step."""

import numpy as np

from symbackprop.interpret import coprime_sizes, evaluate, free_sizes, random_values
from symbackprop.ir import Loop
from symbackprop.raising import Values, matrix_value
from symbackprop.raising.recurrences import names_in
from symbackprop.raising.tree import ZERO, Ref
from symbackprop.raising.values import _scalar
from symbackprop.sizes import evaluate_size


class Stepped:
    """A value of a recurrence, computed at a step when it is asked for there."""

    def __init__(self, lines, starts, shape, length, run):
        self.lines, self.starts, self.shape, self.length = lines, starts, shape, length
        self.run, self.known = run, {}

    def __getitem__(self, place):
        depth = len(self.lines[0].steps)
        if len(place) < depth:
            return self.run.arrays[self.lines[0].name][tuple(place)]
        steps, rest = tuple(place[:depth]), tuple(place[depth:])
        if steps not in self.known:
            self.known[steps] = self.computed(steps)
        return self.known[steps][rest] if rest else self.known[steps]

    def computed(self, steps):
        values = self.run.values
        axes = dict(values.axes)
        (line,) = self.lines
        terms = zip(line.steps, steps, strict=True)
        values.axes = {a: n for term, n in terms for a in term.axes()}
        try:
            for left, right in self.starts:
                if tuple(values.index(t) for t in left.batch) == steps:
                    found = matrix_value(right, values)
                    whole = found.size == np.prod(self.shape)
                    return found.reshape(self.shape) if whole else np.full(self.shape, found.item())
            assert all(n >= 0 for n in steps)
            if steps[0] == evaluate_size(self.length, self.run.sizes):
                return np.zeros(self.shape)  # times a carry that is 0
            if line.entry is not None:
                return stepped_entries(line.entry, values)
            return matrix_value(line.formula, values).reshape(self.shape)
        finally:
            values.axes = axes


def stepped_entries(form, values):
    """Index form at one step: the step stays where it is while the entries are run through."""
    sizes = [evaluate_size(size, values.sizes) for size in form.sizes]
    found = np.zeros(tuple(sizes[: len(form.target)]))
    outer = dict(values.axes)
    for place in np.ndindex(*found.shape):
        values.axes = {**outer, **dict(enumerate(place))}
        found[place] = _scalar(form.body, values, sizes)
    return found


class Run:
    """All recurrences of a graph at one point."""

    def __init__(self, graph, ids, found):
        self.sizes = coprime_sizes(free_sizes(graph, ids))
        given = random_values(graph, ids, self.sizes, np.random.default_rng(0))
        kept = [i for i in ids if not isinstance(graph[i], Loop)]
        self.arrays = evaluate(graph, kept, given, self.sizes)
        known = dict(self.arrays)
        self.values = Values(known, self.sizes, np)
        for recurrence in found.values():
            for line in recurrence.lines:
                starts = [
                    (ref, start.formula)
                    for start in recurrence.starts
                    for ref in ([start.left] if start.formula != ZERO else names_in(start.left))
                    if isinstance(ref, Ref) and ref.source == line.name
                ]
                sizes = recurrence.shapes[line.name]
                shape = tuple(evaluate_size(n, self.sizes) for n in sizes)
                known[line.name] = Stepped([line], starts, shape, recurrence.length, self)
            for i, (name, lag, place) in recurrence.lagged.items():
                known[i] = Lagged(known[name], lag, place)


class Lagged:
    """A value that is read some steps earlier or later."""

    def __init__(self, of, lag, place):
        self.of, self.lag, self.place = of, lag, place

    def __getitem__(self, place):
        moved = list(place)
        moved[self.place] += self.lag
        return self.of[tuple(moved)]
