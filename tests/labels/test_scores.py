"""Scores by name, each against its definition."""

import numpy as np
import pytest
import sklearn
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.labels._scores import SCORES
from tests.labels._quick import quick

rng = np.random.default_rng(0)
X = rng.normal(size=(70, 3))
true = (X[:, 0] + 0.3 * rng.normal(size=70) > 0).astype(int)
y = np.where(np.arange(70) < 6, 1 - true, true)
X_trusted = rng.normal(size=(30, 3))
y_trusted = (X_trusted[:, 0] > 0).astype(int)
model = LogisticRegression(tol=1e-10, max_iter=1000)
weight = rng.uniform(0.5, 2.0, size=70)


def scores(name, estimator=model, **fit):
    return quick(estimator, ranking=name).fit(X, y, **fit).scores_


def derivatives(sample_weight):
    """Gradients (n, p) of the rows' weighted losses and the inverse Hessian, written out."""
    fitted = LogisticRegression(tol=1e-12, max_iter=5000).fit(X, y, sample_weight=sample_weight)
    Z = np.c_[X, np.ones(70)]
    p = fitted.predict_proba(X)[:, 1]
    s = np.ones(70) if sample_weight is None else sample_weight
    hessian = (Z * (s * p * (1 - p))[:, None]).T @ Z + np.diag([1.0, 1.0, 1.0, 0.0])
    return (s * (p - y))[:, None] * Z, (p - y)[:, None] * Z, np.linalg.inv(hessian)


@pytest.mark.parametrize("sample_weight", [None, weight], ids=["ones", "weights"])
def test_self_influence_is_that_of_koh_and_liang(sample_weight):
    weighted, plain, inverse = derivatives(sample_weight)
    want = np.einsum("ij,jk,ik->i", plain, inverse, weighted)
    got = scores("self_influence", sample_weight=sample_weight)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_relative_is_self_influence_over_the_length_of_the_change():
    weighted, plain, inverse = derivatives(None)
    own = np.einsum("ij,jk,ik->i", plain, inverse, weighted)
    want = own / np.linalg.norm(weighted @ inverse, axis=1)
    np.testing.assert_allclose(scores("relative"), want, rtol=1e-5)


def test_relative_is_taken_in_blocks_of_rows():
    whole = scores("relative")
    with sklearn.config_context(working_memory=1e-3):
        np.testing.assert_allclose(scores("relative"), whole, rtol=1e-12)


def test_loss_is_the_log_loss_of_the_fitted_model():
    p = model.fit(X, y).predict_proba(X)[np.arange(70), y]
    np.testing.assert_allclose(scores("loss"), -np.log(p), rtol=1e-4)


def test_reference_is_minus_the_mean_influence_on_the_trusted_rows():
    got = scores("reference", X_trusted=X_trusted, y_trusted=y_trusted)
    explainer = InfluenceExplainer(model).fit(X, y)
    want = -explainer.influence(X_trusted, y_trusted, method="first_order").mean(axis=0)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12)


def test_rows_that_hurt_the_trusted_ones_are_those_that_refits_do_better_without():
    got = scores("reference", X_trusted=X_trusted, y_trusted=y_trusted)

    def trusted_loss(rows):
        p = model.fit(X[rows], y[rows]).predict_proba(X_trusted)
        return -np.log(p[np.arange(30), y_trusted]).mean()

    whole = trusted_loss(np.arange(70))
    gain = [whole - trusted_loss(np.delete(np.arange(70), i)) for i in range(70)]
    assert spearmanr(got, gain).statistic > 0.99


@pytest.mark.parametrize("missing", [{}, {"X_trusted": X_trusted}, {"y_trusted": y_trusted}])
def test_reference_asks_for_trusted_rows(missing):
    with pytest.raises(ValueError, match=r"needs rows whose labels are known.*X_trusted="):
        LabelFlagger(model, ranking="reference").fit(X, y, **missing)


def test_trusted_labels_must_be_known():
    with pytest.raises(ValueError, match=r"y_trusted holds \[5"):
        scores("reference", X_trusted=X_trusted, y_trusted=np.full(30, 5))


def test_other_scores_make_no_use_of_trusted_rows():
    np.testing.assert_array_equal(
        scores("loss"), scores("loss", X_trusted=X_trusted, y_trusted=y_trusted)
    )


@pytest.mark.parametrize("name", ["self_influence", "loss", "relative", "reference"])
@pytest.mark.parametrize("estimator", [model, None], ids=["given", "none"])
def test_each_score_ranks_and_the_noise_model_counts(name, estimator):
    fit = {"X_trusted": X_trusted, "y_trusted": y_trusted}
    found = quick(estimator, ranking=name).fit(X, y, **fit)
    usual = quick(estimator).fit(X, y)
    assert found.judged_by_ == "leave_one_out"
    assert found.scores_.shape == (70,) and np.isfinite(found.scores_).all()
    count = usual.flagged_.sum()
    assert found.flagged_.sum() == count
    assert found.flagged_[np.argsort(-found.scores_, kind="stable")[:count]].all()
    assert (found.suggested_[found.flagged_] != y[found.flagged_]).all()
    np.testing.assert_array_equal(found.label_quality_, usual.label_quality_)
    assert found.contamination_ == usual.contamination_


@pytest.mark.parametrize("name", [n for n, f in SCORES.items() if f is not None])
def test_scores_of_influence_belong_to_the_labels_as_given(name):
    """The noise model's own row weights leave the raw scores alone."""
    fit = {"X_trusted": X_trusted, "y_trusted": y_trusted}
    with_noise = LabelFlagger(model, ranking=name).fit(X, y, **fit)
    without = LabelFlagger(model, ranking=name, noise_model=False).fit(X, y, **fit)
    np.testing.assert_array_equal(with_noise.scores_, without.scores_)


@pytest.mark.parametrize("name", ["self_influence", "relative"])
def test_a_row_of_weight_zero_has_no_influence(name):
    absent = np.where(np.arange(70) == 9, 0.0, 1.0)
    pipeline = make_pipeline(StandardScaler(), model)
    got = scores(name, pipeline, sample_weight=absent)
    assert got[9] == 0.0
    rest = np.arange(70) != 9
    fresh = LabelFlagger(pipeline, ranking=name).fit(X[rest], y[rest])
    np.testing.assert_allclose(got[rest], fresh.scores_, rtol=1e-6)


@pytest.mark.parametrize("name", ["self_influence", "loss", "relative"])
def test_scores_of_values(name):
    values = X @ [1.0, 2.0, 0.5] + 0.1 * rng.normal(size=70)
    values[:5] += 4.0
    found = LabelFlagger(Ridge(), ranking=name).fit(X, values)
    assert set(found.ranking_[:5]) == set(range(5))


def test_loss_of_values_is_half_the_squared_error():
    values = X @ [1.0, 2.0, 0.5] + 0.1 * rng.normal(size=70)
    found = LabelFlagger(Ridge(), ranking="loss").fit(X, values)
    residual = values - Ridge().fit(X, values).predict(X)
    np.testing.assert_allclose(found.scores_, 0.5 * residual**2, rtol=1e-6)
