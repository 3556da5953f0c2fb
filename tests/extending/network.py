"""A network of one's own: two layers, regression, with the second derivative of its outputs."""

import numpy as np
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from skinfluence.adapters import register
from skinfluence.losses import SquaredError
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors import Predictor


class TwoLayers(Predictor):
    """f(x) = v' tanh(W x + b) + c; the parameters are W, b, v and c, one after the other."""

    def _parts(self, theta):
        """W, b, v, c of parameters (p, ...)."""
        d = self.X.shape[1]
        h = (len(theta) - 1) // (d + 2)
        W, b, v, c = np.split(theta, [h * d, h * d + h, h * d + 2 * h])
        return W.reshape(h, d, *theta.shape[1:]), b, v, c

    def _hidden(self):
        W, b, v, _ = self._parts(self.coef)
        return np.tanh(self.X @ W.T + b), v

    def raw(self):
        t, v = self._hidden()
        return (t @ v + self.coef[-1])[:, None]

    def row_jacobian(self):
        t, v = self._hidden()
        inner = v * (1.0 - t**2)
        W = (inner[:, :, None] * self.X[:, None, :]).reshape(len(t), -1)
        return np.concatenate([W, inner, t, np.ones((len(t), 1))], axis=1)[:, None]

    def curvature_product(self, R, V):
        (t, v), (W, b, dv, _) = self._hidden(), self._parts(V)
        moved = np.einsum("hdm,nd->nhm", W, self.X) + b  # of W x + b, shape: (n, h, m)
        pull = R[:, :, None] * (1.0 - t**2)[:, :, None]
        inner = pull * (dv - 2.0 * (v * t)[:, :, None] * moved)
        W = np.einsum("nhm,nd->hdm", inner, self.X).reshape(-1, V.shape[1])
        return np.concatenate([W, inner.sum(axis=0), (pull * moved).sum(axis=0), 0.0 * V[:1]])


class NetworkRegressor(RegressorMixin, BaseEstimator):
    """Minimises sum_i s_i (y_i - f(x_i))^2 / 2 + alpha / 2 ||theta||^2 by L-BFGS."""

    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self.theta_ = np.random.default_rng(0).normal(size=3 * (X.shape[1] + 2) + 1)
        start = network_regressor(self, X, y, _check_sample_weight(sample_weight, X), None)

        def cost(theta):
            return start.with_coef(theta).value(), start.with_coef(theta).gradient()

        tight = {"maxiter": 10**5, "maxfun": 10**5, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 40}
        self.theta_ = minimize(cost, self.theta_, jac=True, method="L-BFGS-B", options=tight).x
        return self

    def predict(self, X):
        return TwoLayers(validate_data(self, X, reset=False), self.theta_).raw()[:, 0]


@register(__name__, "NetworkRegressor", examples=lambda: [NetworkRegressor()])
def network_regressor(estimator, X, y, sample_weight, settings):
    """P = alpha on all parameters."""
    return Objective(
        SquaredError(),
        TwoLayers(X, estimator.theta_),
        np.asarray(y, dtype=np.float64).reshape(-1, 1),
        np.full(len(estimator.theta_), estimator.alpha),
        RowWeights(sample_weight),
        TargetCoding("real", 1),
    )
