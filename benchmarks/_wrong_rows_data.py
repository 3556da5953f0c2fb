"""Tables, estimators and the rows that frozen estimators are given in place of their own."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC

from benchmarks._labels_data import adult_columns
from benchmarks._real_data import loaders
from skinfluence.datasets import load_hospital_readmission
from skinfluence.svm import SmoothHingeSVC


@dataclass(frozen=True)
class Source:
    """A table: how it is loaded, its kind of target, and at most how many rows are drawn."""

    load: object
    regression: bool = False
    rows: int | None = None
    shared: bool = False  # of the larger data sets, which need not be there


def _boston():
    table = loaders().boston_corrected()
    columns = "CRIM ZN INDUS NOX RM AGE DIS RAD TAX PTRATIO LSTAT".split()
    return table[columns].to_numpy(float), table["CMEDV"].to_numpy(float)


SOURCES = {
    "iris": Source(lambda: load_iris(return_X_y=True)),
    "wine": Source(lambda: load_wine(return_X_y=True)),
    "breast cancer": Source(lambda: load_breast_cancer(return_X_y=True)),
    "digits": Source(lambda: load_digits(return_X_y=True)),
    "hospital": Source(lambda: load_hospital_readmission(return_X_y=True), rows=10_000),
    "diabetes": Source(lambda: load_diabetes(return_X_y=True), regression=True),
    "Boston": Source(_boston, regression=True, shared=True),
    "California housing": Source(
        lambda: loaders().california_housing()[:2], regression=True, shared=True
    ),
    "spambase": Source(lambda: loaders().spambase()[:2], shared=True),
    "Adult": Source(adult_columns, rows=20_000, shared=True),
    "a9a, sparse": Source(lambda: loaders().a9a()[:2], rows=20_000, shared=True),
    "Enron1, sparse": Source(lambda: loaders().enron1_bow(False)[:2], rows=2_000, shared=True),
}

CLASSIFIERS = {
    "lbfgs": LogisticRegression(),
    "balanced": LogisticRegression(C=0.01, class_weight="balanced"),
    "RidgeClassifier": RidgeClassifier(),
    "LinearSVC": LinearSVC(),
    "SmoothHingeSVC": SmoothHingeSVC(),
}
REGRESSORS = {
    "LinearRegression": LinearRegression(),
    "Ridge": Ridge(),
    "Ridge(100)": Ridge(100.0),
    "RidgeCV": RidgeCV(),
    "Ridge, sag": Ridge(solver="sag"),
}

KINDS = (
    "own rows",
    "10 rows missing",
    "three quarters",
    "half",
    "other rows",
    "10 % of labels shuffled",
    "all labels shuffled",
)


def load(source):
    """(X, y) of a table, in an order of its own."""
    X, y = source.load()
    X = X.tocsr() if issparse(X) else np.asarray(X, dtype=float)
    rows = np.random.default_rng(0).permutation(X.shape[0])[: source.rows]
    return X[rows], np.asarray(y)[rows]


def fitted(estimator, X, y):
    """The estimator on scaled features, as it is used."""
    scaler = MaxAbsScaler() if issparse(X) else StandardScaler()
    return make_pipeline(scaler, estimator).fit(X, y)


def given_rows(X, y):
    """Kind -> (X, y) that the estimator of the first half of the rows is explained on."""
    m = X.shape[0] // 2
    own, labels = X[:m], y[:m]
    rng = np.random.default_rng(1)
    some = np.sort(rng.permutation(m)[: m // 10])
    part, all_ = labels.copy(), rng.permutation(labels)
    while (part == labels).all():
        part[some] = rng.permutation(labels[some])
    return dict(
        zip(
            KINDS,
            (
                (own, labels),
                (own[10:], labels[10:]),
                (own[: m * 3 // 4], labels[: m * 3 // 4]),
                (own[: m // 2], labels[: m // 2]),
                (X[m : 2 * m], y[m : 2 * m]),
                (own, part),
                (own, all_),
            ),
            strict=True,
        )
    )
