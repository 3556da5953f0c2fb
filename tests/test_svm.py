"""SmoothHingeSVC: at its optimum, tending to the hinge, equal in all its forms."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from sklearn.svm import LinearSVC

from skinfluence import SmoothHingeSVC

rng = np.random.default_rng(2)
noisy = rng.normal(size=(150, 6))
DATA = {
    "noisy": (noisy, (noisy[:, 0] + rng.normal(size=150) > 0).astype(int)),
    "separable": (noisy, (noisy[:, 0] > 0).astype(int)),
    "wide": (rng.normal(size=(20, 60)), np.arange(20) % 2),
    "cancer": (scale(load_breast_cancer().data), load_breast_cancer().target),
}


def gradient(model, X, y, weights=1.0):
    """The derivative of the documented objective at the fitted coefficients, written by hand."""
    sign = np.where(y == model.classes_[1], 1.0, -1.0)
    slack = (1.0 - sign * (X @ model.coef_[0] + model.intercept_[0])) / model.temperature
    pull = -model.C * weights * sign * expit(slack)
    return np.append(pull @ X + model.coef_[0], pull.sum() if model.fit_intercept else 0.0)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("name", DATA)
def test_the_fit_is_an_optimum(name, temperature):
    X, y = DATA[name]
    model = SmoothHingeSVC(temperature=temperature).fit(X, y)
    assert model.stationarity_ <= 1e-9
    # rounding of the slack is magnified by 1 / t
    assert np.abs(gradient(model, X, y)).max() <= 1e-9 * max(1.0, 1e-3 / temperature) * len(X)


@pytest.mark.parametrize("C", [1e-3, 1e3])
def test_small_and_large_penalties_end_at_the_optimum(C):
    X, y = DATA["noisy"]
    model = SmoothHingeSVC(C=C).fit(X, y)
    assert model.stationarity_ <= 1e-9


def test_extreme_class_weights_end_at_the_optimum():
    """There the hinge is flat for nearly all rows, and a Newton step can be 1e27 times too long."""
    X, y = DATA["noisy"]
    model = SmoothHingeSVC(class_weight={0: 1000, 1: 1e-4}).fit(20 * X, y)
    assert model.stationarity_ <= 1e-9
    assert model.n_iter_ < 100


def test_the_limit_of_small_temperatures_is_the_hinge():
    X, y = DATA["noisy"]
    hinge = LinearSVC(loss="hinge", fit_intercept=False, tol=1e-10, max_iter=10**6, random_state=0)
    want = hinge.fit(X, y).decision_function(X)
    errors = [
        np.abs(
            SmoothHingeSVC(temperature=t, fit_intercept=False).fit(X, y).decision_function(X) - want
        ).max()
        for t in (1.0, 0.1, 0.01, 0.001)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01 * np.ptp(want)


def test_a_weight_of_two_is_a_row_twice():
    X, y = DATA["noisy"]
    weights = rng.integers(0, 4, size=len(X))
    weighted = SmoothHingeSVC().fit(X, y, sample_weight=weights)
    repeated = SmoothHingeSVC().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("class_weight", [{0: 3.0, 1: 0.5}, "balanced"])
def test_class_weights_multiply_sample_weights(class_weight):
    X, y = DATA["noisy"]
    own = {0: 3.0, 1: 0.5}
    if class_weight == "balanced":
        own = {k: len(y) / (2.0 * (y == k).sum()) for k in (0, 1)}
    got = SmoothHingeSVC(class_weight=class_weight).fit(X, y)
    want = SmoothHingeSVC().fit(X, y, sample_weight=np.vectorize(own.get)(y))
    np.testing.assert_allclose(got.coef_, want.coef_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
def test_sparse_equals_dense(convert):
    X, y = DATA["noisy"]
    X = np.where(X > 0.5, X, 0.0)
    want, got = SmoothHingeSVC().fit(X, y), SmoothHingeSVC().fit(convert(X), y)
    np.testing.assert_allclose(got.coef_, want.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        got.decision_function(convert(X)), want.decision_function(X), rtol=1e-9, atol=1e-12
    )


def test_three_classes_are_three_binary_machines():
    X, y = load_iris(return_X_y=True)
    names = load_iris().target_names[y]
    model = SmoothHingeSVC().fit(X, names)
    assert model.coef_.shape == (3, 4) and model.intercept_.shape == (3,)
    for k, name in enumerate(model.classes_):
        one = SmoothHingeSVC().fit(X, names == name)
        np.testing.assert_allclose(model.coef_[k], one.coef_[0], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(model.intercept_[k], one.intercept_[0], rtol=1e-8, atol=1e-10)
    best = model.decision_function(X).argmax(axis=1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[best])


def test_too_few_steps_are_told_with_a_remedy():
    X, y = DATA["noisy"]
    with pytest.warns(ConvergenceWarning, match=r"stopped after .* Increase max_iter \(now 1\)"):
        SmoothHingeSVC(temperature=0.001, max_iter=1).fit(X, y)


@pytest.mark.parametrize(
    "settings", [{"C": 0.0}, {"temperature": 0.0}, {"max_iter": 0}, {"class_weight": "heavy"}]
)
def test_settings_that_mean_nothing_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SmoothHingeSVC must be"):
        SmoothHingeSVC(**settings).fit(*DATA["noisy"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.zeros(150), "at least 2 classes"), (np.linspace(0, 1, 150), "continuous")],
)
def test_targets_that_are_no_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        SmoothHingeSVC().fit(noisy, labels)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        SmoothHingeSVC().fit(*DATA["noisy"], sample_weight=-np.ones(150))
