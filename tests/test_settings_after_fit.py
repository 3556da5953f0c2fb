"""After `set_params`, reports and answers are those of the settings that `fit` read."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.groups import group_influence
from skinfluence.labels._review.review import expected_gains
from skinfluence.perturbation import relabel_influence

X, y = load_iris(return_X_y=True)
X, y, X_test, y_test = X[50::2], y[50::2], X[51::2], y[51::2]

OTHERS = {
    "damping": 5.0,
    "curvature": "fisher",
    "temperature": 10.0,
    "penalty_scaling": "mean",
    "solver": "cg",
    "polish": False,
    "random_state": 3,
    "estimator": LogisticRegression(C=1e-3),
}


def everything(explainer):
    """Text of the health report, and what the methods and tasks answer."""
    beliefs = [(np.ones(len(y)), explainer.objective_.y)]
    return str(explainer.health()), [
        explainer.influence(X_test, y_test),
        explainer.influence(X_test, y_test, method="refit"),
        explainer.self_influence(),
        explainer.leverage(),
        explainer.leave_one_out_raw_predictions(),
        explainer.score(X_test, y_test),
        group_influence(explainer, [[0, 1, 2]], X_test, y_test),
        relabel_influence(explainer, X_test[:3], y_test[:3]),
        expected_gains(explainer, beliefs, X_test, y_test),
    ]


@pytest.fixture(scope="module", params=[LogisticRegression(), LinearSVC(dual=False)])
def before(request):
    explainer = InfluenceExplainer(request.param, damping=1e-3).fit(X, y)
    return explainer, everything(explainer)


@pytest.mark.parametrize("name", OTHERS)
def test_settings_count_from_the_next_fit_on(before, name):
    explainer, (report, answers) = before
    old = explainer.get_params(deep=False)[name]
    explainer.set_params(**{name: OTHERS[name]})
    try:
        text, found = everything(explainer)
    finally:
        explainer.set_params(**{name: old})
    assert text == report
    for answer, expected in zip(found, answers, strict=True):
        np.testing.assert_array_equal(answer, expected)


def test_the_method_is_read_by_each_call():
    explainer = InfluenceExplainer().fit(X, y).set_params(method="first_order")
    first = explainer.influence(X_test, y_test, method="first_order")
    assert explainer.resolve_method() == explainer.health().method == "first_order"
    np.testing.assert_array_equal(explainer.influence(X_test, y_test), first)


def test_jobs_and_progress_are_read_by_each_call():
    explainer = InfluenceExplainer(n_jobs=2).fit(X, y).set_params(n_jobs=1, verbose=0)
    assert (explainer.linearization_.n_jobs, explainer.linearization_.verbose) == (1, 0)


def test_an_explainer_that_is_not_fitted_has_no_linearization():
    with pytest.raises(AttributeError, match="call fit"):
        _ = InfluenceExplainer().linearization_


@pytest.mark.parametrize(
    "settings",
    [
        {"damping": 1.0},
        {"contamination": 0.5},
        {"noise_model": False},
        {"max_iter": 1},
    ],
)
def test_settings_of_a_flagger_count_from_the_next_fit_on(settings):
    model = LogisticRegression()
    same = LabelFlagger(model, damping=1e-3).fit(X, y)
    other = LabelFlagger(model, damping=1e-3).fit(X, y).set_params(**settings)
    for flagger in (same, other):
        flagger.update([3, 4], y[[4, 3]])
    np.testing.assert_array_equal(other.scores_, same.scores_)
    np.testing.assert_array_equal(other.flagged_, same.flagged_)
    assert str(other.explainer_.health()) == str(same.explainer_.health())
    gains = [
        f.suggest_review(5, strategy="gain", X_test=X_test, y_test=y_test) for f in (same, other)
    ]
    np.testing.assert_array_equal(*gains)
