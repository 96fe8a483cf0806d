"""Kinks: relu, leaky relu, a maximum, and maxima over index sets, with their subgradients."""

import symbackprop as sb

n, h = sb.dims("n h")
x = sb.input("x", n)
W, b = sb.param("W", 2 * h, n), sb.param("b", 2 * h)
z = (W @ x + b).named("z")
u = sb.relu(z[:h]).named("u")
v = sb.leaky_relu(z[h:], 0.1).named("v")
pairs = sb.reshape(u * v, h)
top = sb.max(pairs).named("top")
i, j = sb.indices("i j")
several = sb.comprehension(z[i + h * j], out=i, max=j, sizes={i: h, j: 2}).named("several")

network = sb.Network(loss=top + sb.sum(several**2))

if __name__ == "__main__":
    print(network.derivation())
    for ties in ("first", "share"):
        again = sb.Network(loss=top + sb.sum(several**2), ties=ties, kink="1/2")
        print(ties, again.partial("z"))
