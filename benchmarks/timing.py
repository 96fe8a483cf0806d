"""Time several variants of one computation, interleaved, so that their ratios mean something.

Absolute times on shared machines do not repeat. Blocks of calls of each variant alternate, blocks
in which the process was pushed off its core are dropped, and the median of the others is taken.
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

BLOCK_SECONDS = 0.004
_MIN_CLEAN = 5


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call: the median of the undisturbed blocks, and how many those were."""

    seconds: float
    clean: int
    blocks: int


def time_interleaved(
    variants: Mapping[str, Callable[[], object]], budget: float = 3.0
) -> dict[str, Timing]:
    """Time the variants in turn until `budget` seconds per variant are used up.

    Parameters
    ----------
    variants : mapping of str to callable
        Calls that do the whole work and wait for its end.
    budget : float
        Seconds for each variant; at least 5 and at most 400 blocks are timed.

    Returns
    -------
    dict of str to Timing
    """
    calls = {name: _calls_per_block(call) for name, call in variants.items()}
    blocks: dict[str, list[tuple[float, bool]]] = {name: [] for name in variants}
    order = list(variants)
    deadline = time.perf_counter() + budget * len(order)
    gc.collect()
    gc.disable()
    try:
        for round_number in range(400):
            for name in order:
                blocks[name].append(_time_block(variants[name], calls[name]))
            order.append(order.pop(0))  # nobody always runs after the same neighbour
            if round_number + 1 >= _MIN_CLEAN and time.perf_counter() > deadline:
                break
    finally:
        gc.enable()
    return {name: _summary(timed) for name, timed in blocks.items()}


def _calls_per_block(call: Callable[[], object]) -> int:
    """Warm up, and find how many calls fill a block."""
    call()
    count = 1
    while True:
        seconds, _ = _time_block(call, count)
        total = seconds * count
        if total >= BLOCK_SECONDS / 2 or count >= 1 << 16:
            return max(1, round(count * BLOCK_SECONDS / max(total, 1e-9)))
        count *= 4


def _time_block(call: Callable[[], object], count: int) -> tuple[float, bool]:
    """Give seconds per call in one block, and whether nothing took the core away meanwhile."""
    result = call()  # as in a training loop, the last result lives while the next one is made
    repeat = range(count)
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    cpu = time.process_time()
    start = time.perf_counter()
    for _ in repeat:
        result = call()  # noqa: F841
    elapsed = time.perf_counter() - start
    cpu = time.process_time() - cpu
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - switches
    return elapsed / count, switches == 0 and cpu > 0.97 * elapsed


def _summary(timed: list[tuple[float, bool]]) -> Timing:
    """Take the median of the clean blocks; of the faster half where hardly any was clean."""
    clean = [seconds for seconds, undisturbed in timed if undisturbed]
    if len(clean) >= _MIN_CLEAN:
        return Timing(statistics.median(clean), len(clean), len(timed))
    fastest = sorted(seconds for seconds, _ in timed)[: (len(timed) + 1) // 2]
    return Timing(statistics.median(fastest), len(clean), len(timed))
