"""The smoothing spline of the page "Extending": its penalty is a full matrix."""

import numpy as np
import pytest

from skinfluence import InfluenceExplainer
from skinfluence.testing import check_adapter
from tests.extending.spline import SplineRegressor

RNG = np.random.default_rng(0)
X = RNG.random((60, 1))
Y = np.sin(6 * X[:, 0]) + 0.2 * RNG.standard_normal(60)


def test_the_adapter_keeps_the_contract():
    check_adapter(SplineRegressor(), X[:50], Y[:50], X_test=X[50:], y_test=Y[50:])


@pytest.mark.parametrize("solver", ["auto", "cholesky", "eigh", "cg"])
def test_leaving_a_row_out_is_the_closed_form_of_ridge(solver):
    model = SplineRegressor().fit(X, Y)
    Z, fitted = model.splines_.transform(X), model.predict(X)
    leverage = np.einsum("ij,ji->i", Z, np.linalg.solve(Z.T @ Z + model.penalty_, Z.T))
    expected = fitted - leverage / (1.0 - leverage) * (Y - fitted)
    explainer = InfluenceExplainer(SplineRegressor(), solver=solver).fit(X, Y)
    np.testing.assert_allclose(explainer.leverage(), leverage, rtol=1e-10)
    for method in ("newton_step", "refit"):
        change = np.diag(explainer.influence(X, target="predict", method=method))
        np.testing.assert_allclose(fitted + change, expected, atol=1e-12)


@pytest.mark.parametrize("solver", ["woodbury", "lissa"])
def test_solvers_that_need_a_diagonal_penalty_say_so(solver):
    explainer = InfluenceExplainer(SplineRegressor(), solver=solver).fit(X, Y)
    with pytest.raises(ValueError, match=f"solver='{solver}' needs a linear predictor and a pen"):
        explainer.influence(X[:2], Y[:2], method="first_order")
