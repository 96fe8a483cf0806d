"""cnn:8-8-10: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate cnn:8-8-10
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

DTYPE = np.float64
PARAMETERS = {
    "K1": (8, 1, 3, 3),
    "b1": (8,),
    "W2": (8, 3, 3, 10),
    "b2": (10,),
}
INPUTS = {
    "X": ("m", 1, 8, 8),
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
        "K1": _normal(rng, (8, 1, 3, 3), 9),
        "b1": np.zeros((8,), DTYPE),
        "W2": _normal(rng, (8, 3, 3, 10), 72),
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
    K1, b1, W2, b2 = params["K1"], params["b1"], params["W2"], params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m = sizes["m"]
    windows_X = sliding_window_view(X, (3, 3), axis=(2, 3))[:, 0].reshape(-1, 9)  # (36 * m, 9)
    product_X = windows_X @ K1[:, 0].transpose(1, 2, 0).reshape(9, 8)  # (36 * m, 8)
    Z1 = product_X.reshape(-1, 6, 6, 8).transpose(0, 3, 1, 2) + b1[:, None, None]  # (m, 8, 6, 6)
    A1 = np.maximum(Z1, 0)  # (m, 8, 6, 6)
    A1_view = A1.reshape(-1, 8, 3, 2, 3, 2)[:, :, :, 0, :, 1]  # (m, 8, 3, 3)
    maximum_A1 = np.maximum(A1.reshape(-1, 8, 3, 2, 3, 2)[:, :, :, 0, :, 0], A1_view)
    maximum_A1_2 = np.maximum(maximum_A1, A1.reshape(-1, 8, 3, 2, 3, 2)[:, :, :, 1, :, 0])
    M = np.maximum(maximum_A1_2, A1.reshape(-1, 8, 3, 2, 3, 2)[:, :, :, 1, :, 1])  # (m, 8, 3, 3)
    Z2 = M.transpose(1, 2, 3, 0).reshape(72, -1).T @ W2.reshape(72, 10) + b2  # (m, 10)
    Z2_max = Z2.max(axis=1)  # (m,)
    exp_Z2 = np.exp(Z2 - Z2_max[:, None])  # (m, 10)
    sum_exp_Z2 = exp_Z2.sum(axis=1)  # (m,)
    log_softmax_Z2 = Z2 - (Z2_max + np.log(sum_exp_Z2))[:, None]  # (m, 10)
    loss = -np.vdot(Y, log_softmax_Z2) / m
    cache = (m, X, K1, Z1, A1, M, W2, exp_Z2, sum_exp_Z2, Y, log_softmax_Z2)
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    m, X, K1, Z1, A1, M, W2, exp_Z2, sum_exp_Z2, Y, log_softmax_Z2 = cache
    dloss = _cotangent(cotangents, "loss", ())
    P = exp_Z2 / sum_exp_Z2[:, None]  # (m, 10)
    scale = dloss / m
    dZ2 = scale * (P - Y)  # (m, 10)
    db2 = dZ2.sum(axis=0)  # (10,)
    dM = dZ2 @ W2.transpose(3, 0, 1, 2).reshape(10, 72)  # (m, 72)
    dW2 = M.transpose(1, 2, 3, 0).reshape(72, -1) @ dZ2  # (72, 10)
    scaled_dM = dM.reshape(-1, 8, 3, 3) * (M == A1[:, :, :5:2, :5:2])  # (m, 8, 3, 3)
    difference_dM = dM.reshape(-1, 8, 3, 3) - scaled_dM  # (m, 8, 3, 3)
    scaled = difference_dM * (M == A1[:, :, :5:2, 1:6:2])  # (m, 8, 3, 3)
    difference = difference_dM - scaled  # (m, 8, 3, 3)
    scaled_2 = difference * (M == A1[:, :, 1:6:2, :5:2])  # (m, 8, 3, 3)
    dA1 = np.empty((m, 8, 6, 6), DTYPE)  # (m, 8, 6, 6)
    dA1[:, :, :5:2, :5:2] = scaled_dM
    dA1[:, :, :5:2, 1:6:2] = scaled
    dA1[:, :, 1:6:2, :5:2] = scaled_2
    dA1[:, :, 1:6:2, 1:6:2] = difference - scaled_2
    dZ1 = dA1 * (Z1 > 0)  # (m, 8, 6, 6)
    db1 = dZ1.sum(axis=(0, 2, 3))  # (8,)
    windows_X_2 = sliding_window_view(X, (3, 3), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5).reshape(-1, 9)
    dK1 = dZ1.transpose(1, 0, 2, 3).reshape(8, -1) @ windows_X_2  # (8, 9)
    if "Y" in wrt:
        dY = -scale * log_softmax_Z2  # (m, 10)
    if "X" in wrt:
        dZ1_view = dZ1.transpose(0, 2, 3, 1).reshape(-1, 8)  # (36 * m, 8)
        dX = np.zeros((m, 1, 8, 8), DTYPE)  # (m, 1, 8, 8)
        dX_parts = (dZ1_view @ K1.transpose(0, 2, 3, 1).reshape(8, 9)).reshape(-1, 6, 6, 3, 3, 1).transpose(0, 5, 1, 2, 3, 4)
        for tap in range(3):
            for tap_2 in range(3):
                dX[:, :, tap:tap + 6, tap_2:tap_2 + 6] += dX_parts[..., tap, tap_2]
    grads = {"K1": dK1.reshape(8, 1, 3, 3), "b1": db1, "W2": dW2.reshape(8, 3, 3, 10), "b2": db2}
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
            np.empty((1, 8, 8, m), DTYPE),  # X_last
            np.empty((1, 3, 3, 6, 6, m), DTYPE),  # patches
            np.empty((8, 36 * m), DTYPE),  # product_K1
            np.empty((8, 6, 6, m), DTYPE),  # Z1
            np.empty((8, 6, 6, m), DTYPE),  # A1
            np.empty((8, 3, 3, m), DTYPE),  # M
            np.empty((10, m), DTYPE),  # Z2
            np.empty((m,), DTYPE),  # Z2_max
            np.empty((10, m), DTYPE),  # exp_Z2
            np.ones(10, DTYPE),  # ones_10
            np.empty((m,), DTYPE),  # sum_exp_Z2
            np.empty((m,), DTYPE),  # logsumexp_Z2
            np.ones(m, DTYPE),  # ones_m
            np.empty((10,), DTYPE),  # db2
            np.empty((72, m), DTYPE),  # dM
            np.empty((72, 10), DTYPE),  # dW2
            np.empty((8, 3, 3, m), bool),  # scaled_dM
            np.empty((8, 3, 3, m), DTYPE),  # scaled_dM_2
            np.empty((8, 3, 3, m), DTYPE),  # difference_dM
            np.empty((8, 3, 3, m), DTYPE),  # scaled
            np.empty((8, 6, 6, m), bool),  # dZ1
            np.empty((8,), DTYPE),  # db1
            np.empty((8, 9), DTYPE),  # dK1
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
    K1, b1, W2, b2 = params["K1"], params["b1"], params["W2"], params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m, = workspace.sizes
    (
        X_last, patches, product_K1, Z1, A1, M, Z2, Z2_max, exp_Z2, ones_10, sum_exp_Z2,
        logsumexp_Z2, ones_m, db2, dM, dW2, scaled_dM, scaled_dM_2, difference_dM, scaled, dZ1,
        db1, dK1,
    ) = workspace.arrays
    np.copyto(X_last, X.transpose(1, 2, 3, 0))  # (1, 8, 8, m)
    windows_X_last = sliding_window_view(X_last, (3, 3), axis=(1, 2)).transpose(0, 4, 5, 1, 2, 3)
    np.copyto(patches, windows_X_last)  # (1, 3, 3, 6, 6, m)
    K1[:, 0].reshape(8, 9).dot(patches[0].reshape(9, -1), out=product_K1)  # (8, 36 * m)
    np.add(product_K1.reshape(8, 6, 6, -1), b1[:, None, None, None], out=Z1)
    np.maximum(Z1, 0, out=A1)
    A1_view = A1.reshape(8, 3, 2, 3, 2, -1)[:, :, 0, :, 0]  # (8, 3, 3, m)
    np.maximum(A1_view, A1.reshape(8, 3, 2, 3, 2, -1)[:, :, 0, :, 1], out=M)
    np.maximum(M, A1.reshape(8, 3, 2, 3, 2, -1)[:, :, 1, :, 0], out=M)
    np.maximum(M, A1.reshape(8, 3, 2, 3, 2, -1)[:, :, 1, :, 1], out=M)
    W2.reshape(72, 10).T.dot(M.reshape(72, -1), out=Z2)  # (10, m)
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
    W2.reshape(72, 10).dot(dZ2, out=dM)  # (72, m)
    M.reshape(72, -1).dot(dZ2.T, out=dW2)  # (72, 10)
    np.equal(M, A1[:, :5:2, :5:2], out=scaled_dM)
    np.multiply(dM.reshape(8, 3, 3, -1), scaled_dM, out=scaled_dM_2)
    np.subtract(dM.reshape(8, 3, 3, -1), scaled_dM_2, out=difference_dM)
    np.equal(M, A1[:, :5:2, 1:6:2], out=scaled_dM)
    np.multiply(difference_dM, scaled_dM, out=scaled)
    difference_dM -= scaled
    np.equal(M, A1[:, 1:6:2, :5:2], out=scaled_dM)
    np.multiply(difference_dM, scaled_dM, out=M)
    difference_dM -= M
    A1[:, :5:2, :5:2, :] = scaled_dM_2
    A1[:, :5:2, 1:6:2, :] = scaled
    A1[:, 1:6:2, :5:2, :] = M
    A1[:, 1:6:2, 1:6:2, :] = difference_dM
    np.greater(Z1, 0, out=dZ1)
    dZ1_2 = np.multiply(A1, dZ1, out=A1)
    np.add.reduce(dZ1_2, axis=(1, 2, 3), out=db1)  # (8,)
    dZ1_2.reshape(8, -1).dot(patches.reshape(9, -1).T, out=dK1)  # (8, 9)
    grads = {"K1": dK1.reshape(8, 1, 3, 3), "b1": db1, "W2": dW2.reshape(8, 3, 3, 10), "b2": db2}
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
