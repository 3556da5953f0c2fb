"""What the parameters of a flagger do, and which settings fit refuses."""

import re

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelFlagger
from tests.labels._flipped import X, flipped, logistic, same, y
from tests.labels._quick import quick


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_contamination_may_be_a_share_of_the_rows(share):
    found = LabelFlagger(logistic, contamination=share).fit(X, y)
    assert found.flagged_.sum() == round(share * len(y))


def test_strict_flags_fewer():
    strict = quick(contamination="strict").fit(X, y)
    assert 0 < strict.flagged_.sum() <= quick().fit(X, y).flagged_.sum()
    assert flipped[strict.flagged_].mean() > 0.9


def test_parameters_and_the_estimator_stay_as_they_were():
    inner = ExtraTreesClassifier(5)
    found = LabelFlagger(inner)
    before = dict(found.get_params())
    found.fit(X, y)
    assert found.get_params() == before
    assert not hasattr(inner, "estimators_") and inner.random_state is None


def test_nothing_is_checked_before_fit():
    found = LabelFlagger("no estimator", ranking=3, contamination="many", max_iter=-1)
    assert found.ranking == 3


def test_the_seed_decides_landmarks_and_folds():
    few = {"representation": "rbf", "n_components": 20}
    first = LabelFlagger(random_state=1, **few).fit(X, y)
    same(first, LabelFlagger(random_state=1, **few).fit(X, y))
    second = LabelFlagger(random_state=2, **few).fit(X, y)
    assert np.abs(first.scores_ - second.scores_).max() > 0


def test_verbose_tells_what_was_done(capsys):
    LabelFlagger(logistic, verbose=1).fit(X, y)
    said = capsys.readouterr().out
    assert "[LabelFlagger] LogisticRegression" in said
    assert "of 300 rows flagged" in said
    LabelFlagger(logistic).fit(X, y)
    assert capsys.readouterr().out == ""


SETTINGS = [
    ("ranking", ["best", ("leave_one_out", "cross_validation"), None]),
    ("contamination", ["many", 1.5, -0.1, None]),
    ("damping", ["none", -1.0, np.nan]),
    ("max_iter", [0, 2.0]),
    ("n_components", [0]),
    ("noise_model", ["yes"]),
    ("n_jobs", [0]),
    ("representation", ["cubic"]),
    ("verbose", ["loud"]),
]


@pytest.mark.parametrize(("name", "values"), SETTINGS)
def test_fit_refuses_the_setting(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{name}.*{re.escape(repr(value))}"):
            LabelFlagger(logistic, **{name: value}).fit(X, y)


@pytest.mark.parametrize("estimator", [KMeans(), IsolationForest(), StandardScaler(), "logistic"])
def test_what_predicts_no_labels_is_refused(estimator):
    with pytest.raises(ValueError, match="predicts no labels and no values"):
        LabelFlagger(estimator).fit(X, y)
    with pytest.raises(ValueError, match="predicts no labels and no values"):
        LabelFlagger(make_pipeline(StandardScaler(), estimator)).fit(X, y)
