"""A kernel machine of one's own: linear on whitened kernel columns, so nothing else is new."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skinfluence.adapters import linear_objective, register
from skinfluence.losses import SmoothHinge
from skinfluence.objectives import RowWeights, TargetCoding
from skinfluence.svm import SmoothHingeSVC


class WhitenedKernel:
    """Columns Z = K U lambda^-1/2 with K = U lambda U': z(a)' z(b) is the kernel of a and b.

    The squared norm of coefficients on Z is that of the function in the kernel's Hilbert space.
    """

    def __init__(self, X, gamma):
        self.X, self.gamma = X, gamma
        values, vectors = np.linalg.eigh(rbf_kernel(X, gamma=gamma))
        kept = values > 1e-13 * values[-1]
        self.root = vectors[:, kept] / np.sqrt(values[kept])

    def __call__(self, X):
        return rbf_kernel(X, self.X, gamma=self.gamma) @ self.root

    def coef(self, dual):
        """Coefficients on Z of the function sum_j dual_j k(x_j, x)."""
        return np.linalg.lstsq(self.root, dual, rcond=None)[0]


class KernelSVC(ClassifierMixin, BaseEstimator):
    """Binary support-vector machine with an RBF kernel and the smooth hinge."""

    fit_intercept = True

    def __init__(self, C=1.0, gamma=0.5, temperature=0.3):
        self.C = C
        self.gamma = gamma
        self.temperature = temperature

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64)
        s = _check_sample_weight(sample_weight, X)
        self.columns_ = WhitenedKernel(X, self.gamma)
        machine = SmoothHingeSVC(C=self.C, temperature=self.temperature)
        machine.fit(self.columns_(X), y, s)
        self.classes_ = machine.classes_
        self.coef_, self.intercept_ = machine.coef_, machine.intercept_
        return self

    def decision_function(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.columns_(X) @ self.coef_[0] + self.intercept_[0]

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


@register(__name__, "KernelSVC", examples=lambda: [KernelSVC()])
def kernel_svc(estimator, X, y, sample_weight, settings):
    """P = 1 / C on the whitened columns; the intercept is free."""
    coding = TargetCoding("margin", 1, estimator.classes_)
    return linear_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        SmoothHinge(estimator.temperature),
        penalty=1.0 / estimator.C,
        weights=RowWeights(sample_weight),
        settings=settings,
        columns=estimator.columns_,
    )
