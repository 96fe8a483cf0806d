"""`symbackprop verify`: everything that leaves the tool against its definition."""

from __future__ import annotations

import click

from symbackprop.cli.options import spec_argument
from symbackprop.cli.specs import resolve


@click.command("verify", epilog="Example: symbackprop verify mlp:5-4-3")
@spec_argument
@click.option("--all", "every", is_flag=True, help="List every comparison.")
def command(spec: str, every: bool) -> int:
    """Check forward values, gradients, formulas and code of a network.

    Gradients are compared with central differences in 50 digits, formulas and code with the
    interpreter. Exit status 1 when anything disagrees.
    """
    found = resolve(spec).verify()
    if every:
        for check in found.checks:
            click.echo(f"{'ok ' if check.ok else 'BAD'} {check}")
    sizes = ", ".join(f"{name} = {value}" for name, value in found.sizes.items())
    for check in found.checks:
        if check.note and not every:
            click.echo(f"note: {check}")
    click.echo(f"{found}" + (f" at {sizes}" if sizes else ""))
    return 0 if found.ok else 1
