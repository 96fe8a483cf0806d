"""The program: its commands, its errors, its exit statuses."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from symbackprop._version import __version__
from symbackprop.cli.terminal import complain, prepare_streams, say_warning
from symbackprop.errors import InternalError, SymbackpropError, suggest

COMMANDS: dict[str, str] = {
    "derive": "Print the gradients of a network as formulas.",
    "generate": "Write a NumPy module with values and gradients.",
    "verify": "Check formulas and code of a network against its definition.",
    "check": "Say of every equation in notes whether it is right.",
    "models": "List the ready networks.",
    "demo": "Derive, print, write and train a digit recogniser.",
}
"""Command -> what it does; each is defined in the module of its name in this package."""

HINT = """\
symbackprop writes the gradients of neural networks. Try:
  symbackprop demo                             digits: formulas, code, training
  symbackprop derive mlp:64-32-10              the gradients, as formulas
  symbackprop generate mlp:64-32-10 -o net.py  the same, as one NumPy file
  symbackprop check notes.md                   a verdict on every equation
  symbackprop --help                           all commands; your own networks"""

INTERRUPTED = 130
BUG = 70


class Commands(click.Group):
    """Commands that are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"symbackprop.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with; the nearest is suggested where there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            advice = suggest(args[0], COMMANDS)
            raise click.UsageError(f'there is no command "{args[0]}"\n  help {advice}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: symbackprop derive mlp:3-2-1 --format latex",
)
@click.version_option(__version__, prog_name="symbackprop", message="%(prog)s %(version)s")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Gradients of neural networks as formulas and as NumPy modules.

    A SPEC is a Python file that defines `network`, or a ready model with sizes such as
    mlp:64-32-10.
    """
    if ctx.invoked_subcommand is None:
        click.echo(HINT)


def main(args: Sequence[str] | None = None) -> int:
    """Run the program; the exit status is returned.

    0: done; 1: something is not as it should be; 2: the request cannot be met; 70: a bug of ours.
    """
    prepare_streams()
    warnings.showwarning = say_warning
    try:
        outcome = program.main(args=args, prog_name="symbackprop", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    except click.ClickException as error:
        complain(_usage(error))
        return 2
    except SymbackpropError as error:
        complain(error.describe())
        return error.exit_status
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:
        complain(_bug(error))
        return BUG
    return outcome if isinstance(outcome, int) else 0


def _usage(error: click.ClickException) -> str:
    message = f"Error: {error.format_message()}"
    context = getattr(error, "ctx", None)
    if context is not None and "\n" not in message:
        message += f"\n  help {context.command_path} --help"
    return message


def _bug(error: Exception) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = ""
    if last is not None:
        code = last.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{last.tb_lineno} {code.co_name}"  # noqa: PTH119
    return InternalError(f"{type(error).__name__}: {error}", where=place).describe()


def _closed_pipe() -> int:
    """Whoever read our output has enough: end quietly, and let the interpreter flush nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return 0


def run_as_script() -> Any:
    """Run and leave, for ``python -m symbackprop``."""
    sys.exit(main())
