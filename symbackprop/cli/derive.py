"""`symbackprop derive`: the gradients of a network as formulas."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

import click

from symbackprop.cli.options import choices, force_option, output_option, spec_argument, write
from symbackprop.cli.specs import resolve
from symbackprop.cli.terminal import shows_unicode
from symbackprop.errors import InternalError
from symbackprop.ir import Ties
from symbackprop.network import Document
from symbackprop.network.document import Form
from symbackprop.network.styles import styled, with_policy
from symbackprop.printing.notation import BatchSide, Layout
from symbackprop.scalars import KinkPolicy


class Format(Enum):
    """What formulas are written in."""

    TEXT = "text"
    LATEX = "latex"
    JSON = "json"


@click.command("derive", epilog="Example: symbackprop derive mlp:64-32-10 --wrt W1 --form both")
@spec_argument
@click.option("--of", "of", metavar="NAME", help="What is derived; default: the loss.")
@click.option("--wrt", metavar="NAME", multiple=True, help="By what; default: all parameters.")
@click.option("--order", type=click.Choice(["1", "2"]), default="1", help="2: Hessians.")
@click.option("--form", type=choices(Form), default="matrix", show_default=True)
@click.option("--layout", type=choices(Layout), default="denominator", show_default=True)
@click.option("--batch", type=choices(BatchSide), help="Where examples stand in a matrix.")
@click.option("--kink", type=choices(KinkPolicy), help="The slope of relu and its kin at a kink.")
@click.option("--ties", type=choices(Ties), help="Which of several equal maxima get the gradient.")
@click.option("--format", "form_", type=choices(Format), default="text", show_default=True)
@output_option
@force_option
def command(
    spec: str,
    of: str | None,
    wrt: tuple[str, ...],
    order: str,
    form: str,
    layout: str,
    batch: str | None,
    kink: str | None,
    ties: str | None,
    form_: str,
    output: Path | None,
    force: bool,
) -> None:
    """Print the gradients of a network as formulas, each with its shape."""
    network = with_policy(resolve(spec), kink, ties)
    notation = styled(network, layout=layout, batch=batch)
    document = network.derivation(of, wrt or None, notation, int(order))
    failed = [check for check in document.checks() if not check.ok]
    if failed:
        raise InternalError(f"a formula is not what it should be: {failed[0]}")
    unicode = output is not None or shows_unicode()
    text = _rendered(document, Format(form_), Form(form), unicode)
    if output is None:
        click.echo(text, nl=False)
    else:
        write(output, text, mark=_MARKS[Format(form_)], force=force)
        click.echo(f"wrote {output}", err=True)


_MARKS = {Format.TEXT: "Gradients", Format.LATEX: "align*", Format.JSON: '"version": 1'}


def _rendered(document: Document, wanted: Format, form: Form, unicode: bool) -> str:
    match wanted:
        case Format.TEXT:
            return document.text(form=form, ascii=not unicode)
        case Format.LATEX:
            return document.latex(form=form)
        case Format.JSON:
            return json.dumps(document.data(), ensure_ascii=not unicode, indent=1) + "\n"
