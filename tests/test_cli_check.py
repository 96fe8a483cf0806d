"""`symbackprop check`: what stands on which stream, files, exit statuses."""

import json
import xml.etree.ElementTree as ET

import pytest

from symbackprop.cli import main
from symbackprop.notes.document import read_document

FORWARD = "$$ z = W x + b $$\n\n$$ L = \\frac{1}{2} \\| z - y \\|^2 $$\n\n"
RIGHT = FORWARD + "$$ \\frac{\\partial L}{\\partial z} = z - y $$\n"
WRONG = FORWARD + "$$ \\frac{\\partial L}{\\partial z} = y - z $$\n"


@pytest.fixture
def run(capsys):
    def call(*args):
        status = main(["check", *map(str, args)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def notes(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    return write


def test_right_notes_pass(run, notes):
    status, out, err = run(notes("a.md", RIGHT))
    assert status == 0
    assert err == ""
    assert out.endswith("3 equations: 1 correct, 2 definitions\n")


def test_a_wrong_equation_fails_with_its_line(run, notes):
    status, out, _ = run(notes("a.md", WRONG))
    assert status == 1
    line = next(line for line in out.splitlines() if " wrong " in line)
    assert line.split()[1:3] == ["wrong", "5"]
    assert "\x1b" not in out


def test_json_stands_alone(run, notes):
    path = notes("a.md", WRONG)
    status, out, err = run(path, "--format", "json")
    data = json.loads(out)
    assert status == 1
    assert err == ""
    assert list(data) == ["version", "file", "conventions", "equations"]
    assert data["file"] == path.as_posix()
    assert data["equations"][-1]["verdict"] == "wrong"


def test_several_files_are_documents_and_the_worst_counts(run, notes):
    status, out, _ = run(notes("a.md", RIGHT), notes("b.md", WRONG), "--format", "json")
    assert status == 1
    assert [len(d["equations"]) for d in json.loads(out)["documents"]] == [3, 3]


def test_a_file_that_cannot_be_read_gives_2_and_the_others_are_reported(run, notes, tmp_path):
    status, out, err = run(notes("a.md", RIGHT), tmp_path / "none.md", "--format", "json")
    assert status == 2
    assert len(json.loads(out)["documents"]) == 1
    assert "none.md" in err
    assert run(tmp_path)[0] == 2


def test_an_equation_can_be_ignored_by_its_id(run, notes):
    path = notes("a.md", WRONG)
    wrong = read_document(path).formulas[-1].id
    status, out, err = run(path, "--ignore", wrong)
    assert status == 0
    assert "1 silenced" in out
    assert err == ""
    status, _, err = run(path, "--ignore", "zzz")
    assert status == 1
    assert "zzz" in err


def test_a_comment_silences_an_equation(run, notes):
    text = WRONG.replace("$$ \\frac{\\partial", "<!-- symbackprop: ignore -->\n$$ \\frac{\\partial")
    assert run(notes("a.md", text))[0] == 0


def test_fail_on_sets_the_limit(run, notes):
    assert run(notes("a.md", WRONG), "--fail-on", "never")[0] == 0
    unclear = notes("b.md", FORWARD + "$$ \\frac{\\partial L}{\\partial q} = \\aleph(q)! $$\n")
    assert run(unclear)[0] == 0
    assert run(unclear, "--fail-on", "not-checkable")[0] == 1


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "sarif", "junit"])
def test_a_report_is_written_again_but_nothing_else_is_overwritten(run, notes, tmp_path, form):
    path, target = notes("a.md", RIGHT), tmp_path / "report"
    for _ in range(2):
        status, out, err = run(path, "--format", form, "-o", target)
        assert (status, out) == (0, "")
        assert "wrote" in err
    target.write_text("my own words\n", encoding="utf-8", newline="\n")
    status, _, _ = run(path, "--format", form, "-o", target)
    assert status == 2
    assert target.read_text(encoding="utf-8") == "my own words\n"


def test_junit_follows_fail_on(run, notes):
    path = notes("a.md", WRONG)
    _, out, _ = run(path, "--format", "junit")
    assert ET.fromstring(out)[0].attrib["failures"] == "1"
    _, out, _ = run(path, "--format", "junit", "--fail-on", "never")
    assert ET.fromstring(out)[0].attrib["failures"] == "0"
