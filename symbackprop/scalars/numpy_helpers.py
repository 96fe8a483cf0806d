"""Functions that NumPy lacks, as source to be emitted into a module that uses them.

The coefficients were fitted in 60-digit arithmetic by iteratively reweighted least squares: to
e^{a²} erfc(a)/t over t = 2/(2 + a), 0 <= a <= 27, and to erf(x)/x over x², x <= 1. The fits err by
6e-18 and 8e-17; the tests compare the functions with 50-digit values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from symbackprop.scalars.numpy_tree import Ufunc


@dataclass(frozen=True, slots=True)
class Helper:
    """A function of an emitted module: its name, its source, what it calls."""

    name: str
    source: str
    needs: tuple[Ufunc, ...] = ()


_ERFC = '''\
def erfc(x):
    """Return 1 - erf(x): e^(-a^2) t p(t) / q(t) with a = |x|, t = 2 / (2 + a)."""
    a = np.minimum(np.abs(x), 30)
    t = 2 / (2 + a)
    p = 0.1304550413205021 * t + 0.45970490372812156
    for c in (
        0.9972888312907174,
        1.4518398203637952,
        2.1703476175362306,
        1.6717856595333498,
        2.423342558711964,
        0.7560115262331237,
        1.3595023619793862,
        0.09471234965960997,
        0.28209479177373936,
    ):
        p = p * t + c
    q = 0.029909785773918448 * t - 0.02505515370289915
    for c in (
        0.6752283013334697,
        -0.4351056901462949,
        3.595548134284843,
        -1.6640665435446935,
        6.64866726239153,
        -1.9723510293817486,
        4.6085638573981145,
        -0.6642534622756999,
        1.0,
    ):
        q = q * t + c
    tail = np.exp(-a * a) * (t * p / q)
    return np.where(x < 0, 2 - tail, tail)
'''

_ERF = '''\
def erf(x):
    """Return the error function: x p(x^2) / q(x^2) for |x| < 1, else from erfc(|x|)."""
    s = np.minimum(x * x, 1)
    p = -3.086579925635232e-06 * s + 0.00011881096225053148
    for c in (-0.0001621024517884529, 0.03818026985442301, 0.08822337156767353, 1.1283791670955126):
        p = p * s + c
    q = 0.00023404837251947246 * s + 0.006183761529173173
    for c in (0.07100947005691398, 0.41151926067081157, 1.0):
        q = q * s + c
    return np.where(np.abs(x) < 1, x * (p / q), np.sign(x) * (1 - erfc(np.abs(x))))
'''

_XLOGY = '''\
def xlogy(x, y):
    """Return x log(y), and 0 where x is 0."""
    return x * np.log(np.where(x == 0, 1, y))
'''

HELPERS: Final[Mapping[Ufunc, Helper]] = MappingProxyType(
    {
        Ufunc.ERFC: Helper("erfc", _ERFC),
        Ufunc.ERF: Helper("erf", _ERF, needs=(Ufunc.ERFC,)),
        Ufunc.XLOGY: Helper("xlogy", _XLOGY),
    }
)
"""The helpers, each after those it calls."""


def helper_sources(used: Iterable[Ufunc]) -> tuple[Helper, ...]:
    """The helpers to emit for those used, with what they call, in order of definition."""
    wanted = {function for function in used if function in HELPERS}
    wanted |= {needed for function in wanted for needed in HELPERS[function].needs}
    return tuple(helper for function, helper in HELPERS.items() if function in wanted)


def opaque_name(name: str, orders: tuple[int, ...]) -> str:
    """What a module calls the derivative of a function that the user supplies.

    >>> opaque_name("g", (0,)), opaque_name("g", (2,)), opaque_name("f", (0, 1))
    ('g', 'g_d2', 'f_d01')
    """
    return name if not any(orders) else f"{name}_d{''.join(str(n) for n in orders)}"
