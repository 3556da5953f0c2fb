"""Where LinearRegression drops singular values: against its own refits, which cut again."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression

from skinfluence import InfluenceExplainer
from skinfluence.adapters._families.least_squares import TOL_IS_CUT
from skinfluence.groups import group_influence
from skinfluence.perturbation import perturbation_influence, replacement_influence

pytestmark = pytest.mark.filterwarnings("ignore:LinearRegression dropped")
drops = pytest.mark.skipif(not TOL_IS_CUT, reason="drops what is rounding only, before 1.9")

RNG = np.random.default_rng(1)
KB = RNG.lognormal(10.0, 2.0, 60).round()
SIZES = np.c_[KB, (KB / 2**20).round(3), RNG.standard_normal(60)]
YEAR = np.arange(1950.0, 2010.0)
TWINS = np.c_[SIZES[:, 2], SIZES[:, 2] + 1e-8 * RNG.standard_normal(60), RNG.standard_normal(60)]
WIDE = RNG.standard_normal((12, 20)) * np.r_[np.full(6, 1.0), np.full(14, 1e-7)]
TABLES = {
    "sizes": (SIZES, {}),
    "sizes-weights": (SIZES, {"weights": True}),
    "sizes-two-outputs": (SIZES, {"outputs": 2}),
    "sizes-without-intercept": (SIZES, {"fit_intercept": False}),
    "years": (np.c_[YEAR, YEAR**2, YEAR**3], {}),
    "twins": (TWINS, {"weights": True}),
    "large-tol": (TWINS * [1.0, 1.0, 0.3] + 0.1 * SIZES[:, [2]], {"tol": 0.4}),
    "edge": (np.c_[RNG.standard_normal(60), 1e-7 * (RNG.standard_normal(60) ** 5)], {}),
    "wide": (WIDE, {}),
}
ROWS = np.arange(8)

every_table = pytest.mark.parametrize("name", [pytest.param(n, marks=drops) for n in TABLES])
some_tables = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=drops) for n in ("sizes-weights", "large-tol", "edge", "wide")]
)


class Problem:
    def __init__(self, name):
        X, settings = TABLES[name]
        rng = np.random.default_rng(2)
        self.X, n = X, len(X)
        y = rng.standard_normal((n, settings.get("outputs", 1))) + X[:, [-1]] / X[:, -1].std()
        self.y = y if y.shape[1] > 1 else y[:, 0]
        self.weight = 0.5 + rng.random(n) if "weights" in settings else np.ones(n)
        self.weight[3] = 0.0 if "weights" in settings else 1.0
        self.X_test = X[:4] * (1.0 + 0.1 * rng.standard_normal((4, 1)))
        kept = {k: v for k, v in settings.items() if k in ("tol", "fit_intercept")}
        self.model = LinearRegression(**kept)
        explainer = InfluenceExplainer(LinearRegression(**kept))
        self.explainer = explainer.fit(X, self.y, sample_weight=self.weight)
        assert self.explainer.objective_.cut is not None
        self.before = self.refit()

    def refit(self, kept=slice(None), X=None, y=None, weight=None):
        """Predictions of test rows, summed over the outputs."""
        X, y = self.X if X is None else X, self.y if y is None else y
        weight = self.weight if weight is None else weight
        self.model.fit(X[kept], y[kept], sample_weight=weight[kept])
        return self.model.predict(self.X_test).reshape(len(self.X_test), -1).sum(axis=1)

    def slope(self, at, h):
        made = {i: at(i * h) for i in (-2, -1, 1, 2)}
        return (8.0 * (made[1] - made[-1]) - (made[2] - made[-2])) / (12.0 * h)


def assert_close(got, expected, rtol):
    assert np.isfinite(expected).all()
    assert np.abs(got - expected).max() <= rtol * np.abs(expected).max()


@every_table
def test_removals_are_its_refits(name):
    problem = Problem(name)
    every = np.arange(len(problem.X))
    expected = [problem.refit(every != row) - problem.before for row in every]
    for method in ("newton_step", "refit"):
        got = problem.explainer.influence(problem.X_test, method=method)
        assert_close(got, np.transpose(expected), 1e-8)
    if problem.weight[3] == 0.0:
        assert_array_equal(got[:, 3], 0.0)


@every_table
def test_first_order_is_the_derivative_in_the_weight(name):
    problem = Problem(name)
    got = problem.explainer.influence(problem.X_test, rows=ROWS, method="first_order")
    for row in (0, 5):

        def at(more, row=row):
            change = np.where(np.arange(len(problem.X)) == row, 1.0 + more, 1.0)
            return problem.refit(weight=problem.weight * change)

        assert_close(got[:, row], -problem.slope(at, 1e-3), 1e-5)


@some_tables
def test_groups_are_its_refits(name):
    problem = Problem(name)
    groups = [[0, 1], [5, 2, 7, 3], list(range(4, len(problem.X) - 2, 2))]
    every = np.arange(len(problem.X))
    expected = [problem.refit(np.setdiff1d(every, group)) - problem.before for group in groups]
    for method in ("newton_step", "refit"):
        got = group_influence(problem.explainer, groups, problem.X_test, method=method)
        assert_close(got, np.transpose(expected), 1e-8)
    rows, whole = (
        group_influence(problem.explainer, g, problem.X_test, method="first_order")
        for g in ([[5], [2]], [[5, 2]])
    )
    assert_allclose(rows.sum(axis=1), whole[:, 0], rtol=1e-9)


@some_tables
def test_replaced_rows_are_its_refits(name):
    problem = Problem(name)
    rows = np.array([0, 5])
    X_new, y_new = problem.X[[9, 10]] * 1.3, problem.y[[10, 11]] + 1.0
    for given in ((X_new, None), (None, y_new), (X_new, y_new)):
        expected = []
        for b, row in enumerate(rows):
            X, y = problem.X.copy(), problem.y.copy()
            X[row] = X[row] if given[0] is None else X_new[b]
            y[row] = y[row] if given[1] is None else y_new[b]
            expected.append(problem.refit(X=X, y=y) - problem.before)
        for method in ("newton_step", "refit"):
            got = replacement_influence(
                problem.explainer, rows, *given, problem.X_test, method=method
            )
            assert_close(got, np.transpose(expected), 1e-7)


def test_nearly_singular_tables_keep_their_digits_where_nothing_is_dropped():
    model = LinearRegression(tol=0.0) if TOL_IS_CUT else LinearRegression()
    y, every = KB**0.1 + SIZES[:, 2], np.arange(60)
    explainer = InfluenceExplainer(model).fit(SIZES, y)
    assert explainer.estimator_.rank_ == 3
    assert explainer.estimator_.singular_[2] < 1e-8 * explainer.estimator_.singular_[0]
    before = explainer.predict(SIZES[:4])
    expected = [
        model.fit(SIZES[every != row], y[every != row]).predict(SIZES[:4]) - before for row in every
    ]
    for method in ("newton_step", "refit"):
        got = explainer.influence(SIZES[:4], method=method)
        assert_close(got, np.transpose(expected), 1e-8)


@drops
def test_a_small_replacement_to_first_order():
    problem = Problem("sizes-weights")
    h = 1e-5
    X_new = problem.X[[5]] * (1.0 + h)
    got = replacement_influence(
        problem.explainer, [5], X_new, None, problem.X_test, method="first_order"
    )

    def at(share):  # the weight goes over from one row to the other
        X, y = np.r_[problem.X, X_new], np.r_[problem.y, problem.y[5]]
        weight = np.r_[problem.weight, share * problem.weight[5]]
        weight[5] *= 1.0 - share
        return problem.refit(X=X, y=y, weight=weight)

    assert_close(got[:, 0], (4.0 * at(0.5) - 3.0 * at(0.0) - at(1.0)), 1e-2)


@some_tables
def test_derivatives_in_features_follow_what_is_kept(name):
    problem = Problem(name)
    got = perturbation_influence(problem.explainer, problem.X_test, rows=ROWS)
    for row, j in ((0, 0), (5, min(2, problem.X.shape[1] - 1))):

        def at(more, row=row, j=j):
            X = problem.X.copy()
            X[row, j] += more
            return problem.refit(X=X)

        h = (1e-7 if name in ("twins", "wide") else 1e-3) * problem.X[:, j].std()
        assert_close(got[:, row, j], problem.slope(at, h), 1e-4)


@drops
@pytest.mark.parametrize("name", ["sizes", "twins"])
def test_left_out_predictions_and_diagnostics_follow(name):
    problem = Problem(name)
    explainer, X, y, s = problem.explainer, problem.X, problem.y, problem.weight
    every = np.arange(len(X))
    models = [LinearRegression().fit(X[every != i], y[every != i], s[every != i]) for i in every]
    left_out = np.array([m.predict(X[[i]])[0] for i, m in enumerate(models)])
    assert_close(explainer.leave_one_out_raw_predictions(), left_out, 1e-9)
    loss, own = 0.5 * (left_out - y) ** 2, 0.5 * (explainer.predict(X) - y) ** 2
    assert_close(explainer.self_influence(), loss - own, 1e-8)
    table = explainer.diagnostics()
    assert_close(np.asarray(table["leave_one_out_loss"]), loss, 1e-8)
    h = np.asarray(table["leverage"])
    dof = np.count_nonzero(s) - h.sum()
    assert_allclose(h.sum(), explainer.estimator_.rank_ + 1.0)
    now = explainer.predict(X)
    squares = (s * (y - now) ** 2).sum() / dof
    moved = np.array([s @ (m.predict(X) - now) ** 2 for m in models])
    assert_close(np.asarray(table["cooks_distance"]), moved / (h.sum() * squares), 1e-8)
    without = [s[every != i] @ (y - m.predict(X))[every != i] ** 2 for i, m in enumerate(models)]
    sigma = np.sqrt(np.array(without) / (dof - 1.0))
    there = s > 0.0
    dffits = np.sqrt(s) * (now - left_out) / (sigma * np.sqrt(np.where(there, h, 1.0)))
    assert_close(np.asarray(table["dffits"])[there], dffits[there], 1e-8)


@drops
def test_the_model_is_the_one_that_was_fitted():
    problem = Problem("sizes")
    explainer = problem.explainer
    assert_allclose(explainer.objective_.raw_prediction[:, 0], explainer.predict(problem.X))
    assert explainer._moved < 1e-9
    assert explainer.polished_stationarity_ < 1e-9
    assert "dropped 1 of 3 singular values" in str(explainer.health())


@drops
def test_the_warning_names_what_was_dropped():
    with pytest.warns(UserWarning, match=r"LinearRegression dropped 1 of 3 .*x1"):
        InfluenceExplainer(LinearRegression()).fit(SIZES, KB).influence(SIZES[:1])


@drops
def test_single_precision_reads_the_rank_that_was_used():
    """Where rounding of the table might have moved a singular value across the cut, NaN."""
    X, y = SIZES.astype(np.float32), (KB**0.1).astype(np.float32)
    problem = InfluenceExplainer(LinearRegression()).fit(X, y)
    assert problem.objective_.truncated.kept.sum() == problem.estimator_.rank_ == 2
    got = problem.influence(X[:4], rows=[0, 5])
    whole = InfluenceExplainer(LinearRegression()).fit(X.astype(float), y)
    assert_close(got, whole.influence(X[:4].astype(float), rows=[0, 5]), 1e-5)
    close = InfluenceExplainer(LinearRegression(tol=1.1 * share_of_second(X))).fit(X, y)
    with pytest.warns(RuntimeWarning, match="changes are NaN"):
        assert np.isnan(close.influence(X[:2], rows=[0, 5])).all()


def share_of_second(X):
    singular = np.linalg.svd(X - X.mean(axis=0, dtype=float), compute_uv=False)
    return float(singular[1] / singular[0])


@drops
@pytest.mark.filterwarnings("ignore:No optimum was found")
def test_nothing_is_said_where_nothing_has_three_digits():
    X = np.c_[SIZES[:, 2], SIZES[:, 2] + 2e-13 * np.sin(KB)]
    explainer = InfluenceExplainer(LinearRegression(tol=1e-14)).fit(X, SIZES[:, 2] + KB)
    assert explainer.objective_.cut is not None
    with pytest.warns(RuntimeWarning, match="60 of 60 changes are NaN"):
        assert np.isnan(explainer.influence(X[:2])).all()


@pytest.mark.parametrize("method", ["newton_step", "refit"])
def test_groups_that_leave_too_few_rows_of_a_table_on_many_scales(method):
    """The squares of its singular values, which the Hessian holds, do not show the rank."""
    rng = np.random.default_rng(77)
    X, y = rng.standard_normal((14, 5)) * np.logspace(2.0, -2.0, 5), rng.standard_normal(14)
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    groups = [np.arange(size) for size in (9, 10, 11)]
    got = group_influence(explainer, groups, X, method=method)
    for group, mine in zip(groups, got.T, strict=True):
        left = LinearRegression().fit(np.delete(X, group, axis=0), np.delete(y, group))
        assert_close(mine, left.predict(X) - explainer.predict(X), 1e-7)


@drops
@pytest.mark.parametrize("size", [1e-3, 3e-6, 1.02e-6, 1e-7, 1e-8, 1e-10, 0.0])
@pytest.mark.parametrize("settings", [{}, {"fit_intercept": False}, {"outputs": 2}], ids=str)
@pytest.mark.filterwarnings("ignore:The Hessian is singular")
def test_a_row_without_which_a_singular_value_falls_below_the_cut(size, settings):
    """Hardly anything but row 7 has the last column: with it nothing is near the cut."""
    rng = np.random.default_rng(3)
    column = size * rng.standard_normal(60)
    column[7] = 1.0
    X, weight = np.c_[rng.standard_normal((60, 2)), column], 0.5 + rng.random(60)
    y = rng.standard_normal((60, 2) if "outputs" in settings else 60)
    model = LinearRegression(fit_intercept=settings.get("fit_intercept", True))
    explainer = InfluenceExplainer(model).fit(X, y, sample_weight=weight)
    assert explainer.objective_.cut is None
    X_test = rng.standard_normal((4, 3))

    def predicted(X, y, weight):
        raw = LinearRegression(fit_intercept=model.fit_intercept).fit(X, y, weight).predict(X_test)
        return raw.reshape(4, -1).sum(axis=1)

    before, rows = predicted(X, y, weight), [3, 7, 20]
    want = np.array([predicted(*(np.delete(a, i, 0) for a in (X, y, weight))) for i in rows])
    for method in ("newton_step", "refit"):
        got = explainer.influence(X_test, target="predict", method=method, rows=rows)
        assert_close(got, (want - before).T, 1e-5 if size == 3e-6 else 1e-8)
        alone = explainer.influence(X_test, target="predict", method=method, rows=[7])
        assert_allclose(alone[:, 0], got[:, 1], rtol=1e-9)
    left_out = explainer.leave_one_out_raw_predictions()[7]
    kept = np.arange(60) != 7
    own = LinearRegression(fit_intercept=model.fit_intercept).fit(X[kept], y[kept], weight[kept])
    assert_close(left_out, own.predict(X[[7]])[0], 1e-5)
    new = X[[20]] * [1.0, 1.0, 0.0]
    changed = X.copy()
    changed[7] = new
    moved = predicted(changed, y, weight) - before
    for method in ("newton_step", "refit"):
        got = replacement_influence(
            explainer, [7], new, None, X_test, target="predict", method=method
        )
        assert_close(got[:, 0], moved, 1e-5 if size == 3e-6 else 1e-8)
