"""Bagged members are refitted to their draws without the row that leaves."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError
from tests.adapters._composed_cases import ROWS, SCALED, log_loss, logistic, rows_of, squared_error

CASES = {
    "regressor": (BaggingRegressor(Ridge(), 7, random_state=0), "values", squared_error),
    "subsets": (
        BaggingRegressor(
            Ridge(), 5, max_samples=0.7, max_features=3, bootstrap=False, random_state=0
        ),
        "values",
        squared_error,
    ),
    "pipeline": (
        BaggingRegressor(make_pipeline(SCALED, Ridge()), 5, random_state=0),
        "values",
        squared_error,
    ),
    "classifier": (BaggingClassifier(logistic(), 5, random_state=0), "three classes", log_loss),
    "binary": (
        BaggingClassifier(logistic(), 5, max_features=0.8, random_state=1),
        "two classes",
        log_loss,
    ),
}


def without(ensemble, X, y, row):
    """The ensemble whose members are fitted to the same draws without a row."""
    out, members = clone(ensemble).fit(X, y), []
    codes = np.searchsorted(out.classes_, y) if hasattr(out, "classes_") else y
    drawn = zip(out.estimators_, out.estimators_samples_, out.estimators_features_, strict=True)
    for member, rows, columns in drawn:
        kept = rows[rows != row]
        members.append(clone(member).fit(X[kept][:, columns], codes[kept]))
    out.estimators_ = members
    return out


@pytest.mark.parametrize("name", CASES)
def test_refits_are_those_of_the_same_draws_without_the_row(name):
    model, kind, loss = CASES[name]
    X, y, *tests = rows_of(kind)
    explainer = InfluenceExplainer(model).fit(X, y)
    before = loss(explainer.estimator_, *tests)
    assert np.abs(explainer.test_rows(*tests).value() - before).max() < 1e-8
    truth = np.stack([loss(without(model, X, y, row), *tests) - before for row in ROWS], axis=1)
    got = explainer.influence(*tests, rows=ROWS, method="refit")
    assert np.abs(got - truth).max() < 1e-6 * np.abs(truth).max()
    step = explainer.influence(*tests, rows=ROWS, method="newton_step")
    exact = isinstance(model, BaggingRegressor)
    assert np.abs(step - truth).max() < (1e-9 if exact else 0.2) * np.abs(truth).max()


def test_rows_that_were_never_drawn_have_no_influence():
    X, y, *tests = rows_of("values")
    model = BaggingRegressor(Ridge(), 2, max_samples=0.5, bootstrap=False, random_state=0)
    explainer = InfluenceExplainer(model).fit(X, y)
    drawn = np.unique(np.concatenate(explainer.estimator_.estimators_samples_))
    influence = explainer.influence(*tests)
    never = np.setdiff1d(np.arange(len(X)), drawn)
    assert len(never) > 3
    assert (influence[:, never] == 0).all()
    assert (np.abs(influence[:, drawn]).max(axis=0) > 0).all()


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, pd.DataFrame])
def test_other_tables(make):
    model, kind, _ = CASES["subsets"]
    X, y, X_test, y_test = rows_of(kind)
    expected = InfluenceExplainer(model).fit(X, y).influence(X_test, y_test)
    got = InfluenceExplainer(model).fit(make(X), y).influence(make(X_test), y_test)
    assert np.abs(got - expected).max() < 1e-6 * np.abs(expected).max()


def test_what_is_refused_and_what_is_told():
    X, y, *_ = rows_of("values")
    with pytest.raises(UnsupportedEstimatorError, match="estimator=None, a decision tree"):
        InfluenceExplainer(BaggingRegressor()).fit(X, y)
    model = CASES["regressor"][0]
    with pytest.raises(UnsupportedEstimatorError, match="they are the probabilities of draws"):
        InfluenceExplainer(model).fit(X, y, np.linspace(0.5, 1.5, len(y)))
    assert "The draws of rows and columns are held fixed" in supports(model).reason


def test_a_frozen_ensemble_has_draws_of_its_own_rows():
    X, y = rows_of("values")[:2]
    frozen = FrozenEstimator(clone(CASES["regressor"][0]).fit(X, y))
    with pytest.raises(ValueError, match=rf"from {len(y)}, 30 are given"):
        InfluenceExplainer(frozen).fit(X[:30], y[:30])
