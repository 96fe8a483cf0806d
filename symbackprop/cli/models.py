"""`symbackprop models`: the ready networks."""

from __future__ import annotations

import click

from symbackprop.errors import UnknownNameError
from symbackprop.models import MODELS


@click.command("models", epilog="Example: symbackprop models mlp")
@click.argument("name", required=False, metavar="[NAME]")
def command(name: str | None) -> None:
    """List the ready networks, or say everything about one."""
    if name is None:
        width = max(len(entry.example) for entry in MODELS.values())
        for entry in MODELS.values():
            click.echo(f"{entry.example:<{width}}  {entry.summary}")
        click.echo("\nSizes are integers or names; options follow after commas:")
        click.echo("  symbackprop derive mlp:n-h-k,activation=relu")
        click.echo("  symbackprop models mlp      the sizes and options of one")
        return
    click.echo(MODELS[name].describe() if name in MODELS else _unknown(name))


def _unknown(name: str) -> str:
    raise UnknownNameError("ready model", name, MODELS)
