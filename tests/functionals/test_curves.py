"""Removal and repair curves against fits of the scikit-learn estimator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import scale

from skinfluence import InfluenceExplainer
from skinfluence.datasets import flip_labels
from skinfluence.functionals import influence_on, removal_curve, repair_curve

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)[:, :6]
X, X_TEST, y, Y_TEST = X[:150], X[150:300], y[:150], y[150:300]
GIVEN, _ = flip_labels(y, 0.15, random_state=0)
MODEL = LogisticRegression(solver="newton-cholesky", tol=1e-10)


@pytest.fixture(scope="module")
def explainer():
    return InfluenceExplainer(MODEL).fit(X, GIVEN)


def test_removals_are_refits_in_the_order_of_the_effects(explainer):
    curve = removal_curve(explainer, "roc_auc", X_TEST, Y_TEST, max_share=0.2, n_points=3)
    assert curve.n_rows.tolist() == [0, 15, 30]
    order = np.argsort(influence_on(explainer, "roc_auc", X_TEST, Y_TEST), kind="stable")
    for size, value in zip(curve.n_rows, curve.values["largest decrease first"], strict=True):
        kept = np.setdiff1d(np.arange(150), order[:size])
        fit = clone(MODEL).fit(X[kept], GIVEN[kept])
        assert_allclose(value, roc_auc_score(Y_TEST, fit.decision_function(X_TEST)), rtol=1e-12)
    losses = removal_curve(explainer, "loss", X_TEST, Y_TEST, max_share=0.1, n_points=2)
    up, down, _ = (values[-1] for values in losses.values.values())
    assert down < losses.values["random"][0] < up
    assert_array_equal(np.asarray(curve.frame()["n_rows"]), curve.n_rows)


def test_repairs_are_fits_to_corrected_labels(explainer):
    rows = np.flatnonzero(GIVEN != y)
    orders = {"known": np.concatenate([rows, np.setdiff1d(np.arange(150), rows)])}
    curve = repair_curve(
        explainer, "neg_log_loss", y, X_TEST, Y_TEST, orders=orders, max_share=0.2, n_points=5
    )
    for size, value in zip(curve.n_rows, curve.values["known"], strict=True):
        labels = GIVEN.copy()
        labels[orders["known"][:size]] = y[orders["known"][:size]]
        proba = clone(MODEL).fit(X, labels).predict_proba(X_TEST)
        assert_allclose(value, -log_loss(Y_TEST, proba), rtol=1e-6)
    inspected = repair_curve(explainer, "neg_log_loss", y, X_TEST, Y_TEST, n_points=3)
    assert inspected.values["self-influence"][1] > inspected.values["random"][1]


def test_repaired_labels_may_be_longer_words_than_the_given_ones():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(90, 2)) + np.repeat([[0, 0], [3, 0], [0, 3]], 30, axis=0)
    right = np.repeat(["a", "b", "better"], 30)
    given = np.repeat(["a", "b", "c"], 30)
    explainer = InfluenceExplainer(MODEL).fit(Z, given)
    curve = repair_curve(
        explainer, "neg_log_loss", right, Z[:60], right[:60], max_share=1.0, n_points=2
    )
    proba = clone(MODEL).fit(Z, right).predict_proba(Z[:60])
    want = -log_loss(right[:60], proba, labels=["a", "b", "better"])
    assert_allclose(curve.values["random"][-1], want, rtol=1e-6)


def test_curves_that_mean_nothing_are_refused(explainer):
    test = (X_TEST, Y_TEST)
    with pytest.raises(ValueError, match="The order 'short' has 2 entries"):
        removal_curve(explainer, "roc_auc", *test, orders={"short": [0, 1]})
    with pytest.raises(ValueError, match="outside 0 to 149"):
        removal_curve(explainer, "roc_auc", *test, orders={"far": np.arange(1, 151)})
    with pytest.raises(TypeError, match="orders is a list"):
        removal_curve(explainer, "roc_auc", *test, orders=[np.arange(150)])
    with pytest.raises(ValueError, match=r"max_share=0\.0"):
        removal_curve(explainer, "roc_auc", *test, max_share=0.0)
    with pytest.raises(ValueError, match="y_right has shape"):
        repair_curve(explainer, "roc_auc", y[:5], *test)
    names = [f"row {i}" for i in range(150)]
    pd = pytest.importorskip("pandas")
    named = InfluenceExplainer(MODEL).fit(X, pd.Series(GIVEN, names))
    with pytest.raises(ValueError, match="y_right is a pandas object"):
        repair_curve(named, "roc_auc", pd.Series(y, names[::-1]), *test)
    frozen = InfluenceExplainer(FrozenEstimator(explainer.estimator_)).fit(X, GIVEN)
    with pytest.raises(ValueError, match="a FrozenEstimator is never fitted"):
        repair_curve(frozen, "roc_auc", y, *test)
