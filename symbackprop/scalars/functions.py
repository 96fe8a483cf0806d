"""The table of elementwise functions: one record each, closed once this module is imported.

To add a function write its class and its record; the table tests tell what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import sympy
from sympy import Expr, Integer, Pow, Rational

from symbackprop.errors import UnknownNameError
from symbackprop.scalars import atoms, smooth
from symbackprop.scalars import numpy_lowerings as lowerings
from symbackprop.scalars.numpy_tree import Ufunc
from symbackprop.scalars.records import REAL, Domain, FunctionRecord
from symbackprop.scalars.symbols import placeholder

_X, _Y, _Z = placeholder(0), placeholder(1), placeholder(2)
_POSITIVE = Domain(0.1, 3.0, closed=False)
_UNIT = Domain(-0.9, 0.9, closed=False)
_math_erf = np.frompyfunc(math.erf, 1, 1)
_math_erfc = np.frompyfunc(math.erfc, 1, 1)


def _erf(x: Any) -> Any:
    return np.asarray(_math_erf(x), dtype=np.float64)


def _phi(x: Any) -> Any:
    return 0.5 * np.asarray(_math_erfc(-x / math.sqrt(2)), dtype=np.float64)


def _plain(name: str, head: type[Expr], ufunc: Ufunc, **given: Any) -> FunctionRecord:
    """A function that NumPy and mpmath have under the names of `ufunc` and `digits`."""
    inverse = ufunc.value.startswith("arc")
    digits = "a" + ufunc.value[3:] if inverse else ufunc.value
    spelled = "\\arc" + ufunc.value[3:] if inverse else "\\" + ufunc.value
    return FunctionRecord(
        name,
        head,
        given.pop("domains", (REAL,)),
        latex=given.pop("latex", spelled),
        unicode=name,
        floats=getattr(np, ufunc.value),
        digits=lambda m, x: getattr(m, digits)(x),
        lower=lowerings.ufunc(ufunc),
    )


def _named(latex: str) -> str:
    return rf"\operatorname{{{latex}}}"


_ELEMENTARY = (
    _plain("exp", sympy.exp, Ufunc.EXP),
    _plain("log", sympy.log, Ufunc.LOG, domains=(_POSITIVE,)),
    _plain("sin", sympy.sin, Ufunc.SIN),
    _plain("cos", sympy.cos, Ufunc.COS),
    _plain("tan", sympy.tan, Ufunc.TAN, domains=(Domain(-1.2, 1.2, closed=False),)),
    _plain("asin", sympy.asin, Ufunc.ARCSIN, domains=(_UNIT,)),
    _plain("acos", sympy.acos, Ufunc.ARCCOS, domains=(_UNIT,)),
    _plain("atan", sympy.atan, Ufunc.ARCTAN),
    _plain("sinh", sympy.sinh, Ufunc.SINH),
    _plain("cosh", sympy.cosh, Ufunc.COSH),
    _plain("tanh", sympy.tanh, Ufunc.TANH),
    _plain("asinh", sympy.asinh, Ufunc.ARCSINH, latex=_named("arsinh")),
    _plain(
        "acosh",
        sympy.acosh,
        Ufunc.ARCCOSH,
        domains=(Domain(1.1, 4.0, closed=False),),
        latex=_named("arcosh"),
    ),
    _plain("atanh", sympy.atanh, Ufunc.ARCTANH, domains=(_UNIT,), latex=_named("artanh")),
    FunctionRecord(
        "erf",
        sympy.erf,
        (REAL,),
        latex=_named("erf"),
        unicode="erf",
        floats=_erf,
        digits=lambda m, x: m.erf(x),
        lower=lowerings.ufunc(Ufunc.ERF),
    ),
    FunctionRecord(
        "sqrt",
        Pow,
        (_POSITIVE,),
        defaults=(Rational(1, 2),),
        latex=r"\sqrt",
        unicode="√",
    ),
    FunctionRecord(
        "pow",
        smooth.Power,
        (_POSITIVE, REAL),
        latex=_named("pow"),
        unicode="pow",
        reading=lambda a, b: Pow(a, b),
        floats=np.power,
        digits=lambda m, a, b: m.power(a, b) if a else (m.mpf(b == 0) if b >= 0 else m.inf),
        lower=lowerings.ufunc(Ufunc.POWER),
    ),
    FunctionRecord(
        "log1p",
        smooth.Log1p,
        (Domain(-0.9, 3.0, closed=False),),
        latex=_named("log1p"),
        unicode="log1p",
        reading=lambda x: sympy.log(1 + x),
        floats=np.log1p,
        digits=lambda m, x: m.log1p(x),
        lower=lowerings.ufunc(Ufunc.LOG1P),
    ),
    FunctionRecord(
        "expm1",
        smooth.Expm1,
        (REAL,),
        latex=_named("expm1"),
        unicode="expm1",
        reading=lambda x: sympy.exp(x) - 1,
        floats=np.expm1,
        digits=lambda m, x: m.expm1(x),
        lower=lowerings.ufunc(Ufunc.EXPM1),
    ),
    FunctionRecord(
        "xlogy",
        smooth.XLogY,
        (_POSITIVE, _POSITIVE),
        latex=_named("xlogy"),
        unicode="xlogy",
        reading=lambda x, y: x * sympy.log(y),
        floats=lambda x, y: np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y))),
        digits=lambda m, x, y: m.mpf(0) if x == 0 else x * m.log(y),
        lower=lowerings.ufunc(Ufunc.XLOGY),
    ),
)

_ACTIVATIONS = (
    FunctionRecord(
        "sigmoid",
        smooth.Sigmoid,
        (REAL,),
        latex=r"\sigma",
        unicode="σ",
        floats=lambda x: 1.0 / (1.0 + np.exp(-x)),
        digits=lambda m, x: 1 / (1 + m.exp(-x)),
        lower=lowerings.sigmoid,
    ),
    FunctionRecord(
        "softplus",
        smooth.Softplus,
        (REAL,),
        latex=_named("softplus"),
        unicode="softplus",
        floats=lambda x: np.logaddexp(0.0, x),
        digits=lambda m, x: max(x, m.mpf(0)) + m.log1p(m.exp(-abs(x))),
        lower=lowerings.softplus,
    ),
    FunctionRecord(
        "softsign",
        smooth.Softsign,
        (REAL,),
        latex=_named("softsign"),
        unicode="softsign",
        floats=lambda x: x / (1.0 + np.abs(x)),
        exact=lambda x: x / (1 + (x if x > 0 else -x)),
        lower=lowerings.softsign,
    ),
    FunctionRecord(
        "relu",
        atoms.Relu,
        (REAL,),
        kinks=(_X,),
        latex=_named("relu"),
        unicode="relu",
        floats=lambda x: np.maximum(x, 0.0),
        exact=lambda x: x if x > 0 else x * 0,
        lower=lowerings.relu,
    ),
    FunctionRecord(
        "leaky_relu",
        atoms.LeakyRelu,
        (REAL,),
        defaults=atoms.LeakyRelu.default,
        kinks=(_X,),
        latex=_named("lrelu"),
        unicode="leaky_relu",
        floats=lambda x, alpha: np.where(x > 0, x, alpha * x),
        exact=lambda x, alpha: x if x > 0 else alpha * x,
        lower=lowerings.leaky_relu,
    ),
    FunctionRecord(
        "prelu",
        atoms.LeakyRelu,
        (REAL, Domain(0.05, 0.5)),
        kinks=(_X,),
        latex=_named("prelu"),
        unicode="prelu",
        floats=lambda x, alpha: np.where(x > 0, x, alpha * x),
        exact=lambda x, alpha: x if x > 0 else alpha * x,
        lower=lowerings.leaky_relu,
    ),
    FunctionRecord(
        "elu",
        smooth.Elu,
        (REAL,),
        defaults=smooth.Elu.default,
        kinks=(_X,),
        latex=_named("elu"),
        unicode="elu",
        floats=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0))),
        digits=lambda m, x, alpha: x if x > 0 else alpha * m.expm1(x),
        lower=lowerings.elu,
    ),
    FunctionRecord("selu", smooth.Selu, (REAL,), kinks=(_X,), latex=_named("selu"), unicode="selu"),
    FunctionRecord("silu", smooth.Silu, (REAL,), latex=_named("silu"), unicode="silu"),
    FunctionRecord("swish", smooth.Silu, (REAL,), latex=_named("silu"), unicode="silu"),
    FunctionRecord(
        "normal_cdf",
        smooth.Phi,
        (REAL,),
        latex=r"\Phi",
        unicode="Φ",
        floats=_phi,
        digits=lambda m, x: m.erfc(-x / m.sqrt(2)) / 2,
        lower=lowerings.normal_cdf,
    ),
    FunctionRecord("gelu", smooth.Gelu, (REAL,), latex=_named("gelu"), unicode="gelu"),
    FunctionRecord(
        "gelu_tanh", smooth.GeluTanh, (REAL,), latex=_named(r"gelu\_tanh"), unicode="gelu_tanh"
    ),
    FunctionRecord(
        "hard_sigmoid",
        smooth.HardSigmoid,
        (REAL,),
        kinks=(_X - 3, _X + 3),
        latex=_named(r"hard\_sigmoid"),
        unicode="hard_sigmoid",
    ),
    FunctionRecord(
        "hard_tanh",
        smooth.HardTanh,
        (REAL,),
        kinks=(_X - 1, _X + 1),
        latex=_named(r"hard\_tanh"),
        unicode="hard_tanh",
    ),
    FunctionRecord(
        "hard_swish",
        smooth.HardSwish,
        (REAL,),
        kinks=(_X - 3, _X + 3),
        latex=_named(r"hard\_swish"),
        unicode="hard_swish",
    ),
    FunctionRecord("mish", smooth.Mish, (REAL,), latex=_named("mish"), unicode="mish"),
)

_PIECEWISE = (
    FunctionRecord(
        "abs",
        atoms.Absolute,
        (REAL,),
        kinks=(_X,),
        latex=_named("abs"),
        unicode="abs",
        floats=np.abs,
        exact=lambda x: x if x > 0 else -x,
        lower=lowerings.ufunc(Ufunc.ABS),
    ),
    FunctionRecord(
        "sign",
        atoms.Sign,
        (REAL,),
        kinks=(_X,),
        latex=_named("sign"),
        unicode="sign",
        floats=np.sign,
        exact=lambda x: x * 0 + (1 if x > 0 else -1 if x < 0 else 0),
        lower=lowerings.ufunc(Ufunc.SIGN),
    ),
    FunctionRecord(
        "clip",
        atoms.Clip,
        (REAL, Domain(-2.0, -0.5), Domain(0.5, 2.0)),
        kinks=(_X - _Y, _X - _Z),
        latex=_named("clip"),
        unicode="clip",
        floats=lambda x, low, high: np.minimum(np.maximum(x, low), high),
        exact=lambda x, low, high: min(max(x, low), high),
        lower=lowerings.clip,
    ),
    FunctionRecord(
        "minimum",
        atoms.Minimum,
        (REAL, REAL),
        kinks=(_X - _Y,),
        latex=r"\min",
        unicode="min",
        floats=np.minimum,
        exact=min,
        lower=lowerings.ufunc(Ufunc.MINIMUM),
    ),
    FunctionRecord(
        "maximum",
        atoms.Maximum,
        (REAL, REAL),
        kinks=(_X - _Y,),
        latex=r"\max",
        unicode="max",
        floats=np.maximum,
        exact=max,
        lower=lowerings.ufunc(Ufunc.MAXIMUM),
    ),
    FunctionRecord(
        "step",
        atoms.Step,
        (REAL,),
        defaults=(Integer(0),),
        kinks=(_X,),
        latex=_named("step"),
        unicode="step",
        floats=lambda x, v: np.where(x > 0, 1.0, np.where(x < 0, 0.0, v)),
        exact=lambda x, v: x * 0 + (1 if x > 0 else 0 if x < 0 else v),
        lower=lowerings.step,
    ),
    FunctionRecord(
        "equal",
        atoms.Equal,
        (REAL, REAL),
        kinks=(_X - _Y,),
        latex=_named("equal"),
        unicode="equal",
        floats=lambda a, b: np.where(a == b, 1.0, 0.0),
        exact=lambda a, b: a * 0 + (1 if a == b else 0),
        lower=lowerings.equal,
    ),
    FunctionRecord(
        "where",
        atoms.Where,
        (REAL, REAL, REAL),
        kinks=(_X,),
        latex=_named("where"),
        unicode="where",
        lower=lowerings.where,
    ),
)

FUNCTIONS: Final[Mapping[str, FunctionRecord]] = MappingProxyType(
    {record.name: record for record in (*_ELEMENTARY, *_ACTIVATIONS, *_PIECEWISE)}
)
"""Every elementwise function, by name."""

_BY_HEAD: Final[Mapping[type[Expr], FunctionRecord]] = MappingProxyType(
    {
        **{r.head: r for r in reversed(tuple(FUNCTIONS.values())) if r.head is not Pow},
        sympy.Abs: FUNCTIONS["abs"],
        sympy.sign: FUNCTIONS["sign"],
    }
)
"""By head; SymPy makes its own Abs of √(x²), so that is known too."""


def function(name: str) -> FunctionRecord:
    """The record of a function.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    """
    if name not in FUNCTIONS:
        raise UnknownNameError("function", name, FUNCTIONS)
    return FUNCTIONS[name]


def record_of(expression: Expr) -> FunctionRecord | None:
    """The record of the function at the head of an expression; None where there is none."""
    return _BY_HEAD.get(type(expression))
