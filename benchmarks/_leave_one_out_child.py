"""Serves one model: all its leave-one-outs at once, and a sample of scikit-learn's refits."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from benchmarks._measure import timed
from skinfluence import InfluenceExplainer
from skinfluence.svm import SmoothHingeSVC


@dataclass
class Model:
    """An estimator fitted to its optimum and the target that it learns."""

    label: str
    estimator: BaseEstimator
    target: str


def _logistic(C=1.0):
    return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10)


MODELS = {
    "ridge": Model("ridge", Ridge(alpha=1.0, solver="cholesky"), "value"),
    "logistic": Model("binary logistic", _logistic(), "two classes"),
    "multinomial": Model("multinomial logistic, 3 classes", _logistic(), "three classes"),
    "smooth_hinge": Model("smooth hinge SVM", SmoothHingeSVC(temperature=0.1), "two classes"),
}

_state = {}


def make_data(n, p, target):
    """Standard normal features and labels from a model of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    outputs = 3 if target == "three classes" else 1
    raw = X @ rng.standard_normal((p, outputs)) * 2.0 / np.sqrt(p)
    if target == "value":
        return X, raw[:, 0] + rng.standard_normal(n)
    if target == "two classes":
        return X, (raw[:, 0] + rng.logistic(size=n) > 0).astype(int)
    return X, (raw + rng.gumbel(size=raw.shape)).argmax(axis=1)


def _prepare(model, n, p, removed, sample):
    """Fit once; choose which rows are removed and which of them scikit-learn refits."""
    model = MODELS[model]
    X, y = make_data(n, p, model.target)
    rng = np.random.default_rng(1)
    rows = np.sort(rng.choice(n, removed, replace=False))
    estimator = model.estimator.fit(X, y)
    sample = np.sort(rng.choice(removed, min(sample, removed), replace=False))
    _state.update(X=X, y=y, estimator=estimator, rows=rows, sample=sample)


def _ours(rows):
    explainer = InfluenceExplainer(FrozenEstimator(_state["estimator"]), method="refit")
    return explainer.fit(_state["X"], _state["y"]).coef_influence(rows=rows)


def _theirs(rows):
    return np.stack([_refitted(np.delete(np.arange(len(_state["y"])), row)) for row in rows])


def _refitted(kept):
    estimator = clone(_state["estimator"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that tol is below float64's reach
        return _flat(estimator.fit(_state["X"][kept], _state["y"][kept]))


def _flat(estimator):
    return np.concatenate([estimator.coef_.ravel(), np.ravel(estimator.intercept_)])


def _time_ours():
    _state["changes"], times = timed(_ours, _state["rows"])
    return times


def _time_theirs():
    """Seconds for the sample, and how many refits that is."""
    rows = _state["rows"][_state["sample"]]
    _state["refits"], times = timed(_theirs, rows)
    return times | {"refits": len(rows)}


def _agreement():
    """Largest difference of the changed coefficients, relative to the largest change."""
    expected = _state["refits"] - _flat(_state["estimator"])
    return float(
        np.abs(_state["changes"][_state["sample"]] - expected).max() / np.abs(expected).max()
    )
