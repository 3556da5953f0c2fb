"""The hinge, the smooth hinge of Koh & Liang (2017, section 4.2) and the squared hinge."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._stable import scaled_sigmoid, sigmoid, softplus, softplus_change, summed

#: Default temperature of the smooth hinge, in units of the margin.
TEMPERATURE = 0.01
#: Temperature at which the curvature is that of many rows, in units of the margin.
WIDE = 0.3


class SmoothHinge(Loss):
    """t log(1 + exp((1 - s) / t)) with margin s = y * raw_prediction, y = -1 or +1.

    Tends to the hinge max(0, 1 - s) as the temperature t tends to 0; the curvature at the hinge
    is 1 / (4 t).

    Parameters
    ----------
    temperature : float, default=0.01
        t > 0, in units of the margin.
    """

    name = "smooth_hinge"
    target_kind = "margin"

    def __init__(self, temperature=TEMPERATURE):
        self.temperature = temperature

    @classmethod
    def examples(cls):
        return [cls(1.0), cls(0.1)]

    def _slack(self, y, raw_prediction):
        return (1.0 - y * raw_prediction) / self.temperature

    def value(self, y, raw_prediction):
        return self.temperature * summed(softplus(self._slack(y, raw_prediction)))

    def gradient(self, y, raw_prediction):
        return scaled_sigmoid(-y, (y * raw_prediction - 1.0) / self.temperature)

    def hessian_product(self, y, raw_prediction, V):
        e = np.exp(-np.abs(self._slack(y, raw_prediction)))
        return e / ((1.0 + e) ** 2 * self.temperature) * V

    def widened(self):
        return self if self.temperature >= WIDE else SmoothHinge(WIDE)

    def value_change(self, y, raw_prediction, change):
        t = self.temperature
        return t * summed(softplus_change(self._slack(y, raw_prediction), -y * change / t))


class Hinge(Loss):
    """max(0, 1 - y * raw_prediction), y = -1 or +1: a kink, and no curvature elsewhere."""

    target_kind = "margin"
    smooth = False

    def value(self, y, raw_prediction):
        return summed(np.maximum(1.0 - y * raw_prediction, 0.0))

    def gradient(self, y, raw_prediction):
        return np.where(y * raw_prediction < 1.0, -1.0 * y, 0.0)

    def hessian_product(self, y, raw_prediction, V):
        return np.zeros(np.broadcast_shapes(np.shape(y), raw_prediction.shape)) * V


class HingeStandIn(SmoothHinge):
    """The smooth hinge in the place of a hinge: derivatives are its own, losses the hinge's."""

    name = ""  # no loss of its own in the registry

    @property
    def exact(self):
        return Hinge()

    def hinges(self, y, raw_prediction):
        """Terms max(0, margin - side * raw) of the hinge, and shares of their slopes; (n,) each."""
        share = sigmoid(self._slack(y, raw_prediction)) * np.abs(y)
        return y, np.ones(len(y)), share


class SquaredHinge(Loss):
    """max(0, 1 - y * raw_prediction)^2, y = -1 or +1; its second derivative jumps at the margin."""

    name = "squared_hinge"
    target_kind = "margin"
    smooth = False

    def value(self, y, raw_prediction):
        return summed(np.maximum(1.0 - y * raw_prediction, 0.0) ** 2)

    def gradient(self, y, raw_prediction):
        return -2.0 * y * np.maximum(1.0 - y * raw_prediction, 0.0)

    def hessian_product(self, y, raw_prediction, V):
        return 2.0 * (y * raw_prediction < 1.0) * V

    def value_change(self, y, raw_prediction, change):
        before = np.maximum(1.0 - y * raw_prediction, 0.0)
        after = np.maximum(1.0 - y * (raw_prediction + change), 0.0)
        both = (before > 0.0) & (after > 0.0)
        # inside the active side the difference of the slacks is exactly -y * change
        step = np.where(both, -y * change, after - before)
        return summed(step * (before + after))
