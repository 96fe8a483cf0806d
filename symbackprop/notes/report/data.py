"""Reports for programs: JSON, SARIF 2.1.0 and JUnit XML."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from symbackprop._version import __version__
from symbackprop.notes.report.page import FAILING, Page
from symbackprop.notes.report.words import details, place, shown_parts
from symbackprop.notes.verdict import Equation, Part, Verdict, documents_json

__all__ = ["json_text", "junit_text", "sarif_text"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Verdict.WRONG: "error", Verdict.CONVENTION: "warning", Verdict.NOT_CHECKABLE: "note"}
_RULES = {
    Verdict.WRONG: "An equation of the notes is wrong",
    Verdict.CONVENTION: "An equation holds under another convention than the rest of the notes",
    Verdict.NOT_CHECKABLE: "An equation could not be checked",
}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def json_text(pages: Sequence[Page], *, several: bool, unicode: bool = True) -> str:
    """The records as JSON: those of one document, or a list of documents.

    Parameters
    ----------
    pages : sequence of Page
        The checked documents.
    several : bool
        Whether several documents were asked for; the form depends on the question alone.
    unicode : bool
        Whether text other than ASCII is left as it is.
    """
    reports = [page.report for page in pages]
    data = documents_json(reports) if several or len(reports) != 1 else reports[0].to_json()
    return json.dumps(data, ensure_ascii=not unicode, indent=1) + "\n"


def findings(equation: Equation) -> tuple[Part, ...]:
    """The parts of an equation that are not simply right; the whole where it has no parts."""
    parts = [part for part in shown_parts(equation) if part.verdict in FAILING]
    if parts:
        return tuple(parts)
    return (equation.whole,) if equation.verdict in FAILING else ()


def _said(page: Page, part: Part) -> str:
    said = [f"{detail.label}: {detail.text}" for detail in details(page, part)]
    return "\n".join([f"{part.verdict.value}: {' '.join(part.latex.split())}", *said])


def sarif_text(pages: Sequence[Page], *, unicode: bool = True) -> str:
    """The findings in SARIF 2.1.0, for code scanning."""
    results = [
        _result(page, part)
        for page in pages
        for equation in page.report.equations
        for part in findings(equation)
    ]
    rules = [
        {
            "id": verdict.value,
            "shortDescription": {"text": text},
            "defaultConfiguration": {"level": _LEVELS[verdict]},
        }
        for verdict, text in _RULES.items()
    ]
    driver = {"name": "symbackprop", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    data = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(data, ensure_ascii=not unicode, indent=1) + "\n"


def _result(page: Page, part: Part) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": _uri(page.file_of(part))}}
    location: dict[str, object] = {"physicalLocation": physical}
    if part.cell is None:
        physical["region"] = {"startLine": part.line, "endLine": part.end_line}
    else:  # lines are those of the cell, not of the file
        location["logicalLocations"] = [{"name": place(part), "kind": "element"}]
    return {
        "ruleId": part.verdict.value,
        "ruleIndex": FAILING.index(part.verdict),
        "level": _LEVELS[part.verdict],
        "message": {"text": _said(page, part)},
        "locations": [location],
        "partialFingerprints": {"equation/v1": part.id},
    }


_RESERVED = re.compile(r"[^A-Za-z0-9._~/!$&'()*+,;=:@-]")


def _uri(path: str) -> str:
    """A path as a URI reference."""
    return _RESERVED.sub(
        lambda m: "".join(f"%{byte:02X}" for byte in m.group().encode("utf-8")),
        path.replace("\\", "/"),
    )


def junit_text(pages: Sequence[Page], *, limit: Verdict | None = Verdict.WRONG) -> str:
    """The equations as test cases of JUnit XML: what is as bad as `limit` or worse fails."""
    bad = () if limit is None else FAILING[: FAILING.index(limit) + 1]
    root = ET.Element("testsuites", name="symbackprop check")
    for page in pages:
        equations = page.report.equations
        failed = sum(equation.verdict in bad for equation in equations)
        skipped = sum(_is_skipped(equation.verdict, bad) for equation in equations)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_clean(page.report.file),
            tests=str(len(equations)),
            failures=str(failed),
            errors="0",
            skipped=str(skipped),
        )
        for equation in equations:
            _case(suite, page, equation, bad)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _is_skipped(verdict: Verdict, bad: tuple[Verdict, ...]) -> bool:
    return verdict is Verdict.NOT_CHECKABLE and verdict not in bad


def _case(suite: ET.Element, page: Page, equation: Equation, bad: tuple[Verdict, ...]) -> None:
    whole = equation.whole
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(page.file_of(whole)),
        name=_clean(f"{place(whole)} [{whole.id}]"),
        file=_clean(page.file_of(whole)),
        line=str(whole.line),
    )
    said = _clean("\n\n".join(_said(page, part) for part in findings(equation)))
    message = _clean(whole.reason or whole.verdict.value)
    if whole.verdict in bad:
        failure = ET.SubElement(case, "failure", type=whole.verdict.value, message=message)
        failure.text = said
    elif whole.verdict is Verdict.NOT_CHECKABLE:
        ET.SubElement(case, "skipped", message=message)
    elif said:
        ET.SubElement(case, "system-out").text = said


def _clean(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)
