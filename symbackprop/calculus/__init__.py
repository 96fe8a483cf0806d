"""How a gradient is derived.

One adjoint rule for every comprehension, and the same rule read the other way.

May import `errors`, `sizes`, `scalars`, `ir` and `primitives`.
"""

from symbackprop.calculus.adjoint import Adjoint, Contribution, vjp
from symbackprop.calculus.second import gradient, hessian, hvp, jacobian
from symbackprop.calculus.tangent import jvp

__all__ = ["Adjoint", "Contribution", "gradient", "hessian", "hvp", "jacobian", "jvp", "vjp"]
