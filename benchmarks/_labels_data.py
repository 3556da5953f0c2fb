"""Tables whose labels are made wrong: which rows, and how."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import issparse
from sklearn.datasets import load_breast_cancer, load_digits, make_classification

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


TABLES = {
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
    the larger one alone.
    """
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
