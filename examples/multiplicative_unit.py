"""Units that multiply: y_i = z_(2i-1) z_(2i), in index notation.

Positions count from 0 in Python and from 1 in formulas.
"""

import symbackprop as sb

n, M = sb.dims("n M")
x, d = sb.input("x", n), sb.input("d", M)
W = sb.param("W", 2 * M, n)
z = (W @ x).named("z")
(i,) = sb.indices("i")
y = sb.comprehension(z[2 * i] * z[2 * i + 1], out=i, sizes={i: M}).named("y")

network = sb.Network(loss=sb.squared_error(y, d))

if __name__ == "__main__":
    print(network.partial("z"))
    print(network.gradient("W"))
