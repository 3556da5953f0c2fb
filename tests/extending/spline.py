"""A smoothing spline of one's own: a penalty with a full matrix on spline columns."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.preprocessing import SplineTransformer
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skinfluence.adapters import linear_objective, register
from skinfluence.losses import SquaredError
from skinfluence.objectives import RowWeights, TargetCoding


class SplineRegressor(RegressorMixin, BaseEstimator):
    """Cubic splines of one column, with a penalty on second differences of their coefficients."""

    fit_intercept = False  # the splines sum to one

    def __init__(self, alpha=1.0, n_knots=8):
        self.alpha = alpha
        self.n_knots = n_knots

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        s = _check_sample_weight(sample_weight, X)
        self.splines_ = SplineTransformer(n_knots=self.n_knots, knots=self._knots()).fit(X)
        Z = self.splines_.transform(X)
        second = np.diff(np.eye(Z.shape[1]), 2, axis=0)
        self.penalty_ = self.alpha * second.T @ second
        self.coef_ = np.linalg.solve((Z.T * s) @ Z + self.penalty_, (Z.T * s) @ y)
        return self

    def _knots(self):
        return np.linspace(0.0, 1.0, self.n_knots)[:, None]

    def predict(self, X):
        check_is_fitted(self)
        return self.splines_.transform(validate_data(self, X, reset=False)) @ self.coef_


@register(__name__, "SplineRegressor", examples=lambda: [SplineRegressor()])
def spline_regressor(estimator, X, y, sample_weight, settings):
    """P = alpha D'D with the second differences D."""
    return linear_objective(
        estimator,
        X,
        np.asarray(y, dtype=np.float64).reshape(-1, 1),
        TargetCoding("real", 1),
        SquaredError(),
        penalty=estimator.penalty_,
        weights=RowWeights(sample_weight),
        settings=settings,
        columns=estimator.splines_.transform,
    )
