"""Gradients and changes of every target, against differences of its values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.targets import (
    AUROC,
    TARGETS,
    DecisionValue,
    Mean,
    Probability,
    WeightedSum,
)

rng = np.random.default_rng(3)
X, X_TEST = rng.normal(size=(50, 3)), rng.normal(size=(8, 3))
SCORES = X @ [1.0, -1.0, 0.5] + rng.logistic(size=50)
LABELS = {
    "values": (SCORES, rng.normal(size=8)),
    "two classes": (SCORES > 0, np.arange(8) % 2 > 0),
    "three classes": (np.digitize(SCORES, [-0.5, 0.5]), np.arange(8) % 3),
}
WEIGHTS = np.array([1.0, -1.0, 0.5, 0.0, 2.0, 0.0, -3.0, 1.0])
CLASS_TARGETS = [*TARGETS, DecisionValue(1), Probability(0), Mean("predict_proba")]
CASES = [
    *(("values", target) for target in ("loss", "predict", Mean("loss"), WeightedSum("predict"))),
    *((kind, target) for kind in ("two classes", "three classes") for target in CLASS_TARGETS),
    ("three classes", WeightedSum("loss", WEIGHTS)),
    ("two classes", AUROC()),
    ("two classes", AUROC(temperature=1.0)),
]


def bound(kind, target):
    y, y_test = LABELS[kind]
    model = Ridge() if kind == "values" else LogisticRegression()
    explainer = InfluenceExplainer(model).fit(X, y)
    name = getattr(target, "target", target)
    return explainer.test_rows(
        X_TEST, y_test if name == "loss" or isinstance(target, AUROC) else None, target=target
    )


@pytest.mark.parametrize(("kind", "target"), CASES)
def test_the_gradient_is_that_of_the_value(kind, target):
    tests = bound(kind, target)
    raw, target, step = tests.raw_prediction, tests.target, 1e-5
    found = tests.gradient()
    for t, k in np.ndindex(raw.shape):
        moved = np.zeros(raw.shape)
        moved[t, k] = step
        slope = (target.value(raw + moved) - target.value(raw - moved)) / (2 * step)
        want = np.sum(slope)  # the other rows have none
        assert_allclose(found[t, k], want, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("kind", "target"), CASES)
def test_the_change_is_the_value_after_it_minus_the_value_before(kind, target):
    tests = bound(kind, target)
    raw, target = tests.raw_prediction, tests.target
    moved = np.random.default_rng(0).normal(size=(len(raw), 4, raw.shape[1]))
    found = tests.change(moved)
    assert found.shape == ((4,) if target.joint else (len(raw), 4))
    for j in range(4):
        want = target.value(raw + moved[:, j]) - target.value(raw)
        assert_allclose(found[..., j], want, rtol=1e-11, atol=1e-13)


def test_the_smooth_area_tends_to_the_area_under_the_curve():
    from sklearn.metrics import roc_auc_score

    tests = bound("two classes", AUROC(temperature=1e-9))
    want = roc_auc_score(LABELS["two classes"][1], tests.raw_prediction[:, 0])
    assert_allclose(tests.value(), want, rtol=1e-12)
