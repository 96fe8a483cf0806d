"""rnn: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate rnn
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "W": ("h", "n"),
    "U": ("h", "h"),
    "b": ("h",),
    "V": ("h", "k"),
    "c": ("k",),
}
INPUTS = {
    "X": ("T", "m", "n"),
    "Y": ("m", "k"),
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
    h = sizes["h"]
    n = sizes["n"]
    k = sizes["k"]
    return {
        "W": _normal(rng, (h, n), n),
        "U": _normal(rng, (h, h), h),
        "b": np.zeros((h,), DTYPE),
        "V": _normal(rng, (h, k), h),
        "c": np.zeros((k,), DTYPE),
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
    W, U, b, V, c = params["W"], params["U"], params["b"], params["V"], params["c"]
    X, Y = inputs["X"], inputs["Y"]
    h = sizes["h"]
    n = sizes["n"]
    k = sizes["k"]
    T = sizes["T"]
    m = sizes["m"]
    value = np.zeros((m, h), DTYPE)  # (m, h)
    total_b = X @ W.T + b  # (T, m, h)
    h_last = value
    next_h_all = np.empty((T, m, h), DTYPE)  # (T, m, h)
    h_all = np.empty((T, m, h), DTYPE)  # (T, m, h)
    for t in range(T):
        next_h = np.tanh(h_last @ U.T + total_b[t])  # (m, h)
        next_h_all[t] = next_h
        h_all[t] = h_last
        h_last = next_h
    Z = h_last @ V + c  # (m, k)
    Z_max = Z.max(axis=1)  # (m,)
    exp_Z = np.exp(Z - Z_max[:, None])  # (m, k)
    sum_exp_Z = exp_Z.sum(axis=1)  # (m,)
    log_softmax_Z = Z - (Z_max + np.log(sum_exp_Z))[:, None]  # (m, k)
    loss = -np.vdot(Y, log_softmax_Z) / m
    cache = (
        m, k, h, T, n, X, W, U, h_last, V, Y, exp_Z, sum_exp_Z, log_softmax_Z, next_h_all, h_all,
    )
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    m, k, h, T, n, X, W, U, h_last, V, Y, exp_Z, sum_exp_Z, log_softmax_Z, next_h_all, h_all = cache
    dloss = _cotangent(cotangents, "loss", ())
    P = exp_Z / sum_exp_Z[:, None]  # (m, k)
    scale = dloss / m
    dZ = scale * (P - Y)  # (m, k)
    dc = dZ.sum(axis=0)  # (k,)
    dh_last = dZ @ V.T  # (m, h)
    dV = h_last.T @ dZ  # (h, k)
    dh = dh_last
    scaled_dh_all = np.empty((T, m, h), DTYPE)  # (T, m, h)
    rest = 1 - next_h_all * next_h_all  # (T, m, h)
    for t_2 in reversed(range(T)):
        scaled_dh = dh * rest[t_2]  # (m, h)
        next_dh = scaled_dh @ U  # (m, h)
        scaled_dh_all[t_2] = scaled_dh
        dh = next_dh
    dU = scaled_dh_all.reshape(T * m, h).T @ h_all.reshape(T * m, h)  # (h, h)
    db = scaled_dh_all.sum(axis=(0, 1))  # (h,)
    dW = scaled_dh_all.reshape(T * m, h).T @ X.reshape(T * m, n)  # (h, n)
    if "Y" in wrt:
        dY = -scale * log_softmax_Z  # (m, k)
    if "X" in wrt:
        dX = scaled_dh_all @ W  # (T, m, n)
    grads = {"W": dW, "U": dU, "b": db, "V": dV, "c": dc}
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
        h = sizes["h"]
        n = sizes["n"]
        k = sizes["k"]
        T = sizes["T"]
        m = sizes["m"]
        self.sizes = (h, n, k, T, m)
        value = np.zeros((m, h), DTYPE)
        self.arrays = (
            value,
            np.empty((T, m, h), DTYPE),  # total_b
            np.empty((m, k), DTYPE),  # Z
            np.empty((m,), DTYPE),  # Z_max
            np.empty((m, k), DTYPE),  # exp_Z
            np.ones(k, DTYPE),  # ones_k
            np.empty((m,), DTYPE),  # sum_exp_Z
            np.empty((m,), DTYPE),  # logsumexp_Z
            np.ones(m, DTYPE),  # ones_m
            np.empty((k,), DTYPE),  # dc
            np.empty((m, h), DTYPE),  # dh_last
            np.empty((h, k), DTYPE),  # dV
            np.empty((h, h), DTYPE),  # dU
            np.ones(T * m, DTYPE),  # ones_T___m
            np.empty((h,), DTYPE),  # db
            np.empty((h, n), DTYPE),  # dW
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
    W, U, b, V, c = params["W"], params["U"], params["b"], params["V"], params["c"]
    X, Y = inputs["X"], inputs["Y"]
    h, n, k, T, m = workspace.sizes
    (
        value, total_b, Z, Z_max, exp_Z, ones_k, sum_exp_Z, logsumexp_Z, ones_m, dc, dh_last, dV,
        dU, ones_T___m, db, dW,
    ) = workspace.arrays
    X.reshape(-1, n).dot(W.T, out=total_b.reshape(-1, h))  # (T, m, h)
    total_b += b
    h_last = value
    next_h_all = np.empty((T, m, h), DTYPE)  # (T, m, h)
    h_all = np.empty((T, m, h), DTYPE)  # (T, m, h)
    for t in range(T):
        next_h = np.tanh(h_last @ U.T + total_b[t])  # (m, h)
        next_h_all[t] = next_h
        h_all[t] = h_last
        h_last = next_h
    h_last.dot(V, out=Z)  # (m, k)
    Z += c
    np.maximum.reduce(Z, axis=1, out=Z_max)  # (m,)
    np.subtract(Z, Z_max[:, None], out=exp_Z)
    np.exp(exp_Z, out=exp_Z)
    exp_Z.dot(ones_k, out=sum_exp_Z)  # (m,)
    np.log(sum_exp_Z, out=logsumexp_Z)
    logsumexp_Z_2 = np.add(Z_max, logsumexp_Z, out=Z_max)
    P = np.divide(exp_Z, sum_exp_Z[:, None], out=exp_Z)
    Z -= logsumexp_Z_2[:, None]
    dot_Y = np.vdot(Y, Z)
    loss = -dot_Y / m
    np.subtract(P, Y, out=exp_Z)
    dZ = np.multiply(exp_Z, 1 / m, out=exp_Z)
    ones_m.dot(dZ, out=dc)  # (k,)
    dZ.dot(V.T, out=dh_last)  # (m, h)
    h_last.T.dot(dZ, out=dV)  # (h, k)
    dh = dh_last
    scaled_dh_all = np.empty((T, m, h), DTYPE)  # (T, m, h)
    rest = 1 - next_h_all * next_h_all  # (T, m, h)
    for t_2 in reversed(range(T)):
        scaled_dh = dh * rest[t_2]  # (m, h)
        next_dh = scaled_dh @ U  # (m, h)
        scaled_dh_all[t_2] = scaled_dh
        dh = next_dh
    scaled_dh_all.reshape(T * m, h).T.dot(h_all.reshape(T * m, h), out=dU)  # (h, h)
    ones_T___m.dot(scaled_dh_all.reshape(-1, h), out=db)  # (h,)
    scaled_dh_all.reshape(T * m, h).T.dot(X.reshape(T * m, n), out=dW)  # (h, n)
    grads = {"W": dW, "U": dU, "b": db, "V": dV, "c": dc}
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
    if sizes["T"] == 0:
        raise ValueError("the size T is 0: a mean or a recurrence over nothing")
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
