"""What a SPEC names: a file that defines `network`, or a ready model with sizes."""

from __future__ import annotations

import contextlib
import runpy
import sys
import traceback
from pathlib import Path
from types import TracebackType

from symbackprop.errors import SpecError, SymbackpropError, suggest
from symbackprop.models import MODELS, model
from symbackprop.network import Network
from symbackprop.notes.problem import read_problem

EXAMPLES = """a SPEC is one of
a Python file that defines `network`   symbackprop derive net.py
notes with forward equations           symbackprop derive notes.md
a ready model with sizes               symbackprop derive mlp:64-32-10   (symbackprop models)"""

_NOTES = {".md", ".tex", ".ipynb", ".txt"}


def resolve(spec: str) -> Network:
    """The network that a SPEC names.

    Raises
    ------
    SpecError
        When it names none, or the file fails.
    """
    path = Path(spec)
    if path.is_file():
        return _from_file(path)
    name = spec.partition(":")[0]
    if path.suffix or "/" in spec or path.is_dir():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise SpecError(f'the file "{spec}" {what}', help=EXAMPLES)
    if name not in MODELS:
        near = suggest(name, MODELS)
        raise SpecError(f'"{spec}" is no file and no ready model', help=f"{near}\n{EXAMPLES}")
    return model(spec)


def _from_file(path: Path) -> Network:
    if path.suffix in _NOTES:
        made = Network.from_problem(read_problem(path))
        made.title = path.stem
        return made
    if path.suffix != ".py":
        raise SpecError(f'"{path}": expected a Python file (.py)', help=EXAMPLES)
    network = _run(path).get("network")
    if network is None:
        raise SpecError(
            f'"{path}" defines no `network`', help="end it with\nnetwork = sb.Network(loss=L)"
        )
    if not isinstance(network, Network):
        raise SpecError(
            f'"{path}": `network` is a {type(network).__name__}, expected a Network',
            help="network = sb.Network(loss=L)",
        )
    if network.title == "a network":
        network.title = path.stem
    return network


def _run(path: Path) -> dict[str, object]:
    """Run a file as the program of its user; what it prints goes to standard error."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    arguments, sys.argv = sys.argv, [str(path)]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return runpy.run_path(str(path), run_name=path.stem)
    except SymbackpropError as error:
        raise _placed(error, path) from None
    except SyntaxError as error:
        raise SpecError(
            f"{error.msg}", where=f'{path}:{error.lineno} "{(error.text or "").strip()}"'
        ) from None
    except SystemExit as error:
        raise SpecError(f'"{path}" ends by itself (exit {error.code})') from None
    except Exception as error:
        place = _place(error.__traceback__, path)
        raise SpecError(f"{type(error).__name__}: {error}", where=place) from None
    finally:
        sys.argv = arguments
        if folder in sys.path:
            sys.path.remove(folder)


def _placed(error: SymbackpropError, path: Path) -> SymbackpropError:
    place = _place(error.__traceback__, path)
    return error if place is None else error.at(place)


def _place(trace: TracebackType | None, path: Path) -> str | None:
    """The last line of the file that was being run."""
    found = None
    for frame in traceback.extract_tb(trace):
        if Path(frame.filename) == path:
            found = f'{path}:{frame.lineno} "{frame.line}"'
    return found or str(path)
