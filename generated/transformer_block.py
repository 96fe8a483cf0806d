"""transformer-block:4-16: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate transformer-block:4-16
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "gamma1": (64,),
    "beta1": (64,),
    "Wq": (4, 64, 16),
    "Wk": (4, 64, 16),
    "Wv": (4, 64, 16),
    "Wo": (4, 16, 64),
    "gamma2": (64,),
    "beta2": (64,),
    "W1": (64, 256),
    "b1": (256,),
    "W2": (256, 64),
    "b2": (64,),
}
INPUTS = {
    "X": ("m", "T", 64),
    "Y": ("m", "T", 64),
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
        "gamma1": np.ones((64,), DTYPE),
        "beta1": np.zeros((64,), DTYPE),
        "Wq": _normal(rng, (4, 64, 16), 64),
        "Wk": _normal(rng, (4, 64, 16), 64),
        "Wv": _normal(rng, (4, 64, 16), 64),
        "Wo": _normal(rng, (4, 16, 64), 64),
        "gamma2": np.ones((64,), DTYPE),
        "beta2": np.zeros((64,), DTYPE),
        "W1": _normal(rng, (64, 256), 64),
        "b1": np.zeros((256,), DTYPE),
        "W2": _normal(rng, (256, 64), 256),
        "b2": np.zeros((64,), DTYPE),
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
    gamma1, beta1, Wq, Wk = params["gamma1"], params["beta1"], params["Wq"], params["Wk"]
    Wv, Wo, gamma2, beta2 = params["Wv"], params["Wo"], params["gamma2"], params["beta2"]
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m = sizes["m"]
    T = sizes["T"]
    difference_X = X - (0.015625 * X.sum(axis=2))[:, :, None]  # (m, T, 64)
    sigma1 = np.sqrt(0.015625 * (difference_X * difference_X).sum(axis=2) + 1e-05)  # (m, T)
    xhat1 = difference_X / sigma1[:, :, None]  # (m, T, 64)
    N = xhat1 * gamma1 + beta1  # (m, T, 64)
    Q = N @ Wq.transpose(1, 0, 2).reshape(64, 64)  # (m, T, 64)
    K = N @ Wk.transpose(1, 0, 2).reshape(64, 64)  # (m, T, 64)
    V = N @ Wv.transpose(1, 0, 2).reshape(64, 64)  # (m, T, 64)
    scaled_Q = 0.25 * Q.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)  # (m, 4, T, 16)
    S = scaled_Q @ K.reshape(m, T, 4, 16).transpose(0, 2, 3, 1)  # (m, 4, T, T)
    exp_S = np.exp(S - S.max(axis=3)[:, :, :, None])  # (m, 4, T, T)
    P = exp_S / exp_S.sum(axis=3)[:, :, :, None]  # (m, 4, T, T)
    C = P @ V.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)  # (m, 4, T, 16)
    product_C = C.transpose(1, 3, 0, 2).reshape(64, -1).T @ Wo.reshape(64, 64)  # (T * m, 64)
    H = X + product_C.reshape(m, T, 64)  # (m, T, 64)
    difference_H = H - (0.015625 * H.sum(axis=2))[:, :, None]  # (m, T, 64)
    sigma2 = np.sqrt(0.015625 * (difference_H * difference_H).sum(axis=2) + 1e-05)  # (m, T)
    xhat2 = difference_H / sigma2[:, :, None]  # (m, T, 64)
    R = xhat2 * gamma2 + beta2  # (m, T, 64)
    Z = R @ W1 + b1  # (m, T, 256)
    Z_squared = Z * Z  # (m, T, 256)
    scaled = 1.4142135623730951 / 1.772453850905516 * (8943 / 200000 * Z_squared * Z + Z)
    tanh = np.tanh(scaled)  # (m, T, 256)
    A = 0.5 * Z * (tanh + 1)  # (m, T, 256)
    Z2 = A @ W2 + b2  # (m, T, 64)
    O = H + Z2  # (m, T, 64)
    difference_O = O - Y  # (m, T, 64)
    loss = 0.015625 * (difference_O * difference_O).sum() / (T * m)
    cache = (
        T, m, gamma1, sigma1, xhat1, N, Wq, Wk, Wv, Q, K, V, P, C, Wo, gamma2, sigma2, xhat2, R,
        W1, Z, Z_squared, tanh, A, W2, O, Y, difference_O,
    )
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    (
        T, m, gamma1, sigma1, xhat1, N, Wq, Wk, Wv, Q, K, V, P, C, Wo, gamma2, sigma2, xhat2, R,
        W1, Z, Z_squared, tanh, A, W2, O, Y, difference_O,
    ) = cache
    dloss = _cotangent(cotangents, "loss", ())
    scale = 0.03125 * dloss / (T * m)
    dZ2 = scale * difference_O  # (m, T, 64)
    db2 = dZ2.sum(axis=(0, 1))  # (64,)
    dW2 = A.reshape(-1, 256).T @ dZ2.reshape(-1, 64)  # (256, 64)
    scaled_2 = Z * (1 - tanh * tanh) * (26829 / 200000 * Z_squared + 1)  # (m, T, 256)
    total = 1.4142135623730951 * 0.5 / 1.772453850905516 * scaled_2 + 0.5 * tanh + 0.5
    dZ = (dZ2 @ W2.T) * total  # (m, T, 256)
    db1 = dZ.sum(axis=(0, 1))  # (256,)
    dR = dZ @ W1.T  # (m, T, 64)
    dW1 = R.reshape(-1, 64).T @ dZ.reshape(-1, 256)  # (64, 256)
    scaled_xhat2 = xhat2 * dR  # (m, T, 64)
    dgamma2 = scaled_xhat2.sum(axis=(0, 1))  # (64,)
    dbeta2 = dR.sum(axis=(0, 1))  # (64,)
    total_2 = dR * 64 * gamma2 + dZ2 * (64 * sigma2)[:, :, None]  # (m, T, 64)
    difference = total_2 - xhat2 * (scaled_xhat2 @ gamma2)[:, :, None]  # (m, T, 64)
    dH = 0.015625 * (difference - (dR @ gamma2)[:, :, None]) / sigma2[:, :, None]  # (m, T, 64)
    dC = dH @ Wo.transpose(2, 0, 1).reshape(64, 64)  # (m, T, 64)
    dWo = C.transpose(0, 2, 1, 3).reshape(-1, 64).T @ dH.reshape(-1, 64)  # (64, 64)
    dV = P.transpose(0, 1, 3, 2) @ dC.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)  # (m, 4, T, 16)
    dC_view = dC.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)  # (m, 4, T, 16)
    dP = dC_view @ V.reshape(m, T, 4, 16).transpose(0, 2, 3, 1)  # (m, 4, T, T)
    dots_C = np.vecdot(C, dC.reshape(m, T, 4, 16).transpose(0, 2, 1, 3))  # (m, 4, T)
    dS = P * (dP - dots_C[:, :, :, None])  # (m, 4, T, T)
    dQ = 0.25 * (dS @ K.reshape(m, T, 4, 16).transpose(0, 2, 1, 3))  # (m, 4, T, 16)
    product_dS = dS.transpose(0, 1, 3, 2) @ Q.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)
    dK = 0.25 * product_dS  # (m, 4, T, 16)
    dWv = dV.transpose(0, 2, 1, 3).reshape(-1, 64).T @ N.reshape(-1, 64)  # (64, 64)
    dWk = dK.transpose(0, 2, 1, 3).reshape(-1, 64).T @ N.reshape(-1, 64)  # (64, 64)
    dWq = dQ.transpose(0, 2, 1, 3).reshape(-1, 64).T @ N.reshape(-1, 64)  # (64, 64)
    dV_view = dV.transpose(0, 2, 1, 3).reshape(-1, 64)  # (T * m, 64)
    dK_view = dK.transpose(0, 2, 1, 3).reshape(-1, 64)  # (T * m, 64)
    dQ_view = dQ.transpose(0, 2, 1, 3).reshape(-1, 64)  # (T * m, 64)
    product_dK = dK_view @ Wk.transpose(0, 2, 1).reshape(64, 64)  # (T * m, 64)
    product_dV = dV_view @ Wv.transpose(0, 2, 1).reshape(64, 64)  # (T * m, 64)
    total_3 = product_dV.reshape(m, T, 64) + product_dK.reshape(m, T, 64)  # (m, T, 64)
    product_dQ = dQ_view @ Wq.transpose(0, 2, 1).reshape(64, 64)  # (T * m, 64)
    dN = total_3 + product_dQ.reshape(m, T, 64)  # (m, T, 64)
    scaled_xhat1 = xhat1 * dN  # (m, T, 64)
    dgamma1 = scaled_xhat1.sum(axis=(0, 1))  # (64,)
    dbeta1 = dN.sum(axis=(0, 1))  # (64,)
    if "Y" in wrt:
        dY = scale * (Y - O)  # (m, T, 64)
    if "X" in wrt:
        total_4 = dN * 64 * gamma1 + dH * (64 * sigma1)[:, :, None]  # (m, T, 64)
        difference_2 = total_4 - xhat1 * (scaled_xhat1 @ gamma1)[:, :, None]  # (m, T, 64)
        dX = 0.015625 * (difference_2 - (dN @ gamma1)[:, :, None]) / sigma1[:, :, None]
    grads = {
        "gamma1": dgamma1, "beta1": dbeta1, "Wq": dWq.reshape(4, 16, 64).transpose(0, 2, 1),
        "Wk": dWk.reshape(4, 16, 64).transpose(0, 2, 1),
        "Wv": dWv.reshape(4, 16, 64).transpose(0, 2, 1), "Wo": dWo.reshape(4, 16, 64),
        "gamma2": dgamma2, "beta2": dbeta2, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2,
    }
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
        T = sizes["T"]
        self.sizes = (m, T)
        self.arrays = (
            np.empty((m, T), DTYPE),  # scaled
            np.empty((m, T, 64), DTYPE),  # difference_X
            np.empty((m, T, 64), DTYPE),  # squared
            np.empty((m, T, 64), DTYPE),  # Q
            np.empty((m, T, 64), DTYPE),  # K
            np.empty((m, T, 64), DTYPE),  # V
            np.empty((m, 4, T, 16), DTYPE),  # scaled_Q
            np.empty((m, 4, T, T), DTYPE),  # S
            np.empty((m, 4, T), DTYPE),  # S_max
            np.empty((T * m, 64), DTYPE),  # product_C
            np.empty((m, T, 64), DTYPE),  # H
            np.empty((m, T, 64), DTYPE),  # difference_H
            np.empty((m, T, 64), DTYPE),  # squared_2
            np.empty((m, T, 256), DTYPE),  # Z
            np.empty((m, T, 256), DTYPE),  # Z_squared
            np.empty((m, T, 256), DTYPE),  # tanh
            np.empty((m, T, 256), DTYPE),  # A
            np.empty((m, T, 64), DTYPE),  # Z2
            np.ones(T * m, DTYPE),  # ones_T___m
            np.empty((64,), DTYPE),  # db2
            np.empty((256, 64), DTYPE),  # dW2
            np.empty((m, T, 256), DTYPE),  # dZ
            np.empty((256,), DTYPE),  # db1
            np.empty((64, 256), DTYPE),  # dW1
            np.empty((64,), DTYPE),  # dgamma2
            np.empty((64,), DTYPE),  # dbeta2
            np.empty((m, T), DTYPE),  # product_gamma2
            np.empty((m, T), DTYPE),  # product_dR
            np.empty((64,), DTYPE),  # scaled_gamma2
            np.empty((m, T), DTYPE),  # scaled_sigma2
            np.empty((64, 64), DTYPE),  # dWo
            np.empty((m, 4, T, 16), DTYPE),  # dV
            np.empty((m, 4, T, T), DTYPE),  # dP
            np.empty((m, 4, T, 16), DTYPE),  # dK
            np.empty((64, 64), DTYPE),  # dWv
            np.empty((64, 64), DTYPE),  # dWk
            np.empty((64, 64), DTYPE),  # dWq
            np.empty((T * m, 64), DTYPE),  # product_dK
            np.empty((T * m, 64), DTYPE),  # product_dQ
            np.empty((64,), DTYPE),  # dgamma1
            np.empty((64,), DTYPE),  # dbeta1
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
    gamma1, beta1, Wq, Wk = params["gamma1"], params["beta1"], params["Wq"], params["Wk"]
    Wv, Wo, gamma2, beta2 = params["Wv"], params["Wo"], params["gamma2"], params["beta2"]
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    X, Y = inputs["X"], inputs["Y"]
    m, T = workspace.sizes
    (
        scaled, difference_X, squared, Q, K, V, scaled_Q, S, S_max, product_C, H, difference_H,
        squared_2, Z, Z_squared, tanh, A, Z2, ones_T___m, db2, dW2, dZ, db1, dW1, dgamma2, dbeta2,
        product_gamma2, product_dR, scaled_gamma2, scaled_sigma2, dWo, dV, dP, dK, dWv, dWk, dWq,
        product_dK, product_dQ, dgamma1, dbeta1,
    ) = workspace.arrays
    np.add.reduce(X, axis=2, out=scaled)  # (m, T)
    scaled *= 0.015625
    np.subtract(X, scaled[:, :, None], out=difference_X)
    np.square(difference_X, out=squared)
    np.add.reduce(squared, axis=2, out=scaled)  # (m, T)
    scaled *= 0.015625
    scaled += 1e-05
    sigma1 = np.sqrt(scaled, out=scaled)
    xhat1 = np.divide(difference_X, sigma1[:, :, None], out=difference_X)
    np.multiply(xhat1, gamma1, out=squared)
    N = np.add(squared, beta1, out=squared)
    N.reshape(-1, 64).dot(Wq.transpose(1, 0, 2).reshape(64, 64), out=Q.reshape(-1, 64))
    N.reshape(-1, 64).dot(Wk.transpose(1, 0, 2).reshape(64, 64), out=K.reshape(-1, 64))
    N.reshape(-1, 64).dot(Wv.transpose(1, 0, 2).reshape(64, 64), out=V.reshape(-1, 64))
    np.multiply(0.25, Q.reshape(m, T, 4, 16).transpose(0, 2, 1, 3), out=scaled_Q)
    np.matmul(scaled_Q, K.reshape(m, T, 4, 16).transpose(0, 2, 3, 1), out=S)  # (m, 4, T, T)
    np.maximum.reduce(S, axis=3, out=S_max)  # (m, 4, T)
    S -= S_max[:, :, :, None]
    exp_S = np.exp(S, out=S)
    sum_exp_S = np.add.reduce(exp_S, axis=3, out=S_max)  # (m, 4, T)
    P = np.divide(exp_S, sum_exp_S[:, :, :, None], out=S)
    C = np.matmul(P, V.reshape(m, T, 4, 16).transpose(0, 2, 1, 3), out=scaled_Q)  # (m, 4, T, 16)
    C.transpose(1, 3, 0, 2).reshape(64, -1).T.dot(Wo.reshape(64, 64), out=product_C)  # (T * m, 64)
    np.add(X, product_C.reshape(m, T, 64), out=H)
    np.add.reduce(H, axis=2, out=scaled)  # (m, T)
    scaled *= 0.015625
    np.subtract(H, scaled[:, :, None], out=difference_H)
    np.square(difference_H, out=squared_2)
    np.add.reduce(squared_2, axis=2, out=scaled)  # (m, T)
    scaled *= 0.015625
    scaled += 1e-05
    sigma2 = np.sqrt(scaled, out=scaled)
    xhat2 = np.divide(difference_H, sigma2[:, :, None], out=difference_H)
    np.multiply(xhat2, gamma2, out=squared_2)
    R = np.add(squared_2, beta2, out=squared_2)
    R.reshape(-1, 64).dot(W1, out=Z.reshape(-1, 256))  # (m, T, 256)
    Z += b1
    np.square(Z, out=Z_squared)
    np.multiply(Z_squared, Z, out=tanh)
    tanh *= 8943 / 200000
    tanh += Z
    tanh *= 1.4142135623730951 / 1.772453850905516
    np.tanh(tanh, out=tanh)
    np.add(tanh, 1, out=A)
    A *= Z
    A *= 0.5
    A.reshape(-1, 256).dot(W2, out=Z2.reshape(-1, 64))  # (m, T, 64)
    Z2 += b2
    O = np.add(H, Z2, out=H)
    np.subtract(O, Y, out=H)
    np.square(H, out=Z2)
    sum_ = Z2.sum()
    loss = 0.015625 * sum_ / (T * m)
    dZ2 = np.multiply(H, 0.03125 / (T * m), out=H)
    ones_T___m.dot(dZ2.reshape(-1, 64), out=db2)  # (64,)
    A.reshape(-1, 256).T.dot(dZ2.reshape(-1, 64), out=dW2)  # (256, 64)
    dZ2.reshape(-1, 64).dot(W2.T, out=A.reshape(-1, 256))  # (m, T, 256)
    np.square(tanh, out=dZ)
    np.subtract(1, dZ, out=dZ)
    Z *= dZ
    Z_squared *= 26829 / 200000
    Z_squared += 1
    Z *= Z_squared
    Z *= 1.4142135623730951 * 0.5 / 1.772453850905516
    tanh *= 0.5
    Z += tanh
    Z += 0.5
    dZ_2 = np.multiply(A, Z, out=A)
    ones_T___m.dot(dZ_2.reshape(-1, 256), out=db1)  # (256,)
    dR = Z2
    dZ_2.reshape(-1, 256).dot(W1.T, out=Z2.reshape(-1, 64))  # (m, T, 64)
    R.reshape(-1, 64).T.dot(dZ_2.reshape(-1, 256), out=dW1)  # (64, 256)
    np.multiply(xhat2, dR, out=squared_2)
    ones_T___m.dot(squared_2.reshape(-1, 64), out=dgamma2)  # (64,)
    ones_T___m.dot(dR.reshape(-1, 64), out=dbeta2)  # (64,)
    np.matmul(squared_2, gamma2, out=product_gamma2)  # (m, T)
    np.matmul(dR, gamma2, out=product_dR)  # (m, T)
    np.multiply(64, gamma2, out=scaled_gamma2)
    np.multiply(dR, scaled_gamma2, out=Z2)
    np.multiply(64, sigma2, out=scaled_sigma2)
    np.multiply(dZ2, scaled_sigma2[:, :, None], out=H)
    Z2 += H
    np.multiply(xhat2, product_gamma2[:, :, None], out=difference_H)
    Z2 -= difference_H
    Z2 -= product_dR[:, :, None]
    Z2 *= 0.015625
    dH = np.divide(Z2, sigma2[:, :, None], out=Z2)
    dC = difference_H
    dH.reshape(-1, 64).dot(Wo.transpose(2, 0, 1).reshape(64, 64), out=difference_H.reshape(-1, 64))
    C.transpose(0, 2, 1, 3).reshape(-1, 64).T.dot(dH.reshape(-1, 64), out=dWo)  # (64, 64)
    dC_view = dC.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)  # (m, 4, T, 16)
    np.matmul(P.transpose(0, 1, 3, 2), dC_view, out=dV)  # (m, 4, T, 16)
    np.matmul(dC_view, V.reshape(m, T, 4, 16).transpose(0, 2, 3, 1), out=dP)  # (m, 4, T, T)
    np.vecdot(C, dC_view, out=S_max)  # (m, 4, T)
    dP -= S_max[:, :, :, None]
    dS = np.multiply(P, dP, out=S)
    np.matmul(dS, K.reshape(m, T, 4, 16).transpose(0, 2, 1, 3), out=scaled_Q)  # (m, 4, T, 16)
    dQ = np.multiply(scaled_Q, 0.25, out=scaled_Q)
    Q_view = Q.reshape(m, T, 4, 16).transpose(0, 2, 1, 3)  # (m, 4, T, 16)
    np.matmul(dS.transpose(0, 1, 3, 2), Q_view, out=dK)  # (m, 4, T, 16)
    dK *= 0.25
    dV.transpose(0, 2, 1, 3).reshape(-1, 64).T.dot(N.reshape(-1, 64), out=dWv)  # (64, 64)
    dK.transpose(0, 2, 1, 3).reshape(-1, 64).T.dot(N.reshape(-1, 64), out=dWk)  # (64, 64)
    dQ.transpose(0, 2, 1, 3).reshape(-1, 64).T.dot(N.reshape(-1, 64), out=dWq)  # (64, 64)
    dV_view = dV.transpose(0, 2, 1, 3).reshape(-1, 64)  # (T * m, 64)
    dV_view.dot(Wv.transpose(0, 2, 1).reshape(64, 64), out=product_C)  # (T * m, 64)
    dK_view = dK.transpose(0, 2, 1, 3).reshape(-1, 64)  # (T * m, 64)
    dK_view.dot(Wk.transpose(0, 2, 1).reshape(64, 64), out=product_dK)  # (T * m, 64)
    dQ_view = dQ.transpose(0, 2, 1, 3).reshape(-1, 64)  # (T * m, 64)
    dQ_view.dot(Wq.transpose(0, 2, 1).reshape(64, 64), out=product_dQ)  # (T * m, 64)
    np.add(product_C.reshape(m, T, 64), product_dK.reshape(m, T, 64), out=squared)
    dN = np.add(squared, product_dQ.reshape(m, T, 64), out=squared)
    np.multiply(xhat1, dN, out=difference_X)
    ones_T___m.dot(difference_X.reshape(-1, 64), out=dgamma1)  # (64,)
    ones_T___m.dot(dN.reshape(-1, 64), out=dbeta1)  # (64,)
    grads = {
        "gamma1": dgamma1, "beta1": dbeta1, "Wq": dWq.reshape(4, 16, 64).transpose(0, 2, 1),
        "Wk": dWk.reshape(4, 16, 64).transpose(0, 2, 1),
        "Wv": dWv.reshape(4, 16, 64).transpose(0, 2, 1), "Wo": dWo.reshape(4, 16, 64),
        "gamma2": dgamma2, "beta2": dbeta2, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2,
    }
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
