"""The code in the README runs, in order, and shows what the README shows."""

from pathlib import Path

import pytest
from readme_tools import assert_shown, blocks_of, run_document

README = Path(__file__).parent.parent / "README.md"


def test_readme_runs(tmp_path):
    assert run_document(README, tmp_path, slow=False) > 0


@pytest.mark.slow
def test_readme_runs_whole(tmp_path):
    assert run_document(README, tmp_path, slow=True) > 0


def test_readme_has_its_test_command():
    """`.ci/run` takes the line below this marker from the README and runs it."""
    text = README.read_text(encoding="utf-8")
    assert text.count("<!-- test command -->") == 1
    following = text.partition("<!-- test command -->")[2]
    assert "pytest" in blocks_of(following)[0].body


def document(tmp_path, text):
    path = tmp_path / "doc.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_blocks_share_a_namespace_and_a_folder(tmp_path):
    text = (
        "```python\nx = 3\nfrom pathlib import Path\nPath('a').write_text('hi')\n```\n"
        "```python\nprint(x)\n```\n\n```text\n3\n```\n"
        "```python\n>>> x + 1\n4\n```\n"
        "```console\n$ cat a; echo\nhi\n$ echo one; echo two\n...\ntwo\n```\n"
        "<!-- not run: it is an example -->\n```console\n$ exit 3\nnothing\n```\n"
    )
    assert run_document(document(tmp_path, text), tmp_path, slow=False) == 4


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(3)\n```\n```text\n4\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```console\n$ echo a\nb\n```\n",
    ],
)
def test_a_difference_fails_with_its_line(tmp_path, text):
    with pytest.raises(AssertionError, match=r"doc\.md:2"):
        run_document(document(tmp_path, text), tmp_path, slow=False)


def test_slow_blocks_wait_for_the_slow_run(tmp_path):
    path = document(tmp_path, "<!-- slow -->\n```console\n$ echo a\na\n```\n")
    assert run_document(path, tmp_path, slow=False) == 0
    assert run_document(path, tmp_path, slow=True) == 1


def test_shown_output_may_be_shortened():
    assert_shown("a\n...\nd\n", "a\nb\nc\nd\n", "here")
    assert_shown("...\n", "", "here")
    with pytest.raises(AssertionError):
        assert_shown("a\n...\ne\n", "a\nb\nc\nd\n", "here")
