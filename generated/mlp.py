"""mlp:64-32-10: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate mlp:64-32-10
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "W1": (64, 32),
    "b1": (32,),
    "W2": (32, 10),
    "b2": (10,),
}
INPUTS = {
    "X": ("m", 64),
    "Y": ("m", 10),
}
OUTPUTS = {
    "loss": (),
}
INPUT_KINDS = {
    "X": "real",
    "Y": "real",
}


def init_params(rng, **sizes):
    """Draw parameters; `sizes` gives every symbolic size by name.

    Parameters
    ----------
    rng : numpy.random.Generator
    """
    return {
        "W1": _normal(rng, (64, 32), 64),
        "b1": np.zeros((32,), DTYPE),
        "W2": _normal(rng, (32, 10), 32),
        "b2": np.zeros((10,), DTYPE),
    }


def _normal(rng, shape, fan_in):
    """Draw normal numbers of variance 1 / fan_in."""
    return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(DTYPE)


def forward(params, inputs):
    """Compute the outputs, and what `backward` needs besides.

    Returns
    -------
    dict, tuple
        Outputs by name; the cache, which is opaque and may be used again.
    """
    sizes = _check(params, inputs)
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m = sizes["m"]
    Z1 = X @ W1 + b1  # (m, 32)
    A1 = np.tanh(Z1)  # (m, 32)
    Z2 = A1 @ W2 + b2  # (m, 10)
    Z2_max = Z2.max(axis=1)  # (m,)
    exp_Z2 = np.exp(Z2 - Z2_max[:, None])  # (m, 10)
    sum_exp_Z2 = exp_Z2.sum(axis=1)  # (m,)
    log_softmax_Z2 = Z2 - (Z2_max + np.log(sum_exp_Z2))[:, None]  # (m, 10)
    loss = -np.vdot(Y, log_softmax_Z2) / m
    cache = (m, X, W1, A1, W2, exp_Z2, sum_exp_Z2, Y, log_softmax_Z2)
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    m, X, W1, A1, W2, exp_Z2, sum_exp_Z2, Y, log_softmax_Z2 = cache
    dloss = _cotangent(cotangents, "loss", ())
    P = exp_Z2 / sum_exp_Z2[:, None]  # (m, 10)
    scale = dloss / m
    dZ2 = scale * (P - Y)  # (m, 10)
    db2 = dZ2.sum(axis=0)  # (10,)
    dW2 = A1.T @ dZ2  # (32, 10)
    dZ1 = (dZ2 @ W2.T) * (1 - A1 * A1)  # (m, 32)
    db1 = dZ1.sum(axis=0)  # (32,)
    dW1 = X.T @ dZ1  # (64, 32)
    if "Y" in wrt:
        dY = -scale * log_softmax_Z2  # (m, 10)
    if "X" in wrt:
        dX = dZ1 @ W1.T  # (m, 64)
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    if "X" in wrt:
        grads["X"] = dX
    if "Y" in wrt:
        grads["Y"] = dY
    return {name: grads[name] for name in wrt}


def make_workspace(params, inputs):
    """Allocate the arrays that `loss_and_grad` needs for arguments of these shapes."""
    return Workspace(params, inputs)


class Workspace:
    """The arrays of `loss_and_grad`: for one thread, overwritten by each call."""

    def __init__(self, params, inputs):
        sizes = _check(params, inputs)
        m = sizes["m"]
        self.sizes = (m,)
        self.arrays = (
            np.empty((m, 32), DTYPE),  # Z1
            np.empty((10, m), DTYPE),  # Z2
            np.empty((m,), DTYPE),  # Z2_max
            np.empty((10, m), DTYPE),  # exp_Z2
            np.ones(10, DTYPE),  # ones_10
            np.empty((m,), DTYPE),  # sum_exp_Z2
            np.empty((m,), DTYPE),  # logsumexp_Z2
            np.ones(m, DTYPE),  # ones_m
            np.empty((10,), DTYPE),  # db2
            np.empty((32, 10), DTYPE),  # dW2
            np.empty((m, 32), DTYPE),  # dZ1
            np.empty((32,), DTYPE),  # db1
            np.empty((64, 32), DTYPE),  # dW1
        )
        self.known, self.signature = sizes, _signature(params, inputs)


def loss_and_grad(params, inputs, wrt=None, *, workspace=None):
    """Compute the loss and its gradients for all parameters, or for the names in `wrt`.

    With a workspace the gradients are arrays of its own, valid until the next call.

    Returns
    -------
    float, dict
        The loss, and the gradients by name.
    """
    if wrt is not None and not set(wrt := _wanted(wrt)) <= set(PARAMETERS):
        outputs, cache = forward(params, inputs)
        return float(outputs["loss"]), backward(cache, {"loss": 1.0}, wrt)
    if workspace is None:
        workspace = Workspace(params, inputs)
    elif workspace.signature != _signature(params, inputs):
        workspace.__init__(params, inputs)
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m, = workspace.sizes
    (
        Z1, Z2, Z2_max, exp_Z2, ones_10, sum_exp_Z2, logsumexp_Z2, ones_m, db2, dW2, dZ1, db1, dW1,
    ) = workspace.arrays
    X.dot(W1, out=Z1)  # (m, 32)
    Z1 += b1
    A1 = np.tanh(Z1, out=Z1)
    W2.T.dot(A1.T, out=Z2)  # (10, m)
    Z2 += b2[:, None]
    np.maximum.reduce(Z2, axis=0, out=Z2_max)  # (m,)
    np.subtract(Z2, Z2_max, out=exp_Z2)
    np.exp(exp_Z2, out=exp_Z2)
    ones_10.dot(exp_Z2, out=sum_exp_Z2)  # (m,)
    np.log(sum_exp_Z2, out=logsumexp_Z2)
    logsumexp_Z2_2 = np.add(Z2_max, logsumexp_Z2, out=Z2_max)
    P = np.divide(exp_Z2, sum_exp_Z2, out=exp_Z2)
    Z2 -= logsumexp_Z2_2
    dot_Y = np.vdot(Y, Z2.T)
    loss = -dot_Y / m
    np.subtract(P, Y.T, out=exp_Z2)
    dZ2 = np.multiply(exp_Z2, 1 / m, out=exp_Z2)
    dZ2.dot(ones_m, out=db2)  # (10,)
    A1.T.dot(dZ2.T, out=dW2)  # (32, 10)
    dZ2.T.dot(W2.T, out=dZ1)  # (m, 32)
    np.square(A1, out=Z1)
    np.subtract(1, Z1, out=Z1)
    dZ1 *= Z1
    ones_m.dot(dZ1, out=db1)  # (32,)
    X.T.dot(dZ1, out=dW1)  # (64, 32)
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    loss = float(loss)
    return loss, grads if wrt is None else {name: grads[name] for name in wrt}


def _signature(params, inputs):
    """Give the names, shapes and dtypes of the arguments."""
    try:
        arrays = [(a.shape, a.dtype) for a in (*params.values(), *inputs.values())]
    except AttributeError:  # `_check` says which is no array
        arrays = None
    return [*params, *inputs], arrays


def _check(params, inputs):
    """Check names, dtypes and shapes; return the sizes by name."""
    sizes = {}
    for group, arrays, shapes in (("params", params, PARAMETERS), ("inputs", inputs, INPUTS)):
        if set(arrays) != set(shapes):
            expected, found = ", ".join(shapes), ", ".join(map(str, arrays))
            raise ValueError(f"{group}: expected the names {expected}; found {found or 'none'}")
        for name, shape in shapes.items():
            array, kind = arrays[name], INPUT_KINDS.get(name, "real")
            dtype = getattr(array, "dtype", None)
            if dtype is None or dtype != DTYPE and dtype.kind not in _KINDS[kind]:
                wanted = np.dtype(DTYPE).name if kind == "real" else kind
                found = type(array).__name__ if dtype is None else dtype.name
                raise ValueError(f"{name}: expected an array of dtype {wanted}, found {found}")
            if len(shape) == array.ndim:
                for size, length in zip(shape, array.shape):
                    if isinstance(size, str) and size not in _DEPENDENT:
                        sizes.setdefault(size, length)
    for arrays, shapes in ((params, PARAMETERS), (inputs, INPUTS)):
        for name, shape in shapes.items():
            _check_shape(name, arrays[name], shape, sizes)
    if sizes["m"] == 0:
        raise ValueError("the size m is 0: a mean or a recurrence over nothing")
    return sizes


def _check_shape(name, array, shape, sizes):
    """Check one shape against the sizes known."""
    lengths = tuple(_DEPENDENT[s](sizes) if s in _DEPENDENT else sizes.get(s, s) for s in shape)
    if array.shape != lengths:
        wanted = ", ".join(str(s) if s == n else f"{s}={n}" for s, n in zip(shape, lengths))
        raise ValueError(f"{name}: expected shape ({wanted}), found {array.shape}")


_KINDS = {"real": "", "int": "iu", "bool": "b"}
_DEPENDENT = {
}


def _wanted(wrt):
    """Check the names of gradients; all parameters by default."""
    if wrt is None:
        return tuple(PARAMETERS)
    real = {**PARAMETERS, **{name: kind for name, kind in INPUT_KINDS.items() if kind == "real"}}
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in names:
        if name not in real:
            raise ValueError(f"wrt: expected names among {', '.join(real)}; found {name}")
    return names


def _cotangent(cotangents, name, shape):
    """Get the cotangent of one output, zero where it is missing."""
    for key in cotangents:
        if key not in OUTPUTS:
            raise ValueError(f"cotangents: expected names among {', '.join(OUTPUTS)}; found {key}")
    array = np.asarray(cotangents.get(name, np.zeros(shape)), DTYPE)
    if array.shape != shape:
        raise ValueError(f"cotangents: {name}: expected shape {shape}, found {array.shape}")
    return array
