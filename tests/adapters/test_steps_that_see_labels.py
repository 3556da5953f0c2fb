"""Steps of pipelines that have seen labels: known by their kind, or by what other labels change."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder

from skinfluence.adapters import step_that_sees_labels

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 12))
coins = rng.integers(0, 2, 120)


class Means(TransformerMixin, BaseEstimator):
    """Distances to the means of the classes, with y optional: nothing but its output shows it."""

    def fit(self, X, y=None):
        groups = [X] if y is None else [X[y == k] for k in np.unique(y)]
        self.means_ = np.array([group.mean(axis=0) for group in groups])
        return self

    def transform(self, X):
        return np.linalg.norm(X[:, None] - self.means_, axis=2)


class Words(TransformerMixin, BaseEstimator):
    """Numbers as strings."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X).astype(str)


class Blind(TransformerMixin, BaseEstimator):
    """Takes y, requires it, and makes no use of it."""

    def fit(self, X, y):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


def float_of(X):
    return X.astype(float)


def columns(step):
    return make_column_transformer((step, [0, 1]), remainder="passthrough")


@pytest.mark.parametrize(
    "step",
    [
        SelectKBest(k=3),
        RFE(LogisticRegression(), n_features_to_select=3),
        SelectFromModel(LogisticRegression()),
        LinearDiscriminantAnalysis(),
        TargetEncoder(target_type="binary"),
        columns(SelectKBest(k=1)),
        Means(),
    ],
    ids=lambda step: type(step).__name__,
)
def test_steps_that_see_labels_are_known(step):
    model = make_pipeline(StandardScaler(), step, LogisticRegression()).fit(X, coins)
    assert type(step).__name__ in step_that_sees_labels(model, X, coins)


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        PCA(3, random_state=0),
        VarianceThreshold(),
        FunctionTransformer(np.tanh),
        columns(StandardScaler()),
        Blind(),
        FrozenEstimator(SelectKBest(k=3).fit(X, coins)),
        "passthrough",
    ],
    ids=str,
)
def test_steps_that_do_not_are_left_in_closed_form(step):
    model = make_pipeline(step, LogisticRegression()).fit(X, coins)
    assert step_that_sees_labels(model, X, coins) is None


def test_a_foreign_step_may_put_out_strings():
    model = make_pipeline(Words(), FunctionTransformer(float_of), LogisticRegression())
    assert step_that_sees_labels(model.fit(X, coins), X, coins) is None


def test_steps_inside_searches_and_inner_pipelines_are_found():
    inner = make_pipeline(StandardScaler(), make_pipeline(SelectKBest(k=3), Ridge()))
    search = GridSearchCV(inner, {"pipeline__ridge__alpha": [1.0]}, cv=2).fit(X, coins)
    assert step_that_sees_labels(search, X, coins) == "SelectKBest (step 'selectkbest')"
