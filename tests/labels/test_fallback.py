"""Where cross-validation judges: steps that have seen labels, closed forms that cost more."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.labels._sources.choice import seconds

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 12))
coins = rng.integers(0, 2, 120)


def test_coin_tosses_are_not_predicted_by_a_selection_that_has_seen_them():
    wide, y = rng.normal(size=(100, 500)), rng.integers(0, 2, 100)
    model = make_pipeline(SelectKBest(k=10), LogisticRegression())
    with pytest.warns(UserWarning, match="no better than the shares of the classes"):
        found = LabelFlagger(model).fit(wide, y)
    fixed = make_pipeline(FrozenEstimator(SelectKBest(k=10).fit(wide, y)), LogisticRegression())
    closed = LabelFlagger(fixed).fit(wide, y)
    assert found.judged_by_ == "cross_validation"
    assert "since SelectKBest (step 'selectkbest') has seen the labels" in found.description_
    accuracy = [(f.loo_proba_.argmax(axis=1) == y).mean() for f in (closed, found)]
    assert accuracy[0] > 0.65 > 0.55 > accuracy[1]
    # how the steps prepared the rows is what its influences are explained with, as ever
    assert isinstance(found.explainer_, InfluenceExplainer)


def test_many_classes_and_sparse_rows_are_cross_validated_where_that_is_cheaper():
    y = np.arange(600) % 60
    table = rng.normal(size=(60, 20))[y] * 1.5 + rng.normal(size=(600, 20))
    found = LabelFlagger(LogisticRegression(), noise_model=False).fit(table, y)
    assert found.judged_by_ == "cross_validation"
    assert "times cheaper than leave-one-out" in found.description_
    thin = sparse.random(2000, 1500, density=0.01, random_state=0, format="csr")
    labels = (thin @ rng.normal(size=1500) > 0).astype(int)
    found = LabelFlagger(LogisticRegression(), noise_model=False).fit(thin, labels)
    assert found.judged_by_ == "cross_validation"


@pytest.mark.slow
def test_a_damping_asks_for_the_closed_form_whatever_it_costs():
    y = np.arange(600) % 60
    table = rng.normal(size=(60, 20))[y] * 1.5 + rng.normal(size=(600, 20))
    found = [
        LabelFlagger(LogisticRegression(), damping=damping, noise_model=False).fit(table, y)
        for damping in ("auto", 0)
    ]
    closed, folds = seconds(found[1].explainer_)
    assert closed > 2 * folds
    assert [f.judged_by_ for f in found] == ["cross_validation", "leave_one_out"]


@pytest.mark.filterwarnings("ignore:Models that have not seen a row predict its label no better")
def test_small_tables_are_left_out_in_closed_form():
    assert LabelFlagger(LogisticRegression()).fit(X, coins).judged_by_ == "leave_one_out"
