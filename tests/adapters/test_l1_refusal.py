"""An l1 penalty is refused in the words that the user wrote."""

import inspect

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.adapters import UnsupportedEstimatorError


def test_the_refusal_of_l1_names_only_what_the_user_set():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(solver="saga", l1_ratio=1.0, max_iter=20_000)
    default = inspect.signature(LogisticRegression).parameters["penalty"].default
    if default == "l2":  # scikit-learn before 1.8: the ratio counts with this penalty only
        model.set_params(penalty="elasticnet")
    with pytest.raises(UnsupportedEstimatorError, match=r"l1_ratio=1\.0") as refusal:
        InfluenceExplainer(model).fit(X[:100], y[:100])
    assert "deprecated" not in str(refusal.value)
