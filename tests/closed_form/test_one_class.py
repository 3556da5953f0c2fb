"""OneClassSVM: changes of its decision values are those of real refits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.groups import group_influence

ROWS = StandardScaler().fit_transform(load_wine().data)
X, TEST = ROWS[::3], ROWS[1:30:3]
MACHINES = {
    "rbf": OneClassSVM(nu=0.2, gamma=0.05, tol=1e-9),
    "poly": OneClassSVM(nu=0.3, kernel="poly", degree=2, gamma=0.1, tol=1e-9),
    "small nu": OneClassSVM(nu=0.02, gamma=0.2, tol=1e-9),
}


def decisions(machine, kept, weights=None):
    weights = None if weights is None else weights[kept]
    return clone(machine).fit(X[kept], sample_weight=weights).decision_function(TEST)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_removals_are_real_refits(name, weighted):
    machine, every = MACHINES[name], np.arange(len(X))
    weights = np.linspace(0.5, 1.5, len(X)) if weighted else None
    explainer = InfluenceExplainer(machine).fit(X, None, weights)
    before = decisions(machine, every, weights)
    truth = [decisions(machine, np.delete(every, row), weights) - before for row in every]
    got = explainer.influence(TEST, target="decision_function")
    np.testing.assert_allclose(got, np.transpose(truth), atol=1e-6 * np.abs(truth).max())
    groups = [[0, 1, 2], [5]]
    truth = [decisions(machine, np.delete(every, rows), weights) - before for rows in groups]
    got = group_influence(explainer, groups, TEST, target="decision_function", method="refit")
    np.testing.assert_allclose(got, np.transpose(truth), atol=1e-6 * np.abs(truth).max())


def test_most_rows_share_one_refit(monkeypatch):
    explainer = InfluenceExplainer(MACHINES["rbf"]).fit(X, None)
    fits, fit = [], OneClassSVM.fit
    monkeypatch.setattr(
        OneClassSVM, "fit", lambda self, *a, **k: fits.append(1) or fit(self, *a, **k)
    )
    explainer.influence(TEST)
    assert len(fits) < 0.5 * len(X)


def test_the_loss_is_minus_the_decision_value_on_the_side_of_the_label():
    explainer = InfluenceExplainer(MACHINES["rbf"]).fit(X, None)
    side = explainer.predict(TEST)
    assert set(side) == {-1, 1}
    of_decisions = explainer.influence(TEST, target="decision_function")
    np.testing.assert_allclose(explainer.influence(TEST), -side[:, None] * of_decisions, atol=1e-12)
    of_inliers = explainer.influence(TEST, np.ones(len(TEST), dtype=int))
    np.testing.assert_allclose(of_inliers, -of_decisions, atol=1e-12)
    own = explainer.influence(X, np.ones(len(X), dtype=int)).diagonal()
    np.testing.assert_allclose(explainer.self_influence(), own, atol=1e-12)


def test_pipelines_sparse_rows_and_a_width_that_is_held_fixed():
    scaled = make_pipeline(StandardScaler(), OneClassSVM())
    assert InfluenceExplainer(scaled).fit(X, None).influence(TEST).shape == (10, len(X))
    assert "gamma that was computed" in supports(scaled).reason
    dense = InfluenceExplainer(OneClassSVM()).fit(X, None).influence(TEST)
    thin = InfluenceExplainer(OneClassSVM()).fit(sparse.csr_array(X), None)
    np.testing.assert_allclose(thin.influence(sparse.csr_array(TEST)), dense, atol=1e-3)
    machine = OneClassSVM(tol=1e-9)
    explainer = InfluenceExplainer(machine).fit(X, None)
    fixed = clone(machine).set_params(gamma=explainer.estimator_._gamma)
    every = np.arange(len(X))
    truth = decisions(fixed, every[1:]) - decisions(fixed, every)
    got = explainer.influence(TEST, target="decision_function", rows=[0])[:, 0]
    np.testing.assert_allclose(got, truth, atol=1e-6)


def test_what_is_refused():
    with pytest.raises(UnsupportedEstimatorError, match="Expected a kernel of rows"):
        InfluenceExplainer(OneClassSVM(kernel="precomputed")).fit(X @ X.T, None)
    with pytest.raises(UnsupportedEstimatorError, match=r"Use OneClassSVM\(\) instead"):
        InfluenceExplainer(SGDOneClassSVM()).fit(X, None)
    with pytest.raises(ValueError, match="requires y to be passed"):
        InfluenceExplainer().fit(X, None)
    explainer = InfluenceExplainer(OneClassSVM()).fit(X, None)
    with pytest.raises(ValueError, match="is a derivative, which it does not have"):
        explainer.influence(TEST, method="first_order")
