"""Which model judges the rows, and the explainer of that model."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.labels._sources.members import Rows
from tests.labels._flipped import X, logistic, y
from tests.labels._targets import target_of


def test_the_explainer_is_of_the_model_that_judged(explained):
    found = explained.explainer_
    assert isinstance(found, InfluenceExplainer)
    assert explained.explainer_ is found
    want = InfluenceExplainer(logistic, damping=explained.damping_).fit(
        X, y, sample_weight=explained.row_weight_
    )
    np.testing.assert_allclose(
        found.influence(X[:5], y[:5]), want.influence(X[:5], y[:5]), rtol=1e-6, atol=1e-10
    )


@pytest.mark.parametrize("kind", ["linear", "rbf"])
@pytest.mark.parametrize("weight", [np.ones(300), np.linspace(0.1, 2.0, 300)], ids=["1", "w"])
def test_the_explainer_of_a_representation_is_its_closed_form(kind, weight):
    found = LabelFlagger(representation=kind, noise_model=False, n_components=50)
    found.fit(X, y, sample_weight=weight)
    source = found._closed
    rows = Rows(source._scaled, target_of(y, 2), weight / weight.sum(), np.arange(300))
    value, _ = source.best.leave_one_out(rows)
    # a ridge classifier on -1 and +1: twice the closed form's value of class 1, minus one
    raw = found.explainer_.leave_one_out_raw_predictions()
    np.testing.assert_allclose(raw, 2.0 * value[:, 1] - 1.0, rtol=1e-6, atol=1e-7)


def test_the_explainer_of_values_predicts_what_was_suggested(values):
    table, _, noisy, _ = values
    found = LabelFlagger(representation="linear", noise_model=False).fit(table, noisy)
    raw = found.explainer_.leave_one_out_raw_predictions()
    np.testing.assert_allclose(raw, found.suggested_, rtol=1e-8)


def test_an_estimator_without_influence_is_cross_validated_and_said_so(capsys):
    found = LabelFlagger(ExtraTreesClassifier(10), verbose=1).fit(X, y)
    assert found.judged_by_ == "cross_validation"
    assert "cross-validated in 5 folds" in capsys.readouterr().out
    assert not hasattr(found, "explainer_")
    with pytest.raises(AttributeError, match="has no influences"):
        found.explainer_  # noqa: B018
    assert not [c for c in found.report().columns if c.startswith("against")]


def test_a_setting_that_influence_refuses_is_cross_validated_too():
    bounded = RidgeClassifier(positive=True)
    found = LabelFlagger(make_pipeline(StandardScaler(), bounded)).fit(X, y)
    assert found.judged_by_ == "cross_validation"


def test_a_sparse_model_is_judged_by_leave_one_out_on_its_selection():
    new = parse_version(sklearn.__version__) >= parse_version("1.8")
    settings = {"l1_ratio": 1.0} if new else {"penalty": "l1"}
    lasso = LogisticRegression(solver="liblinear", C=0.5, **settings)
    found = LabelFlagger(make_pipeline(StandardScaler(), lasso)).fit(X, y)
    assert found.judged_by_ == "leave_one_out"
    assert found.damping_ == 0.0


def test_a_hinge_is_cross_validated():
    """Its smooth stand-in hardly moves without a row: that would call every label right."""
    machine = make_pipeline(StandardScaler(), LinearSVC(loss="hinge", C=0.1, max_iter=10**5))
    assert LabelFlagger(machine).fit(X, y).judged_by_ == "cross_validation"


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, "models of the labels: 10 of 120 steps"),
        ({"estimator": GaussianNB()}, "cross-validation: 1 of 5 folds"),
    ],
)
def test_progress_with_the_time_left_is_shown(monkeypatch, capsys, settings, words):
    monkeypatch.setattr("skinfluence._utils.progress.DELAY", 0.0)
    X, y = load_breast_cancer(return_X_y=True)
    LabelFlagger(**settings, verbose=1).fit(X, y)
    shown = capsys.readouterr().out
    assert words in shown and " left\n" in shown
    LabelFlagger(**settings).fit(X, y)
    assert capsys.readouterr().out == ""
