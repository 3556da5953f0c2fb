"""The network of the page "Extending" keeps the contracts, and is explained."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.components import influence_components
from skinfluence.groups import group_influence, most_influential_group, smallest_flipping_set
from skinfluence.perturbation import perturbation_influence, replacement_influence
from skinfluence.selection import relative_influence
from skinfluence.testing import check_adapter, check_predictor, leave_one_out_influence
from tests.extending.network import NetworkRegressor, TwoLayers

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 3))
Y = np.sin(X[:, 0]) + 0.5 * X[:, 1] ** 2 + 0.2 * RNG.standard_normal(80)
TRAIN, TEST = (X[:60], Y[:60]), (X[60:], Y[60:])


@pytest.fixture(scope="module")
def explainer():
    return InfluenceExplainer(NetworkRegressor(alpha=0.5)).fit(*TRAIN)


def test_the_predictor_keeps_the_contract():
    check_predictor(TwoLayers(X[:9], RNG.standard_normal(16)))


def test_a_wrong_second_derivative_is_found():
    class Forgetful(TwoLayers):
        def curvature_product(self, R, V):
            return 0.9 * super().curvature_product(R, V)

    with pytest.raises(AssertionError, match="curvature_product"):
        check_predictor(Forgetful(X[:9], RNG.standard_normal(16)))


def test_the_adapter_keeps_the_contract():
    model = NetworkRegressor(alpha=0.5)
    # its L-BFGS is good for about 1e-7, which a slope over a longer step feels less
    check_adapter(model, *TRAIN, X_test=TEST[0], y_test=TEST[1], rtol=1e-5, step=0.08)


def test_the_hessian_is_the_derivative_of_the_gradient(explainer):
    objective, h = explainer.objective_, 1e-5
    columns = [
        objective.with_coef(objective.coef + h * e).gradient()
        - objective.with_coef(objective.coef - h * e).gradient()
        for e in np.eye(objective.n_parameters)
    ]
    expected = np.stack(columns) / (2 * h)
    assert np.abs(objective.hessian().to_dense() - expected).max() < 1e-6 * np.abs(expected).max()
    gauss_newton = objective.hessian(curvature="gauss_newton").to_dense()
    assert np.abs(gauss_newton - expected).max() > 0.01 * np.abs(expected).max()


@pytest.mark.parametrize("solver", ["auto", "cholesky", "eigh"])
def test_influences_by_a_damped_solve(explainer, solver):
    damped = InfluenceExplainer(explainer.estimator, solver=solver, damping=0.01).fit(*TRAIN)
    objective, tests = damped.objective_, damped.test_rows(*TEST)
    H = objective.hessian().to_dense() + 0.01 * 60 * np.eye(objective.n_parameters)
    G = objective.per_sample_gradients().to_dense()
    expected = tests.coef_gradients().to_dense() @ np.linalg.solve(H, G.T)
    got = damped.influence(*TEST, method="first_order")
    assert np.abs(got - expected).max() < 1e-9 * np.abs(expected).max()


def test_conjugate_gradients_on_the_gauss_newton_matrix(explainer):
    settings = {"curvature": "gauss_newton", "damping": 0.01, "method": "first_order"}
    one, two = (
        InfluenceExplainer(explainer.estimator, solver=solver, **settings).fit(*TRAIN)
        for solver in ("cg", "cholesky")
    )
    got, expected = one.influence(*TEST), two.influence(*TEST)
    assert np.abs(got - expected).max() < 1e-6 * np.abs(expected).max()


def test_influences_are_those_of_refits(explainer):
    rows = [3, 40]
    truth = leave_one_out_influence(explainer.estimator, *TRAIN, *TEST, rows)
    for method, tolerance in {"first_order": 0.3, "newton_step": 0.2, "refit": 1e-5}.items():
        got = explainer.influence(*TEST, rows=rows, method=method)
        assert np.abs(got - truth).max() < tolerance * np.abs(truth).max(), method


def test_groups_are_removed_too(explainer):
    group = [3, 17, 40]
    truth, step, second, first = (
        group_influence(explainer, [group], *TEST, method=method)[:, 0]
        for method in ("refit", "newton_step", "second_order", "first_order")
    )
    assert np.abs(step - truth).max() < np.abs(first - truth).max()
    assert np.abs(second - step).max() < 0.5 * np.abs(first - step).max()
    assert np.corrcoef(first, truth)[0, 1] > 0.9


def test_what_needs_a_linear_model_says_so(explainer):
    with pytest.raises(TypeError, match="TwoLayers is not linear in its coefficients"):
        perturbation_influence(explainer, *TEST, rows=[1])
    with pytest.raises(ValueError, match="solver='woodbury' needs a convex loss"):
        InfluenceExplainer(explainer.estimator, solver="woodbury").fit(*TRAIN).influence(*TEST)


@pytest.mark.parametrize("kind", ["theta", "loss"])
def test_lengths_of_changes_are_those_of_all_parameters(explainer, kind):
    H = explainer.objective_.hessian().to_dense()
    gradients = explainer.objective_.per_sample_gradients().to_dense()
    moved = np.linalg.solve(H, gradients.T).T
    lengths = np.sqrt(((moved if kind == "theta" else moved @ H) * moved).sum(axis=1))
    expected = explainer.influence(*TEST, method="first_order") / lengths
    got = relative_influence(explainer, *TEST, kind=kind)
    assert np.abs(got - expected).max() < 1e-9 * np.abs(expected).max()


def test_an_inner_product_is_that_of_whole_gradients(explainer):
    G = explainer.objective_.per_sample_gradients().to_dense()
    expected = explainer.test_rows(*TEST).coef_gradients().to_dense() @ G.T
    parts = influence_components(explainer, *TEST)
    assert np.abs(parts.without_hessian - expected).max() < 1e-12 * np.abs(expected).max()


def test_replaced_rows_are_those_of_a_fit_to_the_changed_table(explainer):
    X_new, y_new = TEST[0][:1] + 0.5, np.array([0.3])
    changed = TRAIN[0].copy(), TRAIN[1].copy()
    changed[0][7], changed[1][7] = X_new[0], y_new[0]
    after = NetworkRegressor(alpha=0.5).fit(*changed).predict(TEST[0])
    expected = after - explainer.predict(TEST[0])
    question = {"X_new": X_new, "y_new": y_new, "X_test": TEST[0]}
    for method, tolerance in {"newton_step": 1e-4, "refit": 1e-4, "first_order": 0.6}.items():
        got = replacement_influence(explainer, [7], **question, method=method)[:, 0]
        assert np.abs(got - expected).max() < tolerance * np.abs(expected).max(), method


def test_searches_for_groups_follow_the_parameters(explainer):
    found = most_influential_group(explainer, *TEST, n_rows=3)
    groups = [found.rows, *np.arange(60).reshape(20, 3)]
    effects = group_influence(explainer, groups, *TEST, method="refit").mean(axis=0)
    assert effects[0] > effects[1:].max()
    flipped = smallest_flipping_set(explainer, TEST[0][:1], threshold=0.5)[0]
    after = group_influence(explainer, [flipped.rows], TEST[0][:1], method="refit")[0, 0]
    before = explainer.predict(TEST[0][:1])[0]
    assert (before > 0.5) != (before + after > 0.5)


def test_the_hessian_of_a_start_is_not_that_of_the_end():
    """Squared error curves alike everywhere, the network does not."""
    model = NetworkRegressor(alpha=0.5).fit(*TRAIN)
    model.theta_ = model.theta_ + 0.02
    with pytest.warns(ConvergenceWarning):
        moved = InfluenceExplainer(FrozenEstimator(model)).fit(*TRAIN)
    expected = InfluenceExplainer(NetworkRegressor(alpha=0.5)).fit(*TRAIN).influence(*TEST)
    assert np.abs(moved.influence(*TEST) - expected).max() < 1e-6 * np.abs(expected).max()


def test_labels_are_judged_by_cross_validation():
    y = TRAIN[1].copy()
    y[7] += 5.0
    flagger = LabelFlagger(NetworkRegressor(alpha=0.5)).fit(TRAIN[0], y)
    assert flagger.ranking_[0] == 7
    assert "not linear in its parameters" in flagger.description_
