"""A loss and an estimator of one's own: robust regression."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skinfluence.adapters import linear_objective, register
from skinfluence.losses import Loss
from skinfluence.objectives import RowWeights, TargetCoding


class PseudoHuber(Loss):
    """sqrt(1 + r^2) - 1 with r = raw_prediction - y: quadratic near 0, linear far out."""

    name = "pseudo_huber"
    target_kind = "real"

    def value(self, y, raw_prediction):
        r = raw_prediction - y
        return (r * r / (1.0 + np.sqrt(1.0 + r * r))).sum(axis=-1)

    def gradient(self, y, raw_prediction):
        r = raw_prediction - y
        return r / np.sqrt(1.0 + r * r)

    def hessian_product(self, y, raw_prediction, V):
        r = raw_prediction - y
        return V / (1.0 + r * r) ** 1.5


class RobustRegressor(RegressorMixin, BaseEstimator):
    """Minimises sum_i s_i pseudo_huber_i + alpha / 2 ||w||^2 by reweighted least squares."""

    fit_intercept = True

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        s = _check_sample_weight(sample_weight, X)
        Z = np.column_stack([X, np.ones(len(X))])
        penalty = np.diag([self.alpha] * X.shape[1] + [0.0])
        theta = np.zeros(Z.shape[1])
        for _ in range(1000):
            w = s / np.sqrt(1.0 + (Z @ theta - y) ** 2)
            before, theta = theta, np.linalg.solve((Z.T * w) @ Z + penalty, (Z.T * w) @ y)
            if np.abs(theta - before).max() < 1e-15:
                break
        self.coef_, self.intercept_ = theta[:-1], theta[-1]
        return self

    def predict(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_ + self.intercept_


@register(__name__, "RobustRegressor", examples=lambda: [RobustRegressor()])
def robust_regressor(estimator, X, y, sample_weight, settings):
    """P = alpha on the features; the intercept is free."""
    return linear_objective(
        estimator,
        X,
        np.asarray(y, dtype=np.float64).reshape(-1, 1),
        TargetCoding("real", 1),
        PseudoHuber(),
        penalty=estimator.alpha,
        weights=RowWeights(sample_weight),
        settings=settings,
    )
