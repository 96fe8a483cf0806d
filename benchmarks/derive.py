"""Print how long it takes to derive a network, and how much memory, by its depth.

    python -m benchmarks.derive [FAMILY ...] [--quick] [--runs N] [-o FILE]

Every network is taken in a process of its own through all of it: declared, derived and simplified,
every formula printed, the module written (and checked beside the interpreter) and compiled. Seconds
are of the processor, the least of the runs, so that what else the machine does counts little.

The last columns are marginal: what a layer more costs, in milliseconds and in KiB of the peak of
memory (as the operating system counts it), from the depth above in the table to this one. They must
stay flat within a factor of 2: no pass may cost more than linear in the nodes, and none may recurse
over depth.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import symbackprop as sb
from symbackprop.frontend import Tensor

FAMILIES: dict[str, tuple[Callable[[int], sb.Network], tuple[int, ...]]] = {}


def family(name: str, *counts: int) -> Callable[[Callable[[int], sb.Network]], object]:
    """Register a family of networks, and the depths it is measured at."""

    def register(build: Callable[[int], sb.Network]) -> Callable[[int], sb.Network]:
        FAMILIES[name] = (build, counts)
        return build

    return register


def dense(x: Tensor, layer: int, before: object, after: object) -> Tensor:
    """Layer number `layer`, tanh."""
    W, b = sb.param(f"W{layer}", before, after), sb.param(f"b{layer}", after)
    activated: Tensor = sb.tanh(x @ W + b)
    return activated


def squares(a: Tensor) -> sb.Network:
    """The network whose loss is the sum of squares of `a`."""
    return sb.Network(loss=sb.sum(a * a))


@family("mlp", 10, 100, 200, 1000, 3000)
def mlp(count: int) -> sb.Network:
    """Tanh layers of one width."""
    m, h = sb.dims("m h")
    a = sb.input("x", m, h)
    for i in range(1, count + 1):
        a = dense(a, i, h, h)
    return squares(a)


@family("widths", 10, 100, 200)
def widths(count: int) -> sb.Network:
    """Tanh layers of pairwise different symbolic widths."""
    m = sb.dims("m")[0]
    sizes = [sb.dims(f"n{i}")[0] for i in range(count + 1)]
    a = sb.input("x", m, sizes[0])
    for i in range(1, count + 1):
        a = dense(a, i, sizes[i - 1], sizes[i])
    return squares(a)


@family("residual", 10, 100, 200, 1000)
def residual(count: int) -> sb.Network:
    """Residual layers: a + tanh(a W + b)."""
    m, h = sb.dims("m h")
    a = sb.input("x", m, h)
    for i in range(1, count + 1):
        a = a + dense(a, i, h, h)
    return squares(a)


@family("shared", 10, 100, 200, 1000)
def shared(count: int) -> sb.Network:
    """Tanh layers with one weight for all."""
    m, h = sb.dims("m h")
    a, W, b = sb.input("x", m, h), sb.param("W", h, h), sb.param("b", h)
    for _ in range(count):
        a = sb.tanh(a @ W + b)
    return squares(a)


@family("lstm", 10, 50, 100)
def lstm(count: int) -> sb.Network:
    """An LSTM written out step by step."""
    m, n, h = sb.dims("m n h")
    xs = sb.input("x", count, m, n)
    gates = {
        g: (sb.param(f"W{g}", n, h), sb.param(f"U{g}", h, h), sb.param(f"b{g}", h)) for g in "ifgo"
    }
    state, cell = sb.input("h0", m, h), sb.input("c0", m, h)
    for t in range(count):
        pre = {g: xs[t] @ W + state @ U + b for g, (W, U, b) in gates.items()}
        i, f, o = (sb.sigmoid(pre[g]) for g in "ifo")
        cell = f * cell + i * sb.tanh(pre["g"])
        state = o * sb.tanh(cell)
    return squares(state)


@family("attention", 10, 50, 100)
def attention(count: int) -> sb.Network:
    """Causal attention written out query by query: query t sees the keys up to t."""
    d = sb.dims("d")[0]
    x = sb.input("x", count, d)
    Q, K, V = (sb.param(name, d, d) for name in ("Wq", "Wk", "Wv"))
    total = None
    for t in range(count):
        seen = x[: t + 1]
        weights = sb.softmax((seen @ K) @ (x[t] @ Q))
        out = weights @ (seen @ V)
        loss = sb.sum(out * out)
        total = loss if total is None else total + loss
    assert total is not None
    return sb.Network(loss=total)


@family("loop", 10, 100, 1000)
def loop(count: int) -> sb.Network:
    """An LSTM over `count` steps as a loop: nothing depends on their number."""
    m, n, h = sb.dims("m n h")
    xs = sb.input("x", count, m, n)
    rows = {"W": (h, n), "U": (h, h), "b": (h,)}
    cell = [[sb.param(letter + g, *shape) for g in "ifgo"] for letter, shape in rows.items()]
    _, (last, _) = sb.lstm(xs, *cell)
    return squares(last)


STAGES = ("declare", "derive", "print", "write", "import")


def measure(name: str, count: int) -> dict[str, float]:
    """Seconds of each stage and the peak of memory in MiB, for one network in this process."""
    build = FAMILIES[name][0]
    squares(sb.param("a", 2)).generate()  # what is imported late is imported now
    before = _peak()
    marks = [time.process_time()]
    net = build(count)
    marks.append(time.process_time())
    gradients = net.gradients()
    marks.append(time.process_time())
    text = net.derivation().latex()
    marks.append(time.process_time())
    source = net.generate()
    marks.append(time.process_time())
    compile(source, name, "exec")
    marks.append(time.process_time())
    found = {s: b - a for s, a, b in zip(STAGES, marks, marks[1:], strict=False)}
    found["total"] = marks[-1] - marks[0]
    found["MiB"] = _peak() - before
    found["formulas"] = len(gradients)
    found["characters"] = len(text)
    found["lines"] = source.count("\n")
    return found


def _peak() -> float:
    """The most memory this process has had, in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the families that are asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.derive", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--quick", action="store_true", help="up to 200 layers only")
    parser.add_argument("--runs", type=int, default=2, help="how often each is run (2)")
    parser.add_argument("-o", "--output", help="a file for the table as well")
    parser.add_argument("--one", nargs=2, metavar=("FAMILY", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
        return 0
    for name in options.families:
        if name not in FAMILIES:
            parser.error(f'there is no family "{name}"; known: {", ".join(FAMILIES)}')
    asked = " ".join(["python -m benchmarks.derive", *(sys.argv[1:] if arguments is None else [])])
    lines = [f"$ {asked}", HEADER]
    print(HEADER)
    for name in options.families or FAMILIES:
        for line in _rows(name, 200 if options.quick else sys.maxsize, options.runs):
            lines.append(line)
            print(line, flush=True)
    if options.output:
        Path(options.output).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


HEADER = (
    f"{'network':>14} {'declare':>8} {'derive':>8} {'print':>8} {'write':>8} {'import':>8}"
    f" {'total s':>8} {'MiB':>7} {'lines':>7} {'ms/layer':>9} {'KiB/layer':>9}"
)


def _rows(name: str, most: int, runs: int) -> Iterator[str]:
    """One family of the table, each network in processes of its own."""
    before: dict[str, float] = {"total": 0.0, "MiB": 0.0}
    last = 0
    for count in FAMILIES[name][1]:
        if count > most:
            continue
        found = min((_apart(name, count) for _ in range(runs)), key=lambda f: f["total"])
        stages = " ".join(f"{found[s]:8.3f}" for s in (*STAGES, "total"))
        line = f"{name + ':' + str(count):>14} {stages} {found['MiB']:7.1f} {found['lines']:7.0f}"
        if last:
            layers = count - last
            line += f" {1000 * (found['total'] - before['total']) / layers:9.2f}"
            line += f" {1024 * (found['MiB'] - before['MiB']) / layers:9.1f}"
        yield line
        before, last = found, count


def _apart(name: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.derive", "--one", name, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}:{count} failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    sys.exit(main())
