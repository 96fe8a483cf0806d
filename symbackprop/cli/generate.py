"""`symbackprop generate`: values and gradients as one NumPy module."""

from __future__ import annotations

from pathlib import Path

import click

from symbackprop.cli.options import choices, force_option, output_option, spec_argument, write
from symbackprop.cli.specs import resolve
from symbackprop.codegen.options import DType

MARK = "symbackprop"


@click.command("generate", epilog="Example: symbackprop generate mlp:64-32-10 --train -o digits.py")
@spec_argument
@output_option
@click.option("--dtype", type=choices(DType), default="float64", show_default=True)
@click.option("--train", is_flag=True, help="Add a training loop and a command line to the file.")
@click.option("--jvp", is_flag=True, help="Add the derivative along tangents.")
@click.option("--hvp", is_flag=True, help="Add the product of the Hessian with a vector.")
@click.option("--hessian", is_flag=True, help="Add the Hessian.")
@force_option
def command(
    spec: str,
    output: Path | None,
    dtype: str,
    train: bool,
    jvp: bool,
    hvp: bool,
    hessian: bool,
    force: bool,
) -> None:
    """Write a module that computes values and gradients with NumPy alone."""
    network = resolve(spec)
    words = ["symbackprop generate", spec]
    words += ["--dtype", dtype] if dtype != "float64" else []
    asked = {"train": train, "jvp": jvp, "hvp": hvp, "hessian": hessian}
    words += [f"--{name}" for name, wanted in asked.items() if wanted]
    source = network.generate(
        dtype=dtype, train=train, jvp=jvp, hvp=hvp, hessian=hessian, command=" ".join(words)
    )
    if output is None:
        click.echo(source, nl=False)
    else:
        write(output, source, mark=MARK, force=force)
        click.echo(f"wrote {output}", err=True)
