"""The quantile loss, smoothed."""

import numpy as np

from skinfluence.losses._base import Loss
from skinfluence.losses._stable import scaled_sigmoid, softplus, softplus_change, summed


class SmoothQuantile(Loss):
    """q r + t log(1 + exp(-r / t)) with r = y - raw_prediction.

    Tends to the quantile ("pinball") loss max(q r, (q - 1) r) as the width t tends to 0.

    Parameters
    ----------
    quantile : float, default=0.5
    width : float, default=0.1
        t > 0, in units of y.
    """

    name = "smooth_quantile"
    target_kind = "real"

    def __init__(self, quantile=0.5, width=0.1):
        self.quantile = quantile
        self.width = width

    @classmethod
    def examples(cls):
        return [cls(), cls(0.9, 0.5)]

    def value(self, y, raw_prediction):
        r, t = y - raw_prediction, self.width
        return summed(self.quantile * r + t * softplus(-r / t))

    def gradient(self, y, raw_prediction):
        return scaled_sigmoid(1.0, (y - raw_prediction) / self.width) - self.quantile

    def hessian_product(self, y, raw_prediction, V):
        e = np.exp(-np.abs(y - raw_prediction) / self.width)
        return e / ((1.0 + e) ** 2 * self.width) * V

    def value_change(self, y, raw_prediction, change):
        t = self.width
        slack = softplus_change((raw_prediction - y) / t, change / t)
        return summed(t * slack - self.quantile * change)
