"""JoinedLoss and PairLoss: the sum of the losses of several outputs."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._stable import summed


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


class PairLoss(Loss):
    """sum_k loss(y_k, raw_k) over the outputs of which a row is: those with a target of -1 or +1.

    Parameters
    ----------
    loss : Loss
        Separable, of margins. Targets of 0 mark outputs that a row does not belong to.
    """

    target_kind = "margin"

    def __init__(self, loss):
        self.loss = loss
        self.convex, self.smooth = loss.convex, loss.smooth

    @property
    def exact(self):
        return self if self.loss.exact is self.loss else PairLoss(self.loss.exact)

    def widened(self):
        return self if self.loss.widened() is self.loss else PairLoss(self.loss.widened())

    def hinges(self, y, raw_prediction):
        """As of the loss of a pair, for the stand-in of a hinge."""
        return self.loss.hinges(y, raw_prediction)

    def value(self, y, raw_prediction):
        each = self.loss.value(y[..., None], raw_prediction[..., None])
        return summed(np.abs(y) * each)

    def gradient(self, y, raw_prediction):
        return np.abs(y) * self.loss.gradient(y, raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        return np.abs(y) * self.loss.hessian_product(y, raw_prediction, V)

    def value_change(self, y, raw_prediction, change):
        each = self.loss.value_change(y[..., None], raw_prediction[..., None], change[..., None])
        return summed(np.abs(y) * each)
