"""The four equations of backpropagation in Nielsen's book, for an unnamed σ and an unnamed cost."""

import symbackprop as sb

n, h, k = sb.dims("n h k")
sigma, cost = sb.opaque("sigma"), sb.opaque_loss("C")
x, y = sb.input("x", n), sb.input("y", k)
w2, b2 = sb.param("w2", h, n, latex="w^2"), sb.param("b2", h, latex="b^2")
w3, b3 = sb.param("w3", k, h, latex="w^3"), sb.param("b3", k, latex="b^3")
z2 = (w2 @ x + b2).named("z2", latex="z^2")
a2 = sigma(z2).named("a2", latex="a^2")
z3 = (w3 @ a2 + b3).named("z3", latex="z^3")
a3 = sigma(z3).named("a3", latex="a^3")

network = sb.Network(loss=cost(a3, y))

if __name__ == "__main__":
    print(network.gradient("z3"))
    print(network.gradient("z2"))
    print(network.gradient("b2"))
    print(network.gradient("w2").entry_text())
