"""Random networks of three front ends: gradients are those of JAX, formulas and code agree."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.random_networks import FRONTS, faults, random_network
from benchmarks.sweep import Summary, merged, read

SEEDS = st.integers(0, 2**31 - 1)
SLOW = [HealthCheck.too_slow, HealthCheck.differing_executors]


def check(seed):
    made = random_network(seed)
    assert faults(made) == [], f"seed {seed}: {made.front} {made.operations}"


@given(SEEDS)
@settings(max_examples=12, deadline=None, suppress_health_check=SLOW, derandomize=True)
def test_random_networks(seed):
    check(seed)


@pytest.mark.slow
@given(SEEDS)
@settings(max_examples=300, deadline=None, suppress_health_check=SLOW, derandomize=True)
def test_many_random_networks(seed):
    check(seed)


@pytest.mark.parametrize("seed", range(len(FRONTS)))
def test_a_wrong_gradient_is_found(seed):
    made = random_network(seed)
    derived = made.network.derived()
    name = next(iter(made.network.parameters))
    right = derived.gradients[name]
    derived.gradients[name] = made.network.problem.graph.total([right, right])
    assert any(fault.startswith(name) for fault in faults(made))


def test_shards_are_put_together(tmp_path):
    shards = []
    for first in (2, 0):
        shard = Summary(first)
        shard.judge(first + 1)
        shard.networks = 2
        shard.write(tmp_path / f"{first}.json")
        shards.append(read(tmp_path / f"{first}.json"))
    total = merged(shards)
    assert total.seeds == [[0, 3]]
    assert total.networks == 4
    assert sum(total.fronts.values()) == 2
    assert not total.faults
