"""find_wrong_labels: verdicts on out-of-sample probabilities from anywhere."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.labels import find_wrong_labels

X, true = load_digits(return_X_y=True)
X, true = X[:900], true[:900]
y, flipped = flip_labels(true, 0.1, random_state=0)
trees = ExtraTreesClassifier(50, random_state=0)
proba = cross_val_predict(trees, X, y, method="predict_proba")


@pytest.fixture(name="found", scope="module")
def fixture_found():
    return find_wrong_labels(y, proba)


def test_flipped_labels_are_found_counted_and_set_right(found):
    assert average_precision_score(flipped, -found.label_quality) > 0.9
    assert abs(found.noise_rate - flipped.mean()) < 2 * found.noise_rate_std < 0.05
    assert found.flagged.sum() == round(900 * found.noise_rate)
    assert (found.suggested[flipped & found.flagged] == true[flipped & found.flagged]).mean() > 0.9
    np.testing.assert_array_equal(found.rows, found.ranking[: found.n_flagged])
    np.testing.assert_allclose(found.noise_matrix.sum(axis=1), 1.0)
    assert f"Flagged: {found.n_flagged} of 900 labels." in str(found)


def test_columns_go_by_classes(found):
    order = np.random.default_rng(0).permutation(10)
    names = np.array([f"digit {i}" for i in range(10)])
    other = find_wrong_labels(names[y], proba[:, order], classes=names[order])
    np.testing.assert_allclose(other.label_quality, found.label_quality, atol=1e-5)
    np.testing.assert_array_equal(other.suggested, names[found.suggested])


def test_rows_are_named_by_the_index_of_y(found):
    named = find_wrong_labels(pd.Series(y, index=[f"r{i}" for i in range(900)]), proba)
    assert list(named.row_names) == [f"r{i}" for i in found.rows]


def test_rows_of_weight_zero_do_not_count(found):
    weight = np.where(np.arange(900) < 600, 1.0, 0.0)
    some = find_wrong_labels(y, proba, sample_weight=weight)
    part = find_wrong_labels(y[:600], proba[:600])
    assert some.n_rows == 600 and not some.flagged[600:].any()
    np.testing.assert_allclose(some.label_quality[:600], part.label_quality, atol=1e-6)


def test_contamination_is_as_for_the_flagger():
    assert find_wrong_labels(y, proba, contamination=0.2).flagged.sum() == 180
    strict = find_wrong_labels(y, proba, contamination="strict")
    assert strict.flagged.sum() == strict.n_sure
    assert flipped[strict.flagged].mean() > 0.95


def test_it_is_the_flaggers_first_verdict():
    flagger = LabelFlagger(trees, ranking="cross_validation", max_iter=1).fit(X, y)
    said = find_wrong_labels(y, flagger.loo_proba_)
    order = np.argsort(-flagger.scores_)[:50]
    assert np.isin(order, np.argsort(said.label_quality)[:80]).all()


@pytest.mark.parametrize(
    ("labels", "said", "message"),
    [
        (y, proba[:, :9], "9 columns, and there are 10 classes"),
        (y, 2 * proba, "sum to 2"),
        (y, np.log(proba + 1e-9), "Expected probabilities"),
        (y[:50], proba, "inconsistent numbers"),
        (np.zeros(900), proba, "all of one class"),
        (y, np.full((900, 10), np.nan), "NaN"),
    ],
)
def test_what_is_no_probability_is_refused(labels, said, message):
    with pytest.raises(ValueError, match=message):
        find_wrong_labels(labels, said)


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"y holds \[9.*, which are not among the classes"):
        find_wrong_labels(y, proba[:, :9] / proba[:, :9].sum(1, keepdims=True), classes=range(9))


@pytest.mark.parametrize(
    ("model", "n_classes"),
    [(None, 2), (LogisticRegression(), 2), (LogisticRegression(), 8), (trees, 8)],
)
def test_coin_tosses_are_hardly_flagged_and_warned_of(model, n_classes):
    rng = np.random.default_rng(2)
    table, tossed = rng.normal(size=(600, 12)), rng.integers(0, n_classes, 600)
    with pytest.warns(UserWarning, match="no better than the shares of the classes"):
        found = LabelFlagger(model, random_state=0).fit(table, tossed)
    assert found.flagged_.mean() < 0.1
    assert found.noise_rate_std_ > 0.02
