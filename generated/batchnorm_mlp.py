"""batchnorm-mlp:64-32-10: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate batchnorm-mlp:64-32-10
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "W1": (64, 32),
    "gamma1": (32,),
    "beta1": (32,),
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
        "gamma1": np.ones((32,), DTYPE),
        "beta1": np.zeros((32,), DTYPE),
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
    W1, gamma1, beta1, W2 = params["W1"], params["gamma1"], params["beta1"], params["W2"]
    b2 = params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m = sizes["m"]
    Z1 = X @ W1  # (m, 32)
    difference_Z1 = Z1 - Z1.sum(axis=0) / m  # (m, 32)
    sigma = np.sqrt((difference_Z1 * difference_Z1).sum(axis=0) / m + 1e-05)  # (32,)
    xhat = difference_Z1 / sigma  # (m, 32)
    N1 = xhat * gamma1 + beta1  # (m, 32)
    A1 = np.tanh(N1)  # (m, 32)
    Z2 = A1 @ W2 + b2  # (m, 10)
    Z2_max = Z2.max(axis=1)  # (m,)
    exp_Z2 = np.exp(Z2 - Z2_max[:, None])  # (m, 10)
    sum_exp_Z2 = exp_Z2.sum(axis=1)  # (m,)
    log_softmax_Z2 = Z2 - (Z2_max + np.log(sum_exp_Z2))[:, None]  # (m, 10)
    loss = -np.vdot(Y, log_softmax_Z2) / m
    cache = (m, X, W1, gamma1, sigma, xhat, A1, W2, exp_Z2, sum_exp_Z2, Y, log_softmax_Z2)
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    m, X, W1, gamma1, sigma, xhat, A1, W2, exp_Z2, sum_exp_Z2, Y, log_softmax_Z2 = cache
    dloss = _cotangent(cotangents, "loss", ())
    P = exp_Z2 / sum_exp_Z2[:, None]  # (m, 10)
    scale = dloss / m
    dZ2 = scale * (P - Y)  # (m, 10)
    db2 = dZ2.sum(axis=0)  # (10,)
    dW2 = A1.T @ dZ2  # (32, 10)
    dN1 = (dZ2 @ W2.T) * (1 - A1 * A1)  # (m, 32)
    dgamma1 = (xhat * dN1).sum(axis=0)  # (32,)
    dbeta1 = dN1.sum(axis=0)  # (32,)
    dZ1 = (m * dN1 - xhat * dgamma1 - dbeta1) * gamma1 / (m * sigma)  # (m, 32)
    dW1 = X.T @ dZ1  # (64, 32)
    if "Y" in wrt:
        dY = -scale * log_softmax_Z2  # (m, 10)
    if "X" in wrt:
        dX = dZ1 @ W1.T  # (m, 64)
    grads = {"W1": dW1, "gamma1": dgamma1, "beta1": dbeta1, "W2": dW2, "b2": db2}
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
            np.ones(m, DTYPE),  # ones_m
            np.empty((32,), DTYPE),  # ratio
            np.empty((m, 32), DTYPE),  # squared
            np.empty((10, m), DTYPE),  # Z2
            np.empty((m,), DTYPE),  # Z2_max
            np.empty((10, m), DTYPE),  # exp_Z2
            np.ones(10, DTYPE),  # ones_10
            np.empty((m,), DTYPE),  # sum_exp_Z2
            np.empty((m,), DTYPE),  # logsumexp_Z2
            np.empty((10,), DTYPE),  # db2
            np.empty((32, 10), DTYPE),  # dW2
            np.empty((m, 32), DTYPE),  # dN1
            np.empty((32,), DTYPE),  # dgamma1
            np.empty((32,), DTYPE),  # dbeta1
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
    W1, gamma1, beta1, W2 = params["W1"], params["gamma1"], params["beta1"], params["W2"]
    b2 = params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m, = workspace.sizes
    (
        Z1, ones_m, ratio, squared, Z2, Z2_max, exp_Z2, ones_10, sum_exp_Z2, logsumexp_Z2, db2,
        dW2, dN1, dgamma1, dbeta1, dW1,
    ) = workspace.arrays
    X.dot(W1, out=Z1)  # (m, 32)
    ones_m.dot(Z1, out=ratio)  # (32,)
    ratio /= m
    Z1 -= ratio
    np.square(Z1, out=squared)
    ones_m.dot(squared, out=ratio)  # (32,)
    ratio /= m
    ratio += 1e-05
    sigma = np.sqrt(ratio, out=ratio)
    xhat = np.divide(Z1, sigma, out=Z1)
    np.multiply(xhat, gamma1, out=squared)
    N1 = np.add(squared, beta1, out=squared)
    A1 = np.tanh(N1, out=squared)
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
    dZ2.T.dot(W2.T, out=dN1)  # (m, 32)
    np.square(A1, out=squared)
    np.subtract(1, squared, out=squared)
    dN1 *= squared
    np.multiply(xhat, dN1, out=squared)
    ones_m.dot(squared, out=dgamma1)  # (32,)
    ones_m.dot(dN1, out=dbeta1)  # (32,)
    dN1 *= m
    np.multiply(xhat, dgamma1, out=Z1)
    dN1 -= Z1
    dN1 -= dbeta1
    dN1 *= gamma1
    np.multiply(m, sigma, out=ratio)
    dZ1 = np.divide(dN1, ratio, out=dN1)
    X.T.dot(dZ1, out=dW1)  # (64, 32)
    grads = {"W1": dW1, "gamma1": dgamma1, "beta1": dbeta1, "W2": dW2, "b2": db2}
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
