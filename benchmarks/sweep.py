"""Judge many random networks: ``python -m benchmarks.sweep --count 20000 --seed 0``.

Of each, the gradients are compared with JAX, the simplified ones with the adjoint sweep, printed
formulas and the generated module with the interpreter.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.random_networks import faults, random_network


def main() -> int:
    """Run, print a summary, and write it where asked; the status is 1 if anything disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--output", type=Path, help="write the summary as JSON")
    options = parser.parse_args()
    operations: Counter[str] = Counter()
    fronts: Counter[str] = Counter()
    wrong: dict[int, list[str]] = {}
    begun, done = time.monotonic(), 0
    for seed in range(options.seed, options.seed + options.count):
        if time.monotonic() - begun > options.seconds:
            break
        try:
            made = random_network(seed)
            found = faults(made)
            operations.update(made.operations)
            fronts[made.front] += 1
        except Exception as error:
            found = [f"{type(error).__name__}: {error}"]
        done += 1
        if found:
            wrong[seed] = found
            print(f"seed {seed}: {found[0]}", file=sys.stderr)
    summary = {
        "first seed": options.seed,
        "networks": done,
        "disagreements": len(wrong),
        "faults": {str(seed): found for seed, found in wrong.items()},
        "front ends": dict(sorted(fronts.items())),
        "operations": dict(sorted(operations.items())),
    }
    text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text, encoding="utf-8", newline="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
