"""Two or not two: KL divergence of a target over two classes, the mean over T training pairs."""

import symbackprop as sb

T, n, h = sb.dims("T n h")
X = sb.input("X", T, n)
D = sb.input("D", T, 2, probabilities=True)
W1, b1 = sb.param("W1", n, h), sb.param("b1", h)
W2, b2 = sb.param("W2", h, 2), sb.param("b2", 2)
Z1 = (X @ W1 + b1).named("Z1")
A1 = sb.tanh(Z1).named("A1")
Z2 = (A1 @ W2 + b2).named("Z2")
Y = sb.softmax(Z2).named("Y")

network = sb.Network(loss=sb.kl_divergence(D, Y))

if __name__ == "__main__":
    print(network.derivation())
