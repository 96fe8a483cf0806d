"""Reports on checked notes: every format from the same records."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from symbackprop.notes.check import check
from symbackprop.notes.document import read_document, read_text
from symbackprop.notes.report.assets import katex_css, katex_js
from symbackprop.notes.report.data import json_text, junit_text, sarif_text
from symbackprop.notes.report.layout import html_text, markdown_text, shown_latex
from symbackprop.notes.report.page import Page, fails, ids_of, page_of, without
from symbackprop.notes.report.text import report_lines
from symbackprop.notes.report.words import summary
from symbackprop.notes.verdict import Basis, Equation, Part, Report, Verdict

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = "</script><img src=x onerror=alert(1)> {{ 7 * 7 }} a | b ``` \x07"


def part(name, line, latex, verdict, **more):
    return Part(name, line, line, more.pop("cell", None), latex, verdict, **more)


@pytest.fixture
def page():
    wrong = part(
        "aaaa.2",
        12,
        r"dW &= dz\, a",
        Verdict.WRONG,
        reason="missing transpose on a: (5, 1)·(4, 1) does not conform",
        repair="dW = dz a^T",
        counterexample="n = 4, k = 5",
    )
    right = part("aaaa.1", 12, "dz &= a - y", Verdict.CORRECT, basis=Basis.PROVED)
    whole = part("aaaa", 12, r"\begin{align}dz &= a - y\\dW &= dz\, a\end{align}", Verdict.WRONG)
    equations = (
        Equation(part("bbbb", 3, "z = W x + b", Verdict.DEFINITION)),
        Equation(whole, (right, wrong)),
        Equation(
            part(
                "cccc",
                20,
                "\\frac{dz}{dW} = x^T" + " + 0" * 30,
                Verdict.CONVENTION,
                reason="the layout is switched",
                remarks=("the rest has gradients",),
                supposed=("L is the squared error",),
                reading="a Jacobian",
            )
        ),
        Equation(part("dddd", 30, HOSTILE, Verdict.NOT_CHECKABLE, reason=HOSTILE)),
        Equation(part("eeee", 40, "db = dz", Verdict.CORRECT, basis=Basis.AGREES)),
    )
    return Page(
        Report("notes/a b.md", ("a batch is in columns",), equations),
        headings={"aaaa": "Backward <b>"},
        notes={"aaaa": "from last year"},
        macros={"\\x": "</script>"},
        silenced=1,
    )


def joined(lines):
    return "".join(line.text + "\n" for line in lines)


def test_the_text_report(page, golden):
    golden("notes/report.txt", joined(report_lines([page])))


@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_of_text_is_longer_than_the_terminal(page, unicode):
    lines = report_lines([page], unicode=unicode)
    assert max(len(line.text) for line in lines) <= 80


@pytest.mark.parametrize("sign", ["\x1b[31m", "\x9b", "\u202e"])
def test_notes_cannot_steer_the_terminal_or_turn_text_around(sign):
    one = Equation(part("a", 1, f"a{sign} = b", Verdict.WRONG, reason=sign, repair=sign))
    page = Page(Report(f"a{sign}.md", (sign,), (one,)))
    for text in (joined(report_lines([page])), markdown_text([page])):
        assert sign[0] not in text


def test_text_can_be_ascii_and_still_says_every_verdict(page):
    text = joined(report_lines([page], unicode=False))
    assert text.isascii()
    for verdict in Verdict:
        assert verdict.value in text


def test_a_summary_counts_and_leaves_out_what_is_not_there(page):
    assert summary([page]) == (
        "5 equations: 1 wrong, 1 by another convention, 1 not checkable, 1 correct, "
        "1 definition; 1 silenced"
    )
    assert summary([Page(Report("a.md", (), ()))]) == "0 equations"


def test_json_has_the_keys_of_one_document_or_of_several(page):
    one = json.loads(json_text([page], several=False))
    assert list(one) == ["version", "file", "conventions", "equations"]
    keys = "id line end_line cell latex verdict basis reason remarks supposed repair".split()
    keys += "counterexample reading parts".split()
    assert list(one["equations"][1]) == keys
    assert list(one["equations"][1]["parts"][0]) == keys
    several = json.loads(json_text([page], several=True))
    assert list(several) == ["version", "documents"]
    assert several["documents"] == [{**one}]


def test_sarif_has_what_the_standard_requires(page, golden):
    text = sarif_text([page])
    golden("notes/report.sarif", re.sub(r'"version": "(?!2\.1)[^"]*"', '"version": "V"', text))
    run = json.loads(text)["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        location = result["locations"][0]["physicalLocation"]
        assert location["artifactLocation"]["uri"] == "notes/a%20b.md"
        assert location["region"]["startLine"] >= 1


def test_sarif_gives_no_lines_of_the_file_for_a_cell():
    wrong = Equation(part("a", 2, "a = b", Verdict.WRONG, cell=3))
    run = json.loads(sarif_text([Page(Report("a.ipynb", (), (wrong,)))]))["runs"][0]
    location = run["results"][0]["locations"][0]
    assert "region" not in location["physicalLocation"]
    assert location["logicalLocations"][0]["name"] == "cell 3, line 2"


def test_junit_counts_what_fails(page):
    for limit, failures, skipped in [
        (Verdict.WRONG, 1, 1),
        (Verdict.CONVENTION, 2, 1),
        (Verdict.NOT_CHECKABLE, 3, 0),
        (None, 0, 1),
    ]:
        suite = ET.fromstring(junit_text([page], limit=limit))[0]
        assert suite.attrib["tests"] == "5"
        assert suite.attrib["failures"] == str(failures) == str(len(suite.findall(".//failure")))
        assert suite.attrib["skipped"] == str(skipped) == str(len(suite.findall(".//skipped")))


def test_the_markdown_report(page, golden):
    golden("notes/report.md", markdown_text([page]))


def test_html_treats_the_notes_as_data(page):
    html = html_text([page])
    body = html[html.index("<body>") :]
    assert "<img" not in body.replace(katex_js(), "")
    assert "{{ 7 * 7 }}" in body  # shown, not computed
    assert "&lt;/script&gt;&lt;img src=x" in body
    assert body.count("</script>") == 3
    assert json.loads(re.search(r'id="macros">(.*?)</script>', body)[1]) == {"\\x": "</script>"}


def test_html_needs_no_network(page):
    html = html_text([page])
    assert "default-src 'none'" in html
    own = html.replace(katex_js(), "")
    assert not re.search(r"(?:src|href)=\"?(?:https?:|//)|url\((?!data:)|@import", own)
    assert own.count("data:font/woff2;base64,") == 20
    assert "The MIT License" in html
    assert len(html) < 1_000_000


def test_html_says_verdicts_in_words_too(page):
    html = html_text([page])
    for verdict in Verdict:
        assert f'class="{verdict.value}"' in html
        assert re.search(rf'class="badge">\S {verdict.value}', html)
    assert "dW = dz a^T" in html
    assert "from last year" in html


def test_the_style_sheet_of_formulas_has_its_fonts_inside():
    assert "url(fonts/" not in katex_css()


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        ("a = b", "a = b"),
        ("a &= b", r"\begin{aligned}a &= b\end{aligned}"),
        (r"a = b \label{eq:1}", "a = b"),
        (r"\begin{eqnarray} a &=& b \end{eqnarray}", r"\begin{align*} a &= b \end{align*}"),
        (r"\begin{align*}a &= b\end{align*}", r"\begin{align*}a &= b\end{align*}"),
        (r"\begin{aligned}a &= b\end{aligned}", r"\begin{aligned}a &= b\end{aligned}"),
        (r"\begin{pmatrix}a & b\end{pmatrix}", r"\begin{pmatrix}a & b\end{pmatrix}"),
    ],
)
def test_formulas_are_shown_as_katex_takes_them(latex, shown):
    assert shown_latex(latex) == shown


def test_equations_and_parts_can_be_left_out(page):
    assert list(ids_of(page)) == ["bbbb", "aaaa", "aaaa.1", "aaaa.2", "cccc", "dddd", "eeee"]
    assert [e.whole.id for e in without(page, {"aaaa"}).report.equations][1] == "cccc"
    trimmed = without(page, {"aaaa.2"})
    assert trimmed.report.equations[1].verdict is Verdict.CORRECT
    assert trimmed.report.equations[1].whole.id == "aaaa"
    assert not fails(trimmed, Verdict.WRONG)
    assert len(without(page, {"aaaa.1", "aaaa.2"}).report.equations) == 4
    assert without(page, {"aaaa"}).silenced == 2


def test_what_fails_depends_on_the_limit(page):
    assert fails(page, Verdict.WRONG)
    assert not fails(page, None)
    mild = without(page, {"aaaa"})
    assert not fails(mild, Verdict.WRONG)
    assert fails(mild, Verdict.CONVENTION)
    milder = without(mild, {"cccc"})
    assert not fails(milder, Verdict.CONVENTION)
    assert fails(milder, Verdict.NOT_CHECKABLE)


def test_a_page_takes_notes_headings_and_macros_from_its_document():
    document = read_text(
        "# Top\n\\newcommand{\\vv}[1]{\\mathbf #1}\n"
        "<!-- symbackprop: note odd -->\n$$ z = W x $$\n<!-- symbackprop: ignore -->\n$$ q = r $$\n"
    )
    made = page_of(document, check(document, "a.md"))
    whole = made.report.equations[0].whole
    assert made.note_on(whole) == "odd"
    assert made.heading_of(whole) == "Top"
    assert made.macros == {"\\vv": "\\mathbf #1"}
    assert made.silenced == 1
    assert len(made.report.equations) == 1


@pytest.mark.parametrize("name", ["two_layers", "typical_errors"])
def test_the_reports_in_the_docs_are_those_of_the_examples(name):
    path = f"examples/notes/{name}.md"
    document = read_document(ROOT / path)
    made = page_of(document, check(document, path))
    said = f"symbackprop check {path} --format markdown"
    expected = (ROOT / "docs" / "notes" / f"{name}.md").read_text(encoding="utf-8")
    assert markdown_text([made], command=said) == expected, f"run {said} -o docs/notes/{name}.md"
