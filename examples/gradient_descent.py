"""Gradient descent on a mean over T training pairs, with the generated module alone."""

import symbackprop as sb

T, n = sb.dims("T n")
X, y = sb.input("X", T, n), sb.input("y", T)
w, b = sb.param("w", n), sb.param("b")
z = (X @ w + b).named("z")
a = sb.sigmoid(z).named("a")

network = sb.Network(loss=sb.mean(sb.binary_cross_entropy(a, y, reduction=None)))


def descend(module, inputs, steps=200, rate=1.0):
    """Take `steps` steps from a random start; the losses on the way."""
    params = module.init_params(module.np.random.default_rng(0), n=inputs["X"].shape[1])
    losses = []
    for _ in range(steps):
        loss, grads = module.loss_and_grad(params, inputs)
        losses.append(loss)
        params = {name: value - rate * grads[name] for name, value in params.items()}
    return losses


if __name__ == "__main__":
    print(network.generate(title="logistic regression"))
