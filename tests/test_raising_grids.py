"""Index forms of whole grids: the value point by point, and what is read out of range."""

import numpy as np
import pytest
from random_graphs import random_graph

from symbackprop.interpret import evaluate
from symbackprop.ir import Loop, reachable
from symbackprop.raising import entry_form
from symbackprop.raising.grids import entries_value
from symbackprop.raising.values import Values, entries_by_points
from symbackprop.sizes import evaluate_size


@pytest.mark.parametrize("seed", range(12))
def test_a_grid_has_the_values_of_its_points(seed):
    made = random_graph(seed, steps=4)
    graph, ids = made.graph, reachable(made.graph, [made.loss])
    nodes = [i for i in ids if not isinstance(graph[i], Loop)]
    arrays = evaluate(graph, nodes, made.values(), made.sizes)
    values = Values(arrays, made.sizes, np)
    for i in made.nodes[-2:]:
        if i not in arrays:
            continue
        form = entry_form(graph, i, made.nodes[:-2])
        sizes = [evaluate_size(size, made.sizes) for size in form.sizes]
        found = entries_value(form, values)
        np.testing.assert_allclose(found, entries_by_points(form, values, sizes), atol=1e-12)
        np.testing.assert_allclose(found, arrays[i], atol=1e-9)
