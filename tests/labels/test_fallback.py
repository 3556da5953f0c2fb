"""Where cross-validation judges: steps that have seen labels, closed forms that cost more."""

import numpy as np
import pytest
from scipy import sparse
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

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.labels._sources.choice import seconds, step_that_sees_labels

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


def test_coin_tosses_are_not_predicted_by_a_selection_that_has_seen_them():
    wide, y = rng.normal(size=(100, 500)), rng.integers(0, 2, 100)
    model = make_pipeline(SelectKBest(k=10), LogisticRegression())
    with pytest.warns(UserWarning, match="no better than the shares of the classes"):
        found = LabelFlagger(model).fit(wide, y)
    fixed = make_pipeline(FrozenEstimator(SelectKBest(k=10).fit(wide, y)), LogisticRegression())
    closed = LabelFlagger(fixed).fit(wide, y)
    assert found.judged_by_ == "cross_validation"
    assert "since SelectKBest (step 'selectkbest') has seen the labels" in found.description_
    accuracy = [(f.loo_proba_.argmax(axis=1) == y).mean() for f in (closed, found)]
    assert accuracy[0] > 0.65 > 0.55 > accuracy[1]
    # how the steps prepared the rows is what its influences are explained with, as ever
    assert isinstance(found.explainer_, InfluenceExplainer)


def test_many_classes_and_sparse_rows_are_cross_validated_where_that_is_cheaper():
    y = np.arange(600) % 60
    table = rng.normal(size=(60, 20))[y] * 1.5 + rng.normal(size=(600, 20))
    found = LabelFlagger(LogisticRegression(), noise_model=False).fit(table, y)
    assert found.judged_by_ == "cross_validation"
    assert "times cheaper than leave-one-out" in found.description_
    thin = sparse.random(2000, 1500, density=0.01, random_state=0, format="csr")
    labels = (thin @ rng.normal(size=1500) > 0).astype(int)
    found = LabelFlagger(LogisticRegression(), noise_model=False).fit(thin, labels)
    assert found.judged_by_ == "cross_validation"


@pytest.mark.slow
def test_a_damping_asks_for_the_closed_form_whatever_it_costs():
    y = np.arange(600) % 60
    table = rng.normal(size=(60, 20))[y] * 1.5 + rng.normal(size=(600, 20))
    found = [
        LabelFlagger(LogisticRegression(), damping=damping, noise_model=False).fit(table, y)
        for damping in ("auto", 0)
    ]
    closed, folds = seconds(found[1].explainer_)
    assert closed > 2 * folds
    assert [f.judged_by_ for f in found] == ["cross_validation", "leave_one_out"]


@pytest.mark.filterwarnings("ignore:Models that have not seen a row predict its label no better")
def test_small_tables_are_left_out_in_closed_form():
    assert LabelFlagger(LogisticRegression()).fit(X, coins).judged_by_ == "leave_one_out"
