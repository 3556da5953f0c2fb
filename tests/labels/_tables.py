"""A table of numbers and one of several types, in the libraries of data frames."""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence.datasets import flip_labels
from tests.labels._quick import quick

X, clean = load_breast_cancer(return_X_y=True)
X, clean = X[:200, :6], clean[:200]
y, flipped = flip_labels(clean, 0.1, random_state=0)
logistic = make_pipeline(StandardScaler(), LogisticRegression())
rng = np.random.default_rng(0)
colour = np.where(clean == 1, "blue", "red").astype(object)
colour[rng.random(200) < 0.2] = "green"
NUMBERS = {f"n{j}": X[:, j] for j in range(6)}
MIXED = {**NUMBERS, "colour": colour, "new": X[:, 0] > 14}
LIBRARIES = ["pandas", "polars", "pyarrow"]
ESTIMATORS = {"none": None, "given": logistic}


@cache
def judged(estimator):
    """What a flagger with one of ESTIMATORS finds in the arrays, to compare others with."""
    return quick(ESTIMATORS[estimator]).fit(X, y)


@cache
def judged_mixed():
    """What a flagger finds in MIXED as the array that it is encoded to."""
    encoded = np.c_[X, MIXED["new"], colour == "blue", colour == "green", colour == "red"]
    return quick().fit(encoded.astype(float), y)


def frame(columns, library):
    if library == "pandas":
        return pytest.importorskip("pandas").DataFrame(columns)
    if library == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({k: pyarrow.array(v) for k, v in columns.items()})


def column(table, name):
    values = table[name]
    return np.asarray(values.to_pylist() if hasattr(values, "to_pylist") else values)
