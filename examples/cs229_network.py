"""A 3-2-1 network in columns, with its dimensions, as CS229's notes on deep learning have it.

The derivative of the vector z1 (2) by the matrix W1 (2 x 3) has three indices: the generalised
2 x (2 x 3) Jacobian. Backpropagation never builds it. The VJP contracts it with the cotangent of
z1, and what is left has the shape of W1.
"""

import symbackprop as sb

x, y = sb.input("x", 3), sb.input("y", 1)
W1, b1 = sb.param("W1", 2, 3, latex="W^{[1]}"), sb.param("b1", 2, latex="b^{[1]}")
W2, b2 = sb.param("W2", 1, 2, latex="W^{[2]}"), sb.param("b2", 1, latex="b^{[2]}")
z1 = (W1 @ x + b1).named("z1", latex="z^{[1]}")
a1 = sb.sigmoid(z1).named("a1", latex="a^{[1]}")
z2 = (W2 @ a1 + b2).named("z2", latex="z^{[2]}")
a2 = sb.sigmoid(z2).named("a2", latex="a^{[2]}")

network = sb.Network(loss=sb.binary_cross_entropy(a2, y))

if __name__ == "__main__":
    jacobian, gradient = network.jacobian("z1", "W1"), network.gradient("W1")
    print(jacobian.entry_text(), "  shape", jacobian.shape)
    print(gradient.text(), "  shape", gradient.shape)
    print("The VJP is the Jacobian contracted with dz1 over its first axis.")
