"""The scalar pass of CSE 849: w_ij goes from unit i to unit j, and w_0j with y_0 = 1 is a bias."""

import symbackprop as sb

n, h, k = sb.dims("n h k")
f = sb.opaque("f")
x, d = sb.input("x", n), sb.input("d", k)
w1 = sb.param("w1", n + 1, h, latex="w^{(1)}", origin=(0, 1))
w2 = sb.param("w2", h + 1, k, latex="w^{(2)}", origin=(0, 1))
y0 = sb.pad(x, [(1, 0)], 1).named("y0", latex="y^{(0)}", origin=[0])
z1 = (y0 @ w1).named("z1", latex="z^{(1)}")
y1 = sb.pad(f(z1), [(1, 0)], 1).named("y1", latex="y^{(1)}", origin=[0])
z2 = (y1 @ w2).named("z2", latex="z^{(2)}")
y2 = f(z2).named("y2", latex="y^{(2)}")

network = sb.Network(loss=sb.opaque_loss("Div")(y2, d))

if __name__ == "__main__":
    print(network.partial("w1"))
    print(network.partial("w2"))
