"""Print how long each way of computing a workload takes, against the least it can take.

    python -m benchmarks.speed [WORKLOAD ...] [--modules LABEL=PATTERN]...

All variants of a workload run interleaved in one process on one thread, in float32. The ratios are
to `limit_gemm`: only the matrix products of the step, into arrays that exist already.
"""

from __future__ import annotations

from benchmarks.environment import restart_on_one_thread

if __name__ == "__main__":
    restart_on_one_thread("benchmarks.speed")

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.agreement import Reference, disagreement, reference_of
from benchmarks.networks import SOURCES
from benchmarks.timing import Timing, time_interleaved
from benchmarks.variants import Variant, bind_module, libraries, load_module
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.record import DType, Workload

LIMIT = "limit_gemm"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the workloads that are asked for and print the table; give the exit status."""
    options = _parse(arguments)
    names = options.workloads or list(WORKLOADS)
    wrong = 0
    rows: dict[str, dict[str, Timing]] = {}
    for name in names:
        workload = WORKLOADS[name]
        variants = [*libraries(workload), *_modules(workload, options.modules, options.folder)]
        if options.only:
            variants = [v for v in variants if v.name in {"np_plain", "jax", *options.only}]
        good = _agreeing(workload, variants)
        wrong += len(variants) - len(good)
        if not options.check_only:
            rows[name] = _time(workload, good, options.budget)
            print(_line(name, rows[name]), file=sys.stderr, flush=True)
    if rows:
        print(table(rows))
        print("\n".join(slow_baselines(rows)))
        print(head_to_head(rows))
    return 1 if wrong else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python -m benchmarks.speed w2_digits32 --modules trial=trials/{}.py",
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument(
        "--modules",
        action="append",
        default=[],
        metavar="LABEL=PATTERN",
        help="time module files too; {} stands for the family of the workload (w1, w2, ...)",
    )
    parser.add_argument("--folder", type=Path, help="keep the generated modules in this folder")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="leave other variants out")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds for each variant (2)")
    parser.add_argument("--check-only", action="store_true", help="compare values, time nothing")
    options = parser.parse_args(arguments)
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f'there is no workload "{name}"; known: {", ".join(WORKLOADS)}')
    return options


def _modules(workload: Workload, patterns: Sequence[str], folder: Path | None) -> list[Variant]:
    """Load the modules for a workload: those given by pattern, and the generated one."""
    paths: dict[str, Path] = {}
    for pattern in patterns:
        label, _, place = pattern.partition("=")
        paths[label] = Path(place.replace("{}", workload.family))
    if workload.family in SOURCES:
        path = (folder or Path("build/benchmarks")) / f"{workload.family}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCES[workload.family](), encoding="utf-8", newline="\n")
        paths["generated"] = path
    found = {label: load_module(path) for label, path in paths.items() if path.is_file()}
    variants = [Variant(label, bind_module(module, pure=False)) for label, module in found.items()]
    if workload.hessian_of is None:
        variants += [Variant(f"{k}/pure", bind_module(m, pure=True)) for k, m in found.items()]
    return variants


def _agreeing(workload: Workload, variants: Sequence[Variant]) -> list[Variant]:
    """Leave out, and report, the variants whose values differ from the reference."""
    reference = reference_of(workload, variants)
    good = []
    for variant in variants:
        made_for_one = variant.name.partition("/")[0] in _FLOAT32_ONLY
        dtypes: list[DType] = [np.float32] if made_for_one else [np.float32, np.float64]
        problems = [_problem(workload, variant, dtype, reference) for dtype in dtypes]
        told = next((problem for problem in problems if problem is not None), None)
        if told is None:
            good.append(variant)
        else:
            print(f"WRONG {workload.name} {variant.name}: {told}", file=sys.stderr)
    return good


def _problem(
    workload: Workload, variant: Variant, dtype: DType, reference: Reference
) -> str | None:
    """Compare values; a library that fails does not take the others with it."""
    try:
        return disagreement(workload, variant, dtype, reference)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


_FLOAT32_ONLY = {"generated"}
"""A module is made for one dtype."""


def _time(workload: Workload, variants: Sequence[Variant], budget: float) -> dict[str, Timing]:
    """Time the limit and the variants, interleaved."""
    params, inputs = workload.data(np.float32)
    calls = {LIMIT: workload.limit(params, inputs)}
    calls |= {variant.name: variant.bind(workload, params, inputs) for variant in variants}
    return time_interleaved(calls, budget)


def _line(name: str, timings: Mapping[str, Timing]) -> str:
    """Write one workload's times, for those who watch."""
    parts = [f"{label} {timing.seconds * 1e6:.4g}" for label, timing in timings.items()]
    return f"{name}, µs: " + ", ".join(parts)


def table(rows: Mapping[str, Mapping[str, Timing]]) -> str:
    """Lay out the ratios to the limit, one line for each workload."""
    columns = list(dict.fromkeys(label for row in rows.values() for label in row))
    head = ["workload", f"{LIMIT} µs", *columns[1:], "np_plain as first measured"]
    lines = [head]
    for name, row in rows.items():
        limit = row[LIMIT].seconds
        ratios = [f"{row[c].seconds / limit:.3g}" if c in row else "-" for c in columns[1:]]
        lines.append([name, f"{limit * 1e6:.4g}", *ratios, f"{WORKLOADS[name].plain_ratio:g}"])
    return "\ntime / limit_gemm, float32, one thread\n" + _columns(lines)


def slow_baselines(rows: Mapping[str, Mapping[str, Timing]]) -> list[str]:
    """Name the workloads whose hand-written NumPy is over 10 % slower than first measured."""
    said = []
    for name, row in rows.items():
        ratio = row["np_plain"].seconds / row[LIMIT].seconds if "np_plain" in row else 0.0
        if ratio > 1.1 * WORKLOADS[name].plain_ratio:
            said.append(f"{name}: np_plain is slower here than first measured; time it again")
    return said


def head_to_head(rows: Mapping[str, Mapping[str, Timing]]) -> str:
    """Lay out the modules against np_plain, with what they must reach, and against JAX."""
    lines = [["workload", "variant", "/ np_plain", "must", "/ jax"]]
    for name, row in rows.items():
        for label, timing in row.items():
            if label in {LIMIT, "np_plain", "jax", "autograd", "torch"} or "np_plain" not in row:
                continue
            ratio = timing.seconds / row["np_plain"].seconds
            against = f"{timing.seconds / row['jax'].seconds:.3f}" if "jax" in row else "-"
            must = WORKLOADS[name].must
            verdict = f"{must:g} {'met' if ratio <= must else 'missed'}"
            lines.append([name, label, f"{ratio:.3f}", verdict, against])
    return "\nmodules head to head\n" + _columns(lines) if len(lines) > 1 else ""


def _columns(lines: list[list[str]]) -> str:
    """Align a table: the first column left, the others right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
