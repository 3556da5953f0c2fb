"""A user's loss of a row, as a function of tensors."""

import numpy as np

from skinfluence.losses import Loss
from skinfluence.predictors._torch import import_torch


class TorchLoss(Loss):
    """A user's loss of a row, with derivatives by torch.func.

    Parameters
    ----------
    function : callable
        ``function(raw, y)`` of tensors of shapes (K,) and (n_outputs,) returns the loss of one row.
    flat : bool
        Whether y is one number, of shape ().
    convex : bool
    """

    separable = False

    def __init__(self, function, *, flat, convex):
        self.function = function
        self.flat = flat
        self.convex = convex

    def _each(self, make, y, raw, *others):
        """make(loss of one row) over all rows of arrays with any leading axes."""
        torch, lead, arrays = import_torch(), raw.shape[:-1], []
        for array in (raw, np.broadcast_to(y, (*lead, y.shape[-1])), *others):
            array = np.require(array.reshape(-1, array.shape[-1]), np.float64, "CW")
            arrays.append(torch.as_tensor(array))

        def loss(f, target):
            return self.function(f, target[0] if self.flat else target)

        out = torch.func.vmap(make(torch.func, loss))(*arrays).numpy()
        return out.reshape(*lead, *out.shape[1:])

    def value(self, y, raw_prediction):
        values = self._each(lambda func, loss: loss, y, raw_prediction)
        if values.ndim >= raw_prediction.ndim:
            shape = values.shape[raw_prediction.ndim - 1 :]
            raise ValueError(
                f"`loss` returns shape {shape} for one row. Expected one number, of shape (): "
                "loss(raw, y) takes the raw predictions (K,) first, of which raw[0] is one."
            )
        return values

    def gradient(self, y, raw_prediction):
        return self._each(lambda func, loss: func.grad(loss), y, raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        def product(func, loss):
            return lambda f, t, v: func.jvp(lambda g: func.grad(loss)(g, t), (f,), (v,))[1]

        return self._each(product, y, raw_prediction, np.broadcast_to(V, raw_prediction.shape))
