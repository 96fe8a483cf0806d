"""The operations that are no comprehension: shape, reference value, VJP and JVP in one place.

May import `errors`, `sizes`, `scalars` and `ir`. `calculus` asks `LAWS` for derivatives,
`interpret` for values.
"""

from symbackprop.primitives.laws import LAWS, Law, primitive

__all__ = ["LAWS", "Law", "primitive"]
