"""Functions of handles beside what they are in JAX: one row for each."""

import jax
import jax.numpy as jnp

from symbackprop import frontend as sb

jax.config.update("jax_enable_x64", True)

n, h, k, m, c = sb.dims("n h k m c")
x, y, u = sb.input("x", n), sb.input("y", n), sb.input("u", h)
pos = sb.input("pos", n, positive=True)
W, V = sb.param("W", h, n), sb.param("V", n, h)
X, Y = sb.input("X", m, n), sb.input("Y", m, n)
S, R = sb.param("S", n, n), sb.param("R", n, n)
s = sb.param("s")
labels = sb.input("labels", m, kind="labels", classes=n)
label = sb.input("label", kind="labels", classes=n)
ids = sb.input("ids", m, kind="labels", classes=c)
P = sb.input("P", m, n, probabilities=True)
H = sb.input("H", m, n, one_hot=True)
q = sb.input("q", n, probabilities=True)
p2 = sb.input("p2", n, probabilities=True)
mask = sb.input("mask", m, m, kind="bool")
keep = sb.input("keep", m, n, kind="bool")
image = sb.input("image", 2, 4, 7, 6)
signal = sb.input("signal", 4, 9)
K1, K2, KG = sb.param("K1", 3, 4, 3), sb.param("K2", 6, 4, 3, 2), sb.param("KG", 6, 2, 3, 2)
KT = sb.param("KT", 4, 3, 3, 2)
A3, B3 = sb.param("A3", k, h, n), sb.param("B3", k, n, m)
Q = sb.input("Q", m, 6)
Wq, Wk, Wv, Wo = (sb.param(name, 6, 6) for name in ("Wq", "Wk", "Wv", "Wo"))
gamma, beta = sb.param("gamma", n), sb.param("beta", n)


def layer_norm(v, axis=-1):
    d = v - v.mean(axis=axis, keepdims=True)
    return d / jnp.sqrt((d**2).mean(axis=axis, keepdims=True) + 1e-5)


def conv(v, w, strides, padding, dilation=None, groups=1):
    return jax.lax.conv_general_dilated(
        v, w, strides, padding, rhs_dilation=dilation, feature_group_count=groups
    )


def conv_transpose(v, w, stride, padding, dilation):
    """The linear map that is transposed, from its definition."""
    outs = [
        (i - 1) * a - 2 * p + d * (t - 1) + 1
        for i, a, p, d, t in zip(v.shape[2:], stride, padding, dilation, w.shape[2:], strict=True)
    ]

    def forward(z):
        pads = [(p, p) for p in padding]
        return conv(z, w, stride, pads, dilation)

    zero = jnp.zeros((v.shape[0], w.shape[1], *outs))
    return jax.vjp(forward, zero)[1](v)[0]


def windows(v, reducer, init, size, stride, padding):
    return jax.lax.reduce_window(
        v, init, reducer, (1, 1, *size), (1, 1, *stride), ((0, 0), (0, 0), *padding)
    )


def masked(v, seen):
    e = jnp.where(seen, jnp.exp(jnp.where(seen, v, 0.0)), 0.0)
    total = e.sum(-1, keepdims=True)
    return jnp.where(total > 0, e / jnp.where(total > 0, total, 1.0), 0.0)


def attend(a, b, v, seen=None):
    scores = a @ jnp.swapaxes(b, -1, -2) / jnp.sqrt(a.shape[-1])
    if seen is None:
        return jax.nn.softmax(scores, -1) @ v
    return masked(scores, seen) @ v


def heads(v, count):
    return jnp.swapaxes(v.reshape(v.shape[0], count, -1), 0, 1)


def multi_head(v, a, b, w, o, count):
    lower = jnp.tril(jnp.ones((v.shape[0], v.shape[0]), bool))
    out = attend(heads(v @ a, count), heads(v @ b, count), heads(v @ w, count), lower)
    return jnp.swapaxes(out, 0, 1).reshape(v.shape[0], -1) @ o


def xlogy(a, b):
    return jax.scipy.special.xlogy(a, b)


ROWS = {
    "affine": (W @ x + u, lambda v: v["W"] @ v["x"] + v["u"]),
    "batch affine": (X @ W.T + u, lambda v: v["X"] @ v["W"].T + v["u"]),
    "batch matmul": (A3 @ B3, lambda v: v["A3"] @ v["B3"]),
    "batch matmul broadcast": (A3 @ V, lambda v: v["A3"] @ v["V"]),
    "vector matrix": (u @ W, lambda v: v["u"] @ v["W"]),
    "row matrix row": (u.T @ W @ x, lambda v: v["u"] @ v["W"] @ v["x"]),
    "outer by rows": (u @ x.T, lambda v: jnp.outer(v["u"], v["x"])),
    "dot": (x.T @ y, lambda v: v["x"] @ v["y"]),
    "arithmetic": (
        (x - 2 * y) ** 2 / 3 + x * y - y / (1 + x**2) + 0.5,
        lambda v: (
            (v["x"] - 2 * v["y"]) ** 2 / 3 + v["x"] * v["y"] - v["y"] / (1 + v["x"] ** 2) + 0.5
        ),
    ),
    "power of tensors": (pos**y, lambda v: v["pos"] ** v["y"]),
    "number to a power": (2**y, lambda v: 2 ** v["y"]),
    "sizes in bodies": (x * n / m, lambda v: v["x"] * v["x"].size / v["X"].shape[0] + 0 * 1),
    "scalar broadcast": (s * X + x, lambda v: v["s"] * v["X"] + v["x"]),
    "literal one": (X[:, None, :] * x[:, None], lambda v: v["X"][:, None, :] * v["x"][:, None]),
    "comparison": ((x > y) + (x <= 0), lambda v: 1.0 * (v["x"] > v["y"]) + (v["x"] <= 0)),
    "where": (
        sb.where(x > 0, sb.log(x), y),
        lambda v: jnp.where(v["x"] > 0, jnp.log(jnp.where(v["x"] > 0, v["x"], 1.0)), v["y"]),
    ),
    "sigmoid by hand": (1 / (1 + sb.exp(-x)), lambda v: jax.nn.sigmoid(v["x"])),
    "leaky relu": (sb.leaky_relu(x, 0.2), lambda v: jax.nn.leaky_relu(v["x"], 0.2)),
    "parametric relu": (
        sb.leaky_relu(X, gamma),
        lambda v: jnp.where(v["X"] > 0, v["X"], v["X"] * v["gamma"]),
    ),
    "transpose": (sb.transpose(A3, 2, 0, 1), lambda v: v["A3"].transpose(2, 0, 1)),
    "slices": (
        image[:, 1:3, ::2, -2],
        lambda v: v["image"][:, 1:3, ::2, -2],
    ),
    "symbolic slices": (X[1:, :-1] + X[:-1, 1:], lambda v: v["X"][1:, :-1] + v["X"][:-1, 1:]),
    "reversed": (x[::-1] * y, lambda v: v["x"][::-1] * v["y"]),
    "every second": (x[1::2], lambda v: v["x"][1::2]),
    "dots": (A3[..., 0], lambda v: v["A3"][..., 0]),
    "gather": (X[:, labels], lambda v: v["X"][:, v["labels"]]),
    "gather rows": (sb.embedding(V, labels), lambda v: v["V"][v["labels"]]),
    "sum": (sb.sum(A3, (0, 2)), lambda v: v["A3"].sum((0, 2))),
    "mean": (sb.mean(X, 0, keepdims=True) * X, lambda v: v["X"].mean(0, keepdims=True) * v["X"]),
    "max": (sb.max(X, 1), lambda v: v["X"].max(1)),
    "min": (sb.min(X), lambda v: v["X"].min()),
    "var": (sb.var(X, 0), lambda v: v["X"].var(0)),
    "norm": (sb.norm(X, 1), lambda v: jnp.linalg.norm(v["X"], axis=1)),
    "logsumexp": (sb.logsumexp(X, 1), lambda v: jax.nn.logsumexp(v["X"], axis=1)),
    "sum of products": (
        sb.sum(X[:, None, :] * W * u[:, None], -1),
        lambda v: jnp.einsum("mn,hn,h->mh", v["X"], v["W"], v["u"]),
    ),
    "softmax": (sb.softmax(x), lambda v: jax.nn.softmax(v["x"])),
    "softmax of columns": (sb.softmax(X, 0), lambda v: jax.nn.softmax(v["X"], 0)),
    "log softmax": (sb.log_softmax(X), lambda v: jax.nn.log_softmax(v["X"])),
    "masked softmax": (
        sb.masked_softmax(X, mask=keep),
        lambda v: masked(v["X"], v["keep"]),
    ),
    "cross entropy": (
        sb.cross_entropy(X, H, logits=True),
        lambda v: -(v["H"] * jax.nn.log_softmax(v["X"])).sum(1).mean(),
    ),
    "cross entropy of probabilities": (
        sb.cross_entropy(q, p2),
        lambda v: -(v["p2"] * jnp.log(v["q"])).sum(),
    ),
    "cross entropy of labels": (
        sb.cross_entropy(X, labels, logits=True),
        lambda v: -jnp.take_along_axis(jax.nn.log_softmax(v["X"]), v["labels"][:, None], 1).mean(),
    ),
    "cross entropy of one label": (
        sb.cross_entropy(x, label, logits=True),
        lambda v: -jax.nn.log_softmax(v["x"])[v["label"]],
    ),
    "cross entropy, columns": (
        sb.cross_entropy(X.T, H.T, logits=True, axis=0),
        lambda v: -(v["H"] * jax.nn.log_softmax(v["X"])).sum(1).mean(),
    ),
    "weighted cross entropy": (
        sb.cross_entropy(X, labels, logits=True, weights=pos),
        lambda v: (
            -(
                v["pos"][v["labels"]]
                * jnp.take_along_axis(jax.nn.log_softmax(v["X"]), v["labels"][:, None], 1)[:, 0]
            ).mean()
        ),
    ),
    "weighted one-hot": (
        sb.cross_entropy(X, H, logits=True, weights=pos, reduction=sb.sum),
        lambda v: -(v["pos"] * v["H"] * jax.nn.log_softmax(v["X"])).sum(),
    ),
    "binary cross entropy": (
        sb.binary_cross_entropy(x, q, logits=True),
        lambda v: (
            -(
                v["q"] * jax.nn.log_sigmoid(v["x"]) + (1 - v["q"]) * jax.nn.log_sigmoid(-v["x"])
            ).mean()
        ),
    ),
    "binary, of probabilities": (
        sb.binary_cross_entropy(q, p2, reduction=None),
        lambda v: -(v["p2"] * jnp.log(v["q"]) + (1 - v["p2"]) * jnp.log(1 - v["q"])),
    ),
    "squared error": (sb.squared_error(x, y), lambda v: ((v["x"] - v["y"]) ** 2).sum()),
    "mse": (sb.mse(X, Y), lambda v: ((v["X"] - v["Y"]) ** 2).mean()),
    "absolute": (sb.absolute_error(x, y), lambda v: jnp.abs(v["x"] - v["y"]).mean()),
    "huber": (
        sb.huber(x, y, delta=0.5),
        lambda v: jnp.where(
            jnp.abs(v["x"] - v["y"]) <= 0.5,
            (v["x"] - v["y"]) ** 2 / 2,
            0.5 * (jnp.abs(v["x"] - v["y"]) - 0.25),
        ).mean(),
    ),
    "hinge": (sb.hinge(x, y), lambda v: jnp.maximum(0, 1 - v["x"] * v["y"]).mean()),
    "kl": (
        sb.kl_divergence(P, sb.softmax(X)),
        lambda v: (v["P"] * (jnp.log(v["P"]) - jax.nn.log_softmax(v["X"]))).sum(1).mean(),
    ),
    "nll": (
        sb.nll(sb.log_softmax(X), labels),
        lambda v: -jnp.take_along_axis(jax.nn.log_softmax(v["X"]), v["labels"][:, None], 1).mean(),
    ),
    "cosine": (
        sb.cosine_similarity(X, Y),
        lambda v: (
            (v["X"] * v["Y"]).sum(1)
            / (jnp.linalg.norm(v["X"], axis=1) * jnp.linalg.norm(v["Y"], axis=1))
        ),
    ),
    "penalties": (
        sb.l1(W) + sb.l2(V) + sb.frobenius(S),
        lambda v: jnp.abs(v["W"]).sum() + (v["V"] ** 2).sum() + jnp.sqrt((v["S"] ** 2).sum()),
    ),
    "reshape": (
        sb.reshape(A3, h, n, k) * 2 + sb.reshape(sb.flatten(A3), h, n, -1),
        lambda v: 3 * v["A3"].reshape(v["A3"].shape[1], v["A3"].shape[2], -1),
    ),
    "flatten": (sb.flatten(image, 1), lambda v: v["image"].reshape(2, -1)),
    "concatenate": (
        sb.concatenate([X, Y, X * Y], 1),
        lambda v: jnp.concatenate([v["X"], v["Y"], v["X"] * v["Y"]], 1),
    ),
    "stack": (sb.stack([x, y], 1), lambda v: jnp.stack([v["x"], v["y"]], 1)),
    "pad": (
        sb.pad(X, [(1, 2), (0, n)], 0.5),
        lambda v: jnp.pad(v["X"], [(1, 2), (0, v["X"].shape[1])], constant_values=0.5),
    ),
    "tile": (sb.tile(X, 2, h) * 1, lambda v: jnp.tile(v["X"], (2, v["u"].size))),
    "repeat": (sb.repeat(X, 3, 0), lambda v: jnp.repeat(v["X"], 3, 0)),
    "cumsum": (sb.cumsum(X, 0), lambda v: jnp.cumsum(v["X"], 0)),
    "one hot": (
        sb.one_hot(labels, n) * X,
        lambda v: jax.nn.one_hot(v["labels"], v["X"].shape[1]) * v["X"],
    ),
    "segment sum": (
        sb.segment_sum(X, ids, c) * u[0],
        lambda v: jax.ops.segment_sum(v["X"], v["ids"], 11) * v["u"][0],
    ),
    "outer": (sb.outer(x, u), lambda v: jnp.outer(v["x"], v["u"])),
    "trace": (sb.trace(S @ R), lambda v: jnp.trace(v["S"] @ v["R"])),
    "diag": (
        sb.diag(x) @ S + sb.diag(sb.diag(R)),
        lambda v: jnp.diag(v["x"]) @ v["S"] + jnp.diag(jnp.diag(v["R"])),
    ),
    "kron": (sb.kron(W, S), lambda v: jnp.kron(v["W"], v["S"])),
    "quadratic form": (sb.quadratic_form(x, S), lambda v: v["x"] @ v["S"] @ v["x"]),
    "einsum": (
        sb.einsum("khn,knm,hn->km", A3, B3, W),
        lambda v: jnp.einsum("khn,knm,hn->km", v["A3"], v["B3"], v["W"]),
    ),
    "einsum trace": (sb.einsum("ii,ij", S, R), lambda v: jnp.einsum("ii,ij", v["S"], v["R"])),
    "inverse": (sb.inverse(S), lambda v: jnp.linalg.inv(v["S"])),
    "solve": (sb.solve(S, x), lambda v: jnp.linalg.solve(v["S"], v["x"])),
    "det": (sb.det(S), lambda v: jnp.linalg.det(v["S"])),
    "logdet": (sb.logdet(S), lambda v: jnp.linalg.slogdet(v["S"])[1]),
    "sort": (x[sb.argsort(x)] * y, lambda v: jnp.sort(v["x"]) * v["y"]),
    "conv1d": (sb.conv1d(signal, K1), lambda v: conv(v["signal"][None], v["K1"], (1,), "VALID")[0]),
    "conv1d strided": (
        sb.conv1d(signal, K1, stride=2, padding=2, dilation=2),
        lambda v: conv(v["signal"][None], v["K1"], (2,), [(2, 2)], (2,))[0],
    ),
    "conv2d": (
        sb.conv2d(image, K2, stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
        lambda v: conv(v["image"], v["K2"], (2, 1), [(1, 1), (0, 0)], (1, 2)),
    ),
    "conv2d grouped": (
        sb.conv2d(image, KG, padding=1, groups=2),
        lambda v: conv(v["image"], v["KG"], (1, 1), [(1, 1), (1, 1)], groups=2),
    ),
    "conv transpose": (
        sb.conv_transpose(image, KT, stride=(2, 3), padding=(1, 0), dilation=(1, 2)),
        lambda v: conv_transpose(v["image"], v["KT"], (2, 3), (1, 0), (1, 2)),
    ),
    "max pool": (
        sb.max_pool(image, (3, 2), stride=(2, 1), padding=(1, 0)),
        lambda v: windows(v["image"], jax.lax.max, -jnp.inf, (3, 2), (2, 1), ((1, 1), (0, 0))),
    ),
    "max pool dilated": (
        sb.max_pool(image, (2, 2), dilation=2, stride=1),
        lambda v: jnp.stack(
            [v["image"][:, :, a : a + 5, b : b + 4] for a in (0, 2) for b in (0, 2)]
        ).max(0),
    ),
    "avg pool": (
        sb.avg_pool(image, (3, 3), stride=2, padding=1),
        lambda v: windows(v["image"], jax.lax.add, 0.0, (3, 3), (2, 2), ((1, 1), (1, 1))) / 9,
    ),
    "avg pool, padding not counted": (
        sb.avg_pool(image, (3, 3), stride=2, padding=1, counted=False),
        lambda v: (
            windows(v["image"], jax.lax.add, 0.0, (3, 3), (2, 2), ((1, 1), (1, 1)))
            / windows(jnp.ones((2, 4, 7, 6)), jax.lax.add, 0.0, (3, 3), (2, 2), ((1, 1), (1, 1)))
        ),
    ),
    "attention": (
        sb.attention(Q, Q @ Wk, Q @ Wv, mask=mask),
        lambda v: attend(v["Q"], v["Q"] @ v["Wk"], v["Q"] @ v["Wv"], v["mask"]),
    ),
    "multi-head": (
        sb.multi_head_attention(Q, Wq, Wk, Wv, Wo, heads=2, causal=True),
        lambda v: multi_head(v["Q"], v["Wq"], v["Wk"], v["Wv"], v["Wo"], 2),
    ),
    "layer norm": (
        sb.layer_norm(X, gamma, beta),
        lambda v: v["gamma"] * layer_norm(v["X"]) + v["beta"],
    ),
    "batch norm": (
        sb.batch_norm(X, gamma, beta),
        lambda v: v["gamma"] * layer_norm(v["X"], 0) + v["beta"],
    ),
    "batch norm of images": (
        sb.batch_norm(image, axis=(0, 2, 3)),
        lambda v: layer_norm(v["image"], (0, 2, 3)),
    ),
    "rms norm": (
        sb.rms_norm(X, gamma, eps=0),
        lambda v: v["gamma"] * v["X"] / jnp.sqrt((v["X"] ** 2).mean(1, keepdims=True)),
    ),
    "dropout": (sb.dropout(X, keep, 0.25), lambda v: v["X"] * v["keep"] / 0.75),
}
