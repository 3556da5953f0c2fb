"""A generalised linear model of one's own: Poisson regression of counts with known exposures."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from skinfluence.adapters import linear_objective, register
from skinfluence.losses import Loss
from skinfluence.objectives import RowWeights, TargetCoding


class Poisson(Loss):
    """exp(raw_prediction) - y raw_prediction: minus the log-likelihood of a count."""

    name = "poisson"
    raw_bound = 300.0  # exp overflows at 709

    def value(self, y, raw_prediction):
        return (np.exp(raw_prediction) - y * raw_prediction).sum(axis=-1)

    def gradient(self, y, raw_prediction):
        return np.exp(raw_prediction) - y

    def hessian_product(self, y, raw_prediction, V):
        return np.exp(raw_prediction) * V

    def inverse_link(self, raw_prediction):
        return np.exp(raw_prediction)

    inverse_link_derivative = inverse_link


class ExposureRegressor(RegressorMixin, BaseEstimator):
    """Counts with mean exposure * exp(w x + b); the first column of X is the exposure."""

    fit_intercept = True

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        s = _check_sample_weight(sample_weight, X)
        Z = np.column_stack([self.features(X), np.ones(len(X))])
        penalty = np.diag([self.alpha] * (X.shape[1] - 1) + [0.0])
        theta = np.append(np.zeros(X.shape[1] - 1), np.log((s @ y) / (s @ X[:, 0])))
        for _ in range(50):
            mean = X[:, 0] * np.exp(Z @ theta)
            gradient = Z.T @ (s * (mean - y)) + penalty @ theta
            theta = theta - np.linalg.solve((Z.T * s * mean) @ Z + penalty, gradient)
        self.coef_, self.intercept_ = theta[:-1], theta[-1]
        return self

    def predict(self, X):
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X[:, 0] * np.exp(self.features(X) @ self.coef_ + self.intercept_)

    def features(self, X):
        return X[:, 1:]

    def log_exposure(self, X):
        return np.log(X[:, :1])


@register(__name__, "ExposureRegressor", examples=lambda: [ExposureRegressor()])
def exposure_regressor(estimator, X, y, sample_weight, settings):
    """P = alpha on the features; the logarithm of the exposure is an offset."""
    return linear_objective(
        estimator,
        X,
        np.asarray(y, dtype=np.float64).reshape(-1, 1),
        TargetCoding("real", 1),
        Poisson(),
        penalty=estimator.alpha,
        weights=RowWeights(sample_weight),
        settings=settings,
        columns=estimator.features,
        offset=estimator.log_exposure,
    )
