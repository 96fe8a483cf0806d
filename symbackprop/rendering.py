"""The one Jinja environment: records in, text out.

A template lays out text that was prepared in Python. Undefined names are errors, and a template
never comes from user text. Imports `errors` only; nothing else in the program imports Jinja.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from symbackprop.errors import InternalError


def render(template_name: str, /, **records: object) -> str:
    r"""Lay out `records` with the template of that name.

    Values are escaped in templates whose name ends in `.html.j2`, and in no others. Blocks leave no
    blank lines behind (`trim_blocks`, `lstrip_blocks`); the template's last newline is kept.

    Parameters
    ----------
    template_name : str
        Path below `templates/`, such as `"module.py.j2"`.
    **records : object
        What the template may name.

    Returns
    -------
    str
        The text, with `\n` line ends.

    Raises
    ------
    InternalError
        When there is no such template, or it names something that was not given.
    """
    try:
        return _environment().get_template(template_name).render(**records)
    except jinja2.TemplateError as error:
        reason = error.message or type(error).__name__
        line = getattr(error, "lineno", None)
        place = f"templates/{template_name}" + (f":{line}" if line else "")
        raise InternalError(f"template fails: {reason}", where=place) from error


def templates_folder() -> Path:
    """Find the templates: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_templates", package.parent / "templates"):
        if folder.is_dir():
            return folder
    raise InternalError(f'no templates beside "{package}"', help="install symbackprop again")


def _escapes(template_name: str | None) -> bool:
    """Tell whether values are escaped: in HTML only."""
    return template_name is not None and template_name.endswith((".html", ".html.j2"))


@cache
def _environment() -> jinja2.Environment:
    """Make the environment, once."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder(), encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        autoescape=_escapes,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
    )
