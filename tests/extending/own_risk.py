"""A risk of one's own in less than forty lines: log-cosh regression."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from skinfluence.adapters import Settings, linear_objective, register
from skinfluence.losses import Loss
from skinfluence.objectives import RowWeights, TargetCoding, minimize
from skinfluence.solvers import AutoSolver


class LogCosh(Loss):
    def value(self, y, raw_prediction):
        r = np.abs(raw_prediction - y)
        return (r + np.log1p(np.exp(-2.0 * r)) - np.log(2.0)).sum(axis=-1)

    def gradient(self, y, raw_prediction):
        return np.tanh(raw_prediction - y)

    def hessian_product(self, y, raw_prediction, V):
        return V / np.cosh(np.clip(raw_prediction - y, -350.0, 350.0)) ** 2


class RiskRegressor(RegressorMixin, BaseEstimator):
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self.coef_, self.intercept_, self.fit_intercept = np.zeros(X.shape[1]), y.mean(), True
        start = risk(self, X, y, _check_sample_weight(sample_weight, X), Settings())
        best = minimize(start, AutoSolver()).objective
        *self.coef_, self.intercept_ = best.estimator_layout(best.coef)
        return self

    def predict(self, X):
        return validate_data(self, X, reset=False) @ self.coef_ + self.intercept_


@register(__name__, "RiskRegressor", examples=lambda: [RiskRegressor()])
def risk(estimator, X, y, sample_weight, settings):
    y, coding = np.asarray(y, dtype=float).reshape(-1, 1), TargetCoding("real", 1)
    weights = {"weights": RowWeights(sample_weight), "settings": settings}
    return linear_objective(estimator, X, y, coding, LogCosh(), penalty=estimator.alpha, **weights)
