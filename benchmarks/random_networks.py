"""Random networks from all three front ends, each with its loss over JAX, by seed.

The JAX loss is built beside the network, operation by operation: nothing of the program takes part
in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jax
import numpy as np

import symbackprop as sb
from benchmarks.random_blocks import BLOCKS
from benchmarks.random_kit import Loss, Workshop
from benchmarks.random_losses import loss
from benchmarks.random_starts import STARTS
from benchmarks.random_sympy import index_network, matrix_network
from symbackprop.interpret import coprime_sizes, evaluate, free_sizes, random_values
from symbackprop.interpret.differences import DIGITS, largest_difference

FRONTS: Final = ("handles", "index", "handles", "matrix")
"""The front end of a seed goes round; handles, which know every layer, have half."""
BOUND: Final = 1e-10
QUICK: Final = (
    ("xla_backend_optimization_level", 0),
    ("xla_llvm_disable_expensive_passes", True),
)
"""Options of the compiler: each network is run once."""
POINTS: Final = 3
"""So many points are tried until one is found where float64 has digits enough for the bound."""


@dataclass(frozen=True, slots=True)
class RandomNetwork:
    """A network, its loss over JAX, and the names of the operations in it."""

    seed: int
    front: str
    network: Any
    loss: Loss
    operations: tuple[str, ...]


def random_network(seed: int) -> RandomNetwork:
    """The network of a seed."""
    shop = Workshop(np.random.default_rng(seed))
    front = FRONTS[seed % len(FRONTS)]
    if front == "handles":
        made, reference = _handles(shop)
        network = sb.Network(loss=made)
    else:
        maker = index_network if front == "index" else matrix_network
        made, reference = maker(shop)
        network = sb.Network(loss=made, inputs=("x", "y"))
    return RandomNetwork(seed, front, network, reference, tuple(shop.used))


def _handles(shop: Workshop) -> tuple[Any, Loss]:
    """A start, some layers, and a loss; with a parameter in any case."""
    here = shop.one_of(STARTS)(shop)
    blocks = [shop.one_of(BLOCKS) for _ in range(int(shop.rng.integers(1, 4)))]
    if not any(letter.isupper() for letter in shop.names):
        blocks.insert(0, BLOCKS[0])
    for block in blocks:
        here = block(shop, here)
    made = loss(shop, here)
    return made.tensor, made.value


# the judgement


def faults(made: RandomNetwork) -> list[str]:
    """Where JAX, the simplified gradients, their formulas and the module do not agree."""
    checks = made.network.verify(differences=False).checks
    return [*against_jax(made), *(str(check) for check in checks if not check.ok)]


def against_jax(made: RandomNetwork) -> list[str]:
    """Where the simplified gradients differ from those of JAX."""
    found: list[str] = []
    for salt in range(1, POINTS + 1):
        values, sizes = _point(made, salt)
        found = _differences(made, values, sizes)
        if found:  # a compiler that hurries has been seen to give no number
            found = _differences(made, values, sizes, hurried=False)
        if not found or _has_digits(made, values, sizes):
            return found
    return found


def _point(made: RandomNetwork, salt: int) -> tuple[dict[str, Any], dict[str, int]]:
    problem = made.network.problem
    ids = [*problem.parameters.values(), *problem.inputs.values()]
    graph = problem.graph
    sizes = coprime_sizes(free_sizes(graph, problem.named().values()), facts=graph.facts)
    rng = np.random.default_rng([made.seed, salt])
    values = random_values(graph, ids, sizes, rng)
    return {name: _moderate(value) for name, value in values.items()}, sizes


def _moderate(value: Any) -> Any:
    """Values that are summed over, made smaller: what saturates hides a wrong term."""
    if value.ndim < 2 or value.dtype.kind != "f" or not np.any(value < 0):
        return value
    return value / np.sqrt(max(value.shape))


def _differences(
    made: RandomNetwork, values: Mapping[str, Any], sizes: Mapping[str, int], hurried: bool = True
) -> list[str]:
    net = made.network
    names = list(net.problem.parameters)
    fixed = {name: value for name, value in values.items() if name not in names}
    free = {name: values[name] for name in names}
    expected = _gradients(lambda p: made.loss({**fixed, **p}), free, hurried)
    derived = net.derived()
    ids = {name: derived.gradients[name] for name in names}
    with np.errstate(all="ignore"):
        arrays = evaluate(derived.graph, ids.values(), values, sizes)
    found = []
    for name, i in ids.items():
        gap = largest_difference(arrays[i], np.asarray(expected[name]))
        if not gap <= BOUND:
            found.append(f"{name}: differs from JAX by {gap:.1e}")
    return found


def _gradients(function: Loss, free: Mapping[str, Any], hurried: bool) -> Any:
    """The gradients by JAX: hurried, compiled as a whole and quickly, else one by one."""
    if not hurried:
        return jax.grad(function)(dict(free))
    lowered = jax.jit(jax.grad(function)).lower(dict(free))
    return lowered.compile(compiler_options=dict(QUICK))(dict(free))


def _has_digits(made: RandomNetwork, values: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
    """Whether float64 is enough at a point: our own gradients agree with theirs in 50 digits."""
    derived = made.network.derived()
    ids = [derived.gradients[name] for name in made.network.problem.parameters]
    with np.errstate(all="ignore"):
        floats = evaluate(derived.graph, ids, values, sizes)
    exact = evaluate(derived.graph, ids, values, sizes, DIGITS)
    return all(largest_difference(floats[i], exact[i]) <= BOUND for i in ids)
