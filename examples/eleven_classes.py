"""Ten digits and "no digit": KL divergence, which is cross entropy less the target's entropy.

The gradient is that of cross entropy, since the target's entropy depends on no parameter; and
0 log 0 = 0, so that one-hot targets are allowed.
"""

import symbackprop as sb

T, n = sb.dims("T n")
X = sb.input("X", T, n)
D = sb.input("D", T, 11, one_hot=True)
W, b = sb.param("W", n, 11), sb.param("b", 11)
Z = (X @ W + b).named("Z")
Y = sb.softmax(Z).named("Y")

network = sb.Network(loss=sb.kl_divergence(D, Y))
cross_entropy = sb.Network(loss=sb.cross_entropy(Y, D))

if __name__ == "__main__":
    print(network.gradient("Z"))
    print(cross_entropy.gradient("Z"))
