"""Data values against their definition over all subsets of eight rows."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from skinfluence.datasets import flip_labels
from skinfluence.valuation import data_banzhaf, data_shapley, knn_shapley
from skinfluence.valuation._sampled import _Utility


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(150)
    return X[rows[:8]], y[rows[:8]], X[rows[10:50]], y[rows[10:50]]


def by_definition(n, utility, weight):
    """sum over subsets S without i of weight(|S|) (v(S + i) - v(S)), with v computed once."""
    known = {s: utility(np.array(s, dtype=int)) for k in range(n + 1)
             for s in combinations(range(n), k)}  # fmt: skip
    values = np.zeros(n)
    for i in range(n):
        for s, score in known.items():
            if i not in s:
                values[i] += weight(len(s)) * (known[tuple(sorted((*s, i)))] - score)
    return values


@pytest.mark.parametrize("n_neighbors", [1, 3, 8, 12])
def test_knn_shapley_is_its_definition(n_neighbors, flowers):
    X, y, X_test, y_test = flowers

    def utility(rows):
        distance = ((X_test[:, None] - X[rows]) ** 2).sum(axis=-1)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :n_neighbors]
        return (y[rows][nearest] == y_test[:, None]).sum(axis=1).mean() / n_neighbors

    expected = by_definition(8, utility, lambda k: 1 / (8 * comb(7, k)))
    mine = knn_shapley(X, y, X_test, y_test, n_neighbors=n_neighbors)
    np.testing.assert_allclose(mine, expected, atol=1e-12)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_shapley_is_its_definition_within_its_error(scoring, flowers):
    X, y, X_test, y_test = flowers
    model = KNeighborsClassifier(1) if scoring is None else LogisticRegression()
    utility = _Utility(model, X, y, X_test, y_test, scoring)
    expected = by_definition(8, utility, lambda k: 1 / (8 * comb(7, k)))
    found = data_shapley(
        model, X, y, X_test, y_test, scoring=scoring, n_permutations=50, truncation=0.0,
        random_state=0,
    )  # fmt: skip
    assert (np.abs(found.values - expected) < 3.5 * found.standard_error + 1e-12).all()
    assert found.values.sum() == pytest.approx(found.score - found.empty_score, abs=1e-9)
    assert found.n_fits == 350  # the whole is fitted once, and no subset


def test_banzhaf_is_its_definition_within_its_error(flowers):
    X, y, X_test, y_test = flowers
    model = KNeighborsClassifier(1)
    utility = _Utility(model, X, y, X_test, y_test, None)
    expected = by_definition(8, utility, lambda k: 0.5**7)
    found = data_banzhaf(model, X, y, X_test, y_test, n_subsets=400, random_state=0)
    assert (np.abs(found.values - expected) < 3.5 * found.standard_error).all()


def test_seeds_jobs_names_and_truncation():
    X, y = load_diabetes(return_X_y=True)
    table = pd.DataFrame(X[:20], index=[f"row {i}" for i in range(20)])
    tests = pd.DataFrame(X[200:300])
    settings = {"n_permutations": 4, "truncation": 0.3, "random_state": 3}
    one = data_shapley(Ridge(0.1), table, y[:20], tests, y[200:300], **settings)
    two = data_shapley(Ridge(0.1), table, y[:20], tests, y[200:300], n_jobs=2, **settings)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.n_fits < 76
    assert abs(one.values.sum() - (one.score - one.empty_score)) < 0.3 * abs(
        one.score - one.empty_score
    )
    assert str(one).count("row ") >= 10 and "standard" in str(one)


def test_wrong_labels_have_low_values():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    noisy, flipped = flip_labels(y[:300], 0.15, random_state=0)
    values = knn_shapley(X[:300], noisy, X[300:], y[300:])
    assert roc_auc_score(flipped, -values) > 0.85


def test_bad_input(flowers):
    X, y, X_test, y_test = flowers
    with pytest.raises(ValueError, match="n_neighbors=0"):
        knn_shapley(X, y, X_test, y_test, n_neighbors=0)
    with pytest.raises(ValueError, match="X_test has 3 columns"):
        knn_shapley(X, y, X_test[:, :3], y_test)
    with pytest.raises(ValueError, match="n_permutations=1"):
        data_shapley(GaussianNB(), X, y, X_test, y_test, n_permutations=1)
    with pytest.raises(ValueError, match="more subsets"):
        data_banzhaf(GaussianNB(), X, y, X_test, y_test, n_subsets=4, random_state=0)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        data_shapley(GaussianNB(), X, y[:5], X_test, y_test)
