"""More columns than rows and a weak penalty: leverages near one, against scikit-learn's refits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier

from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, newton_step
from skinfluence.groups import group_influence, most_influential_group
from skinfluence.perturbation import relabel_influence, replacement_influence
from skinfluence.solvers import AutoSolver

N, TESTS = 30, 4
RNG = np.random.default_rng(0)
X, X_TEST = RNG.standard_normal((N, 80)), RNG.standard_normal((TESTS, 80))
Y = X[:, :3].sum(axis=1) + RNG.standard_normal(N)
WEIGHT = 0.5 + RNG.random(N)
WEIGHT[5] = 0.0
PIXELS = 100.0 * X + 50.0
#: name -> (table, alpha, weighted, outputs, fit_intercept)
CASES = {
    "alpha-1e-2": (X, 1e-2, False, 1, True),
    "alpha-1e-4": (X, 1e-4, False, 1, True),
    "alpha-1e-6": (X, 1e-6, False, 1, True),
    "alpha-1e-10": (X, 1e-10, False, 1, True),
    "weights": (X, 1e-6, True, 1, True),
    "three-outputs": (X, 1e-6, False, 3, True),
    "without-intercept": (X, 1e-6, False, 1, False),
    "pixels": (PIXELS, 1.0, False, 1, True),
    "as-many-columns-as-rows": (X[:, :N], 1e-6, False, 1, True),
}


class Problem:
    """A ridge regression with its explainer and its refits."""

    def __init__(self, name):
        self.X, alpha, weighted, outputs, intercept = CASES[name]
        self.y = Y if outputs == 1 else np.stack([(k + 1) * Y + X[:, k] for k in range(outputs)], 1)
        self.weight = WEIGHT if weighted else None
        self.model = Ridge(alpha, fit_intercept=intercept, solver="svd")
        self.X_test = self.X[:TESTS] + X_TEST[:, : self.X.shape[1]]
        self.explainer = InfluenceExplainer(Ridge(alpha, fit_intercept=intercept)).fit(
            self.X, self.y, sample_weight=self.weight
        )
        self.before = self.refit([])

    def refit(self, gone):
        kept = np.delete(np.arange(N), gone)
        weight = None if self.weight is None else self.weight[kept]
        return self.model.fit(self.X[kept], self.y[kept], weight)

    def changes(self, groups):
        """Changes of the predictions of the test rows, summed over outputs: (tests, groups)."""
        before = self.model.fit(self.X, self.y, self.weight).predict(self.X_test)
        moved = [self.refit(g).predict(self.X_test) - before for g in groups]
        return np.stack([m.reshape(TESTS, -1).sum(axis=1) for m in moved], axis=1)


@pytest.fixture(scope="module", params=CASES)
def problem(request):
    return Problem(request.param)


def assert_close(actual, expected, rtol=1e-9):
    assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("method", ["newton_step", "refit"])
def test_removed_rows_and_groups_are_scikit_learns_refits(problem, method):
    rows, explainer = np.arange(0, N, 5), problem.explainer
    got = explainer.influence(problem.X_test, target="predict", rows=rows, method=method)
    assert_close(got, problem.changes(rows[:, None]))
    groups = [[1, 2, 3], [4, 9]]
    got = group_influence(explainer, groups, problem.X_test, target="predict", method=method)
    assert_close(got, problem.changes(groups))


def test_leave_one_out_predictions_and_coefficients_are_those_of_refits(problem):
    explainer, rows = problem.explainer, [0, 7, 11]
    models = [(i, problem.refit([i]).predict(problem.X[[i]])[0]) for i in rows]
    got = explainer.leave_one_out_raw_predictions()
    assert_close(got[rows], np.array([value for _, value in models]))
    coef = [np.ravel(problem.refit([i]).coef_) for i in rows]
    before = np.ravel(problem.refit([]).coef_)
    got = explainer.coef_influence(rows=rows)[:, : before.size]
    assert_close(got, np.array(coef) - before)


def test_the_most_influential_group_is_followed_to_its_refit():
    for name in ("alpha-1e-4", "alpha-1e-10"):
        problem = Problem(name)
        found = most_influential_group(
            problem.explainer, problem.X_test[:1], target="predict", n_rows=3
        )
        path = [found.rows[: m + 1] for m in range(3)]
        assert_close(found.path, problem.changes(path)[0])


def test_replaced_rows_are_scikit_learns_refits():
    problem = Problem("alpha-1e-6")
    new, value = RNG.standard_normal((1, 80)), np.array([2.0])
    before, X, y = problem.refit([]).predict(problem.X_test), problem.X.copy(), problem.y.copy()
    y[3] = 2.0
    relabelled = problem.model.fit(X, y).predict(problem.X_test) - before
    X[3] = new
    replaced = problem.model.fit(X, y).predict(problem.X_test) - before
    for method in ("newton_step", "refit"):
        asked = {"target": "predict", "method": method}
        got = replacement_influence(problem.explainer, [3], new, value, problem.X_test, **asked)
        assert_close(got[:, 0], replaced, 1e-8)
        got = relabel_influence(problem.explainer, problem.X_test, None, value, rows=[3], **asked)
        assert_close(got[:, 0], relabelled, 1e-6)


def test_diagnostics_have_the_digits_of_the_gap():
    """By the dual: y - prediction = alpha L y and 1 - h = alpha diag(L), L = (Z Z' + alpha C)^+."""
    problem = Problem("alpha-1e-6")
    Z, centring = X - X.mean(axis=0), np.eye(N) - 1.0 / N
    dual = 1e-6 * np.linalg.pinv(Z @ Z.T + 1e-6 * centring, rcond=1e-10, hermitian=True)
    residual, gap = dual @ Y, np.diag(dual)
    table = problem.explainer.diagnostics()
    assert_allclose(table["residual"], residual, rtol=1e-9)
    h, variance = 1.0 - gap, (residual**2).sum() / gap.sum()
    cook = residual**2 * h / (variance * gap**2 * h.sum())
    assert_allclose(table["cooks_distance"], cook, rtol=1e-9)
    assert_allclose(table["leave_one_out_loss"], 0.5 * (residual / gap) ** 2, rtol=1e-9)
    assert_close(problem.explainer.self_influence("first_order"), residual**2 * h, 1e-9)


def test_balanced_classes_of_a_wide_table_are_scikit_learns_refits():
    labels = np.digitize(Y, [-1.0, 1.0])
    for weights in (None, "balanced"):
        model = RidgeClassifier(1e-6, class_weight=weights, solver="svd")
        explainer = InfluenceExplainer(model).fit(X, labels)
        got = explainer.coef_influence(rows=[0, 7], method="newton_step")
        before = model.fit(X, labels).coef_.ravel()
        for change, i in zip(got, [0, 7], strict=True):
            kept = np.arange(N) != i
            after = model.fit(X[kept], labels[kept]).coef_.ravel()
            assert_close(change[: before.size], after - before, 1e-6)


def extended_step(objective, i):
    """The Newton step without row i in extended precision, (K, q)."""
    Z = objective.design.to_dense().astype(np.longdouble)
    K, q = objective.coef.shape
    A = objective.row_curvature().matrix().astype(np.longdouble)
    A[i] = 0.0
    H = np.einsum("nkj,nq,nr->kqjr", A, Z, Z, optimize=True).reshape(K * q, K * q)
    H[np.diag_indices_from(H)] += objective.penalty.diagonal.ravel()
    gauge = objective.hessian().non_identifiable
    H += gauge @ gauge.T
    right = (objective.weighted_residual()[i][:, None] * Z[i]).reshape(-1)
    for j in range(K * q):  # Gauss-Jordan; the matrix is positive definite
        factor = H[:, j] / H[j, j]
        factor[j] = 0.0
        right = right - factor * right[j]
        H -= factor[:, None] * H[j]
    return (right / np.diag(H)).astype(float).reshape(K, q)


@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_steps_of_a_wide_table_are_those_of_extended_precision(classes, C):
    labels = Y > 0 if classes == 2 else np.digitize(Y, [-1.0, 1.0])
    model = LogisticRegression(C=C, tol=1e-10, max_iter=10_000)
    objective = InfluenceExplainer(model).fit(X[:, :40], labels).objective_
    edits = RowEdits.removals(np.arange(N))
    step = newton_step(objective, AutoSolver().factorize(objective.hessian()), edits)
    for i in (0, 7):
        assert_close(step.coef_changes()[i], extended_step(objective, i), 1e-8)


@pytest.mark.parametrize("solver", ["auto", "cholesky", "eigh"])
@pytest.mark.parametrize("alpha", [1e-7, 1e-9])
def test_a_row_that_alone_has_a_column_keeps_its_digits_with_few_columns(alpha, solver):
    """1 - h is about alpha there, in a table of more rows than columns."""
    table = np.c_[X[:, :3], np.arange(N) == 7]
    explainer = InfluenceExplainer(Ridge(alpha), solver=solver).fit(table, Y)
    got = explainer.coef_influence(rows=[7])[0, :4]
    kept = np.arange(N) != 7
    before = Ridge(alpha, solver="svd").fit(table, Y).coef_
    after = Ridge(alpha, solver="svd").fit(table[kept], Y[kept]).coef_
    assert_close(got, after - before, 1e-16 / alpha * 100)


def test_interpolating_least_squares_is_that_of_least_norm():
    explainer = InfluenceExplainer(LinearRegression())
    with pytest.warns(UserWarning, match="The Hessian is singular"):
        got = explainer.fit(X, Y).influence(X_TEST, target="predict", rows=[0, 7])
    before = LinearRegression().fit(X, Y).predict(X_TEST)
    for j, i in enumerate([0, 7]):
        kept = np.arange(N) != i
        after = LinearRegression().fit(X[kept], Y[kept]).predict(X_TEST)
        assert_close(got[:, j], after - before)


# whether rounding lets the last columns reach the tolerance depends on the kernels of BLAS
@pytest.mark.filterwarnings(r"ignore:solver=.cg.. \d+ of")
def test_an_iterative_solver_does_not_divide_by_its_tolerance():
    explainer = InfluenceExplainer(Ridge(1e-6), solver="cg").fit(X, Y)
    with pytest.warns(RuntimeWarning, match="leverage 1 as far as solver='cg' can resolve"):
        assert np.isnan(explainer.influence(X_TEST, method="newton_step")).all()


def test_groups_under_conjugate_gradients_may_have_a_duplicated_column():
    table = np.c_[X[:, :3], X[:, 0]]
    auto, cg = (
        InfluenceExplainer(LinearRegression(), solver=s).fit(table, Y) for s in ("eigh", "cg")
    )
    asked = {"target": "predict", "method": "newton_step"}
    got = group_influence(cg, [[1, 2, 3]], table[:4], **asked)
    with pytest.warns(UserWarning, match="The Hessian is singular"):
        assert_close(got, group_influence(auto, [[1, 2, 3]], table[:4], **asked), 1e-6)
