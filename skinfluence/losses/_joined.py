"""JoinedLoss: the sum of the losses of several outputs, each with raw predictions of its own."""

import numpy as np

from skinfluence.losses._base import Loss


class JoinedLoss(Loss):
    """sum_m loss_m(y_m, raw_m) over outputs whose targets and raw predictions stand side by side.

    Parameters
    ----------
    losses : list of Loss
    sizes : list of int
        Raw predictions of each.
    """

    separable = False

    def __init__(self, losses, sizes):
        self.losses = losses
        self.sizes = sizes
        self.convex = all(loss.convex for loss in losses)
        self.smooth = all(loss.smooth for loss in losses)

    @property
    def exact(self):
        exact = [loss.exact for loss in self.losses]
        same = all(a is b for a, b in zip(exact, self.losses, strict=True))
        return self if same else JoinedLoss(exact, self.sizes)

    def _parts(self, *arrays):
        ends = np.cumsum(self.sizes)[:-1]
        split = [np.split(array, ends, axis=-1) for array in arrays]
        return zip(self.losses, *split, strict=True)

    def value(self, y, raw_prediction):
        return sum(loss.value(*own) for loss, *own in self._parts(y, raw_prediction))

    def gradient(self, y, raw_prediction):
        parts = [loss.gradient(*own) for loss, *own in self._parts(y, raw_prediction)]
        return np.concatenate(parts, axis=-1)

    def hessian_product(self, y, raw_prediction, V):
        parts = [loss.hessian_product(*own) for loss, *own in self._parts(y, raw_prediction, V)]
        return np.concatenate(parts, axis=-1)

    def value_change(self, y, raw_prediction, change):
        parts = self._parts(y, raw_prediction, change)
        return sum(loss.value_change(*own) for loss, *own in parts)
