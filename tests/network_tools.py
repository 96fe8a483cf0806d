"""Values for networks, and gradients by JAX from losses written by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from symbackprop.interpret import coprime_sizes, free_sizes, random_values

jax.config.update("jax_enable_x64", True)

BOUND = 1e-10


def sizes_of(net, start=3):
    """Pairwise coprime sizes, from `start` up."""
    graph = net.problem.graph
    named = net.problem.named().values()
    return coprime_sizes(free_sizes(graph, named), start, graph.facts)


def values_of(net, sizes, seed=0):
    """A value for every parameter and input of a network."""
    problem = net.problem
    ids = [*problem.parameters.values(), *problem.inputs.values()]
    return random_values(problem.graph, ids, sizes, np.random.default_rng(seed))


def assert_agrees(net, loss, start=3, seed=0):
    """The loss and its gradients are those that JAX finds from `loss(values)`."""
    sizes = sizes_of(net, start)
    values = values_of(net, sizes, seed)
    found = net.evaluate(values, sizes=sizes)["loss"]
    assert_close(found, loss({n: jnp.asarray(v) for n, v in values.items()}), "loss")
    names = list(net.problem.parameters)
    fixed = {n: v for n, v in values.items() if n not in names}
    expected = jax.grad(lambda p: loss({**fixed, **p}))({n: jnp.asarray(values[n]) for n in names})
    for name in names:
        assert_close(net.gradient(name).evaluate(values, sizes), expected[name], name)


def assert_close(found, expected, what):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape, what
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    assert np.abs(found - expected).max(initial=0.0) <= BOUND * scale, what
