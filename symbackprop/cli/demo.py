"""`symbackprop demo`: one network from its formulas to a trained digit recogniser."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from symbackprop import files
from symbackprop.cli.options import MARK, force_option, write
from symbackprop.cli.terminal import WIDTH, is_lively, shows_unicode
from symbackprop.codegen.selfcheck import load
from symbackprop.data import load_digits, stratified_split
from symbackprop.errors import InternalError, OutputError
from symbackprop.models import model

SEEDS = range(5)
EPOCHS = 30
TEN, TWO = "mlp:64-32-10", "mlp:64-32-2"
Array = Any


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits, pixels in 0 .. 1, with targets as rows, split into train and test."""

    train: dict[str, Array]
    test: dict[str, Array]


@click.command("demo", epilog="Example: symbackprop demo --folder digits")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="Where digits.py and digits.npz are written.",
)
@force_option
def command(folder: Path, force: bool) -> None:
    """Derive, print and write a digit recogniser, train it, and report its accuracy."""
    _say(f"A network for the digits: {TEN}. Its formulas:\n")
    network = model(TEN)
    document = network.derivation()
    failed = [check for check in document.checks() if not check.ok]
    if failed:
        raise InternalError(f"a formula is not what it should be: {failed[0]}")
    click.echo(document.text(ascii=not shows_unicode()))
    source = network.generate(train=True, command=f"symbackprop generate {TEN} --train")
    module, ten = load(source), _ten_classes()
    _write(folder, source, module, ten, force)
    _say("\nTen classes, five first parameters:")
    with _progress(len(SEEDS)) as report:
        scores = [_trained(module, ten, seed, report)[0] for seed in SEEDS]
    _say("  accuracy " + " ".join(f"{score:.4f}" for score in scores))
    _say(f"  mean     {sum(scores) / len(scores):.4f}   on {len(ten.test['X'])} held-out digits")
    _two_or_not_two()


def _two_or_not_two() -> None:
    module, two = load(model(TWO).generate(train=True)), _is_two()
    _say('\n"2 or not 2":')
    with _progress(1) as report:
        params = _trained(module, two, 0, report)[1]
    found = module.predict(params, two.test).argmax(axis=1) == 0
    right = two.test["Y"].argmax(axis=1) == 0
    hits = (found & right).sum()
    _say(f"  recall    {hits / right.sum():.4f}")
    _say(f"  precision {hits / found.sum():.4f}")


def _trained(
    module: ModuleType, digits: Digits, seed: int, report: Callable[..., None]
) -> tuple[float, dict[str, Array]]:
    params = module.init_params(module.np.random.default_rng(seed))
    module.train(params, digits.train, epochs=EPOCHS, rate=1e-2, seed=seed, report=report)
    return module.score(params, digits.test), params


# data


def _ten_classes() -> Digits:
    labels = load_digits()[1]
    return _split((labels[:, None] == list(range(10))).astype(float))


def _is_two() -> Digits:
    labels = load_digits()[1]
    return _split(((labels[:, None] == 2) == [True, False]).astype(float))


def _split(targets: Array) -> Digits:
    images, labels = load_digits()
    chosen = stratified_split(labels)
    train, test = ({"X": images[rows] / 16, "Y": targets[rows]} for rows in chosen)
    return Digits(train, test)


# files


def _write(folder: Path, source: str, module: ModuleType, digits: Digits, force: bool) -> None:
    if not folder.is_dir():
        raise OutputError(f'there is no folder "{folder}"', help=f"make it first: mkdir {folder}")
    write(folder / "digits.py", source, mark=MARK, force=force)
    held = io.BytesIO()
    test = {f"{name}_test": array for name, array in digits.test.items()}
    module.np.savez(held, **digits.train, **test)
    data = folder / "digits.npz"
    if data.is_file() and data.read_bytes() != held.getvalue() and not force:
        raise OutputError(
            f'"{data}" exists, and symbackprop did not write it',
            help="give another --folder, or --force to overwrite it",
        )
    files.write_bytes(data, held.getvalue())
    _say(f"wrote {folder / 'digits.py'} and {data}; on its own it runs as")
    _say(f"  python {folder / 'digits.py'} --data {data}")


# the terminal


def _say(text: str) -> None:
    click.echo(text)


@contextmanager
def _progress(runs: int) -> Iterator[Callable[[int, float], None]]:
    """A bar on standard error, if that is a terminal."""
    if not is_lively(sys.stderr):
        yield lambda epoch, loss: None
        return
    columns = (
        TextColumn("  training"),
        BarColumn(bar_width=40),
        TextColumn("{task.completed}/{task.total} epochs"),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True, width=WIDTH)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=runs * EPOCHS)

        def report(epoch: int, loss: float) -> None:
            bar.update(task, advance=1, description=f"loss {loss:.4f}")

        yield report
