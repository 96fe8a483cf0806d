"""What an HTML report carries with it: KaTeX with its fonts, a style sheet and a script.

KaTeX (katex.org) is under the MIT licence, which lies beside it. Imports nothing of ours.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path

__all__ = ["katex_css", "katex_js", "page_css", "page_js"]

_HERE = Path(__file__).parent
_SOURCES = re.compile(r"src:url\((fonts/[A-Za-z0-9_-]+\.woff2)\) format\(\"woff2\"\)[^;}]*")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8").strip()


@cache
def katex_js() -> str:
    """KaTeX, with its copyright notice."""
    notice = _read("katex/LICENSE").replace("*/", "* /")
    return f"/*! KaTeX\n{notice}\n*/\n{_read('katex/katex.min.js')}"


@cache
def katex_css() -> str:
    """The style sheet of KaTeX with its fonts inside."""
    return _SOURCES.sub(_inlined, _read("katex/katex.min.css"))


def _inlined(match: re.Match[str]) -> str:
    content = base64.b64encode((_HERE / "katex" / match[1]).read_bytes()).decode("ascii")
    return f'src:url(data:font/woff2;base64,{content}) format("woff2")'


@cache
def page_css() -> str:
    """The style sheet of the report."""
    return _read("report.css")


@cache
def page_js() -> str:
    """The script of the report: formulas, filters, keys."""
    return _read("report.js")
