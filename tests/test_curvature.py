"""Which matrix is inverted: the Hessian, the Fisher information, the empirical Fisher.

The oracle writes the gradients of all rows down in numpy, from the fitted estimator alone.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, resolve_method
from skinfluence.explainer import SingularHessianWarning
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.groups import group_influence, most_influential_group
from skinfluence.metrics import loo_concordance
from skinfluence.perturbation import relabel_influence
from skinfluence.selection import relative_influence
from skinfluence.solvers import AutoSolver
from tests.effects._zoo import make
from tests.losses.test_fisher import Probit

TIGHT = {"tol": 1e-10, "max_iter": 10_000}


def iris(n_classes=3):
    X, y = load_iris(return_X_y=True)
    return (X[y < n_classes], y[y < n_classes]) if n_classes == 3 else (X[50:], y[50:])


def values(n_outputs=1):
    X, y = load_diabetes(return_X_y=True)
    X, y = 20 * X[:90, :6], (y[:90] - y.mean()) / y.std()
    return X, (y if n_outputs == 1 else np.column_stack([y, X[:, 0] ** 2 - y]))


def logistic_residuals(model, X, y):
    """Derivatives of the loss in the raw predictions, (n, K), from predicted probabilities."""
    p = model.predict_proba(X)
    if len(model.classes_) == 2:
        return (p[:, 1] - (y == model.classes_[1]))[:, None]
    return p - (y[:, None] == model.classes_)


def squared_residuals(model, X, y):
    return (model.predict(X) - y).reshape(len(X), -1)


CASES = {
    "logistic": (LogisticRegression(C=0.3, **TIGHT), iris(2), logistic_residuals, 1 / 0.3),
    "multinomial": (LogisticRegression(C=0.3, **TIGHT), iris(), logistic_residuals, 1 / 0.3),
    "ridge": (Ridge(2.0), values(), squared_residuals, 2.0),
    "two outputs": (Ridge(2.0), values(2), squared_residuals, 2.0),
}


def gradients(model, X, residuals):
    """Rows g_i, output by output, the intercept last."""
    Z = np.column_stack([X, np.ones(len(X))])
    return (residuals[:, :, None] * Z[:, None, :]).reshape(len(X), -1)


def by_hand(name, weights, damping=0.0):
    """First-order influence on the first rows with the empirical Fisher, all in numpy."""
    model, (X, y), residuals, alpha = CASES[name]
    model = clone(model).fit(X, y, sample_weight=weights)
    G = gradients(model, X, residuals(model, X, y))
    K = G.shape[1] // (X.shape[1] + 1)
    penalty = np.diag(np.tile([alpha] * X.shape[1] + [0.0], K))
    matrix = (G.T * weights) @ G + penalty + damping * weights.sum() * np.eye(len(penalty))
    return G[:7] @ np.linalg.pinv(matrix, rcond=1e-13) @ (G * weights[:, None]).T


def weights_of(name):
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(CASES[name][1][0]))
    weights[[3, 8]] = 0.0
    return weights


@pytest.mark.parametrize("damping", [0.0, 0.1])
@pytest.mark.parametrize("name", CASES)
def test_the_empirical_fisher_is_the_sum_of_outer_products(name, damping):
    weights = weights_of(name)
    model, (X, y), _, _ = CASES[name]
    explainer = InfluenceExplainer(model, curvature="empirical_fisher", damping=damping)
    explainer.fit(X, y, sample_weight=weights)
    expected = by_hand(name, weights, damping)
    actual = explainer.influence(X[:7], y[:7])
    assert_allclose(actual, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert (actual[:, [3, 8]] == 0).all()


@pytest.mark.parametrize("solver", ["cholesky", "eigh", "woodbury", "cg", "neumann"])
@pytest.mark.parametrize("name", CASES)
def test_each_solver_inverts_the_empirical_fisher(name, solver):
    model, (X, y), _, _ = CASES[name]
    ask = {"curvature": "empirical_fisher", "random_state": 0}
    expected = InfluenceExplainer(model, **ask).fit(X, y).influence(X[:7], y[:7])
    actual = InfluenceExplainer(model, solver=solver, **ask).fit(X, y).influence(X[:7], y[:7])
    rtol = 1e-2 if solver == "neumann" else 1e-6
    assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max())


def test_sparse_rows_and_single_precision_give_the_same(name="multinomial"):
    model, (X, y), _, _ = CASES[name]
    explainer = InfluenceExplainer(model, curvature="empirical_fisher").fit(X, y)
    expected = explainer.influence(X[:7], y[:7])
    for other, rtol in ((sparse.csr_array(X), 1e-6), (X.astype(np.float32), 1e-4)):
        actual = clone(explainer).fit(other, y).influence(other[:7], y[:7])
        assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize(
    "settings",
    [
        {"penalty_scaling": "mean"},
        {"estimator": LogisticRegression(class_weight="balanced", **TIGHT)},
    ],
    ids=str,
)
def test_weights_that_follow_a_removal_are_differentiated(settings):
    """What a row pulls at is the derivative of J' in its weight, whatever is inverted."""
    X, y = iris()
    X, y = X[:130], y[:130]
    settings = {"estimator": LogisticRegression(**TIGHT), **settings}
    explainer = InfluenceExplainer(curvature="empirical_fisher", **settings).fit(X, y)
    objective, rows, step = explainer.objective_, [0, 60, 129], 1e-5
    pulls = []
    for row in rows:
        up, down = (objective.with_weights([row], [1 + h]) for h in (step, -step))
        pulls.append((up.gradient() - down.gradient()).ravel() / (2 * step))
    R = np.sqrt(objective.sample_weight) * objective.residual
    G = (R[:, :, None] * objective.design.to_dense()[:, None]).reshape(len(X), -1)
    matrix = G.T @ G + np.diag(objective.penalty.diagonal.ravel())
    tests = explainer.test_rows(X[:5], y[:5]).coef_gradients().to_dense()
    expected = tests @ np.linalg.pinv(matrix, rcond=1e-13) @ np.array(pulls).T
    actual = explainer.influence(X[:5], y[:5], rows=rows)
    assert_allclose(actual, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize(
    "name, method", [(name, m) for name in CASES for m in ("first_order", "newton_step")]
)
def test_the_fisher_information_of_these_losses_is_the_hessian(name, method):
    model, (X, y), _, _ = CASES[name]
    hessian = InfluenceExplainer(model, method=method).fit(X, y)
    fisher = clone(hessian).set_params(curvature="fisher").fit(X, y)
    assert_array_equal(fisher.influence(X[:7], y[:7]), hessian.influence(X[:7], y[:7]))
    assert fisher.health().is_hessian and fisher.health().curvature == "fisher"


@pytest.mark.parametrize("name", ["logistic", "multinomial"])
def test_the_fisher_form_of_influence_in_mean_form(name):
    """I = g_t' F^-1 g_i (Barshan et al., 2020), F a mean over rows and over labels of the model.

    It is n times the influence; the penalty is folded into F.
    """
    model, (X, y), residuals, alpha = CASES[name]
    # lbfgs would leave an error of the size of the tolerance below
    model, n = clone(model).set_params(solver="newton-cholesky").fit(X, y), len(X)
    p, classes = model.predict_proba(X), model.classes_
    G = gradients(model, X, residuals(model, X, y))
    F = np.diag(np.tile([alpha / n] * X.shape[1] + [0.0], G.shape[1] // (X.shape[1] + 1)))
    for k, label in enumerate(classes):
        drawn = gradients(model, X, residuals(model, X, np.full(n, label)))
        F += (drawn.T * p[:, k]) @ drawn / n
    expected = G[:7] @ np.linalg.pinv(F, rcond=1e-13) @ G.T
    explainer = InfluenceExplainer(model, curvature="fisher", method="first_order").fit(X, y)
    actual = n * explainer.influence(X[:7], y[:7])
    assert_allclose(actual, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_the_empirical_fisher_approaches_the_hessian_where_the_model_is_right():
    """Labels drawn from the model itself: the information equality, to 1 / sqrt(n)."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 4))
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-X @ [1.0, -1.0, 0.5, 0.0]))).astype(int)
    hessian = InfluenceExplainer(LogisticRegression(), method="first_order").fit(X, y)
    expected = hessian.influence(X[:50], y[:50])
    fisher = clone(hessian).set_params(curvature="empirical_fisher").fit(X, y)
    actual = fisher.influence(X[:50], y[:50])
    assert 0 < np.abs(actual - expected).max() < 0.05 * np.abs(expected).max()


class TestWhatItIsNotFor:
    @pytest.fixture(scope="class")
    @classmethod
    def data(cls):
        return make_classification(120, 5, random_state=0)

    @pytest.fixture(scope="class")
    @classmethod
    def explainer(cls, data):
        model = LogisticRegression(C=0.1, **TIGHT)
        return InfluenceExplainer(model, curvature="empirical_fisher").fit(*data)

    @pytest.fixture(scope="class")
    @classmethod
    def hessian(cls, data):
        return InfluenceExplainer(LogisticRegression(C=0.1, **TIGHT)).fit(*data)

    def test_auto_is_first_order(self, explainer, hessian):
        assert hessian.resolve_method() == "newton_step"
        assert explainer.resolve_method() == "first_order"

    def test_the_newton_step_is_refused_when_asked_for(self, explainer, data):
        X, y = data
        for ask in (
            lambda: explainer.influence(X[:2], y[:2], method="newton_step"),
            lambda: explainer.self_influence(method="newton_step"),
            lambda: explainer.coef_influence(method="newton_step"),
            lambda: explainer.top_influences(X[:2], y[:2], method="newton_step"),
            lambda: explainer.explain(X[:2], y[:2], method="newton_step"),
        ):
            with pytest.raises(ValueError, match=r'newton_step.*curvature="hessian"'):
                ask()

    def test_other_tasks_refuse_it_too(self, explainer, data):
        X, y = data
        for ask in (
            lambda: relabel_influence(explainer, X[:2], y[:2], method="newton_step"),
            lambda: group_influence(explainer, [[0, 1]], X[:2], y[:2], method="newton_step"),
            lambda: most_influential_group(explainer, X[:1], y[:1], n_rows=3),
        ):
            with pytest.raises(ValueError, match="Fisher matrix"):
                ask()
        assert relabel_influence(explainer, X[:2], y[:2]).shape[:2] == (2, 120)

    @pytest.mark.parametrize("kind", ["theta", "loss"])
    def test_relative_influence_measures_changes_by_this_matrix(self, explainer, data, kind):
        X, y = data
        G = gradients(explainer, X, logistic_residuals(explainer, X, y))
        matrix = G.T @ G + np.diag([10.0] * 5 + [0.0])
        solved = np.linalg.solve(matrix, G.T)
        square = (solved**2).sum(axis=0) if kind == "theta" else (G.T * solved).sum(axis=0)
        expected = G[:4] @ solved / np.sqrt(square)
        actual = relative_influence(explainer, X[:4], y[:4], kind=kind)
        assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())

    def test_the_newton_step_is_refused_as_a_setting(self, data):
        explainer = InfluenceExplainer(curvature="empirical_fisher", method="newton_step")
        with pytest.raises(ValueError, match=r"newton_step.*empirical_fisher"):
            explainer.fit(*data)

    def test_refits_do_not_depend_on_it(self, explainer, hessian, data):
        X, y = data
        ask = {"method": "refit", "rows": [3, 50]}
        assert_allclose(
            explainer.influence(X[:3], y[:3], **ask),
            hessian.influence(X[:3], y[:3], **ask),
            rtol=1e-8,
        )

    def test_leverages_and_diagnostics_do_not_depend_on_it(self, explainer, hessian):
        assert_array_equal(explainer.leverage(), hessian.leverage())
        for a, b in zip(
            explainer.diagnostics().to_numpy().T, hessian.diagnostics().to_numpy().T, strict=True
        ):
            assert_array_equal(a, b)
        assert_array_equal(
            explainer.leave_one_out_raw_predictions(), hessian.leave_one_out_raw_predictions()
        )

    def test_health_says_which_matrix_was_inverted(self, explainer, hessian):
        health = explainer.health()
        assert (health.curvature, health.is_hessian) == ("empirical_fisher", False)
        assert health.effective_dof == hessian.health().effective_dof
        assert "of the matrix 'empirical_fisher'" in str(health)
        assert any("Fisher matrix" in sentence for sentence in health.advice())
        G = explainer.objective_.per_sample_gradients().to_dense()
        matrix = G.T @ G + np.diag(explainer.objective_.penalty.diagonal.ravel())
        assert_allclose(health.largest_curvature, np.linalg.eigvalsh(matrix)[-1], rtol=1e-6)
        assert not any("Fisher" in sentence for sentence in hessian.health().advice())

    def test_self_influence_is_first_order(self, explainer):
        G = explainer.objective_.per_sample_gradients().to_dense()
        matrix = G.T @ G + np.diag(explainer.objective_.penalty.diagonal.ravel())
        expected = np.einsum("ij,ji->i", G, np.linalg.solve(matrix, G.T))
        assert_allclose(explainer.self_influence(), expected, rtol=1e-8)

    def test_changes_of_coefficients_are_by_this_matrix(self, explainer, hessian):
        expected, actual = hessian.coef_influence(), explainer.coef_influence()
        assert actual.shape == expected.shape
        assert np.abs(actual - expected).max() > 0.05 * np.abs(expected).max()


def test_the_fidelity_score_tells_it_from_the_hessian():
    X, y = make_classification(150, 4, flip_y=0.2, random_state=0)
    search = GridSearchCV(
        InfluenceExplainer(LogisticRegression(C=0.1)),
        {"curvature": ["empirical_fisher", "hessian"], "method": ["first_order"]},
        cv=2,
    )
    search.fit(X, y)
    assert search.best_params_["curvature"] == "hessian"
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all() and scores[1] > scores[0]
    assert loo_concordance(search.best_estimator_, X, y) > 0.9


# at this temperature the smooth hinge is another machine, as the warning says
@pytest.mark.filterwarnings("ignore:LinearSVC had not converged, or its hinge is far")
@pytest.mark.parametrize("model", [LinearSVC(), LinearSVC(loss="hinge")], ids=["squared", "hinge"])
def test_a_hinge_has_no_fisher_information_and_an_empirical_one(model):
    X, y = make_classification(80, 4, random_state=0)
    model = clone(model).set_params(tol=1e-8, max_iter=100_000, C=0.1)
    with pytest.raises(ValueError, match=r"Hinge.*no probability of labels"):
        InfluenceExplainer(model, curvature="fisher", temperature=0.1).fit(X, y)
    explainer = InfluenceExplainer(model, curvature="empirical_fisher", temperature=0.1).fit(X, y)
    assert np.isfinite(explainer.influence(X[:3], y[:3])).all()


@pytest.mark.parametrize("curvature", ["Hessian", "newton", None, 1, ["hessian"]])
def test_an_unknown_curvature_is_refused(curvature):
    X, y = make_classification(40, 4, random_state=0)
    with pytest.raises(ValueError, match=r"curvature=.*Expected one of"):
        InfluenceExplainer(curvature=curvature).fit(X, y)


def test_an_exact_fit_has_no_empirical_fisher_matrix():
    """Residuals are rounding there: influence is zero, and not what rounding makes of it."""
    X = load_iris().data
    y = X @ np.array([0.1, 17.3, -1.7, 0.9]) + 3.3
    explainer = InfluenceExplainer(LinearRegression(), curvature="empirical_fisher").fit(X, y)
    with pytest.warns(SingularHessianWarning, match="Fisher matrix is singular"):
        influence = explainer.influence(X, y)
    assert np.count_nonzero(explainer.objective_.residual) > 0
    assert_allclose(influence, 0.0, atol=1e-20)


def test_a_ridge_classifier_takes_the_normal_law_of_unit_variance():
    X, y = iris()
    hessian = InfluenceExplainer(RidgeClassifier()).fit(X, y)
    fisher = clone(hessian).set_params(curvature="fisher").fit(X, y)
    assert_array_equal(fisher.influence(X[:3], y[:3]), hessian.influence(X[:3], y[:3]))


def test_scikit_learn_accepts_the_explainer_with_it():
    check_estimator(InfluenceExplainer(Ridge(), curvature="empirical_fisher"))


class TestALossWhoseFisherInformationIsNotItsHessian:
    """Probit: the label enters the second derivative."""

    @pytest.fixture(scope="class")
    @classmethod
    def objective(cls):
        return make(Probit(), 1)

    def test_the_matrix_is_the_mean_over_labels(self, objective):
        Z = objective.design.to_dense()
        p = objective.loss.probability(objective.raw_prediction)
        squares = [objective.loss.gradient(y, objective.raw_prediction)[:, 0] ** 2 for y in (-1, 1)]
        weight = objective.sample_weight[:, 0] * (p[:, 0] * squares[0] + p[:, 1] * squares[1])
        expected = (Z.T * weight) @ Z + np.diag(objective.penalty.diagonal.ravel())
        actual = objective.hessian(curvature="fisher")
        assert_allclose(actual.to_dense(), expected, rtol=1e-10)
        assert not actual.exact
        assert np.abs(expected - objective.hessian().to_dense()).max() > 1e-3 * expected.max()

    def test_it_takes_no_newton_step(self, objective):
        explained = SimpleNamespace(objective=objective)
        fisher = Linearization(explained, AutoSolver(), 0.0, None, curvature="fisher")
        assert resolve_method("auto", fisher) == "first_order"
        with pytest.raises(ValueError, match="newton_step"):
            resolve_method("newton_step", fisher)

    def test_the_linearisation_keeps_both_inverses_apart(self, objective):
        explained = SimpleNamespace(objective=objective)
        fisher = Linearization(explained, AutoSolver(), 0.0, None, curvature="fisher")
        hessian = Linearization(explained, AutoSolver(), 0.0, None)
        rows = np.arange(5)
        edits = RowEdits.removals(rows)
        newton = [
            made.changes("newton_step", edits)[1].coef_changes() for made in (fisher, hessian)
        ]
        assert_array_equal(*newton)
        pulls = (objective.sample_weight * objective.residual)[rows] * objective.design.to_dense()[
            rows
        ]
        expected = np.linalg.solve(objective.hessian(curvature="fisher").to_dense(), pulls.T).T
        actual = fisher.changes("first_order", edits)[1].coef_changes()[:, 0]
        assert_allclose(actual, expected, rtol=1e-9)
