"""A vector by a matrix: dL/dW, as Andrew Ng's eq. (5) has it, is dz aᵀ after contraction."""

import symbackprop as sb

n, m = sb.dims("n m")
W, a, b = sb.param("W", n, m), sb.input("a", m), sb.param("b", n)
z = (W @ a + b).named("z")

network = sb.Network(loss=sb.opaque_loss("L")(z))

if __name__ == "__main__":
    print(network.jacobian("z", "W").entry_text())
    print(network.gradient("z").text())
    print(network.gradient("W").text())
