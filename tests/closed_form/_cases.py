"""Every estimator in closed form with its settings, on a small table, and its real refits."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

N_ROWS, N_TEST = 60, 8
ALPHAS = [0.1, 0.2, 0.3, 0.4, 0.5]
#: at three classes
SHARES = [0.2, 0.3, 0.5]


def gaussian(distances):
    """Weights of neighbours."""
    return np.exp(-(distances**2) / 8.0)


class Case(NamedTuple):
    """An estimator, the kind of its table, and how many classes; 0 for values."""

    estimator: object
    kind: str
    n_classes: int = 3


CASES = {
    "GaussianNB": Case(GaussianNB(), "real"),
    "GaussianNB-two": Case(GaussianNB(priors=[0.3, 0.7]), "real", 2),
    "GaussianNB-smoothed": Case(GaussianNB(var_smoothing=0.1), "real"),
    "MultinomialNB": Case(MultinomialNB(), "counts"),
    "MultinomialNB-two": Case(MultinomialNB(alpha=ALPHAS), "counts", 2),
    "MultinomialNB-uniform": Case(MultinomialNB(alpha=0.2, fit_prior=False), "counts"),
    "ComplementNB": Case(ComplementNB(), "counts"),
    "ComplementNB-two": Case(ComplementNB(alpha=0.2), "counts", 2),
    "ComplementNB-norm": Case(ComplementNB(norm=True), "counts"),
    "BernoulliNB": Case(BernoulliNB(), "counts"),
    "BernoulliNB-two": Case(BernoulliNB(binarize=1.0), "counts", 2),
    "BernoulliNB-shares": Case(BernoulliNB(class_prior=SHARES), "counts"),
    "CategoricalNB": Case(CategoricalNB(min_categories=12), "counts"),
    "LDA": Case(LinearDiscriminantAnalysis(), "real"),
    "LDA-two": Case(LinearDiscriminantAnalysis(priors=[0.4, 0.6]), "real", 2),
    "LDA-lsqr": Case(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3), "real"),
    "LDA-eigen": Case(LinearDiscriminantAnalysis(solver="eigen"), "real"),
    "LDA-shares": Case(
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=SHARES), "real"
    ),
    "LDA-auto": Case(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), "real"),
    "QDA": Case(QuadraticDiscriminantAnalysis(), "real"),
    "QDA-two": Case(QuadraticDiscriminantAnalysis(reg_param=0.2), "real", 2),
    "QDA-shares": Case(QuadraticDiscriminantAnalysis(priors=SHARES), "real"),
    "NearestCentroid": Case(NearestCentroid(), "real"),
    "NearestCentroid-two": Case(NearestCentroid(priors="empirical"), "real", 2),
    "NearestCentroid-shrunk": Case(NearestCentroid(shrink_threshold=0.2), "real"),
    "KNeighborsClassifier": Case(KNeighborsClassifier(), "real"),
    "KNeighborsClassifier-two": Case(KNeighborsClassifier(3, weights="distance"), "real", 2),
    "KNeighborsClassifier-own": Case(KNeighborsClassifier(7, weights=gaussian), "real"),
    "KNeighborsRegressor": Case(KNeighborsRegressor(4, weights="distance"), "real", 0),
    "RadiusNeighborsClassifier": Case(RadiusNeighborsClassifier(9.0), "real"),
    "RadiusNeighborsRegressor": Case(RadiusNeighborsRegressor(9.0, weights="distance"), "real", 0),
    "CategoricalNB-two": Case(CategoricalNB(alpha=0.3, min_categories=12), "counts", 2),
}


#: Estimators and settings that have a derivative.
SMOOTH = [
    name
    for name, case in CASES.items()
    if "Neighbors" not in name and not name.endswith(("auto", "shrunk"))
]


@lru_cache
def table(kind, n_classes):
    """(X, y, X_test, y_test, sample_weight) of a kind."""
    rng = np.random.default_rng(5)
    n = N_ROWS + N_TEST
    codes = rng.integers(0, max(n_classes, 2), n)
    centers = rng.normal(size=(max(n_classes, 2), 5))
    if kind == "counts":
        X = np.minimum(rng.poisson(np.exp(centers[codes])), 11.0)
        X[:, 0] += X.sum(axis=1) == 0  # the derivative at a row without counts is zero
    else:
        X = centers[codes] + rng.normal(size=(n, 5)) @ rng.normal(size=(5, 5)) + 3.0
    y = np.array(["a", "b", "c"])[codes] if n_classes else X[:, 0] + rng.normal(size=n)
    return X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], 0.5 + rng.random(N_ROWS)


def own_loss(estimator, X, y):
    """Loss of each row by the estimator's own probabilities or predictions."""
    if not hasattr(estimator, "classes_"):
        return 0.5 * (np.reshape(estimator.predict(X) - y, (len(y), -1)) ** 2).sum(axis=1)
    proba = estimator.predict_proba(X)
    codes = np.searchsorted(estimator.classes_, y)
    if hasattr(estimator, "n_neighbors") or hasattr(estimator, "radius"):
        return 0.5 * ((proba - (codes[:, None] == np.arange(proba.shape[1]))) ** 2).sum(axis=1)
    return -np.log(proba[np.arange(len(y)), codes])


def refits(estimator, groups, X, y, weights=None):
    """The estimator fitted without each group of rows."""
    out = []
    for rows in groups:
        left = np.setdiff1d(np.arange(len(y)), rows)
        kept = {} if weights is None else {"sample_weight": weights[left]}
        out.append(clone(estimator).fit(X[left], y[left], **kept))
    return out
