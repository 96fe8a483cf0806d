"""Judge many random networks: ``python -m benchmarks.sweep --count 20000 --output sweep.json``.

Of each, the gradients are compared with JAX, the simplified ones with the adjoint sweep, printed
formulas and the generated module with the interpreter. A sweep that is started again with the same
output goes on after the last seed of its shard; shards are put together with ``--merge``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.random_networks import faults, random_network

EVERY = 50
"""So often the summary is written."""


@dataclass(slots=True)
class Summary:
    """What has been judged: seeds from `first` up, one after the other.

    faults : seed -> what disagrees
    """

    first: int
    networks: int = 0
    faults: dict[int, list[str]] = field(default_factory=dict)
    fronts: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    seeds: list[list[int]] = field(default_factory=list)

    def judge(self, seed: int) -> None:
        """Make and judge the network of a seed."""
        try:
            made = random_network(seed)
            self.operations.update(made.operations)
            self.fronts[made.front] += 1
            found = faults(made)
        except Exception as error:  # whatever a network ends in is a fault to be counted
            found = [f"{type(error).__name__}: {error}"]
        self.networks += 1
        if found:
            self.faults[seed] = found
            print(f"seed {seed}: {found[0]}", file=sys.stderr, flush=True)

    def text(self) -> str:
        """The summary as JSON."""
        ranges = self.seeds or [[self.first, self.first + self.networks - 1]]
        record = {
            "seeds": ranges,
            "networks": self.networks,
            "disagreements": len(self.faults),
            "faults": {str(seed): found for seed, found in sorted(self.faults.items())},
            "front ends": dict(sorted(self.fronts.items())),
            "operations": dict(sorted(self.operations.items())),
        }
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write the summary, all of it or nothing."""
        part = path.with_suffix(".part")
        part.write_text(self.text(), encoding="utf-8", newline="\n")
        part.replace(path)


def read(path: Path) -> Summary:
    """A summary that was written."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Summary(
        record["seeds"][0][0],
        record["networks"],
        {int(seed): found for seed, found in record["faults"].items()},
        Counter(record["front ends"]),
        Counter(record["operations"]),
        record["seeds"],
    )


def merged(shards: Iterable[Summary]) -> Summary:
    """Shards as one summary; a range of seeds that follows another is joined to it."""
    total = Summary(0)
    for shard in sorted(shards, key=lambda s: s.first):
        total.networks += shard.networks
        total.faults |= shard.faults
        total.fronts += shard.fronts
        total.operations += shard.operations
        for first, last in shard.seeds:
            if total.seeds and total.seeds[-1][1] + 1 == first:
                total.seeds[-1][1] = last
            else:
                total.seeds.append([first, last])
    return total


def run(summary: Summary, count: int, seconds: float, output: Path | None) -> None:
    """Judge until so many networks are done, or so much time has gone."""
    begun = time.monotonic()
    while summary.networks < count and time.monotonic() - begun < seconds:
        summary.judge(summary.first + summary.networks)
        if output and summary.networks % EVERY == 0:
            summary.write(output)


def main() -> int:
    """Run, print a summary, and write it where asked; the status is 1 if anything disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--output", type=Path, help="write the summary as JSON")
    parser.add_argument("--merge", type=Path, nargs="+", help="put these summaries together")
    options = parser.parse_args()
    if options.merge:
        summary = merged(read(path) for path in options.merge)
    else:
        known = options.output and options.output.exists()
        summary = read(options.output) if known else Summary(options.seed)
        summary.seeds = []
        run(summary, options.count, options.seconds, options.output)
    print(summary.text(), end="")
    if options.output:
        summary.write(options.output)
    return 1 if summary.faults else 0


if __name__ == "__main__":
    sys.exit(main())
