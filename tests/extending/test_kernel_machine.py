"""The kernel machine of the page "Extending" keeps the contracts, and is explained."""

import numpy as np
from sklearn.svm import SVC

from skinfluence import InfluenceExplainer
from skinfluence.testing import check_adapter, leave_one_out_influence
from tests.extending.kernel_machine import KernelSVC, WhitenedKernel

RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 2))
Y = (np.hypot(*X.T) + 0.2 * RNG.standard_normal(70) > 1.1).astype(int)
TRAIN, TEST = (X[:50], Y[:50]), (X[50:], Y[50:])


def test_whitened_columns_reproduce_the_decisions_of_a_support_vector_machine():
    svc = SVC(gamma=0.5).fit(*TRAIN)
    dual = np.zeros(50)
    dual[svc.support_] = svc.dual_coef_[0]
    columns = WhitenedKernel(X[:50], 0.5)
    raw = columns(TEST[0]) @ columns.coef(dual) + svc.intercept_
    assert np.abs(raw - svc.decision_function(TEST[0])).max() < 1e-12


def test_the_adapter_keeps_the_contract():
    check_adapter(KernelSVC(), *TRAIN, X_test=TEST[0], y_test=TEST[1])


def test_influences_are_those_of_refits():
    """Which know the kernel columns of their own rows only: the columns of all are no more."""
    rows = [3, 40]
    truth = leave_one_out_influence(KernelSVC(), *TRAIN, *TEST, rows)
    explainer = InfluenceExplainer(KernelSVC()).fit(*TRAIN)
    for method, tolerance in {"first_order": 0.3, "newton_step": 0.03, "refit": 1e-9}.items():
        got = explainer.influence(*TEST, rows=rows, method=method)
        assert np.abs(got - truth).max() < tolerance * np.abs(truth).max(), method
