"""What a flagger finds, and what its attributes mean."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._flipped import X, clean, flipped, logistic, y


@pytest.mark.parametrize(
    "estimator",
    [
        None,
        logistic,
        make_pipeline(StandardScaler(), RidgeClassifier()),
        make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
        ExtraTreesClassifier(30),
    ],
    ids=["none", "logistic", "ridge", "svc", "trees"],
)
def test_flipped_labels_are_found_and_set_right(estimator):
    found = LabelFlagger(estimator).fit(X, y)
    assert average_precision_score(flipped, found.scores_) > 0.8
    assert flipped[found.flagged_].mean() > 0.6
    assert abs(found.noise_rate_ - flipped.mean()) < 2 * found.noise_rate_std_
    assert found.flagged_[flipped].mean() > 0.4  # margins are flatter than probabilities
    both = flipped & found.flagged_
    np.testing.assert_array_equal(found.suggested_[both], clean[both])
    assert abs(found.contamination_ - found.noise_rate_) < 0.01


def test_wrong_values_are_found_and_suggestions_are_nearer(values):
    table, target, noisy, wrong = values
    for estimator in (None, Ridge(0.1)):
        found = LabelFlagger(estimator).fit(table, noisy)
        assert average_precision_score(wrong, found.scores_) > 0.9
        near = np.abs(found.suggested_ - target)[wrong]
        assert (near < np.abs(noisy - target)[wrong]).mean() > 0.95
        np.testing.assert_array_equal(found.suggested_, found.loo_prediction_)
        assert not hasattr(found, "classes_") and not hasattr(found, "loo_proba_")


def test_shapes_and_meaning_of_the_attributes(flagger):
    n = len(y)
    assert flagger.loo_proba_.shape == (n, 2)
    np.testing.assert_allclose(flagger.loo_proba_.sum(axis=1), 1.0)
    np.testing.assert_array_equal(flagger.scores_, 1.0 - flagger.label_quality_)
    assert (flagger.label_quality_ >= 0).all() and (flagger.label_quality_ <= 1).all()
    np.testing.assert_array_equal(np.sort(flagger.ranking_), np.arange(n))
    assert (np.diff(flagger.scores_[flagger.ranking_]) <= 0).all()
    np.testing.assert_allclose(flagger.noise_matrix_.sum(axis=1), 1.0)
    assert flagger.noise_matrix_std_.shape == (2, 2)
    assert flagger.flagged_.dtype == bool
    assert (flagger.suggested_[flagger.flagged_] != y[flagger.flagged_]).all()
    assert flagger.contamination_ == pytest.approx(flagger.flagged_.mean())
    np.testing.assert_array_equal(flagger.classes_, [0, 1])
    assert flagger.judged_by_ == "leave_one_out"


def test_flagged_rows_are_the_top_of_the_ranking(flagger):
    count = flagger.flagged_.sum()
    assert flagger.flagged_[flagger.ranking_[:count]].all()


def test_leave_one_out_probabilities_are_those_of_the_explainer():
    plain = LabelFlagger(logistic, noise_model=False, damping=0).fit(X, y)
    raw = InfluenceExplainer(logistic).fit(X, y).leave_one_out_raw_predictions()
    odds = np.log(plain.loo_proba_[:, 1] / plain.loo_proba_[:, 0])
    np.testing.assert_allclose(odds, raw, rtol=1e-6, atol=1e-8)
    given = plain.loo_proba_[np.arange(len(y)), y]
    np.testing.assert_array_equal(plain.label_quality_, given)
    assert plain.n_iter_ == 1


def test_plain_probabilities_of_many_classes_order_rows_as_real_refits_do():
    table, target = load_digits(return_X_y=True)
    table, target = table[:150] / 16, flip_labels(target[:150], 0.1, random_state=0)[0]
    model = LogisticRegression(tol=1e-8, max_iter=2000)
    plain = LabelFlagger(model, noise_model=False, damping=0).fit(table, target)
    want = []
    for i in range(0, 150, 6):
        rest = np.arange(150) != i
        without = clone(model).fit(table[rest], target[rest])
        want.append(without.predict_proba(table[[i]])[0, target[i]])
    assert spearmanr(plain.label_quality_[::6], want).statistic >= 0.999


@pytest.mark.parametrize("estimator", [RidgeClassifier(), LinearSVC(random_state=0)])
@pytest.mark.parametrize("score", ["leave_one_out", "cross_validation"])
def test_margins_are_calibrated_without_a_noise_model_too(estimator, score):
    model = make_pipeline(StandardScaler(), estimator)
    plain = LabelFlagger(model, noise_model=False, ranking=score, damping=0).fit(X, y)
    margins = plain._judgement.prediction.value  # as if of a logistic model
    own = np.arange(len(y)), y
    assert np.log(plain.label_quality_).mean() > margins[own].mean() + 0.01
    np.testing.assert_array_equal(plain.label_quality_, plain.loo_proba_[own])
