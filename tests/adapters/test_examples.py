"""The examples of every registered class: stationary, same predictions, weight = repetition."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.linear_model import Ridge
from sklearn.utils.validation import has_fit_parameter

from skinfluence.adapters import REGISTRY
from skinfluence.adapters._linear import regression_objective
from skinfluence.losses import SquaredError
from skinfluence.testing import check_adapter
from skinfluence.testing._adapters import check_objective
from tests.adapters._cases import table

EXAMPLES = [
    pytest.param(estimator, id=f"{name}-{i}")
    for (_, name), adapter in REGISTRY.items()
    if not adapter.closed_form  # see tests/closed_form
    and adapter.build.__module__.startswith("skinfluence.")  # the tests register some, too
    for i, estimator in enumerate(adapter.examples())
    if has_fit_parameter(estimator, "sample_weight")  # Gaussian processes: test_kernel_machines.py
    and not name.startswith("SGD")  # which stops short of the optimum: test_stochastic.py
    and not name.startswith("MLP")  # explained where it stopped: test_perceptron.py
    and name != "QuantileRegressor"  # explained through a smooth loss: test_quantile.py
    # test_composed.py, test_bagging.py, test_multi_task.py
    and not name.startswith(("MultiOutput", "Bagging", "MultiTask"))
]


def test_every_registered_class_has_an_example():
    # results of statsmodels are fitted when they are made: test_statsmodels.py
    ours = [adapter for adapter in REGISTRY.values() if adapter.module.startswith("sklearn")]
    assert all(adapter.examples() for adapter in ours)


@pytest.mark.parametrize("estimator", EXAMPLES)
def test_the_objective_is_what_the_estimator_minimised(estimator):
    X, y, _, _, weights = table("two classes" if is_classifier(estimator) else "positive", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # LogisticRegressionCV: use l1_ratios
        check_objective(estimator, X, y, weights)


@pytest.mark.parametrize(
    "mistake, message",
    [
        ({"penalty": 2.0}, "not stationary"),
        ({"weights": "ones"}, "not stationary"),
        ({"coef": 1e-3}, "raw predictions"),
    ],
    ids=["penalty", "weights", "coef"],
)
def test_check_adapter_names_a_wrong_adapter(monkeypatch, mistake, message):
    def wrong(estimator, X, y, sample_weight, settings):
        if "weights" in mistake:
            sample_weight = np.ones_like(sample_weight)
        given = estimator, X, y, sample_weight, settings, SquaredError()
        penalty = estimator.alpha * mistake.get("penalty", 1.0)
        objective = regression_objective(*given, penalty=penalty)
        # small enough to pass for stationary, large enough for other predictions
        return objective.with_coef(objective.coef * (1.0 + 1e-3 * mistake.get("coef", 0.0)))

    key = ("sklearn.linear_model", "Ridge")
    monkeypatch.setitem(REGISTRY, key, replace(REGISTRY[key], build=wrong))
    X, y, X_test, y_test, weights = table("values", True)
    with pytest.raises(AssertionError, match=message):
        check_adapter(Ridge(5.0), X, y, weights, X_test=X_test, y_test=y_test, rows=[1])
