import importlib.util
from types import ModuleType

import mpmath
import numpy as np
import pytest

from symbackprop.scalars.numpy_helpers import HELPERS, helper_sources, opaque_name
from symbackprop.scalars.numpy_tree import Ufunc

CONTEXT = mpmath.MPContext()
CONTEXT.dps = 50
POINTS = np.concatenate([np.linspace(-7, 7, 1501), np.geomspace(1e-300, 26, 300), [0.0]])


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A module with all helpers, the way generated code has them."""
    path = tmp_path_factory.mktemp("helpers") / "helpers_under_test.py"
    sources = [helper.source for helper in helper_sources(HELPERS)]
    path.write_text("\n\n".join(["import numpy as np\n", *sources]), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative_error(found: np.ndarray, exact) -> float:
    pairs = [(float(f), exact(CONTEXT.mpf(float(x)))) for f, x in zip(found, POINTS, strict=True)]
    return float(max(abs(f - e) / abs(e) if e else abs(f) for f, e in pairs))


def test_erf_to_the_last_digits(helpers: ModuleType) -> None:
    assert relative_error(helpers.erf(POINTS), CONTEXT.erf) < 1e-15


def test_erfc_keeps_its_digits_far_out(helpers: ModuleType) -> None:
    found = helpers.erfc(POINTS)
    error = [
        abs(float(f) / float(CONTEXT.erfc(float(x))) - 1) / (1 + float(x) ** 2)
        for f, x in zip(found, POINTS, strict=True)
    ]
    assert max(error) < 1e-15, "the rounding of x^2 is magnified by x^2, nothing else is lost"


@pytest.mark.parametrize("function", [Ufunc.ERF, Ufunc.ERFC])
def test_float32_stays_float32_and_extremes_are_finite(
    helpers: ModuleType, function: Ufunc
) -> None:
    extreme = np.array([-np.inf, -1e30, -1e4, 0, 1e4, 1e18, np.inf], dtype=np.float32)
    with np.errstate(over="ignore"):
        found = getattr(helpers, HELPERS[function].name)(extreme)
    assert found.dtype == np.float32
    exact = [[-1, -1, -1, 0, 1, 1, 1], [2, 2, 2, 1, 0, 0, 0]][function is Ufunc.ERFC]
    assert found.tolist() == pytest.approx(exact, abs=1e-6)


def test_xlogy_takes_zero_for_granted(helpers: ModuleType) -> None:
    found = helpers.xlogy(np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 1.0]))
    assert found.tolist() == [0.0, 0.0, 0.0]


def test_names_of_supplied_functions() -> None:
    assert opaque_name("g", (0, 0)) == "g"
    assert opaque_name("g", (1, 2)) == "g_d12"
