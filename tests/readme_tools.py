"""Read a Markdown file's code blocks and run them in order, as a reader would.

- `python` blocks run in one namespace; a `text` block right after one is what it prints. Blocks
  with `>>>` are doctests.
- `console` blocks hold `$ command` lines, each followed by what it shows.
- In shown output a line `...` stands for any lines, and trailing spaces do not count.
- `<!-- not run: reason -->` before a block leaves it out, `<!-- slow -->` leaves it to the slow
  test. `<!-- test command -->` marks the command that runs the tests; `.ci/run` runs it.
- Blocks of any other language are shown only.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run: [^\n]+|slow|test command) -->\n+)?"
    r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: language, text, first line in the file, marker, and place in the text."""

    language: str
    body: str
    line: int
    mark: str
    start: int
    end: int


def blocks_of(text: str) -> list[Block]:
    """Find the fenced blocks in order."""
    return [
        Block(
            match["language"],
            match["body"],
            text.count("\n", 0, match.start("body")) + 1,
            match["mark"] or "",
            match.start(),
            match.end(),
        )
        for match in _BLOCK.finditer(text)
    ]


def run_document(path: Path, folder: Path, *, slow: bool) -> int:
    """Run the blocks of a document inside `folder`; give how many ran.

    Raises
    ------
    AssertionError
        With the line of the first block whose output differs from what is shown.
    """
    text = path.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    namespace: dict[str, object] = {"__name__": "__main__"}
    ran = 0
    with contextlib.chdir(folder):
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            if block.mark.startswith(("not run", "test command")) or (
                block.mark == "slow" and not slow
            ):
                continue
            place = f"{path.name}:{block.line}"
            if block.language == "python":
                shown = None
                if following is not None and following.language == "text":
                    shown = (
                        following.body if not text[block.end : following.start].strip() else None
                    )
                run_python(block, namespace, shown, place)
            elif block.language == "console":
                run_console(block, folder, place)
            else:
                continue
            ran += 1
    return ran


def run_python(block: Block, namespace: dict[str, object], shown: str | None, place: str) -> None:
    """Run a Python block and compare what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if ">>>" in block.body:
            test = doctest.DocTestParser().get_doctest(block.body, namespace, place, place, 0)
            runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
            runner.run(test, clear_globs=False)
            namespace.update(test.globs)
            failed = runner.summarize(verbose=False).failed
            assert not failed, f"{place}\n{printed.getvalue()}"
            return
        exec(compile("\n" * (block.line - 1) + block.body, place, "exec"), namespace)
    if shown is not None:
        assert_shown(shown, printed.getvalue(), place)


def run_console(block: Block, folder: Path, place: str) -> None:
    """Run each `$ command` of a block and compare what it shows, errors included."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = command[:-1] + more.removeprefix("> ")
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        assert_shown(shown, result.stdout, f"{place} $ {command}")


def assert_shown(shown: str, produced: str, place: str) -> None:
    """Compare output with what the document shows; a line `...` matches any lines."""
    pattern = [
        "(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + "\n"
        for line in shown.rstrip().splitlines()
    ]
    got = "".join(line.rstrip() + "\n" for line in produced.rstrip().splitlines())
    assert re.fullmatch("".join(pattern), got), (
        f"{place}\n--- shown\n{shown}\n--- produced\n{produced}"
    )
