"""Groups of breast cancer and of the hospital rows, up to a quarter of the training data."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.explainer import lins_concordance
from skinfluence.groups import group_influence, most_influential_group, smallest_flipping_set


def concordances(explainer, groups, X_test, y_test):
    """Of first order, second order and the Newton step with refits, over all pairs."""
    truth = group_influence(explainer, groups, X_test, y_test, method="refit").ravel()
    return [
        lins_concordance(
            group_influence(explainer, groups, X_test, y_test, method=method).ravel(), truth
        )
        for method in ("first_order", "second_order", "newton_step")
    ]


def random_groups(n, rng):
    return [rng.choice(n, size, replace=False) for size in np.linspace(2, n // 4, 12).astype(int)]


def clusters(X, y, n):
    labels = KMeans(n, n_init=1, random_state=0).fit_predict(StandardScaler().fit_transform(X))
    groups = [np.flatnonzero(labels == k) for k in range(n)]
    return [g for g in groups if len(g) <= len(y) // 4 and len(set(np.delete(y, g))) == 2]


def breast_cancer(seed):
    """(explainer, X_test, y_test, kind -> groups) of a random split."""
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    train, test = order[:400], order[400:]
    X = StandardScaler().fit(X[train]).transform(X)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X[train], y[train])
    groups = {
        "random": random_groups(400, rng),
        "clusters": clusters(X[train], y[train], 20),
        "categories": [np.flatnonzero(x > np.quantile(x, 0.75)) for x in X[train].T],
    }
    return explainer, X[test], y[test], groups


@pytest.mark.parametrize("seed", range(3))
def test_the_leverage_correction_halves_the_error_where_rows_are_few(seed):
    """100 rows, 30 columns: mean error of the effect of a group, against refits."""
    X, y = load_breast_cancer(return_X_y=True)
    X, rng = StandardScaler().fit_transform(X), np.random.default_rng(seed)
    order = rng.permutation(len(y))
    train, test = order[:100], order[100:]
    explainer = InfluenceExplainer(LogisticRegression()).fit(X[train], y[train])
    groups = [rng.choice(100, size, replace=False) for size in (2, 5, 10, 20) for _ in range(5)]
    truth, first, rescaled = (
        group_influence(explainer, groups, X[test], y[test], method=method)
        for method in ("refit", "first_order", "rescaled")
    )
    assert np.abs(rescaled - truth).mean() < 0.5 * np.abs(first - truth).mean()


@pytest.mark.parametrize("kind", ["random", "clusters", "categories"])
def test_breast_cancer(kind):
    """Medians of five splits: the classes are nearly separable, and single splits vary."""
    found = []
    for seed in range(5):
        explainer, X_test, y_test, groups = breast_cancer(seed)
        found.append(concordances(explainer, groups[kind], X_test, y_test))
    first, second, newton = np.median(found, axis=0)
    assert newton >= 0.98
    assert first < second < newton
    assert first < 0.9


@pytest.fixture(scope="module")
def hospital():
    data = load_hospital_readmission()
    model = LogisticRegression(C=0.5, fit_intercept=False, solver="newton-cholesky")
    return InfluenceExplainer(model).fit(data.data, data.target), data


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random", "clusters", "categories"])
def test_hospital(kind, hospital):
    explainer, data = hospital
    X, y = data.data, data.target
    groups = {
        "random": lambda: random_groups(len(y), np.random.default_rng(0)),
        "clusters": lambda: clusters(X, y, 20),
        "categories": lambda: [np.flatnonzero(x) for x in X.T[8:] if 0 < x.sum() <= len(y) // 4],
    }[kind]()
    tests = slice(0, 300)
    first, second, newton = concordances(
        explainer, groups, data.data_test[tests], data.target_test[tests]
    )
    assert newton >= 0.999
    assert first < second <= newton
    assert first < {"random": 0.98, "clusters": 0.8, "categories": 0.6}[kind]


def test_the_three_children_are_the_most_influential_group():
    """Koh & Liang (2017), section 5.3: they alone make the model expect children to return."""
    data = load_hospital_readmission(modified=True)
    model = LogisticRegression(C=0.5, fit_intercept=False, solver="newton-cholesky")
    explainer = InfluenceExplainer(model).fit(data.data, data.target)
    is_child = data.data[:, data.feature_names.index("age_[0-10)")] == 1
    tested = data.data_test[:, data.feature_names.index("age_[0-10)")] == 1
    found = most_influential_group(
        explainer, data.data_test[tested], data.target_test[tested], n_rows=3, direction="decrease"
    )
    assert sorted(found.rows) == np.flatnonzero(is_child & (data.target == 1)).tolist()
    np.testing.assert_allclose(found.change, found.refit(), rtol=0.01)


@pytest.mark.slow
def test_flipping_sets_of_patients(hospital):
    """Refits of scikit-learn say so too; what the Newton step expects is near what it takes."""
    explainer, data = hospital
    patients = data.data_test[:6]
    errors = {}
    for method in ("newton_step", "first_order"):
        found = smallest_flipping_set(explainer, patients, method=method, max_rows=150)
        known = [f for f in found if f.size and f.predicted_size]
        errors[method] = np.median([abs(f.predicted_size - f.size) / f.size for f in known])
        for row, f in zip(patients, found, strict=True):
            if f.size is None:
                continue
            kept = np.delete(np.arange(len(data.target)), f.rows)
            left = LogisticRegression(
                C=0.5, fit_intercept=False, solver="newton-cholesky", tol=1e-9
            )
            left.fit(data.data[kept], data.target[kept])
            assert left.predict([row])[0] == f.new_prediction != f.prediction
    assert errors["newton_step"] < 0.02 < errors["first_order"]
