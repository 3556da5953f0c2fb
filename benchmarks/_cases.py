"""The data and fitted estimators that are timed."""

import pickle
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.utils import gen_batches

from skinfluence.datasets import load_hospital_readmission


@dataclass
class Case:
    """A fitted logistic regression, its training rows and the test rows that are explained."""

    name: str
    title: str
    X: np.ndarray
    y: np.ndarray  # 0 or 1, or 0 to K - 1
    X_test: np.ndarray
    y_test: np.ndarray
    estimator: LogisticRegression
    tolerance: float = 1e-8  # relative residual, for the iterative ways that have a stopping rule
    lissa: dict | None = None  # "batch", "depth" and "scale", for those that cannot find them

    @property
    def n_outputs(self):
        return len(self.estimator.coef_)

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


def scaled(n, q, K, n_test=10, dtype=np.float64):
    """K = 1 (two classes) or K classes without an intercept, at the coefficients that made them.

    The columns have scales from 1 to 0.1 and five common factors. Nothing is fitted: a fit would
    take longer than what is measured, and influences are compared at any coefficients. One block
    of noise serves all rows, its rows and columns shuffled: drawing all would take as long too.
    """
    rng = np.random.default_rng(0)
    X = np.empty((n + n_test, q), dtype=dtype)
    scale = np.geomspace(1.0, 0.1, q).astype(np.float32)
    loadings = 0.3 * scale * rng.standard_normal((5, q), dtype=np.float32)
    raw = np.empty((len(X), K))
    coef = rng.standard_normal((K, q)) * 2.0 / np.sqrt((scale**2).sum())
    noise = rng.standard_normal((min(len(X), 20_000), q), dtype=np.float32)
    for rows in gen_batches(len(X), len(noise)):
        block = noise[rng.permutation(len(noise))[: rows.stop - rows.start]]
        block = np.roll(block, rng.integers(q), axis=1) * scale
        block += rng.standard_normal((len(block), 5), dtype=np.float32) @ loadings
        X[rows] = block
        raw[rows] = block @ coef.T
    if K == 1:
        y = (raw[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    else:
        y = (raw + rng.gumbel(size=raw.shape)).argmax(axis=1)
    estimator = LogisticRegression(fit_intercept=False, C=100.0 / n)
    estimator.coef_, estimator.intercept_ = coef, np.zeros(K)
    estimator.classes_, estimator.n_features_in_ = np.arange(max(K, 2)), q
    estimator.n_iter_ = np.zeros(1, dtype=np.int32)
    lissa = {"batch": 256, "depth": 500, "scale": 1.5 * _largest_curvature(X[:5000], raw[:5000])}
    title = f"{n:,} x {q}, {f'{K} classes' if K > 1 else 'two classes'}"
    return Case("scaled", title, X[:n], y[:n], X[n:], y[n:], estimator, lissa=lissa)


def _largest_curvature(X, raw):
    """Largest eigenvalue of X'X times the largest curvature of a row, in mean form: a bound."""
    v = np.ones(X.shape[1])
    for _ in range(30):
        w = X.T @ (X @ v) / len(X)
        v = w / np.linalg.norm(w)
    return float(np.linalg.norm(w)) * (0.25 if raw.shape[1] == 1 else 0.5)


CASES = {"synthetic": synthetic, "hospital": hospital}
