"""The data and fitted estimators that are timed."""

import pickle
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence.datasets import load_hospital_readmission


@dataclass
class Case:
    """A fitted logistic regression, its training rows and the test rows that are explained."""

    name: str
    title: str
    X: np.ndarray
    y: np.ndarray  # 0 or 1
    X_test: np.ndarray
    y_test: np.ndarray
    estimator: LogisticRegression

    @property
    def output_bytes(self):
        """Size of the influence matrix in float64."""
        return 8 * len(self.X_test) * len(self.X)

    def save(self, path):
        with open(path, "wb") as stream:
            pickle.dump(vars(self), stream, protocol=5)

    @classmethod
    def load(cls, path):
        with open(path, "rb") as stream:
            return cls(**pickle.load(stream))


def synthetic(n=20_000, p=200, n_test=200):
    """Correlated features, p parameters with the intercept, scikit-learn's default settings."""
    rng = np.random.default_rng(0)
    mixing = np.eye(p - 1) + 0.3 * rng.standard_normal((p - 1, p - 1)) / np.sqrt(p)
    X = rng.standard_normal((n + n_test, p - 1)) @ mixing
    raw = X @ rng.standard_normal(p - 1) * 2.0 / np.sqrt(p) + 0.5
    y = (rng.random(len(X)) < 1.0 / (1.0 + np.exp(-raw))).astype(int)
    estimator = LogisticRegression().fit(X[:n], y[:n])
    title = f"Synthetic, {n:,} x {p - 1} and an intercept; {n_test} test rows"
    return Case("synthetic", title, X[:n], y[:n], X[n:], y[n:], estimator)


def hospital(n_test=200):
    """The model of Koh & Liang (2017), section 5.3: no intercept, weight decay 0.01."""
    data = load_hospital_readmission()
    n, p = data.data.shape
    estimator = LogisticRegression(
        C=1 / (0.01 * n), fit_intercept=False, solver="newton-cholesky", tol=1e-8
    ).fit(data.data, data.target)
    title = f"Hospital readmission, {n:,} x {p}, no intercept; {n_test} test rows"
    X_test, y_test = data.data_test[:n_test], data.target_test[:n_test]
    return Case("hospital", title, data.data, data.target, X_test, y_test, estimator)


CASES = {"synthetic": synthetic, "hospital": hospital}
