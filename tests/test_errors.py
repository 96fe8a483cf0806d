"""An error is one message: what, where, and how to mend it."""

import pickle
import subprocess
import sys
import time

import pytest

import symbackprop
from symbackprop import errors


def test_the_message_has_its_place_and_its_help():
    error = errors.ShapeError(
        "matmul: inner dims differ: (n, k) @ (m, p)",
        where='%7 = matmul %3 (X) %5 (W)        from notes/mlp.md:42  "Z = X W"',
        help="W.T has shape (p, m); k and m are unrelated symbols",
    )
    assert error.describe() == (
        "ShapeError: matmul: inner dims differ: (n, k) @ (m, p)\n"
        '  at   %7 = matmul %3 (X) %5 (W)        from notes/mlp.md:42  "Z = X W"\n'
        "  help W.T has shape (p, m); k and m are unrelated symbols"
    )


def test_places_are_added_from_the_inside_out():
    error = errors.InvalidExpressionError("no", help="a\nb").at("inner").at("outer")
    assert str(error) == "no\n  at   inner\n  at   outer\n  help a\n       b"


@pytest.mark.parametrize(
    ("asked", "near"), [("W11", "W1"), ("w1", "W1"), ("sigmod", "sigmoid"), ("qqqq", None)]
)
def test_unknown_names_suggest_the_nearest(asked, near):
    text = str(errors.UnknownNameError("name", asked, ["W1", "b1", "sigmoid"]))
    assert text.startswith(f'there is no name "{asked}"')
    assert "known: W1, b1, sigmoid" in text
    assert (f'did you mean "{near}"?' in text) == (near is not None)
    assert ("did you mean" in text) == (near is not None)


def test_unknown_name_among_none_and_among_many():
    assert errors.UnknownNameError("model", "x").help is None
    many = errors.UnknownNameError("model", "zz", [f"m{i}" for i in range(50)])
    assert many.help is not None and many.help.endswith("m11, ...")


@pytest.mark.parametrize(
    "error",
    [
        errors.SymbackpropError("a", where="b", help="c"),
        errors.UnknownNameError("parameter", "W11", ["W1"], where="here"),
        errors.MissingRuleError("logdet has no VJP", help="none"),
        errors.InternalError("broken"),
    ],
)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.describe() == error.describe()


def test_whose_fault_it_is():
    assert errors.InternalError("x").exit_status == 70
    assert "report" in str(errors.InternalError("x"))
    for kind in (errors.ShapeError, errors.SpecError, errors.OutputError, errors.UnsupportedError):
        assert kind("x").exit_status == 2
        assert isinstance(kind("x"), errors.SymbackpropError)
    assert isinstance(errors.MissingRuleError("f has no JVP"), errors.UnsupportedError)


def test_public_names_exist_and_the_unknown_is_an_attribute_error():
    assert dir(symbackprop) == sorted(symbackprop.__all__)
    for name in symbackprop.__all__:
        assert getattr(symbackprop, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = symbackprop.nonsense


def test_importing_the_package_is_fast_and_loads_no_libraries():
    code = (
        "import sys, symbackprop; "
        "print(*sorted({'sympy', 'numpy', 'jinja2', 'rich', 'click'} & set(sys.modules)))"
    )
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
    assert time.perf_counter() - started < 2  # 0.05 s on an idle machine
