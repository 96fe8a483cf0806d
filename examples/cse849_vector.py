"""The vector pass of CSE 849: z_k = W_k y_(k-1) + b_k, in numerator layout."""

import symbackprop as sb

d0, d1, d2 = sb.dims("D0 D1 D2")
x, d = sb.input("x", d0), sb.input("d", d2)
W1, b1 = sb.param("W1", d1, d0), sb.param("b1", d1)
W2, b2 = sb.param("W2", d2, d1), sb.param("b2", d2)
f1 = sb.opaque_tensor("f")
z1 = (W1 @ x + b1).named("z1")
y1 = f1(z1).named("y1")
z2 = (W2 @ y1 + b2).named("z2")
Y = sb.softmax(z2).named("Y")

network = sb.Network(loss=sb.opaque_loss("Div")(Y, d))

if __name__ == "__main__":
    for name in ("Y", "z2", "y1", "z1"):
        print(network.gradient(name).text(layout="numerator"))
    for name in ("W2", "W1"):
        print(network.gradient(name).text(layout="numerator"))
    print(network.jacobian("Y", "z2"))
