"""The epsilon-insensitive loss of support-vector regression, and a smooth one in its place."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._hinge import TEMPERATURE
from skinfluence.losses._stable import sigmoid, softplus, softplus_change, summed


class SmoothEpsilonInsensitive(Loss):
    """t log(1 + exp((r - epsilon) / t)) + t log(1 + exp((-r - epsilon) / t)), r = raw - y.

    Tends to ``max(0, |r| - epsilon)`` as the temperature t tends to 0.

    Parameters
    ----------
    epsilon : float, default=0.1
        In units of the target.
    temperature : float, default=0.01
        t > 0, in units of the target.
    """

    name = "smooth_epsilon_insensitive"

    def __init__(self, epsilon=0.1, temperature=TEMPERATURE):
        self.epsilon = epsilon
        self.temperature = temperature

    @classmethod
    def examples(cls):
        return [cls(0.1, 1.0), cls(0.5, 0.1), cls(0.0, 0.3)]

    def _sides(self, y, raw_prediction):
        """(r - epsilon) / t above and (-r - epsilon) / t below."""
        r = raw_prediction - y
        return (r - self.epsilon) / self.temperature, (-r - self.epsilon) / self.temperature

    def value(self, y, raw_prediction):
        above, below = self._sides(y, raw_prediction)
        return self.temperature * summed(softplus(above) + softplus(below))

    def gradient(self, y, raw_prediction):
        above, below = self._sides(y, raw_prediction)
        return sigmoid(above) - sigmoid(below)

    def hessian_product(self, y, raw_prediction, V):
        out = 0.0
        for side in self._sides(y, raw_prediction):
            e = np.exp(-np.abs(side))
            out = out + e / ((1.0 + e) ** 2 * self.temperature)
        return out * V

    def value_change(self, y, raw_prediction, change):
        above, below = self._sides(y, raw_prediction)
        d = change / self.temperature
        parts = softplus_change(above, d) + softplus_change(below, -d)
        return self.temperature * parts.sum(axis=-1)


class EpsilonInsensitive(Loss):
    """max(0, |raw - y| - epsilon): two kinks, and no curvature elsewhere."""

    smooth = False

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def value(self, y, raw_prediction):
        return summed(np.maximum(np.abs(raw_prediction - y) - self.epsilon, 0.0))

    def gradient(self, y, raw_prediction):
        r = raw_prediction - y
        return np.where(np.abs(r) > self.epsilon, np.sign(r), 0.0)

    def hessian_product(self, y, raw_prediction, V):
        return np.zeros(np.broadcast_shapes(np.shape(y), raw_prediction.shape)) * V


class EpsilonInsensitiveStandIn(SmoothEpsilonInsensitive):
    """The smooth loss in the place of the epsilon-insensitive one, whose values are taken."""

    name = ""  # no loss of its own in the registry

    @property
    def exact(self):
        return EpsilonInsensitive(self.epsilon)

    def hinges(self, y, raw_prediction):
        """The loss as terms max(0, margin - side * raw): first below, then above; (2 n,) each."""
        above, below = self._sides(y, raw_prediction)
        ones = np.ones(len(y))
        return (
            np.concatenate([ones, -ones]),
            np.concatenate([y - self.epsilon, -y - self.epsilon]),
            np.concatenate([sigmoid(below), sigmoid(above)]),
        )
