"""SVR, NuSVR and LinearSVR: their own predictions, and refits of the epsilon-insensitive loss."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVR, NuSVR
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import InfluenceExplainer
from skinfluence.adapters import Settings, explain_estimator
from skinfluence.groups import group_influence
from skinfluence.objectives import minimize
from skinfluence.perturbation import relabel_influence
from skinfluence.solvers import CholeskySolver

RNG = np.random.default_rng(0)
X = RNG.standard_normal((110, 2))
Y = 10.0 * np.sin(1.5 * X[:, 0]) + 5.0 * X[:, 1] + 3.0 * RNG.standard_normal(110) + 20.0
WEIGHTS = RNG.uniform(0.3, 2.0, 80)
TEST = X[80:]

pytestmark = pytest.mark.filterwarnings("ignore:.*its hinge is far from the smooth hinge")

MODELS = {
    "rbf": SVR(gamma=0.5, epsilon=2.0, tol=1e-9),
    "strong": SVR(gamma=0.5, C=30.0, epsilon=1.0, tol=1e-9),
    "linear": SVR(kernel="linear", C=0.1, epsilon=1.0, tol=1e-8),
    "poly": SVR(kernel="poly", gamma=0.5, degree=2, coef0=1.0, epsilon=1.0, tol=1e-8),
    "absolute": SVR(gamma=0.5, epsilon=0.0, tol=1e-9),
    "liblinear": LinearSVR(epsilon=1.0, C=0.2, tol=1e-10, max_iter=10**7, random_state=0),
    "liblinear absolute": LinearSVR(C=0.2, tol=1e-10, max_iter=10**7, random_state=0),
}


@pytest.mark.parametrize("name", [*MODELS, "nu"])
def test_predictions_are_the_machine_s_own(name):
    model = clone({**MODELS, "nu": NuSVR(nu=0.4, gamma=0.5)}[name])
    for given in (np.asarray, sparse.csr_array):
        model.fit(given(X[:80]), Y[:80], WEIGHTS)
        fitted = explain_estimator(model, given(X[:80]), Y[:80], WEIGHTS, Settings())
        raw = fitted.predictor(given(TEST)).raw()[:, 0]
        assert_allclose(raw, model.predict(TEST), atol=1e-8)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_refits_are_those_of_the_machine_itself(name, weighted):
    w, model = WEIGHTS if weighted else np.ones(80), clone(MODELS[name])
    explainer = InfluenceExplainer(model).fit(X[:80], Y[:80], w)
    rows, groups = np.arange(0, 80, 9), [np.arange(12), np.arange(20, 50)]
    kept = [np.delete(np.arange(80), gone) for gone in [*rows, *groups]]
    before = model.fit(X[:80], Y[:80], w).predict(TEST)
    want = [model.fit(X[k], Y[k], w[k]).predict(TEST) - before for k in kept]
    got = explainer.influence(TEST, target="predict", rows=rows)
    got = np.hstack([got, group_influence(explainer, groups, TEST, target="predict")])
    assert explainer.resolve_method() == "refit"
    error = np.abs(got - np.transpose(want)).max() / np.abs(want).max()
    assert error < 1e-4 if "liblinear" in name else error < 2e-5


def test_other_values_are_those_of_the_machine():
    model, rows, values = clone(MODELS["rbf"]), np.array([3, 7]), np.array([25.0, 10.0])
    explainer = InfluenceExplainer(model).fit(X[:80], Y[:80])
    got = relabel_influence(explainer, TEST, None, values, rows=rows, target="predict")
    before = model.fit(X[:80], Y[:80]).predict(TEST)
    for j, row in enumerate(rows):
        other = Y[:80].copy()
        other[row] = values[j]
        assert_allclose(got[:, j], model.fit(X[:80], other).predict(TEST) - before, atol=1e-5)


@pytest.mark.parametrize("name", ["rbf", "absolute", "liblinear"])
def test_first_order_is_the_slope_of_the_smooth_optimum(name):
    explainer = InfluenceExplainer(clone(MODELS[name]), method="first_order", temperature=0.1)
    explainer.fit(X[:80], Y[:80], WEIGHTS)
    assert explainer.polished_stationarity_ < 1e-10
    objective, step = explainer.objective_, 1e-3
    predictor = explainer.fitted_model_.predictor(TEST)

    def predicted(row, factor):
        changed = minimize(objective.with_weights([row], [factor]), CholeskySolver())
        return changed.objective.raw_predictions(predictor)[:, 0]

    got = explainer.influence(TEST, target="predict", rows=[2, 30])
    for j, row in enumerate([2, 30]):
        slope = (predicted(row, 1 - step) - predicted(row, 1 + step)) / (2 * step)
        assert np.abs(got[:, j] - slope).max() < 1e-5 * np.abs(slope).max()


def test_the_temperature_is_in_units_of_the_target():
    small = InfluenceExplainer(SVR(gamma=0.5, epsilon=0.02, C=1.0), method="first_order")
    large = InfluenceExplainer(SVR(gamma=0.5, epsilon=20.0, C=1000.0), method="first_order")
    one = small.fit(X[:80], Y[:80] / 100.0).influence(TEST, target="predict")
    other = large.fit(X[:80], Y[:80] * 10.0).influence(TEST, target="predict")
    assert_allclose(1000.0 * one, other, atol=1e-5 * np.abs(other).max())


def test_the_strongest_rows_agree_with_refits():
    table, y = load_diabetes(return_X_y=True)
    table, y = StandardScaler().fit_transform(table), (y - y.mean()) / y.std()
    model = SVR(gamma=0.02, tol=1e-8)
    steps = InfluenceExplainer(model, method="newton_step").fit(table[:300], y[:300])
    real = InfluenceExplainer(model).fit(table[:300], y[:300])
    test = table[300:305]
    found = steps.influence(test, target="predict")
    for t in range(5):
        rows = np.argsort(-np.abs(found[t]))[:100]
        refits = real.influence(test[t : t + 1], target="predict", rows=rows)[0]
        assert np.corrcoef(found[t, rows], refits)[0, 1] > 0.9


def test_nu_is_the_epsilon_that_it_amounts_to():
    model = NuSVR(nu=0.4, gamma=0.5, C=2.0, tol=1e-9)
    nu = InfluenceExplainer(model).fit(X[:80], Y[:80])
    epsilon = nu.objective_.loss.epsilon
    same = SVR(gamma=0.5, C=2.0, epsilon=epsilon, tol=1e-9)
    assert_allclose(same.fit(X[:80], Y[:80]).predict(TEST), nu.predict(TEST), atol=1e-5)
    other = InfluenceExplainer(same).fit(X[:80], Y[:80])
    got, want = (e.influence(TEST, target="predict") for e in (nu, other))
    assert np.abs(got - want).max() < 1e-4 * np.abs(want).max()


def test_pipelines_and_copies_from_disk():
    model = make_pipeline(StandardScaler(), SVR())
    explainer = InfluenceExplainer(model).fit(X[:80], Y[:80])
    copy = pickle.loads(pickle.dumps(explainer))
    assert_allclose(copy.influence(TEST, Y[80:]), explainer.influence(TEST, Y[80:]))
    assert explainer.score(TEST, Y[80:]) > 0.999


@parametrize_with_checks(
    [InfluenceExplainer(SVR())],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": "libsvm stops short of the optimum"
        for kind in ("dense", "sparse")
    },
)
def test_scikit_learn_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)
