"""A loss that is not convex: right at a minimum, and refused in words where it cannot be."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import _check_sample_weight, validate_data

from skinfluence import InfluenceExplainer
from skinfluence.adapters import linear_objective, register
from skinfluence.groups import group_influence
from skinfluence.losses import Loss
from skinfluence.objectives import RowWeights, TargetCoding
from skinfluence.solvers import IndefiniteHessianError
from skinfluence.testing import check_adapter, check_loss, leave_one_out_influence
from tests.extending.robust import RobustRegressor

X, Y = load_diabetes(return_X_y=True)
X, Y = 20.0 * X[:70], (Y[:70] - 150.0) / 25.0


class Cauchy(Loss):
    """log(1 + r^2) / 2 with r = raw_prediction - y: bends down where |r| > 1."""

    name = "cauchy"
    convex = False

    def value(self, y, raw_prediction):
        return 0.5 * np.log1p((raw_prediction - y) ** 2).sum(axis=-1)

    def gradient(self, y, raw_prediction):
        r = raw_prediction - y
        return r / (1.0 + r * r)

    def hessian_product(self, y, raw_prediction, V):
        square = (raw_prediction - y) ** 2
        return (1.0 - square) / (1.0 + square) ** 2 * V


class CauchyRegressor(RobustRegressor):
    """Minimises sum_i s_i cauchy_i + alpha / 2 ||w||^2 by reweighted least squares."""

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        s = _check_sample_weight(sample_weight, X)
        Z = np.column_stack([X, np.ones(len(X))])
        penalty = np.diag([self.alpha] * X.shape[1] + [0.0])
        theta = np.linalg.solve((Z.T * s) @ Z + penalty, (Z.T * s) @ y)
        for _ in range(5000):
            w = s / (1.0 + (Z @ theta - y) ** 2)
            before, theta = theta, np.linalg.solve((Z.T * w) @ Z + penalty, (Z.T * w) @ y)
            if np.abs(theta - before).max() < 1e-15:
                break
        self.coef_, self.intercept_ = theta[:-1], theta[-1]
        return self


@register(__name__, "CauchyRegressor", examples=lambda: [CauchyRegressor()])
def cauchy_regressor(estimator, X, y, sample_weight, settings):
    return linear_objective(
        estimator,
        X,
        np.asarray(y, dtype=np.float64).reshape(-1, 1),
        TargetCoding("real", 1),
        Cauchy(),
        penalty=estimator.alpha,
        weights=RowWeights(sample_weight),
        settings=settings,
    )


def test_the_loss_and_the_adapter_keep_their_contracts():
    check_loss(Cauchy())
    model = CauchyRegressor(2.0)
    check_adapter(model, X[:60], Y[:60], X_test=X[60:], y_test=Y[60:], rows=[0, 9])


def test_effects_at_a_minimum_are_those_of_refits():
    rows = [3, 40]
    model = CauchyRegressor(2.0)
    truth = leave_one_out_influence(model, X[:60], Y[:60], X[60:], Y[60:], rows)
    explainer = InfluenceExplainer(model).fit(X[:60], Y[:60])
    assert explainer.objective_.row_curvature().values.min() < 0.0
    refit = explainer.influence(X[60:], Y[60:], rows=rows, method="refit")
    step = explainer.influence(X[60:], Y[60:], rows=rows)
    assert np.abs(refit - truth).max() < 1e-7 * np.abs(truth).max()
    assert np.abs(step - truth).max() < 0.2 * np.abs(truth).max()
    each = group_influence(explainer, [[row] for row in rows], X[60:], Y[60:])
    np.testing.assert_allclose(each, step, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", ["cg", "woodbury", "neumann", "lissa"])
def test_solvers_that_need_convex_losses_say_so(solver):
    explainer = InfluenceExplainer(CauchyRegressor(2.0), solver=solver).fit(X, Y)
    with pytest.raises(ValueError, match=f"solver='{solver}' needs a convex loss"):
        explainer.influence(X[:2], Y[:2])


def test_wide_tables_and_few_questions_are_factorised():
    rng = np.random.default_rng(0)
    wide, y = rng.standard_normal((20, 30)), rng.standard_normal(20)
    explainer = InfluenceExplainer(CauchyRegressor(5.0), method="first_order").fit(wide, y)
    assert np.isfinite(explainer.influence(wide[:1], y[:1])).all()
    assert explainer.health().solver == "cholesky"


def test_coefficients_at_no_minimum_are_refused():
    model = CauchyRegressor(1e-3).fit(X, Y)
    model.intercept_ = 50.0  # every row is far out, where the loss bends down
    with pytest.raises(IndefiniteHessianError, match=r"at no minimum.*The loss is not convex"):
        InfluenceExplainer(FrozenEstimator(model)).fit(X, Y)
