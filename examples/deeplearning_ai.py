"""Layer equations for m examples in columns, as deeplearning.ai's course has them."""

import symbackprop as sb

m, n0, n1, n2 = sb.dims("m n0 n1 n2")
g = sb.opaque("g")
X, Y = sb.input("X", n0, m, latex="A^{[0]}"), sb.input("Y", n2, m)
W1, b1 = sb.param("W1", n1, n0, latex="W^{[1]}"), sb.param("b1", n1, 1, latex="b^{[1]}")
W2, b2 = sb.param("W2", n2, n1, latex="W^{[2]}"), sb.param("b2", n2, 1, latex="b^{[2]}")
Z1 = (W1 @ X + b1).named("Z1", latex="Z^{[1]}")
A1 = g(Z1).named("A1", latex="A^{[1]}")
Z2 = (W2 @ A1 + b2).named("Z2", latex="Z^{[2]}")
A2 = sb.sigmoid(Z2).named("A2", latex="A^{[2]}")
each = sb.binary_cross_entropy(A2, Y, reduction=None)

network = sb.Network(loss=sb.sum(each) / m)

if __name__ == "__main__":
    print(network.derivation())
