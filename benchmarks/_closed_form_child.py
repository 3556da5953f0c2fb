"""Serves models in closed form: their fit, the whole matrix of removals, and real refits."""

from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from benchmarks._measure import timed
from skinfluence import InfluenceExplainer

#: Estimators, and whether they take counts.
MODELS = {
    "GaussianNB": (GaussianNB(), False),
    "MultinomialNB": (MultinomialNB(), True),
    "ComplementNB": (ComplementNB(), True),
    "BernoulliNB": (BernoulliNB(), True),
    "CategoricalNB": (CategoricalNB(min_categories=12), True),
    "LinearDiscriminantAnalysis": (LinearDiscriminantAnalysis(), False),
    "QuadraticDiscriminantAnalysis": (QuadraticDiscriminantAnalysis(), False),
    "NearestCentroid": (NearestCentroid(), False),
    "KNeighborsClassifier": (KNeighborsClassifier(), False),
}
N_COLUMNS = 20

_state = {}


def _prepare(name, n, n_test, n_classes):
    """Two halves of one table of classes with means of their own."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_classes, n + n_test)
    centers = rng.normal(size=(n_classes, N_COLUMNS))[codes]
    estimator, counts = MODELS[name]
    X = np.minimum(rng.poisson(np.exp(centers)), 11.0) if counts else centers
    X = X if counts else X + rng.normal(size=X.shape)
    explainer = InfluenceExplainer(estimator).fit(X[:n], codes[:n])
    _state.update(estimator=estimator, explainer=explainer)
    _state.update(train=(X[:n], codes[:n]), test=(X[n:], codes[n:]))
    return {"methods": explainer.objective_.methods}


def _fit():
    """Least time of a fit of the estimator."""
    return {
        "seconds": min(
            timed(clone(_state["estimator"]).fit, *_state["train"])[1]["cpu"] for _ in range(5)
        )
    }


def _matrix(method):
    """Processor time of the whole matrix, and its largest error against ten real refits."""
    explainer, test = _state["explainer"], _state["test"]
    values, spent = timed(lambda: explainer.influence(*test, method=method))
    return {"seconds": spent["cpu"], "error": _error(values)}


def _error(values):
    """Largest difference from real refits without ten rows, relative to the largest effect."""
    (X, y), model = _state["train"], _state["explainer"].objective_
    target, before = _state["explainer"].test_rows(*_state["test"], target="loss"), None
    before, worst = target.value(), 0.0
    rows = np.linspace(0, len(y) - 1, 10).astype(int)
    for i in rows:
        without = clone(_state["estimator"]).fit(np.delete(X, i, axis=0), np.delete(y, i))
        after = target.target.value(model.estimator_raw(without, _state["test"][0]))
        worst = max(worst, float(np.abs(after - before - values[:, i]).max()))
    return worst / float(np.abs(values[:, rows]).max())


def _refits(count):
    """Seconds of one real refit with its losses of the test rows, the mean of some."""
    (X, y), model, start = _state["train"], _state["explainer"].objective_, perf_counter()
    for i in range(count):
        without = clone(_state["estimator"]).fit(np.delete(X, i, axis=0), np.delete(y, i))
        model.estimator_raw(without, _state["test"][0])
    return {"seconds": (perf_counter() - start) / count}
