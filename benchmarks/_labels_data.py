"""Tables whose labels are made wrong, and how; labels that people got wrong."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import issparse
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._real_data import loaders
from skinfluence.datasets import flip_hard_labels, flip_labels, load_hospital_readmission

KINDS = ("symmetric", "asymmetric", "boundary", "hard")
RATES = (0.1, 0.2)


@dataclass(frozen=True)
class Source:
    """A table: how it is loaded, how many of its rows are drawn, and whether it is shared."""

    label: str
    load: object
    rows: int | None = None  # drawn anew for each seed; None: all of them
    shared: bool = False  # of the larger data sets, which need not be there


def adult_columns():
    import pandas as pd

    table = loaders().adult()
    target = next(c for c in table if table[c].astype(str).str.contains("50K").any())
    y = table[target].str.contains(">").to_numpy().astype(int)
    return pd.get_dummies(table.drop(columns=[target, "split"])).to_numpy(dtype=float), y


def _hospital():
    return load_hospital_readmission(return_X_y=True)


def _made():
    return make_classification(
        5_000, 30, n_informative=10, n_redundant=5, flip_y=0.0, random_state=0
    )


def _six_pixels():
    X, y = load_digits(return_X_y=True)
    return X[:, [20, 28, 36, 42, 44, 52]], y


def _eight_classes():
    settings = {"n_informative": 8, "n_classes": 8, "n_clusters_per_class": 2, "class_sep": 0.7}
    return make_classification(4_000, 20, random_state=0, **settings)


def _newsgroups():
    X, y, *_ = loaders().newsgroups20()
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(X)
    return TruncatedSVD(50, random_state=0).fit_transform(weighted), y


def _genres():
    data = loaders().music_genre()
    return data["X"].astype(float), data["y_true"]


#: Which labels are wrong can be seen from the columns, by and large.
FLIPPED = {
    "breast cancer": Source("569 x 30", lambda: load_breast_cancer(return_X_y=True)),
    "digits": Source("1,797 x 64, ten classes", lambda: load_digits(return_X_y=True)),
    "spambase": Source("800 x 57", lambda: loaders().spambase()[:2], 800, True),
    "Adult": Source("800 x 105", adult_columns, 800, True),
    "hospital": Source("1,000 x 127", _hospital, 1_000),
    "Enron1": Source(
        "500 x 6,299, sparse counts", lambda: loaders().enron1_bow(False)[:2], 500, True
    ),
    "MNIST 1-vs-7": Source("800 x 784", lambda: loaders().mnist_binary()[:2], 800, True),
    "make_classification": Source("5,000 x 30", _made),
}
#: No model predicts these well.
WEAK = {
    "six pixels": Source("six pixels of digits, 1,797 rows, ten classes", _six_pixels),
    "eight classes": Source("make_classification, 4,000 x 20", _eight_classes),
    "newsgroups": Source(
        "50 components of TF-IDF, 4,000 rows, twenty classes", _newsgroups, 4_000, True
    ),
    "music genres": Source("700 x 124, ten classes", _genres, None, True),
}
TABLES = FLIPPED | WEAK

#: Labels that people gave: the column of CIFAR-10N, or the majority's.
PEOPLE = {
    "CIFAR-10N aggre": "aggre_label",
    "CIFAR-10N random1": "random_label1",
    "CIFAR-10N worse": "worse_label",
    "music genres": "y_majority",
}


def people(name, rows=None):
    """(X, labels that people gave, right ones), as codes 0 ... K - 1."""
    if name == "music genres":
        data = loaders().music_genre()
        X, truth = data["X"], data["y_true"]
    else:
        X, data = loaders().cifar10n_part()
        truth = data["clean_label"]
    classes = np.unique(truth)
    given, truth = (np.searchsorted(classes, y)[:rows] for y in (data[PEOPLE[name]], truth))
    return X[:rows].astype(float), given, truth


@lru_cache(maxsize=1)
def _whole(name):
    X, y = TABLES[name].load()
    return (X if issparse(X) else np.asarray(X, dtype=np.float64)), np.asarray(y)


def load(name, seed, rows=None):
    """(X, y) of a table, y as codes 0 ... K - 1; a sample of the rows that the seed draws."""
    X, y = _whole(name)
    rows = rows or TABLES[name].rows
    if rows is not None and rows < len(y):
        drawn = np.random.default_rng(seed).permutation(len(y))[:rows]
        X, y = X[drawn], y[drawn]
    if issparse(X):
        return X[:, X.getnnz(axis=0) > 0], np.unique(y, return_inverse=True)[1]
    return X[:, np.ptp(X, axis=0) > 0], np.unique(y, return_inverse=True)[1]


def make_wrong(X, y, kind, rate, seed):
    """(y with wrong labels, which are wrong).

    "asymmetric" confuses in one direction: each class with the next one, and of two classes rows of
    the larger one alone. "annotator": what a weak model says of a row whose label is wrong.
    """
    if kind == "annotator":
        return _weak_annotator(X, y, rate, seed)
    if kind in ("boundary", "hard"):
        return flip_hard_labels(X, y, rate, kind=kind, random_state=seed)
    if kind == "asymmetric" and y.max() == 1:
        return _one_sided(y, rate, seed)
    return flip_labels(y, rate, kind=kind, random_state=seed)


def _one_sided(y, rate, seed):
    larger = np.bincount(y).argmax()
    pool = np.flatnonzero(y == larger)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[np.random.default_rng(seed).choice(pool, round(rate * len(y)), replace=False)] = True
    return np.where(wrong, 1 - larger, y), wrong


def _weak_annotator(X, y, rate, seed):
    """Wrong labels drawn from the probabilities of a model that has not seen the row.

    A logistic regression of a third of the columns.
    """
    rng = np.random.default_rng(seed)
    columns = rng.permutation(X.shape[1])[: max(2, X.shape[1] // 3)]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    proba = cross_val_predict(model, X[:, columns], y, cv=3, method="predict_proba")
    proba[np.arange(len(y)), y] = 0.0
    rows = rng.choice(len(y), round(rate * len(y)), replace=False)
    upto = proba[rows].cumsum(axis=1)
    given = y.copy()
    given[rows] = (upto < rng.random((len(rows), 1)) * upto[:, -1:]).sum(axis=1)
    return given, given != y
