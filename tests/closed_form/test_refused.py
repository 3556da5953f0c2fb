"""What a model in closed form cannot answer is refused in words; what it can is asked as usual."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.covariance import OAS
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, supports
from skinfluence.closed_form._discriminant import DIVIDES_BY_ROWS
from skinfluence.components import influence_components
from skinfluence.groups import group_influence, most_influential_group
from skinfluence.metrics import loo_concordance
from skinfluence.perturbation import relabel_influence
from skinfluence.selection import select_prototypes

X, y = load_iris(return_X_y=True)
EXPLAINER = InfluenceExplainer(GaussianNB()).fit(X, y)


@pytest.mark.parametrize(
    "ask",
    [
        lambda e: e.health(),
        lambda e: e.leverage(),
        lambda e: e.diagnostics(),
        lambda e: e.coef_influence(),
        lambda e: e.score(X, y),
        lambda e: loo_concordance(e, X, y),
        lambda e: influence_components(e, X[:1], y[:1]),
        lambda e: relabel_influence(e, X[:1], y[:1]),
        lambda e: most_influential_group(e, X[:1], y[:1], n_rows=2),
        lambda e: select_prototypes(e, 2, X[:3]),
    ],
)
def test_what_needs_an_objective_is_refused_in_words(ask):
    with pytest.raises(TypeError, match="needs an objective with a Hessian, and GaussianNB is"):
        ask(EXPLAINER)


@pytest.mark.parametrize(
    "settings",
    [{"damping": 0.1}, {"solver": "cg"}, {"curvature": "fisher"}, {"penalty_scaling": "mean"}],
)
def test_settings_of_hessians_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name}=.* means nothing for GaussianNB"):
        InfluenceExplainer(GaussianNB(), **settings).fit(X, y)


def test_effects_of_objectives_are_refused():
    with pytest.raises(ValueError, match="'second_order' is a step of an objective"):
        group_influence(EXPLAINER, [[0]], X[:1], y[:1], method="second_order")


def test_a_frozen_model_of_other_rows_is_refused():
    frozen = FrozenEstimator(GaussianNB().fit(X[:120], y[:120]))
    with pytest.raises(ValueError, match=r"another model than the given rows.*that it was fitted"):
        InfluenceExplainer(frozen).fit(X[:119], y[:119])
    explainer = InfluenceExplainer(frozen).fit(X[:120], y[:120])
    assert np.isfinite(explainer.influence(X[:2], y[:2])).all()


def test_pipelines_and_searches_explain_their_last_step():
    Z = StandardScaler().fit_transform(X)
    expected = InfluenceExplainer(GaussianNB()).fit(Z, y).influence(Z[:3], y[:3])
    steps = make_pipeline(StandardScaler(), GaussianNB())
    got = InfluenceExplainer(steps).fit(X, y).influence(X[:3], y[:3])
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    search = GridSearchCV(steps, {"gaussiannb__var_smoothing": [1e-9]}, cv=2)
    got = InfluenceExplainer(search).fit(X, y).influence(X[:3], y[:3])
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    assert supports(GaussianNB()).answer == "yes"


def test_the_only_row_of_a_class_is_nan_with_a_warning():
    rows = np.r_[0:60, 149]
    explainer = InfluenceExplainer(GaussianNB(var_smoothing=0.1)).fit(X[rows], y[rows])
    with pytest.warns(RuntimeWarning, match=r"row\(s\) \[60\]: one is the only row of a class"):
        values = explainer.influence(X[:2], y[:2])
    assert np.isnan(values[:, 60]).all()
    assert np.isfinite(values[:, :60]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = explainer.influence(X[:2], y[:2], method="first_order")
    assert np.isfinite(first).all()


def test_explanations_and_top_influences_agree_with_the_matrix():
    values = EXPLAINER.influence(X[60:62], y[60:62])
    indices, top = EXPLAINER.top_influences(X[60:62], y[60:62], k=4)
    np.testing.assert_allclose(top, np.take_along_axis(values, indices, axis=1))
    assert (np.abs(top[:, :1]) == np.abs(values).max(axis=1, keepdims=True)).all()
    shown = EXPLAINER.explain(X[60:62], y[60:62], k=4, verify=True)
    np.testing.assert_allclose(shown[0].influence, shown[0].refit)
    assert "label" in str(shown)


def test_rows_of_weight_zero_do_nothing():
    weights = np.ones(len(y))
    weights[5] = 0.0
    explainer = InfluenceExplainer(GaussianNB(var_smoothing=0.0)).fit(X, y, sample_weight=weights)
    for method in ("first_order", "refit"):
        assert np.abs(explainer.influence(X[:4], y[:4], method=method)[:, 5]).max() < 1e-14


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KNeighborsClassifier(150), "n_neighbors=150 and 150 rows is not supported.*fewer"),
        (KNeighborsClassifier(metric="precomputed"), "precomputed.*Expected a metric of rows"),
        (NearestCentroid(metric="manhattan"), 'manhattan.*Expected metric="euclidean"'),
    ],
)
def test_settings_without_a_closed_form_are_refused(estimator, message):
    given = X @ X.T if estimator.metric == "precomputed" else X
    with pytest.raises(TypeError, match=message):
        InfluenceExplainer(estimator).fit(given, y)


def test_neighbours_have_no_first_order():
    explainer = InfluenceExplainer(KNeighborsRegressor()).fit(X[:, :3], X[:, 3])
    for method in ("first_order", "newton_step"):
        with pytest.raises(ValueError, match=f"'{method}' is a .*KNeighborsRegressor is computed"):
            explainer.influence(X[:1, :3], method=method)
    with pytest.raises(ValueError, match="'first_order' is a derivative"):
        InfluenceExplainer(KNeighborsClassifier(), method="first_order").fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=OAS()),
    ],
)
def test_what_removals_by_real_refits_cost_is_said(estimator):
    found = supports(estimator)
    assert found.answer == "caveat"
    assert "Removals are refits of the estimator itself" in found.reason


def test_covariances_that_become_singular_are_nan_with_a_warning():
    rows = np.r_[0:60, 100:105]  # five rows of four columns: four of them span no volume
    explainer = InfluenceExplainer(QuadraticDiscriminantAnalysis()).fit(X[rows], y[rows])
    with pytest.warns(RuntimeWarning, match=r"cannot be fitted again without training row\(s\)"):
        values = explainer.influence(X[:2], y[:2])
    if DIVIDES_BY_ROWS:  # of scikit-learn 1.9, which refuses what earlier versions warn of
        with pytest.raises(np.linalg.LinAlgError):
            QuadraticDiscriminantAnalysis().fit(X[rows[:-1]], y[rows[:-1]])
    assert np.isnan(values[:, 60:]).all()
    assert np.isfinite(values[:, :50]).all()


def test_a_singular_linear_discriminant_is_refitted():
    Z = np.hstack([X, X[:, :1]])
    explainer = InfluenceExplainer(LinearDiscriminantAnalysis()).fit(Z, y)
    assert explainer.objective_.methods == ("refit",)
    model = LinearDiscriminantAnalysis().fit(Z[1:], y[1:])
    got = explainer.influence(Z[60:64], target="decision_function", rows=[0])[:, 0]
    codes = explainer.predict(Z[60:64])
    change = (model.decision_function(Z[60:64]) - explainer.estimator_.decision_function(Z[60:64]))[
        np.arange(4), codes
    ]
    np.testing.assert_allclose(got, change, atol=1e-9)


def test_a_row_whose_only_neighbour_leaves_has_no_prediction():
    Z, values = np.array([[0.0], [1.0], [1.5], [9.0]]), np.arange(4.0)
    regressor = InfluenceExplainer(RadiusNeighborsRegressor(0.8)).fit(Z, values)
    got = regressor.influence([[9.1], [1.2]])
    assert np.isnan(got[0, 3])
    np.testing.assert_allclose(got[1], [0.0, 0.5, -0.5, 0.0])
    labels = np.array([0, 0, 1, 1])
    classifier = RadiusNeighborsClassifier(0.8, outlier_label=0)
    got = InfluenceExplainer(classifier).fit(Z, labels).influence([[9.1]], [1])
    np.testing.assert_allclose(got, [[0.0, 0.0, 0.0, 1.0]])


def test_rows_that_a_sampler_took_are_weights():
    pipeline, under_sampling = (
        pytest.importorskip(f"imblearn.{name}") for name in ("pipeline", "under_sampling")
    )
    rows = np.r_[0:30, 50:100, 100:150]
    sampler = under_sampling.RandomUnderSampler(random_state=0)
    model = pipeline.make_pipeline(sampler, GaussianNB())
    explainer = InfluenceExplainer(model).fit(X[rows], y[rows])
    got = explainer.influence(X[:3], y[:3])
    taken = explainer.estimator_[0].sample_indices_
    again = InfluenceExplainer(GaussianNB()).fit(X[rows][taken], y[rows][taken])
    np.testing.assert_allclose(got[:, taken], again.influence(X[:3], y[:3]), atol=1e-6)
    assert np.abs(np.delete(got, taken, axis=1)).max() < 1e-6
    neighbours = pipeline.make_pipeline(sampler, KNeighborsClassifier())
    with pytest.raises(TypeError, match="takes no sample_weight, by which rows that a sampler"):
        InfluenceExplainer(neighbours).fit(X[rows], y[rows])


@pytest.mark.parametrize("estimator", [GaussianNB(), KNeighborsClassifier()])
def test_float32_rows_and_other_labels_give_nearly_the_same(estimator):
    expected = InfluenceExplainer(estimator).fit(X, y).influence(X[:4], y[:4])
    labels = np.array([7, -1, 30])[y]
    explainer = InfluenceExplainer(estimator).fit(X.astype(np.float32), labels.tolist())
    got = explainer.influence(X[:4].astype(np.float32), labels[:4])
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max() + 1e-12)
    again = pickle.loads(pickle.dumps(explainer))
    np.testing.assert_array_equal(again.influence(X[:4].astype(np.float32), labels[:4]), got)
