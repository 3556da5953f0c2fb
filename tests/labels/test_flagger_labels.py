"""Labels of every type and container; which labels and weights are refused, and how."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._quick import quick
from tests.labels._tables import ESTIMATORS, X, judged, y

LABELS = {
    "strings": np.array(["cat", "dog"]),
    "objects": np.array(["cat", "dog"], dtype=object),
    "booleans": np.array([False, True]),
    "minus one": np.array([-1, 1]),
    "floats": np.array([0.5, 1.0]) * 2,
    "unsigned": np.array([3, 200], dtype=np.uint8),
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_type(kind, estimator):
    names = LABELS[kind]
    found = quick(ESTIMATORS[estimator]).fit(X, names[y])
    want = judged(estimator)
    np.testing.assert_array_equal(found.scores_, want.scores_)
    np.testing.assert_array_equal(found.suggested_, names[want.suggested_])
    assert found.suggested_.dtype == names.dtype
    np.testing.assert_array_equal(found.classes_, names)
    np.testing.assert_array_equal(found.score_labels(X, names[y]), want.score_labels(X, y))


def test_labels_of_any_container():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    names = np.array(["cat", "dog"])[y]
    usual = quick().fit(X, y).scores_
    for labels in (
        names.tolist(), pandas.Series(names), pandas.Series(names, dtype="category"),
        pandas.Series(names, dtype="string"), polars.Series(names), pyarrow.array(names),
        pandas.Series(y, dtype="Int64"),
    ):  # fmt: skip
        np.testing.assert_array_equal(quick().fit(X, labels).scores_, usual)


REFUSED = {
    "one class": (X, np.zeros(200), "all of one class"),
    "none": (X, None, "y is None"),
    "nan": (X, np.where(np.arange(200) == 3, np.nan, y), "NaN"),
    "missing": (X, np.where(np.arange(200) == 3, None, "a"), "first in row 3"),
    "mixed": (X, np.array([1, "a"] * 100, dtype=object), "Unknown label type|cannot be sorted"),
    "too few": (X, y[:5], "inconsistent numbers of samples"),
    "one-dimensional": (X[:, 0], y, "X is one column of type ndarray"),
    "empty": (X[:0], y[:0], "0 sample"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_fit_refuses(case):
    table, labels, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        quick().fit(table, labels)


WEIGHTS = {
    "negative": (np.r_[-1.0, np.ones(199)], "expected weights >= 0"),
    "zero": (np.zeros(200), "non-zero number"),
    "one class left": (np.where(y == 1, 1.0, 0.0), "all of one class"),
    "too few": (np.ones(5), "sample_weight.shape"),
    "nan": (np.full(200, np.nan), "NaN"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_fit_refuses_weights(case):
    weights, message = WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        quick().fit(X, y, sample_weight=weights)


def test_values_for_a_classifier_are_refused():
    with pytest.raises(ValueError, match="Unknown label type"):
        LabelFlagger(LogisticRegression()).fit(X, X[:, 0])


def test_labels_for_a_regressor_are_refused():
    with pytest.raises(ValueError, match="could not convert"):
        LabelFlagger(Ridge()).fit(X, np.array(["cat", "dog"])[y])


def test_a_regressor_takes_whole_numbers_for_values():
    assert not hasattr(LabelFlagger(Ridge()).fit(X, y), "classes_")


def test_whole_numbers_that_hardly_repeat_are_values():
    prices = np.arange(200) // 1.5
    assert not hasattr(quick().fit(X, prices.astype(int)), "classes_")
    assert hasattr(quick().fit(X, np.arange(200) % 7), "classes_")


@pytest.mark.slow
def test_a_hundred_classes():
    names = np.array([f"class {k:02}" for k in range(100)])
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, 8)) * 4
    codes = np.repeat(np.arange(100), 8)
    table = centres[codes] + rng.normal(size=(800, 8))
    noisy, wrong = flip_labels(names[codes], 0.1, random_state=0)
    found = quick().fit(table, noisy)
    assert found.loo_proba_.shape == (800, 100)
    assert found.noise_matrix_.shape == (100, 100)
    assert wrong[found.ranking_[:60]].mean() > 0.8


def test_ten_classes_of_a_given_estimator():
    table, digits = load_digits(return_X_y=True)
    noisy, wrong = flip_labels(digits[:500], 0.1, random_state=0)
    found = LabelFlagger(LogisticRegression(C=0.01, max_iter=1000)).fit(table[:500] / 16, noisy)
    assert wrong[found.ranking_[:40]].mean() > 0.9
