"""Gradients and changes of every target, against differences of its values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, get_scorer, roc_auc_score

from skinfluence import InfluenceExplainer
from skinfluence.targets import (
    AUROC,
    TARGETS,
    Accuracy,
    AveragePrecision,
    CalibrationError,
    DecisionValue,
    DemographicParityGap,
    EqualOpportunityGap,
    FunctionTarget,
    Mean,
    Probability,
    Score,
    WeightedSum,
    WorstGroupLoss,
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
GROUPS = np.repeat([*"ab"], 4)
VALUE_SCORES = ("r2", "neg_mean_squared_error", "neg_mean_absolute_error")
UNLABELLED = (str, Probability, DecisionValue, DemographicParityGap, FunctionTarget)
CLASS_TARGETS = [*TARGETS, DecisionValue(1), Probability(0), Mean("predict_proba")]
CASES = [
    *(("values", target) for target in ("loss", "predict", Mean("loss"), WeightedSum("predict"))),
    *((kind, target) for kind in ("two classes", "three classes") for target in CLASS_TARGETS),
    ("three classes", WeightedSum("loss", WEIGHTS)),
    ("two classes", AUROC()),
    ("two classes", AUROC(temperature=1.0)),
    ("two classes", AveragePrecision()),
    *((kind, Accuracy()) for kind in ("two classes", "three classes")),
    ("three classes", Accuracy(temperature=0.5, balanced=True)),
    ("two classes", DemographicParityGap(GROUPS)),
    ("two classes", EqualOpportunityGap(GROUPS, between=("b", "a"), temperature=1.0)),
    *((kind, WorstGroupLoss(GROUPS)) for kind in LABELS),
    ("two classes", CalibrationError(5)),
    ("two classes", Score("neg_brier_score")),
    *((kind, Score("neg_log_loss")) for kind in ("two classes", "three classes")),
    *(("values", Score(name)) for name in (*VALUE_SCORES, "neg_root_mean_squared_error")),
    ("values", FunctionTarget(lambda raw: (raw**3).mean(), lambda raw: 3 * raw**2 / len(raw))),
]


def bound(kind, target):
    y, y_test = LABELS[kind]
    model = Ridge() if kind == "values" else LogisticRegression()
    explainer = InfluenceExplainer(model).fit(X, y)
    name = getattr(target, "target", target)
    labelled = not isinstance(name, UNLABELLED)
    return explainer.test_rows(
        X_TEST, y_test if labelled or name == "loss" else None, target=target
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


@pytest.mark.parametrize("of", [AUROC, AveragePrecision, Accuracy])
def test_counts_are_those_of_scikit_learn_and_smooth_ones_tend_to_them(of):
    scorer = {
        AUROC: "roc_auc",
        AveragePrecision: "average_precision",
        Accuracy: "accuracy",
    }[of]
    y, y_test = LABELS["two classes"]
    explainer = InfluenceExplainer(LogisticRegression(tol=1e-12)).fit(X, y)
    want = get_scorer(scorer)(explainer.estimator_, X_TEST, y_test)
    for temperature in (0.0, 1e-9):
        assert_allclose(bound("two classes", of(temperature)).value(), want, rtol=1e-12)
    tests = bound("two classes", of(0.0))
    tied = np.round(tests.raw_prediction)  # ties
    moved = np.random.default_rng(1).integers(-1, 2, size=(8, 5, 1)).astype(float)
    metric = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}.get(scorer)
    if metric is not None:
        want = [metric(y_test, tied + moved[:, j]) for j in range(5)]
        got = tests.target.change(tied, moved) + tests.target.value(tied)
        assert_allclose(got, want, rtol=1e-12)
