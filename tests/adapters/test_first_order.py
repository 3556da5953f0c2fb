"""First-order influence is the slope of the estimator's own refits in sample_weight."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skinfluence import InfluenceExplainer
from skinfluence.adapters import REGISTRY
from skinfluence.testing import check_adapter, tightened
from tests.adapters._cases import CASES, FORMATS, ROWS, table, truth


def fit_explainer(estimator, X, y, weights):
    """A tolerance that no solver reaches is no reason to distrust it: the truth decides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)  # LogisticRegressionCV: use l1_ratios
        return InfluenceExplainer(tightened(estimator)).fit(X, y, weights)


def does_not_take(estimator, name):
    """scikit-learn's own gaps."""
    if type(estimator).__name__ != "Ridge" or name == "dense" or not estimator.fit_intercept:
        return False
    return estimator.solver in ("svd", "cholesky", "saga")


#: One case of each class: the first.
FIRST = {type(case.estimator): name for name, case in reversed(CASES.items())}.values()


@pytest.mark.parametrize("name", CASES)
def test_influence_is_the_slope_of_the_refits(name):
    compare_with_refits(name, weighted=True, forms=("dense", "csr_array"))


@pytest.mark.parametrize("name", FIRST)
def test_every_table_without_weights_gives_the_slope_of_the_refits(name):
    compare_with_refits(name, weighted=False, forms=FORMATS)


def compare_with_refits(name, weighted, forms):
    case = CASES[name]
    X, y, X_test, y_test, weights = table(case.kind, weighted)
    expected = truth(name, weighted)
    for form in forms:
        if does_not_take(case.estimator, form):
            continue
        make = FORMATS[form]
        explainer = fit_explainer(case.estimator, make(X), y, weights)
        with warnings.catch_warnings():  # a removal may change it where a small change does not
            warnings.filterwarnings("ignore", "The removal of .* predicted to change which coef")
            got = explainer.influence(make(X_test), y_test, method="first_order", rows=ROWS)
        error = np.abs(got - expected).max() / np.abs(expected).max()
        assert error < case.rtol, f"{form}: {error:.1e}"
        assert explainer.polished_stationarity_ < 1e-11, form


#: Of packages that need not be installed: test_statsmodels.py, test_other_packages.py and
#: tests/networks.
OTHER_PACKAGES = (
    "celer",
    "skglm",
    "glum",
    "skorch",
    "skinfluence.networks",
    "skinfluence.adapters",
)


def test_every_registered_class_has_an_example():
    without = {module for (module, _), adapter in REGISTRY.items() if not adapter.examples()}
    assert without <= set(OTHER_PACKAGES)


#: Their refits cannot be weighted, estimate a penalty anew (see test_kernel_machines.py), or stop
#: short of the optimum (see test_stochastic.py, test_huber.py, test_lars.py, test_quantile.py,
#: test_multi_task.py and test_perceptron.py).
OTHERS = (
    *("MultiTaskLasso", "MultiTaskElasticNet", "MultiTaskLassoCV", "MultiTaskElasticNetCV"),
    *("GaussianProcessRegressor", "BayesianRidge", "SGDClassifier", "SGDRegressor"),
    *("HuberRegressor", "ARDRegression", "Lars", "LarsCV", "LassoLars", "LassoLarsCV"),
    *("LassoLarsIC", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"),
    *("QuantileRegressor", "MLPClassifier", "MLPRegressor"),
    *("SVC", "NuSVC", "SVR", "NuSVR", "GaussianProcessClassifier"),
)
OURS = [
    key[1]
    for key, adapter in REGISTRY.items()
    if adapter.build.__module__.startswith("skinfluence.")
    and key[0] not in OTHER_PACKAGES
    and key[1] not in OTHERS
    and not adapter.closed_form
    and not adapter.composed  # test_composed.py
]


@pytest.mark.parametrize("name", OURS)
def test_every_registered_class_has_a_case(name):
    assert any(type(case.estimator).__name__ == name for case in CASES.values())


@pytest.mark.parametrize(
    "name",
    [
        "Ridge-cholesky",
        "RidgeClassifier-three",
        "LogisticRegression-newton-cholesky-three",
        "SmoothHingeSVC-binary",
        "RidgeCV",
    ],
)
def test_check_adapter_passes(name):
    case = CASES[name]
    X, y, X_test, y_test, weights = table(case.kind, True)
    check_adapter(
        case.estimator, X, y, weights, X_test=X_test, y_test=y_test, refit=case.refit, rows=[0, 5]
    )
