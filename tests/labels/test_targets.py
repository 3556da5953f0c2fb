"""Classes or values: what a column of labels is taken for, and that it is held as it was given."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits, make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skinfluence import CleanedClassifier, InfluenceExplainer, LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.labels._inputs.targets import read_target
from tests._data import load_shared_data
from tests.labels._quick import quick

rng = np.random.default_rng(0)
X = rng.standard_normal((1000, 6))
centre = 45 + 10 * X[:, 0] + 4 * X[:, 1] + 4 * rng.standard_normal(1000)
AGES = np.clip(centre.round(), 18, 90).astype(int)
many = make_classification(3000, 20, n_informative=12, n_classes=15, n_clusters_per_class=1,
                           random_state=0)  # fmt: skip
digits = load_digits(return_X_y=True)
diabetes = load_diabetes(return_X_y=True)
VALUES = {
    "ages": (X, AGES),
    "few ages": (X[:80], AGES[:80]),
    "whole floats": (X, AGES.astype(float)),
    "counts": (X, rng.poisson(8 * np.exp(0.4 * X[:, 0]))),
    "marks of 12": (X, np.clip((6 + 2 * X[:, 0] + rng.standard_normal(1000)).round(), 1, 12)),
    "diabetes": (diabetes[0], diabetes[1].astype(int)),
    "hardly one twice": (X, rng.integers(0, 10**6, 1000)),
}
CLASSES = {
    "digits": digits,
    "15 classes": many,
    "15 classes, 30 % wrong": (many[0], flip_labels(many[1], 0.3, random_state=0)[0]),
    "sparse rows": (sparse.csr_array(many[0]), many[1]),
    "without a pattern": (X, rng.integers(0, 20, 1000)),
    "ten marks": (X, np.clip((5 + 2 * X[:, 0]).round(), 1, 10)),
    "strings": (X, AGES.astype(str)),
}


def taken(table, y, estimator=None, steps=()):
    flagger = LabelFlagger(estimator)
    flagger._judged_for = make_pipeline(*steps, "passthrough")
    return read_target(flagger, table, y, np.ones(len(y)))


@pytest.mark.parametrize("case", VALUES)
def test_whole_numbers_with_an_order_are_values(case):
    target, note = taken(*VALUES[case])
    assert target.classes is None and "are treated as values" in note


@pytest.mark.parametrize("case", CLASSES)
def test_whole_numbers_without_an_order_are_classes(case):
    table, y = CLASSES[case]
    target, note = taken(table, y)
    np.testing.assert_array_equal(target.classes, np.unique(y))
    assert ("are treated as classes" in note) == (len(target.classes) > 10 and case != "strings")


def test_topics_of_newsgroups_are_classes():
    """Twenty topics of which neighbours are alike (comp, rec, sci): not enough to be an order."""
    words, topic = load_shared_data().newsgroups20()[:2]
    rows = np.random.default_rng(0).permutation(len(topic))[:1500]
    assert taken(words[rows], topic[rows])[0].n_classes == 20


def test_columns_of_real_tables_are_values():
    table = load_shared_data().adult().select_dtypes("number")[:3000]
    for name in ("age", "hours-per-week"):
        assert taken(table.drop(columns=name), table[name])[0].classes is None


def test_the_estimator_decides_first():
    assert taken(X, AGES, LogisticRegression())[0].n_classes == len(np.unique(AGES))
    assert taken(many[0], many[1], Ridge())[0].classes is None
    sparse_ids = np.arange(40) * 7  # hardly repeat, and a classifier is asked all the same
    assert taken(X[:40], sparse_ids, LogisticRegression())[0].n_classes == 40


def test_a_categorical_column_holds_classes():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    assert taken(X, pandas.Series(AGES, dtype="category"))[0].n_classes == len(np.unique(AGES))
    names = polars.Series(AGES.astype(str)).cast(polars.Categorical)
    assert taken(X, names)[0].n_classes == len(np.unique(AGES))


def test_the_order_is_seen_through_the_users_steps():
    y = np.round(X[:, 0] * X[:, 1] * 8).astype(int)
    steps = [PolynomialFeatures(interaction_only=True)]
    assert taken(X, y, steps=steps)[0].classes is None


@pytest.mark.slow
def test_wrong_ages_are_found_whatever_their_type():
    ages, bad = AGES.copy(), np.zeros(1000, bool)
    bad[::40] = True
    ages[bad] = np.where(ages[bad] > 45, ages[bad] - 25, ages[bad] + 25)
    for y in (ages, ages.astype(float)):
        found = LabelFlagger().fit(X, y)
        assert found.target_type_ == "values"
        assert found.description_.endswith("since rows with near numbers are alike.")
        assert average_precision_score(bad, found.scores_) > 0.95
        assert 20 <= found.flagged_.sum() <= 35
    again = found.update([0], [45])
    assert again.target_type_ == "values" and "different whole numbers" in again.description_


def test_a_cleaned_classifier_asks_for_classes():
    cleaned = CleanedClassifier(LogisticRegression(), quick(), action="none")
    assert cleaned.fit(many[0][:600], many[1][:600]).flagger_.target_type_ == "classes"


@pytest.mark.parametrize("container", ["array", "list", "series"])
def test_labels_and_weights_are_held_as_given(container):
    """Labels are corrected in place, as everybody does; the verdict on them stays what it was."""
    table, y = X[:200], (X[:200, 0] > 0).astype(int)
    y[:10] = 1 - y[:10]
    weight = np.linspace(0.5, 1.5, 200)
    if container != "array":
        y = y.tolist()
    if container == "series":
        y = pytest.importorskip("pandas").Series(y)
    found = LabelFlagger(LogisticRegression()).fit(table, y, weight)
    explainer = InfluenceExplainer(LogisticRegression()).fit(table, y, weight)
    before = found.report()["given"].to_numpy(), explainer.self_influence()
    control = LabelFlagger(LogisticRegression()).fit(table, np.array(y), weight.copy())
    for row in range(10):
        y[row] = 1 - y[row]
    weight[:] = 1.0
    np.testing.assert_array_equal(found.report()["given"].to_numpy(), before[0])
    np.testing.assert_array_equal(explainer.self_influence(), before[1])
    np.testing.assert_array_equal(explainer.influence(table[:2], [0, 1], method="refit"),
                                  control_refit(table, before[0]))  # fmt: skip
    np.testing.assert_array_equal(
        found.update([20], [0]).scores_, control.update([20], [0]).scores_
    )
    np.testing.assert_array_equal(found.explainer_.y_train_, control.explainer_.y_train_)


def control_refit(table, given):
    weight = np.linspace(0.5, 1.5, 200)
    explainer = InfluenceExplainer(LogisticRegression()).fit(table, given, weight)
    return explainer.influence(table[:2], [0, 1], method="refit")
