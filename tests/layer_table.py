"""Every layer, function and loss of the field, each declared in a line or two."""

import symbackprop as sb

n, m, h, k, T, c = sb.dims("n m h k T c")


def x(*shape, name="x"):
    return sb.param(name, *(shape or (n,)))


def total(value):
    """A loss that weighs no entry like another."""
    if not value.shape:
        return value**2
    return sb.sum(value * sb.input("Q", *value.shape))


def labels(count, classes=k, name="t"):
    return sb.input(name, *count, kind="labels", classes=classes)


def mask(*shape):
    return sb.input("M", *shape, kind="bool")


ELEMENTWISE = {
    name: (lambda name=name: total(getattr(sb, name)(x())))
    for name in sorted(sb.functions.ELEMENTWISE)
    if sb.functions.ELEMENTWISE[name].record.arity == 1
}

TWO = {
    "leaky_relu": lambda: total(sb.leaky_relu(x())),
    "prelu": lambda: total(sb.max(sb.stack([x(), x() * x(name="a")]), 0)),
    "power": lambda: total(sb.exp(x()) ** x(name="y")),
    "power by a number": lambda: total(sb.exp(x()) ** 3),
    "quotient": lambda: total(x() / sb.exp(x(name="y"))),
    "maximum": lambda: total(sb.max(sb.stack([x(), x(name="y")]), 0)),
    "minimum": lambda: total(sb.min(sb.stack([x(), x(name="y")]), 0)),
}

CONV = {
    "conv1d": lambda: total(sb.conv1d(x(m, c, 9), x(k, c, 3, name="K"))),
    "conv1d, stride, padding, dilation": lambda: total(
        sb.conv1d(x(m, c, 10), x(k, c, 3, name="K"), stride=2, padding=1, dilation=2)
    ),
    "conv2d": lambda: total(sb.conv2d(x(2, 2, 5, 6), x(3, 2, 3, 2, name="K"))),
    "conv2d, stride, padding": lambda: total(
        sb.conv2d(x(2, 2, 6, 6), x(3, 2, 3, 3, name="K"), stride=2, padding=1)
    ),
    "conv2d, groups": lambda: total(sb.conv2d(x(2, 4, 5, 5), x(6, 2, 3, 3, name="K"), groups=2)),
    "conv2d, depthwise": lambda: total(sb.conv2d(x(2, 4, 5, 5), x(4, 1, 3, 3, name="K"), groups=4)),
    "conv, transposed": lambda: total(
        sb.conv_transpose(x(2, 2, 4, 4), x(2, 3, 3, 3, name="K"), stride=2, padding=1)
    ),
    "max_pool": lambda: total(sb.max_pool(x(2, 2, 6, 6), (2, 2))),
    "max_pool, overlap": lambda: total(sb.max_pool(x(2, 2, 7, 7), (3, 3), stride=2)),
    "max_pool, padding": lambda: total(sb.max_pool(x(2, 2, 6, 6), (3, 3), stride=2, padding=1)),
    "max_pool, dilation": lambda: total(sb.max_pool(x(2, 2, 7, 7), (2, 2), dilation=2)),
    "avg_pool": lambda: total(sb.avg_pool(x(2, 2, 6, 6), (2, 2))),
    "avg_pool, padding": lambda: total(sb.avg_pool(x(2, 2, 6, 6), (3, 3), stride=2, padding=1)),
}


def gates(letters):
    W = [sb.param(f"W_{g}", h, n) for g in letters]
    U = [sb.param(f"U_{g}", h, h) for g in letters]
    return W, U, [sb.param(f"b_{g}", h) for g in letters]


def bidirectional():
    X = sb.input("X", T, n)
    ahead, _ = sb.rnn(X, x(h, n, name="W"), x(h, h, name="U"))
    back, _ = sb.rnn(X, x(h, n, name="V"), x(h, h, name="R"), reverse=True)
    return total(sb.concatenate([ahead, back], 1))


def stacked():
    below, _ = sb.rnn(sb.input("X", T, n), x(h, n, name="W"), x(h, h, name="U"))
    _, last = sb.rnn(below, x(k, h, name="V"), x(k, k, name="R"))
    return total(last)


def equal_layers():
    def layer(a, weights):
        return sb.tanh(a @ weights[0] + weights[1]), None

    last, _ = sb.scan(layer, sb.input("X", m, h), (x(T, h, h, name="W"), x(T, h, name="b")))
    return total(last)


RECURRENT = {
    "rnn, all states": lambda: total(
        sb.rnn(sb.input("X", T, n), x(h, n, name="W"), x(h, h, name="U"), x(h, name="b"))[0]
    ),
    "rnn, ragged": lambda: total(
        sb.rnn(
            sb.input("X", T, m, n), x(h, n, name="W"), x(h, h, name="U"), mask=sb.input("M", T, m)
        )[1]
    ),
    "lstm": lambda: total(sb.lstm(sb.input("X", T, n), *gates("ifgo"))[0]),
    "gru": lambda: total(sb.gru(sb.input("X", T, n), *gates("rzn"))[1]),
    "bidirectional": bidirectional,
    "stacked": stacked,
    "equal layers": equal_layers,
}

ATTENTION = {
    "attention": lambda: total(
        sb.attention(x(T, n, name="Q1"), x(k, n, name="K"), x(k, h, name="V"))
    ),
    "attention, causal": lambda: total(
        sb.attention(x(T, n, name="Q1"), x(T, n, name="K"), x(T, h, name="V"), causal=True)
    ),
    "attention, mask": lambda: total(
        sb.attention(x(T, n, name="Q1"), x(k, n, name="K"), x(k, h, name="V"), mask=mask(T, k))
    ),
    "multi-head": lambda: total(
        sb.multi_head_attention(
            x(T, 6, name="X"), *(x(6, 6, name=f"W_{w}") for w in "qkvo"), heads=2, causal=True
        )
    ),
    "cross attention": lambda: total(
        sb.multi_head_attention(
            x(T, 6, name="X"),
            *(x(6, 6, name=f"W_{w}") for w in "qkvo"),
            heads=3,
            context=x(k, 6, name="C"),
        )
    ),
    "layer_norm": lambda: total(sb.layer_norm(x(m, n), x(n, name="g"), x(n, name="b"))),
    "batch_norm": lambda: total(sb.batch_norm(x(m, n), x(n, name="g"), x(n, name="b"))),
    "batch_norm of images": lambda: total(
        sb.batch_norm(x(2, 3, 2, 2), x(3, name="g"), x(3, name="b"), axis=(0, 2, 3))
    ),
    "rms_norm": lambda: total(sb.rms_norm(x(m, n), x(n, name="g"))),
}

STRUCTURE = {
    "reshape": lambda: total(sb.reshape(x(m, 6), m, 2, 3)),
    "flatten": lambda: total(sb.flatten(x(m, n, h))),
    "transpose": lambda: total(sb.transpose(x(m, n, h), 2, 0, 1)),
    "slice": lambda: total(x(9)[2:7]),
    "strided slice": lambda: total(x(9)[1::2]),
    "reversed": lambda: total(x(n)[::-1]),
    "pad": lambda: total(sb.pad(x(m, n), ((1, 0), (0, 2)))),
    "concatenate": lambda: total(sb.concatenate([x(m, n), x(m, h, name="y")], 1)),
    "stack": lambda: total(sb.stack([x(n), x(n, name="y")], 0)),
    "tile": lambda: total(sb.tile(x(n), 3)),
    "repeat": lambda: total(sb.repeat(x(n), 3)),
    "embedding": lambda: total(sb.embedding(x(k, n, name="E"), labels((m,)))),
    "pick": lambda: total(sb.pick(x(m, k), labels((m,)))),
    "one_hot": lambda: total(sb.one_hot(labels((m,)), k) @ x(k, n)),
    "segment_sum": lambda: total(sb.segment_sum(x(m, n), labels((m,)), k)),
    "cumsum": lambda: total(sb.cumsum(x(m, n), 0)),
    "diag": lambda: total(sb.diag(x(n))),
    "diag of a matrix": lambda: total(sb.diag(x(n, n))),
    "trace": lambda: total(sb.trace(x(n, n))),
    "kron": lambda: total(sb.kron(x(2, 3), x(3, 2, name="y"))),
    "outer": lambda: total(sb.outer(x(n), x(m, name="y"))),
    "einsum": lambda: total(
        sb.einsum("ijk,kl,jl->il", x(m, n, h), x(h, k, name="y"), x(n, k, name="z"))
    ),
    "dropout": lambda: total(sb.dropout(x(m, n), sb.input("D", m, n), 0.5)),
    "residual": lambda: total(x(n) + sb.tanh(x(n, n, name="W") @ x(n))),
    "tied weights": lambda: (lambda W: total(W.T @ sb.tanh(W @ sb.input("X", n))))(
        x(h, n, name="W")
    ),
    "sum": lambda: total(sb.sum(x(m, n, h), (0, 2))),
    "mean": lambda: total(sb.mean(x(m, n), 0)),
    "max": lambda: total(sb.max(x(m, n), 1)),
    "max of all": lambda: total(sb.max(x(m, n))),
    "min": lambda: total(sb.min(x(m, n), 0)),
    "var": lambda: total(sb.var(x(m, n), 0)),
    "norm": lambda: total(sb.norm(x(n))),
    "norm 1": lambda: total(sb.l1(x(n))),
    "norm of rows": lambda: total(sb.norm(x(m, n), axis=1)),
    "frobenius": lambda: total(sb.frobenius(x(m, n))),
    "logsumexp": lambda: total(sb.logsumexp(x(m, n))),
    "softmax": lambda: total(sb.softmax(x(m, n))),
    "log_softmax": lambda: total(sb.log_softmax(x(m, n))),
    "softmax of columns": lambda: total(sb.softmax(x(m, n), axis=0)),
    "sorted": lambda: total(
        sb.pick(sb.stack([x(n)] * 1, 0), sb.input("i", 1, kind="labels", classes=n))
    ),
}


def one_hot():
    return sb.input("Y", m, k, one_hot=True)


LOSSES = {
    "squared_error": lambda: sb.squared_error(x(m, k), sb.input("Y", m, k)),
    "mse": lambda: sb.mse(x(m, k), sb.input("Y", m, k)),
    "absolute_error": lambda: sb.absolute_error(x(m, k), sb.input("Y", m, k)),
    "huber": lambda: sb.huber(x(m, k), sb.input("Y", m, k)),
    "hinge": lambda: sb.hinge(x(m), sb.input("Y", m)),
    "binary cross entropy": lambda: sb.binary_cross_entropy(sb.sigmoid(x(m)), sb.input("Y", m)),
    "binary cross entropy, logits": lambda: sb.binary_cross_entropy(
        x(m), sb.input("Y", m), logits=True
    ),
    "cross entropy, one-hot": lambda: sb.cross_entropy(sb.softmax(x(m, k)), one_hot()),
    "cross entropy, labels": lambda: sb.cross_entropy(sb.softmax(x(m, k)), labels((m,))),
    "cross entropy, logits": lambda: sb.cross_entropy(x(m, k), labels((m,)), logits=True),
    "cross entropy, soft": lambda: sb.cross_entropy(
        sb.softmax(x(m, k)), sb.softmax(sb.input("Y", m, k))
    ),
    "kl_divergence": lambda: sb.kl_divergence(sb.softmax(sb.input("Y", m, k)), sb.softmax(x(m, k))),
    "nll": lambda: sb.nll(sb.log_softmax(x(m, k)), labels((m,))),
    "cosine": lambda: sb.sum(sb.cosine_similarity(x(m, k), sb.input("Y", m, k))),
    "l1": lambda: sb.l1(x(m, k)),
    "l2": lambda: sb.l2(x(m, k)),
    "class weights": lambda: sb.cross_entropy(
        sb.softmax(x(m, k)), labels((m,)), weights=sb.input("w", k)
    ),
    "mask": lambda: sb.sum(sb.input("M", m) * sb.sum((x(m, k) - sb.input("Y", m, k)) ** 2, 1)),
}


def positive():
    """A matrix that is far from singular."""
    A = x(n, n, name="A")
    return A @ A.T + sb.eye(n)


MATRIX = {
    "inverse": lambda: total(sb.inverse(positive())),
    "solve": lambda: total(sb.solve(positive(), x(n, m, name="B"))),
    "det": lambda: sb.det(positive()),
    "logdet": lambda: sb.logdet(positive()),
    "quadratic form": lambda: sb.quadratic_form(x(n), x(n, n, name="A")),
    "trace of a product": lambda: sb.trace(x(n, m, name="A") @ x(m, n, name="B")),
}

ALL = {
    f"{kind}: {name}": make
    for kind, table in {
        "elementwise": {**ELEMENTWISE, **TWO},
        "convolution": CONV,
        "recurrent": RECURRENT,
        "attention": ATTENTION,
        "structure": STRUCTURE,
        "loss": LOSSES,
        "matrix": MATRIX,
    }.items()
    for name, make in table.items()
}
