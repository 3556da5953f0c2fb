"""SGDClassifier and SGDRegressor at the optimum of their objective."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.adapters import Settings, UnsupportedEstimatorError, explain_estimator
from skinfluence.losses import REGISTRY
from skinfluence.testing import check_loss
from skinfluence.testing._truth import own_raw_predictions

N = 150
X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
values = load_diabetes(return_X_y=True)
values = 21.0 * values[0], values[1] / 50.0
WEIGHTS = 0.5 + np.random.default_rng(0).random(N)

CLASSIFIERS = ["hinge", "log_loss", "modified_huber", "squared_error", "huber"]
REGRESSORS = ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"]


def explained(estimator, X, y, weights=None, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(estimator, **settings).fit(X, y, weights)


def slow(cls, loss, **settings):
    """Many passes with small steps and averages: as near to its optimum as it gets."""
    steps = {"learning_rate": "invscaling", "eta0": 0.02, "power_t": 0.4, "average": 100_000}
    return cls(loss, alpha=0.02, max_iter=5000, tol=None, random_state=0, **steps, **settings)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "cls, loss",
    [(SGDClassifier, loss) for loss in CLASSIFIERS] + [(SGDRegressor, loss) for loss in REGRESSORS],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_many_passes_come_close_to_the_optimum_of_the_objective(cls, loss, weights):
    rows, targets = (X[:N, :8], y[:N]) if cls is SGDClassifier else (values[0][:N], values[1][:N])
    epsilon = 1.0 if cls is SGDRegressor and loss == "huber" else 0.1  # where steps are not short
    model = slow(cls, loss, epsilon=epsilon).fit(rows, targets, sample_weight=weights)
    given = np.ones(N) if weights is None else weights
    settings = Settings(temperature=0.01)
    objective = explain_estimator(model, rows, targets, given, settings).objective
    raw = own_raw_predictions(model, rows)
    np.testing.assert_allclose(objective.raw_prediction, raw, rtol=1e-10, atol=1e-10)
    explainer = explained(model, rows, targets, weights)
    moved = np.abs(explainer.objective_.raw_prediction - objective.raw_prediction).max()
    assert moved < 0.03 * np.ptp(raw), moved / np.ptp(raw)
    assert explainer.polished_stationarity_ < 1e-11


def mean_form(C):
    return LogisticRegression(C=C, tol=1e-10, solver="newton-cholesky")


def test_it_is_logistic_regression_whose_penalty_shrinks_with_the_rows():
    explainer = explained(SGDClassifier("log_loss", alpha=0.01), X[:N], y[:N])
    expected = explained(mean_form(1 / (0.01 * N)), X[:N], y[:N], penalty_scaling="mean")
    for method in ("first_order", "newton_step", "refit"):
        np.testing.assert_allclose(
            explainer.influence(X[N:], y[N:], method=method),
            expected.influence(X[N:], y[N:], method=method),
            rtol=1e-6,
            atol=1e-9,
        )
    left = np.delete(np.arange(N), 7)
    refit = mean_form(1 / (0.01 * (N - 1))).fit(X[left], y[left])
    whole = mean_form(1 / (0.01 * N)).fit(X[:N], y[:N])
    got = explainer.influence(X[N:], target="decision_function", method="refit", rows=[7])[:, 0]
    np.testing.assert_allclose(
        got, refit.decision_function(X[N:]) - whole.decision_function(X[N:]), atol=1e-6
    )


def test_the_penalty_counts_rows_whatever_their_weight():
    explainer = explained(SGDClassifier("log_loss", alpha=0.01), X[:N], y[:N], WEIGHTS)
    whole = mean_form(1 / (0.01 * N)).fit(X[:N], y[:N], WEIGHTS)
    left = np.delete(np.arange(N), 7)
    refit = mean_form(1 / (0.01 * (N - 1))).fit(X[left], y[left], WEIGHTS[left])
    expected = refit.decision_function(X[N:]) - whole.decision_function(X[N:])
    settings = {"target": "decision_function", "rows": [7]}
    for method, rtol in (("refit", 1e-6), ("newton_step", 0.2)):
        got = explainer.influence(X[N:], method=method, **settings)[:, 0]
        np.testing.assert_allclose(got, expected, atol=rtol * np.abs(expected).max())


def slopes(fit, X_test, row):
    """Fall of the decision values as a part t of a row goes, with as much of the penalty."""
    step, out = 0.01, 0.0
    for position, factor in ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12)):
        weights = np.ones(N)
        weights[row] += position * step
        out = out + factor * fit(weights, N + position * step)(X_test)
    return -out / step


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_first_order_is_the_slope_of_the_refits(loss):
    rows = X[:N, :6]

    def fit(weights, n):
        if loss == "log_loss":
            model = LogisticRegression(C=1 / (0.1 * n), tol=1e-12, solver="newton-cholesky")
            return model.fit(rows, y[:N], weights).decision_function
        centred = rows  # the intercept is free: that of a large column, hardly penalised
        model = LinearSVC(
            C=1 / (0.1 * n), dual=False, tol=1e-13, intercept_scaling=1e4, max_iter=100_000
        )
        return model.fit(centred, y[:N], weights).decision_function

    explainer = explained(SGDClassifier(loss, alpha=0.1), rows, y[:N])
    got = explainer.influence(
        X[N : N + 9, :6], target="decision_function", method="first_order", rows=[2, 60]
    )
    expected = np.stack([slopes(fit, X[N : N + 9, :6], row) for row in (2, 60)], axis=1)
    tolerance = 1e-5 if loss == "log_loss" else 1e-3  # liblinear's own
    np.testing.assert_allclose(got, expected, atol=tolerance * np.abs(expected).max())


def test_squared_error_is_ridge_regression_whose_penalty_shrinks_with_the_rows():
    rows, targets = values[0][:N], values[1][:N]
    explainer = explained(SGDRegressor(alpha=0.1), rows, targets)
    expected = explained(Ridge(0.1 * N), rows, targets, penalty_scaling="mean")
    np.testing.assert_allclose(
        explainer.influence(values[0][N:], values[1][N:]),
        expected.influence(values[0][N:], values[1][N:]),
        rtol=1e-8,
        atol=1e-12,
    )


def test_each_class_has_a_machine_with_its_own_class_weight():
    Z, labels = load_iris(return_X_y=True)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    explainer = explained(
        SGDClassifier("log_loss", alpha=0.01, class_weight={0: 3.0, 1: 0.5}), Z, labels
    )
    raw = explainer.objective_.raw_prediction
    for k, weight in enumerate((3.0, 0.5, 1.0)):
        own = np.where(labels == k, weight, 1.0)
        machine = mean_form(1 / (0.01 * len(Z))).fit(Z, labels == k, own)
        np.testing.assert_allclose(raw[:, k], machine.decision_function(Z), atol=1e-6)
    got = explainer.influence(Z[:3], target="predict_proba", rows=[0, 70], method="refit")
    left = np.delete(np.arange(len(Z)), 70)
    p = np.zeros((2, 3))
    for i, keep in enumerate((np.arange(len(Z)), left)):
        for k, weight in enumerate((3.0, 0.5, 1.0)):
            own = np.where(labels[keep] == k, weight, 1.0)
            machine = mean_form(1 / (0.01 * len(keep))).fit(Z[keep], labels[keep] == k, own)
            p[i, k] = machine.predict_proba(Z[1:2])[0, 1]
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got[1, 1], p[1, 0] - p[0, 0], atol=1e-7)


def test_slopes_of_the_normalised_probabilities():
    from skinfluence.losses._robust import OneVersusRestLogistic

    loss, rng = OneVersusRestLogistic(), np.random.default_rng(0)
    raw, codes, d = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1]), 1e-6
    expected = np.empty((4, 3))
    for k in range(3):
        step = d * np.eye(3)[k]
        ahead, behind = loss.probability(raw + step), loss.probability(raw - step)
        expected[:, k] = (ahead - behind)[np.arange(4), codes] / (2 * d)
    np.testing.assert_allclose(loss.probability_gradient(codes, raw), expected, atol=1e-9)


def test_what_distance_is_left_is_told():
    rough = SGDClassifier("modified_huber", alpha=0.01, max_iter=5, tol=None, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"SGDClassifier had not converged.*distance_to_"):
        explainer = InfluenceExplainer(rough).fit(X[:N], y[:N])
    assert explainer.distance_to_optimum_ > 0.05
    assert explainer.polished_stationarity_ < 1e-11


def test_a_fit_that_diverged_is_moved_to_the_optimum():
    diverged = SGDClassifier("squared_hinge", alpha=0.01, random_state=0, max_iter=50, tol=None)
    with pytest.warns(ConvergenceWarning, match="had not converged"):
        explainer = InfluenceExplainer(diverged).fit(X[:N], y[:N])
    assert np.abs(diverged.fit(X[:N], y[:N]).coef_).max() > 1e6
    assert explainer.objective_.stationarity() < 1e-9
    assert np.abs(explainer.objective_.coef).max() < 10.0


@pytest.mark.parametrize("name", ["huber", "modified_huber", "squared_epsilon_insensitive"])
def test_the_losses_have_their_derivatives(name):
    for loss in REGISTRY[name].examples():
        check_loss(loss)


@pytest.mark.parametrize(
    "model, message",
    [
        (SGDClassifier("perceptron"), "loss='perceptron'.*Expected one of.*'log_loss'"),
        (SGDClassifier(penalty="l1"), "penalty='l1'.*take ElasticNet"),
        (SGDClassifier(early_stopping=True), "early_stopping=True.*held out"),
        (SGDClassifier(learning_rate="pa1", eta0=1.0), "learning_rate='pa1'.*no optimum"),
    ],
    ids=["loss", "penalty", "early stopping", "passive-aggressive"],
)
def test_what_has_no_optimum_is_refused(model, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(model).fit(X[:N], y[:N])
