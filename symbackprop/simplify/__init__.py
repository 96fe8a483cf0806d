"""Simplification: what a derivation gives, rewritten to what a person would write.

May import `errors`, `sizes`, `scalars`, `ir`, `primitives` and `calculus`.
"""

from symbackprop.simplify.derived import Derived, derive
from symbackprop.simplify.engine import Simplified, simplify
from symbackprop.simplify.solve import Step

__all__ = ["Derived", "Simplified", "Step", "derive", "simplify"]
