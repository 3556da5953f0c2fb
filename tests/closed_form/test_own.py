"""A classifier of sums of one's own, registered from outside."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.utils.validation import validate_data

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import REGISTRY, register
from skinfluence.closed_form import SumModel


class EqualSpread(ClassifierMixin, BaseEstimator):
    """Classes with means of their own and unit variances: score k is -|x - m_k|^2 / 2."""

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y)
        w = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_ = np.unique(y)
        self.means_ = np.stack(
            [np.average(X[y == c], axis=0, weights=w[y == c]) for c in self.classes_]
        )
        return self

    def predict_joint_log_proba(self, X):
        X = validate_data(self, X, reset=False)
        return -0.5 * ((X[:, None] - self.means_) ** 2).sum(axis=2)

    def predict(self, X):
        return self.classes_[self.predict_joint_log_proba(X).argmax(axis=1)]


class EqualSpreadModel(SumModel):
    """EqualSpread: without a row of class k its mean moves by -w u / (W - w)."""

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        self.priors = np.ones(self.n_classes)  # they play no part

    def features(self, X):
        return [X - mean for mean in self.estimator.means_]

    def terms(self, c, rows, linear):
        w = self.sample_weight[rows, None]
        left = self.class_weight[c] if linear else self.class_weight[c] - w
        moved = -w * (self.X[rows] - self.estimator.means_[c]) / left
        yield c, moved, 0.0 if linear else -0.5 * (moved**2).sum(axis=1)


@pytest.fixture
def registered():
    register(__name__, "EqualSpread", examples=lambda: [EqualSpread()], closed_form=True)(
        lambda estimator, X, y, sample_weight, settings: EqualSpreadModel(
            estimator, X, y, sample_weight
        )
    )
    yield
    del REGISTRY[__name__, "EqualSpread"]


@pytest.mark.usefixtures("registered")
def test_removals_of_a_classifier_of_ones_own_are_its_refits():
    X, y = load_iris(return_X_y=True)
    assert supports(EqualSpread()).answer == "yes"
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    explainer = InfluenceExplainer(EqualSpread()).fit(X, y, weight)

    def losses(model):
        scores = model.predict_joint_log_proba(X[::30])
        own = scores[np.arange(5), np.searchsorted(model.classes_, y[::30])]
        return np.log(np.exp(scores).sum(axis=1)) - own

    got = explainer.influence(X[::30], y[::30], rows=[70])[:, 0]
    kept = np.arange(len(y)) != 70
    without = EqualSpread().fit(X[kept], y[kept], weight[kept])
    np.testing.assert_allclose(got, losses(without) - losses(explainer.estimator_), atol=1e-12)
    got = explainer.influence(X[::30], y[::30], rows=[70], method="first_order")[:, 0]
    ends = []
    for factor in (1 - 1e-4, 1 + 1e-4):
        moved = np.where(kept, weight, factor * weight)
        ends.append(losses(EqualSpread().fit(X, y, moved)))
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / 2e-4, rtol=1e-5, atol=1e-9)
