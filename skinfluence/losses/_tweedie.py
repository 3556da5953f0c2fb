"""Half the Tweedie deviance with a log link: Poisson, gamma and their relatives."""

import numpy as np
from scipy.special import xlogy

from skinfluence.losses._base import Loss
from skinfluence.losses._stable import summed


class HalfTweedie(Loss):
    """Half the unit deviance of a mean exp(raw_prediction) whose variance is its power.

    Power 0 is the normal, 1 the Poisson, 2 the gamma and 3 the inverse Gaussian distribution;
    powers between 1 and 2 are sums of a Poisson number of gamma values. Convex for powers from 1 to
    2.

    Parameters
    ----------
    power : float, default=1
        Not between 0 and 1, where there is no such distribution.

    References
    ----------
    B. Jorgensen, "The theory of dispersion models", 1997, chapter 4.
    """

    name = "half_tweedie"
    target_kind = "real"

    def __init__(self, power=1.0):
        self.power = power

    @classmethod
    def examples(cls):
        return [cls(power) for power in (0.0, 1.0, 1.5, 2.0, 3.0)]

    @property
    def convex(self):  # type: ignore[override]
        return 1 <= self.power <= 2

    @property
    def canonical(self):  # type: ignore[override]
        return self.power == 1

    @property
    def raw_bound(self):  # type: ignore[override]
        return 300.0 / max(abs(2.0 - self.power), abs(1.0 - self.power))

    @property
    def least_target(self):  # type: ignore[override]
        """Targets must be at least this: any, not negative, or above zero."""
        if self.power <= 0:
            return -np.inf
        return 0.0 if self.power < 2 else np.finfo(float).tiny

    def _powers(self):
        return 1.0 - self.power, 2.0 - self.power

    def value(self, y, raw_prediction):
        a, b = self._powers()
        y = np.asarray(y, dtype=np.float64)
        if a == 0.0:
            out = np.exp(raw_prediction) - y * raw_prediction + xlogy(y, y) - y
        elif b == 0.0:
            out = raw_prediction + y * np.exp(-raw_prediction) - 1.0 - np.log(y)
        else:
            out = np.exp(b * raw_prediction) / b - y * np.exp(a * raw_prediction) / a
            out = out + np.maximum(y, 0.0) ** b / (a * b) if self.power else out + y**2 / 2.0
        return out.sum(axis=-1)

    def gradient(self, y, raw_prediction):
        a, b = self._powers()
        return np.exp(b * raw_prediction) - y * np.exp(a * raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        a, b = self._powers()
        return (b * np.exp(b * raw_prediction) - a * y * np.exp(a * raw_prediction)) * V

    def value_change(self, y, raw_prediction, change):
        a, b = self._powers()
        first = _expm1_ratio(b, change) * np.exp(b * raw_prediction)
        return summed(first - y * _expm1_ratio(a, change) * np.exp(a * raw_prediction))

    def inverse_link(self, raw_prediction):
        return np.exp(raw_prediction)

    inverse_link_derivative = inverse_link

    def inverse_link_change(self, raw_prediction, change):
        return np.exp(raw_prediction) * np.expm1(change)

    def fisher_matrix(self, raw_prediction):
        # the gradient is (mean - y) mean^(1 - power), and y has the variance mean^power
        information = np.exp((2.0 - self.power) * raw_prediction)
        return information[..., None] * np.eye(raw_prediction.shape[-1])


def _expm1_ratio(a, x):
    """(exp(a x) - 1) / a, which is x for a = 0."""
    return x if a == 0.0 else np.expm1(a * x) / a
