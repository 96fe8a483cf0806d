"""Softmax as a vector activation: its Jacobian, and its VJP."""

import symbackprop as sb

k = sb.dims("k")[0]
z, g = sb.param("z", k), sb.input("g", k)
y = sb.softmax(z).named("y")

network = sb.Network(loss=sb.sum(g * y))

if __name__ == "__main__":
    print(network.jacobian("y", "z"))
    print(network.partial("z", of="y"))
    print(network.gradient("z"))
