"""Templates are strict, escape only HTML, and fail as our own bug."""

import pytest

from symbackprop import rendering
from symbackprop.errors import InternalError


@pytest.fixture
def templates(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "templates_folder", lambda: tmp_path)
    rendering._environment.cache_clear()
    yield tmp_path
    rendering._environment.cache_clear()


def test_the_templates_of_this_checkout_are_found():
    assert (rendering.templates_folder() / "README.md").is_file()


def test_blocks_leave_no_blank_lines(templates):
    text = "{% for n in names %}\n    {% if n %}\n{{ n }} = 0\n    {% endif %}\n{% endfor %}\nend\n"
    (templates / "a.py.j2").write_text(text)
    assert rendering.render("a.py.j2", names=["W1", "", "b1"]) == "W1 = 0\nb1 = 0\nend\n"


def test_only_html_is_escaped(templates):
    for name in ("a.py.j2", "a.html.j2"):
        (templates / name).write_text("{{ text }}")
    assert rendering.render("a.py.j2", text="a < b") == "a < b"
    assert rendering.render("a.html.j2", text="a < b") == "a &lt; b"


def test_text_is_never_a_template(templates):
    (templates / "a.py.j2").write_text("{{ text }}")
    assert rendering.render("a.py.j2", text="{{ 1 + 1 }}") == "{{ 1 + 1 }}"


def test_missing_names_and_templates_are_our_bugs(templates):
    (templates / "a.py.j2").write_text("{{ gone }}")
    with pytest.raises(InternalError, match="gone"):
        rendering.render("a.py.j2")
    with pytest.raises(InternalError, match=r"b\.py\.j2"):
        rendering.render("b.py.j2")
    (templates / "c.py.j2").write_text("\n{% if %}\n")
    with pytest.raises(InternalError, match=r"templates/c\.py\.j2:2"):
        rendering.render("c.py.j2")
