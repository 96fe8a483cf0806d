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
from symbackprop.models import by_depth
from symbackprop.network import Document
from symbackprop.network.document import Form
from symbackprop.network.steps import GeneralLayer, Steps
from symbackprop.network.styles import styled, with_policy
from symbackprop.printing.notation import BatchSide, Layout
from symbackprop.scalars import KinkPolicy


class Format(Enum):
    """What formulas are written in."""

    TEXT = "text"
    LATEX = "latex"
    JSON = "json"


@click.command("derive", epilog="Example: symbackprop derive mlp:64-32-10 --wrt W1 --steps")
@spec_argument
@click.option("--of", "of", metavar="NAME", help="What is derived; default: the loss.")
@click.option("--wrt", metavar="NAME", multiple=True, help="By what; default: all parameters.")
@click.option("--order", type=click.Choice(["1", "2"]), default="1", help="2: Hessians.")
@click.option("--form", type=choices(Form), default="matrix", show_default=True)
@click.option("--layout", type=choices(Layout), default="denominator", show_default=True)
@click.option("--batch", type=choices(BatchSide), help="Where examples stand in a matrix.")
@click.option("--kink", type=choices(KinkPolicy), help="The slope of relu and its kin at a kink.")
@click.option("--ties", type=choices(Ties), help="Which of several equal maxima get the gradient.")
@click.option("--steps", is_flag=True, help="How each gradient is found, step by step.")
@click.option("--general", is_flag=True, help="The formulas of a general layer (SPEC: mlp).")
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
    steps: bool,
    general: bool,
    form_: str,
    output: Path | None,
    force: bool,
) -> None:
    """Print the gradients of a network as formulas, each with its shape."""
    if steps or general:
        others = {"--of": of, "--order": order == "2", "--form": form != "matrix", "--batch": batch}
        if general:
            others |= {"--steps": steps, "--wrt": bool(wrt), "--kink": kink, "--ties": ties}
        asked = "--general" if general else "--steps"
        for option in (name for name, given in others.items() if given):
            raise click.UsageError(f"{option} does not go with {asked}")
        found = _general(spec, layout) if general else _steps(spec, wrt, kink, ties, layout)
        _give(_rendered(found, Format(form_), Form(form), output), Format(form_), output, force)
        return
    network = with_policy(resolve(spec), kink, ties)
    notation = styled(network, layout=layout, batch=batch)
    document = network.derivation(of, wrt or None, notation, int(order))
    _check(document)
    _give(_rendered(document, Format(form_), Form(form), output), Format(form_), output, force)


_MARKS = {Format.TEXT: "∂", Format.LATEX: "align*", Format.JSON: '"version": 1'}


def _give(text: str, form: Format, output: Path | None, force: bool) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        write(output, text, mark=_MARKS[form], force=force)
        click.echo(f"wrote {output}", err=True)


def _check(document: Document) -> None:
    failed = [check for check in document.checks() if not check.ok]
    if failed:
        raise InternalError(f"a formula is not what it should be: {failed[0]}")


def _steps(
    spec: str, wrt: tuple[str, ...], kink: str | None, ties: str | None, layout: str
) -> Steps:
    network = with_policy(resolve(spec), kink, ties)
    network.notation = styled(network, layout=layout)
    _check(network.derivation(None, wrt or None))
    return network.steps(*wrt)


def _general(spec: str, layout: str) -> GeneralLayer:
    build = by_depth(spec)
    notation = styled(build(2), layout=layout)
    return GeneralLayer(lambda depth: build(depth).problem, notation)


def _rendered(
    document: Document | Steps | GeneralLayer, wanted: Format, form: Form, output: Path | None
) -> str:
    unicode = output is not None or shows_unicode()
    match wanted:
        case Format.TEXT if isinstance(document, Document):
            return document.text(form=form, ascii=not unicode)
        case Format.TEXT:
            return document.text(ascii=not unicode)
        case Format.LATEX if isinstance(document, Document):
            return document.latex(form=form)
        case Format.LATEX:
            return document.latex()
        case Format.JSON:
            return json.dumps(document.data(), ensure_ascii=not unicode, indent=1) + "\n"
