"""Test rows that lie outside what the training rows determine."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC

from skinfluence import InfluenceExplainer
from skinfluence.explainer import SingularHessianWarning
from skinfluence.mismatch import unlike_training
from skinfluence.mismatch._shift import shift_p_values


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X[:200] * 20, y[:200], X[200:] * 20


def test_leverage_of_least_squares_is_that_of_the_textbook(diabetes):
    X, y, X_test = diabetes
    weight = 1.0 + np.arange(200) % 3
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y, sample_weight=weight)
    Z, Z_test = (np.column_stack([part, np.ones(len(part))]) for part in (X, X_test))
    H = np.linalg.inv(Z.T @ (weight[:, None] * Z))
    m = np.einsum("ij,jk,ik->i", Z_test, H, Z_test)
    np.testing.assert_allclose(explainer.out_of_sample_leverage(X_test), m, rtol=1e-10)
    without = explainer.out_of_sample_leverage()
    for i in (0, 17):
        left = np.delete(np.arange(200), i)
        H = np.linalg.inv(Z[left].T @ (weight[left, None] * Z[left]))
        assert without[i] == pytest.approx(Z[i] @ H @ Z[i], rel=1e-9)


def test_leverage_of_a_softmax_is_that_of_its_dense_hessian():
    X, y = load_iris(return_X_y=True)
    explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    P = np.exp(explainer.objective_.raw_prediction)
    P /= P.sum(axis=1, keepdims=True)
    Z, center = np.column_stack([X, np.ones(150)]), np.eye(3) - 1 / 3
    own = [np.kron(np.diag(p) - np.outer(p, p), np.outer(z, z)) for p, z in zip(P, Z, strict=True)]
    H = sum(own) + np.kron(np.eye(3), np.diag([1.0, 1, 1, 1, 0]))

    def leverage(H, z):
        J = center @ np.kron(np.eye(3), z)
        return np.trace(J @ np.linalg.pinv(H, rcond=1e-12) @ J.T)

    found = explainer.out_of_sample_leverage(X[:5])
    np.testing.assert_allclose(found, [leverage(H, z) for z in Z[:5]], rtol=1e-6)
    assert explainer.out_of_sample_leverage()[70] == pytest.approx(leverage(H - own[70], Z[70]))


def test_leverage_of_a_gaussian_process_is_its_posterior_variance_also_far_away(diabetes):
    X, y, X_test = (np.asarray(part) for part in diabetes)
    X_test = np.vstack([X_test[:20], X_test[:1] + 100.0])
    process = GaussianProcessRegressor(RBF(3.0), alpha=0.5, optimizer=None)
    explainer = InfluenceExplainer(process).fit(X, y)
    variance = process.fit(X, y).predict(X_test, return_std=True)[1] ** 2
    np.testing.assert_allclose(0.5 * explainer.out_of_sample_leverage(X_test), variance, rtol=1e-9)
    assert unlike_training(explainer, X_test, n_permutations=0).rows[0] == 20
    alone = process.fit(X[1:], y[1:]).predict(X[:1], return_std=True)[1][0] ** 2
    assert 0.5 * explainer.out_of_sample_leverage()[0] == pytest.approx(alone, rel=1e-8)


def test_leverage_of_members_is_the_sum_of_theirs():
    X, y = load_iris(return_X_y=True)
    whole = InfluenceExplainer(OneVsRestClassifier(LogisticRegression())).fit(X, y)
    parts = [InfluenceExplainer(LogisticRegression()).fit(X, y == k) for k in range(3)]
    for rows in (None, X[:7]):
        expected = sum(part.out_of_sample_leverage(rows) for part in parts)
        np.testing.assert_allclose(whole.out_of_sample_leverage(rows), expected, rtol=1e-8)
    assert 0 < unlike_training(whole, X[:30], n_permutations=99, random_state=0).p_value <= 0.02


def test_a_category_that_no_training_row_has_is_undetermined_without_a_penalty():
    X = pd.DataFrame({"kind": list("aabb") * 10, "x": np.sin(np.arange(40.0))})
    X_test = pd.DataFrame({"kind": ["a", "c"], "x": [0.0, 0.0]})
    encoder = OneHotEncoder(categories=[["a", "b", "c"]])
    for model, infinite in ((LinearRegression(), True), (Ridge(), False)):
        pipeline = make_pipeline(
            make_column_transformer((encoder, ["kind"]), remainder="passthrough"), model
        )
        with pytest.warns(SingularHessianWarning) if infinite else nullcontext():
            explainer = InfluenceExplainer(pipeline).fit(X, X["x"])
            found = unlike_training(explainer, X_test, n_permutations=0)
        assert np.isinf(found.leverage[1]) == infinite
        assert found.rows[0] == 1
        assert found.quantile[1] == 1.0
        assert found.columns[0] == [("kind", "c")]


def test_a_single_unusual_row_is_first_with_its_column_and_its_like(diabetes):
    X, y, X_test = diabetes
    X, X_test = X.copy(), X_test.copy()
    X["rare"], X_test["rare"] = 0.0, 0.0
    X.iloc[[11, 12], -1] = X_test.iloc[5, -1] = 1.0
    explainer = InfluenceExplainer(Ridge(0.01)).fit(X, y)
    found = unlike_training(explainer, X_test, n_permutations=0)
    assert found.rows[0] == 5
    assert found.columns[0] == [("rare", 1.0)]
    assert {11, 12} <= set(found.training_rows[0])
    assert found.frame()["test_row"].tolist()[0] == X_test.index[5]
    assert np.isnan(found.p_value)
    assert "rare = 1" in str(found)


def test_a_moved_mean_is_found_where_no_single_row_is_unusual():
    rng = np.random.default_rng(0)
    X, X_test = rng.normal(size=(400, 10)), rng.normal(size=(300, 10)) + 0.15
    explainer = InfluenceExplainer(Ridge()).fit(X, X[:, 0])
    found = unlike_training(explainer, X_test, n_permutations=199, random_state=0)
    assert found.p_values["mean"] == pytest.approx(1 / 200)
    assert found.p_value <= 0.01
    again = unlike_training(explainer, X_test, n_permutations=199, random_state=0)
    assert again.p_values == found.p_values


@pytest.mark.parametrize("classify", [False, True])
def test_p_values_and_quantiles_are_uniform_without_a_shift(classify):
    rng = np.random.default_rng(1)
    model = LogisticRegression(C=10) if classify else Ridge()
    found = []
    for seed in range(60):
        X = rng.standard_t(4, size=(90, 5))
        y = X[:, 0] + rng.normal(size=90)
        explainer = InfluenceExplainer(model).fit(X[:60], y[:60] > 0 if classify else y[:60])
        one = unlike_training(explainer, X[60:], n_rows=1, n_permutations=59, random_state=seed)
        found.append([one.p_value, *one.p_values.values(), one.quantile[0]])
    for values in np.transpose(found):
        assert kstest(values, "uniform").pvalue > 0.005


def test_the_p_value_of_the_smallest_counts_rows_that_are_as_extreme():
    statistics = np.array([[3.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 4.0]])
    each, smallest = shift_p_values(statistics)
    np.testing.assert_allclose(each, [0.25, 1.0])
    assert smallest == 0.5


def test_wrong_input_is_refused(diabetes):
    X, y, X_test = diabetes
    explainer = InfluenceExplainer(Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="n_permutations=-1"):
        unlike_training(explainer, X_test, n_permutations=-1)
    with pytest.raises(ValueError, match="n_rows=0"):
        unlike_training(explainer, X_test, n_rows=0)
    with pytest.raises(ValueError, match="the name of a file"):
        unlike_training(explainer, "test.csv")
    with pytest.raises(TypeError, match="closed form"):
        unlike_training(InfluenceExplainer(GaussianNB()).fit(X, y > 100), X_test)
    kernel = InfluenceExplainer(SVC(kernel="precomputed")).fit(X @ X.T, y > 100)
    with pytest.raises(ValueError, match="kernels are precomputed"):
        unlike_training(kernel, X_test @ X.T)
