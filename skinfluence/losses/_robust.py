"""Losses that are quadratic near the target and not elsewhere: Huber's, modified, insensitive."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._logistic import Logistic
from skinfluence.losses._one_vs_rest import OneVsRestLogLoss
from skinfluence.losses._stable import summed


class Huber(Loss):
    """r^2 / 2 if abs(r) <= epsilon, else epsilon abs(r) - epsilon^2 / 2; r = raw_prediction - y.

    Its second derivative jumps at epsilon.

    Parameters
    ----------
    epsilon : float, default=0.1
    """

    name = "huber"
    target_kind = "real"
    smooth = False

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    @classmethod
    def examples(cls):
        return [cls(0.1), cls(1.35)]

    def value(self, y, raw_prediction):
        r = np.abs(raw_prediction - y)
        near = np.minimum(r, self.epsilon)
        return summed(near * (r - 0.5 * near))

    def gradient(self, y, raw_prediction):
        return np.clip(raw_prediction - y, -self.epsilon, self.epsilon)

    def hessian_product(self, y, raw_prediction, V):
        return (np.abs(raw_prediction - y) < self.epsilon) * V


class SquaredEpsilonInsensitive(Loss):
    """max(0, abs(raw_prediction - y) - epsilon)^2; its second derivative jumps at epsilon.

    Parameters
    ----------
    epsilon : float, default=0.1
    """

    name = "squared_epsilon_insensitive"
    target_kind = "real"
    smooth = False

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def _beyond(self, y, raw_prediction):
        r = raw_prediction - y
        return r - np.clip(r, -self.epsilon, self.epsilon)

    def value(self, y, raw_prediction):
        return summed(self._beyond(y, raw_prediction) ** 2)

    def gradient(self, y, raw_prediction):
        return 2.0 * self._beyond(y, raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        return 2.0 * (np.abs(raw_prediction - y) > self.epsilon) * V


class ModifiedHuber(Loss):
    """max(0, 1 - m)^2 for margins m = y * raw_prediction >= -1, else -4 m, with y = -1 or +1.

    The squared hinge with a linear tail. Its second derivative jumps at both ends.
    """

    name = "modified_huber"
    target_kind = "margin"
    smooth = False

    def value(self, y, raw_prediction):
        slack = np.maximum(1.0 - y * raw_prediction, 0.0)
        near = np.minimum(slack, 2.0)
        return summed(near * (2.0 * slack - near))

    def gradient(self, y, raw_prediction):
        return -2.0 * y * np.clip(1.0 - y * raw_prediction, 0.0, 2.0)

    def hessian_product(self, y, raw_prediction, V):
        return 2.0 * (np.abs(y * raw_prediction) < 1.0) * V


class OneVersusRestLogistic(Logistic):
    """The logistic loss of one machine per class; probabilities are divided by their sum."""

    name = ""  # as a loss it is the logistic one

    def probability(self, raw_prediction):
        if raw_prediction.shape[-1] == 1:
            return super().probability(raw_prediction)
        return OneVsRestLogLoss().probability(raw_prediction)

    def probability_gradient(self, codes, raw_prediction):
        if raw_prediction.shape[-1] == 1:
            return super().probability_gradient(codes, raw_prediction)
        return OneVsRestLogLoss().probability_gradient(codes, raw_prediction)

    def probability_change(self, codes, raw_prediction, change):
        if raw_prediction.shape[-1] == 1:
            return super().probability_change(codes, raw_prediction, change)
        return super(Logistic, self).probability_change(codes, raw_prediction, change)
