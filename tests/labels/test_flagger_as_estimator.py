"""A flagger among the estimators of scikit-learn: pipelines, searches, pickles, routing, refits."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._flipped import X, clean, logistic, same, y
from tests.labels._quick import quick


def test_transform_is_the_identity(flagger):
    assert flagger.transform(X) is X
    np.testing.assert_array_equal(LabelFlagger(logistic).fit_transform(X, y), X)
    np.testing.assert_array_equal(flagger.transform(X[:3].tolist()), X[:3])
    holed = np.where(np.arange(X.shape[1]) == 2, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        LabelFlagger(logistic).fit(X, y).transform(holed)


def test_a_flagger_stands_anywhere_in_a_pipeline():
    with_flagger = make_pipeline(StandardScaler(), quick(), LogisticRegression())
    without = make_pipeline(StandardScaler(), LogisticRegression())
    np.testing.assert_array_equal(
        with_flagger.fit(X, y).predict_proba(X), without.fit(X, y).predict_proba(X)
    )


def test_columns_are_set_output_names():
    pandas = pytest.importorskip("pandas")
    out = LabelFlagger(logistic).set_output(transform="pandas").fit_transform(X, y)
    assert isinstance(out, pandas.DataFrame)
    assert list(out.columns) == [f"x{j}" for j in range(X.shape[1])]
    np.testing.assert_array_equal(out.to_numpy(), X)


def test_a_grid_search_runs_with_its_own_score():
    search = GridSearchCV(
        LabelFlagger(logistic), {"damping": [0.001, 1e3], "noise_model": [True, False]},
        cv=2,
    ).fit(X, y)  # fmt: skip
    assert search.best_params_["damping"] == 0.001
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_refitting_equals_a_fresh_fit(estimator):
    other = quick(estimator).fit(X[:, :5], flip_labels(clean, 0.3, random_state=1)[0])
    same(other.fit(X, y), quick(estimator).fit(X, y))


def test_refitting_to_values_forgets_the_classes(values):
    found = quick().fit(X, y).fit(*values[:2])
    for name in ("classes_", "noise_matrix_", "noise_matrix_std_", "loo_proba_"):
        assert not hasattr(found, name)


def global_state():
    return pickle.dumps(np.random.mtrand._rand.get_state())


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_the_global_random_state_is_untouched(estimator):
    before = global_state()
    quick(estimator).fit(X, y).report()
    assert global_state() == before


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_a_fitted_flagger_can_be_pickled(estimator):
    found = quick(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(found))
    same(found, again)
    np.testing.assert_array_equal(found.score_labels(X, y), again.score_labels(X, y))


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: f.transform(X),
        lambda f: f.report(),
        lambda f: f.summary(),
        lambda f: f.score_labels(X, y),
        lambda f: f.score(X, y),
        lambda f: f.explainer_,
    ],
)
def test_an_unfitted_flagger_says_so(ask):
    with pytest.raises(NotFittedError, match="fit"):
        ask(quick())


def test_weights_are_routed():
    weight = np.where(np.arange(300) < 40, 0.0, 1.0)
    direct = LabelFlagger(logistic).fit(X, y, weight)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = LabelFlagger(logistic).set_fit_request(sample_weight=True)
        pipe = make_pipeline("passthrough", asks)
        pipe.fit(X, y, sample_weight=weight)
    same(pipe[1], direct)
