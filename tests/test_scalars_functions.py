"""Every function of the table: value, first and second slopes, kinks, extremes, NumPy form."""

import importlib.util
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import jax.scipy.special
import jax.scipy.stats
import numpy as np
import pytest
from sympy import Expr, Integer, Rational

from symbackprop.errors import InvalidExpressionError, UnknownNameError
from symbackprop.scalars import (
    FUNCTIONS,
    HELPERS,
    Apply,
    Code,
    DigitsField,
    FunctionRecord,
    KinkPolicy,
    Number,
    NumpyTree,
    Operand,
    Ufunc,
    body_derivative,
    evaluate,
    function,
    helper_sources,
    numpy_code,
    placeholder,
    settle_indicators,
)
from symbackprop.scalars.numpy_lowerings import sigmoid_to_the_last_digit

jax.config.update("jax_enable_x64", True)

DIGITS = DigitsField(50)
NAMES = list(FUNCTIONS)
NO_KINK = 0.05

JAX: dict[str, Callable] = {
    **{name: getattr(jnp, name) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh")},
    **{name: getattr(jnp, name) for name in ("tanh", "sqrt", "log1p", "expm1", "abs", "sign")},
    **{"a" + name: getattr(jnp, "arc" + name) for name in ("sin", "cos", "tan")},
    **{"a" + name: getattr(jnp, "arc" + name) for name in ("sinh", "cosh", "tanh")},
    **{name: getattr(jnp, name) for name in ("minimum", "maximum")},
    **{name: getattr(jax.nn, name) for name in ("sigmoid", "softplus", "relu", "elu", "selu")},
    **{name: getattr(jax.nn, name) for name in ("leaky_relu", "silu", "swish", "mish")},
    **{name: getattr(jax.nn, name) for name in ("hard_sigmoid", "hard_tanh", "hard_swish")},
    "erf": jax.scipy.special.erf,
    "normal_cdf": jax.scipy.stats.norm.cdf,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "softsign": jax.nn.soft_sign,
    "prelu": lambda x, alpha: jnp.where(x > 0, x, alpha * x),
    "pow": jnp.power,
    "xlogy": jax.scipy.special.xlogy,
    "clip": lambda x, low, high: jnp.minimum(jnp.maximum(x, low), high),
    "step": lambda x: jnp.where(x > 0, 1.0, 0.0),
    "equal": lambda a, b: jnp.where(a == b, 1.0, 0.0),
    "where": lambda c, a, b: jnp.where(c != 0, a, b),
}


def body_of(record: FunctionRecord) -> Expr:
    return record.build(*(placeholder(k) for k in range(record.arity[0])))


def samples(record: FunctionRecord, count: int = 24) -> list[np.ndarray]:
    """Points of the domain that keep away from kinks."""
    rng = np.random.default_rng(0)
    drawn = [rng.uniform(d.low, d.high, size=20 * count) for d in record.domains]
    far = np.ones(20 * count, dtype=bool)
    for kink in record.kinks:
        far &= np.abs(evaluate(kink, drawn)) > NO_KINK
    return [x[far][:count] for x in drawn]


def digits(body: Expr, points: list[np.ndarray]) -> np.ndarray:
    return evaluate(body, points, field=DIGITS)


def assert_close(found: np.ndarray, exact: np.ndarray, tolerance: float) -> None:
    exact = np.asarray(exact, dtype=object)
    scale = max(1.0, float(max(abs(e) for e in exact.ravel())))
    error = float(max(abs(e) for e in np.ravel(found - exact)))
    assert error <= tolerance * scale


@pytest.mark.parametrize("name", NAMES)
def test_float64_value_is_that_of_50_digits(name: str) -> None:
    record = FUNCTIONS[name]
    body, points = body_of(record), samples(record)
    assert len(points[0]) == 24
    assert_close(evaluate(body, points), digits(body, points), 1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_those_of_50_digit_differences(name: str) -> None:
    record = FUNCTIONS[name]
    body, points = body_of(record), samples(record, 6)
    first = [body_derivative(body, k) for k in range(len(points))]
    for value in (body, *first):
        for k in range(len(points)):
            slope = digits(body_derivative(value, k), points)
            assert_close(slope, difference(value, points, k), 1e-25)


def difference(body: Expr, points: list[np.ndarray], k: int) -> np.ndarray:
    """A central difference with an error of 1e-28 where the function is smooth."""
    h = Fraction(1, 10**15)
    moved = []
    for sign in (1, -1):
        at = [[Fraction(float(x)) for x in p] for p in points]
        at[k] = [x + sign * h for x in at[k]]
        moved.append(digits(body, at))
    return (moved[0] - moved[1]) * (h.denominator // 2)


@pytest.fixture(scope="module")
def jax_values() -> dict[str, tuple]:
    """Value, slopes and bends of every function, in one compilation."""

    def derivatives(reference: Callable, arrays: list) -> tuple:
        ks = tuple(range(len(arrays)))
        slopes = jax.grad(reference, argnums=ks)
        bends = jax.jacfwd(slopes, argnums=ks)
        return jax.vmap(lambda *xs: (reference(*xs), slopes(*xs), bends(*xs)))(*arrays)

    points = {name: samples(record, 12) for name, record in FUNCTIONS.items()}
    return jax.jit(lambda at: {name: derivatives(JAX[name], at[name]) for name in at})(points)


@pytest.mark.parametrize("name", NAMES)
def test_value_and_slopes_are_those_of_jax(name: str, jax_values: dict[str, tuple]) -> None:
    record = FUNCTIONS[name]
    body, points = body_of(record), samples(record, 12)
    value, slopes, bends = jax_values[name]
    assert_close(evaluate(body, points), np.asarray(value), 1e-13)
    for k in range(len(points)):
        found = body_derivative(body, k)
        assert_close(evaluate(found, points), np.asarray(slopes[k]), 1e-12)
        for j in range(len(points)):
            bend = evaluate(body_derivative(found, j), points)
            assert_close(bend, np.asarray(bends[k][j]), 1e-11)


def test_jax_has_every_function() -> None:
    assert set(JAX) == set(FUNCTIONS)


KINKS = [
    ("relu", [0], [0, 0.5, 1]),
    ("leaky_relu", [0], [0.01, 0.505, 1]),
    ("elu", [0], [1, 1, 1]),
    ("selu", [0], [1.7580993408473766, 1.4044001641014285, 1.0507009873554805]),
    ("hard_tanh", [1], [0, 0.5, 1]),
    ("hard_tanh", [-1], [0, 0.5, 1]),
    ("hard_sigmoid", [3], [0, 1 / 12, 1 / 6]),
    ("hard_swish", [3], [1, 1.25, 1.5]),
    ("hard_swish", [-3], [0, -0.25, -0.5]),
    ("abs", [0], [0, 0, 0]),
    ("sign", [0], [0, 0, 0]),
    ("softsign", [0], [1, 1, 1]),
    ("clip", [1, 0, 1], [0, 0.5, 1]),
    ("maximum", [2, 2], [1, 0.5, 0]),
    ("minimum", [2, 2], [1, 0.5, 0]),
    ("step", [0], [0, 0, 0]),
    ("xlogy", [0, 2], [np.log(2)] * 3),
]


@pytest.mark.parametrize(("name", "point", "slopes"), KINKS)
def test_slope_at_a_kink_is_that_of_the_policy(
    name: str, point: list[float], slopes: list[float]
) -> None:
    body = body_of(FUNCTIONS[name])
    policies = (KinkPolicy.ZERO, KinkPolicy.HALF, KinkPolicy.ONE)
    found = [float(evaluate(body_derivative(body, 0, p), point)) for p in policies]
    assert found == pytest.approx(slopes, rel=1e-15)


def test_the_slopes_of_a_maximum_share_one() -> None:
    body = body_of(FUNCTIONS["maximum"])
    for policy in KinkPolicy:
        slopes = [evaluate(body_derivative(body, k, policy), [2, 2]) for k in (0, 1)]
        assert sum(slopes) == 1


def test_every_kink_is_declared() -> None:
    with_steps = [
        name
        for name, record in FUNCTIONS.items()
        if any(body_derivative(body_of(record), k).atoms(*KINKED) for k in range(record.arity[0]))
    ]
    undeclared = [name for name in with_steps if not FUNCTIONS[name].kinks]
    assert undeclared == ["softsign"], "whose slope 1/(1 + |x|)^2 is continuous"


KINKED = (FUNCTIONS["step"].head, FUNCTIONS["sign"].head, FUNCTIONS["abs"].head)

EXTREME = np.array([-1e4, -800.0, -100.0, -40.0, -1e-3, 1e-300, 1e-3, 40.0, 100.0, 800.0, 1e4])
EVERYWHERE = [
    name
    for name, record in FUNCTIONS.items()
    if record.arity[0] == 1 and record.domains[0].closed and name not in ("step",)
]


@pytest.mark.parametrize("name", EVERYWHERE)
def test_extreme_operands(name: str) -> None:
    body = body_of(FUNCTIONS[name])
    for value in (body, body_derivative(body, 0)):
        exact = evaluate(value, [EXTREME], field=DIGITS)
        found = evaluate(value, [EXTREME])
        assert_entrywise(found, exact)


def assert_entrywise(found: np.ndarray, exact: np.ndarray) -> None:
    """Finite where the true value is, and within 1e-9 of the largest entry."""
    found, exact = np.atleast_1d(found), np.atleast_1d(exact)
    finite = np.array([abs(e) < 1e300 for e in exact])
    assert np.isfinite(found[finite]).all()
    scale = float(max((abs(e) for e in exact[finite]), default=1.0))
    error = [abs(float(f) - e) for f, e in zip(found[finite], exact[finite], strict=True)]
    assert max(error) <= 1e-9 * scale


@pytest.fixture(scope="module")
def run_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Spell a tree into a module of its own and call it."""
    folder: Path = tmp_path_factory.mktemp("trees")
    count = iter(range(10**6))

    def run(tree: NumpyTree, *operands: np.ndarray) -> np.ndarray:
        module = module_of(tree, len(operands), folder / f"tree{next(count)}.py", operands[0].dtype)
        with np.errstate(all="raise", under="ignore"):
            return module.value(*operands)

    yield run


def module_of(tree: NumpyTree, operands: int, path: Path, dtype: np.dtype) -> ModuleType:
    names = [f"x{k}" for k in range(operands)]
    text = numpy_code(settle_indicators(tree), [Code(n) for n in names]).text
    sources = "\n\n".join(helper.source for helper in helper_sources(HELPERS))
    path.write_text(
        f"import numpy as np\nDTYPE = np.{dtype}\n\n{sources}\n\n"
        f"def value({', '.join(names)}):\n    return {text}\n",
        encoding="utf-8",
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOWERED = [name for name, record in FUNCTIONS.items() if record.lower is not None]


def lowered(record: FunctionRecord) -> NumpyTree:
    defaults = [Number(float(d)) if d.q != 1 else Number(int(d)) for d in record.defaults]
    return record.lower(*(Operand(k) for k in range(record.arity[0])), *defaults)


@pytest.mark.parametrize("name", LOWERED)
def test_numpy_form(name: str, run_tree: Callable) -> None:
    record = FUNCTIONS[name]
    points = samples(record)
    tree = lowered(record)
    assert_close(run_tree(tree, *points), digits(body_of(record), points), 2e-15)
    narrow = run_tree(tree, *(p.astype(np.float32) for p in points))
    assert narrow.dtype == np.float32, "no float64 leaks into a float32 module"
    assert_close(narrow.astype(float), digits(body_of(record), points), 2e-6)


@pytest.mark.parametrize("name", [n for n in EVERYWHERE if n in LOWERED])
def test_numpy_form_at_extreme_operands(name: str, run_tree: Callable) -> None:
    record = FUNCTIONS[name]
    grows = name in ("exp", "expm1", "sinh", "cosh")
    points = EXTREME[(np.abs(EXTREME) < 700)] if grows else EXTREME
    exact = digits(body_of(record), [points])
    assert_entrywise(run_tree(lowered(record), points), exact)


def test_the_other_sigmoid_keeps_its_digits(run_tree: Callable) -> None:
    points = np.linspace(-700, 40, 500)
    exact = digits(body_of(FUNCTIONS["sigmoid"]), [points])
    found = run_tree(sigmoid_to_the_last_digit(Operand(0), 709.0), points)
    assert max(abs(f / e - 1) for f, e in zip(found, exact, strict=True)) < 1e-13
    ends = run_tree(sigmoid_to_the_last_digit(Operand(0), 709.0), np.array([-1e4, 1e4]))
    assert ends[0] < 1e-300
    assert ends[1] == 1


def test_composites_are_lowered_by_their_definition() -> None:
    for name, record in FUNCTIONS.items():
        composite = hasattr(record.head, "define")
        assert (record.lower is None) == (composite or name == "sqrt")


def test_operands_are_counted() -> None:
    with pytest.raises(InvalidExpressionError, match="relu: expected 1 operands, found 2"):
        FUNCTIONS["relu"].build(placeholder(0), 2)
    assert FUNCTIONS["leaky_relu"].build(placeholder(0), 0.2).args[1] == Rational(1, 5)


def test_unknown_functions_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match='did you mean "sigmoid"'):
        function("sigmiod")


def test_the_table_is_closed() -> None:
    with pytest.raises(TypeError):
        FUNCTIONS["mine"] = FUNCTIONS["relu"]


def test_a_wrong_slope_is_caught() -> None:
    """The check above must be able to fail: 0.1 % off, a sign, a lost factor."""
    body = body_of(FUNCTIONS["sigmoid"])
    points = samples(FUNCTIONS["sigmoid"], 6)
    slope = body_derivative(body, 0)
    for wrong in (slope * Rational(1001, 1000), -slope, slope / body):
        with pytest.raises(AssertionError):
            assert_close(digits(wrong, points), difference(body, points, 0), 1e-25)


def test_exact_values_at_numbers() -> None:
    assert FUNCTIONS["relu"].build(Integer(-2)) == 0
    assert FUNCTIONS["clip"].build(5, -1, 1) == 1
    assert FUNCTIONS["sign"].build(Rational(-1, 3)) == -1
    assert isinstance(lowered(FUNCTIONS["step"]), Apply)
    assert lowered(FUNCTIONS["step"]).function is Ufunc.GREATER
