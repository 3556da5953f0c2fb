"""Cross-validated predictions of any estimator, and mixtures of predictions."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skinfluence.labels._inputs.steps import weight_name
from skinfluence.labels._sources.cross_validated import (
    CrossValidatedPredictor,
    make_folds,
)
from tests.labels._targets import target_of

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
binary = (X[:, 0] + rng.normal(size=90) > 0).astype(int)
three = np.digitize(X[:, 0] + 0.7 * rng.normal(size=90), [-0.6, 0.6])
values = X @ [1.0, 2.0, 0.0, 1.0] + rng.normal(size=90)
ones = np.ones(90)


def source_of(estimator, target=three, n_classes=3, **settings):
    return CrossValidatedPredictor(X, target_of(target, n_classes), estimator=estimator, **settings)


def test_probabilities_are_those_of_cross_val_predict_on_the_same_folds():
    source = source_of(LogisticRegression())
    folds = PredefinedSplit(source._folds)
    want = cross_val_predict(LogisticRegression(), X, three, cv=folds, method="predict_proba")
    np.testing.assert_allclose(np.exp(source.fit(ones).value), want, atol=1e-3)


def test_values_are_those_of_cross_val_predict_on_the_same_folds():
    source = source_of(Ridge(), values, None)
    want = cross_val_predict(Ridge(), X, values, cv=PredefinedSplit(source._folds))
    np.testing.assert_allclose(source.fit(ones).value, want, rtol=1e-12)


def test_folds_are_balanced_within_each_class():
    folds = make_folds(three, True, 5, np.random.RandomState(0))
    counts = np.array([np.bincount(folds[three == k], minlength=5) for k in range(3)])
    assert (np.ptp(counts, axis=1) <= 1).all()
    assert np.ptp(np.bincount(folds)) <= 1


def test_there_are_no_more_folds_than_rows():
    np.testing.assert_array_equal(
        np.sort(make_folds(np.array([0, 1, 1]), True, 5, np.random.RandomState(0))), [0, 1, 2]
    )


@pytest.mark.parametrize(
    "model", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_weights_reach_the_last_step(model):
    weight = rng.uniform(0.2, 3.0, size=90)
    source = source_of(model)
    got = source.fit(weight).value
    fold = source._folds == 0
    name = (
        "sample_weight"
        if model is not None and not hasattr(model, "steps")
        else ("logisticregression__sample_weight")
    )
    fitted = clone(model).fit(X[~fold], three[~fold], **{name: weight[~fold]})
    np.testing.assert_allclose(np.exp(got[fold]), fitted.predict_proba(X[fold]), atol=1e-3)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7"),
    reason="bags of pipelines take no weights before scikit-learn 1.7",
)
def test_weights_go_to_what_takes_them_first():
    bag = BaggingClassifier(make_pipeline(StandardScaler(), LogisticRegression()), random_state=0)
    weight = rng.uniform(0.2, 3.0, size=90)
    source = source_of(bag)
    fold = source._folds == 0
    fitted = clone(bag).fit(X[~fold], three[~fold], sample_weight=weight[~fold])
    got = np.exp(source.fit(weight).value[fold])
    np.testing.assert_allclose(got, fitted.predict_proba(X[fold]), atol=1e-3)


@pytest.mark.parametrize(
    ("estimator", "takes"),
    [
        (LogisticRegression(), True),
        (KNeighborsClassifier(), False),
        (make_pipeline(StandardScaler(), KNeighborsClassifier()), False),
        (make_pipeline(StandardScaler(), LogisticRegression()), True),
        (GridSearchCV(LogisticRegression(), {}), True),
        (BaggingClassifier(make_pipeline(StandardScaler(), LogisticRegression())), True),
        (GridSearchCV(KNeighborsClassifier(), {}), False),
        (VotingClassifier([("a", LogisticRegression()), ("b", "drop")]), True),
        (VotingClassifier([("a", LogisticRegression()), ("b", KNeighborsClassifier())]), False),
        (OneVsRestClassifier(LogisticRegression()), False),
    ],
)
def test_it_is_known_which_estimators_take_weights(estimator, takes):
    assert (weight_name(estimator) is not None) == takes


def global_state():
    return pickle.dumps(np.random.mtrand._rand.get_state())


def test_unseeded_estimators_are_seeded_and_the_global_state_is_untouched():
    before = global_state()
    first = source_of(ExtraTreesClassifier(10)).fit(ones)
    second = source_of(ExtraTreesClassifier(10)).fit(ones)
    np.testing.assert_array_equal(first.value, second.value)
    assert global_state() == before


def test_no_class_is_impossible():
    value = source_of(ExtraTreesClassifier(5)).fit(ones).value
    assert np.isfinite(value).all()
    np.testing.assert_allclose(np.exp(value).sum(axis=1), 1.0, rtol=1e-12)


class Voter(ClassifierMixin, BaseEstimator):
    """Has predict and nothing else."""

    def fit(self, X, y):
        self.inner_ = DummyClassifier().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X)


def test_margins_serve_where_there_are_no_probabilities():
    value = source_of(LinearSVC(random_state=0)).fit(ones).value
    np.testing.assert_allclose(np.exp(value).sum(axis=1), 1.0, rtol=1e-12)


def test_classifiers_that_only_vote_are_refused():
    with pytest.raises(ValueError, match=r"Voter has neither predict_proba.*LabelFlagger\(\)"):
        source_of(Voter()).fit(ones)


def test_binary_margins_serve_too():
    value = source_of(LinearSVC(random_state=0), binary, 2).fit(ones).value
    assert value.shape == (90, 2)
    assert np.corrcoef(value[:, 1], X[:, 0])[0, 1] > 0.5


def test_a_class_of_one_row_is_judged_by_models_without_it():
    target = np.where(np.arange(90) == 7, 2, binary)
    value = source_of(LogisticRegression(), target, 3).fit(ones).value
    assert np.isfinite(value).all()
    assert np.exp(value[7, 2]) < 1e-9


def test_a_fold_may_leave_one_class_only():
    target = (np.arange(90) == 7).astype(int)
    value = source_of(LogisticRegression(), target, 2).fit(ones).value
    assert np.exp(value[7, 1]) < 1e-9


def test_new_rows_are_judged_by_the_mean_of_the_models():
    source = source_of(LogisticRegression())
    prediction = source.fit(ones)
    new = rng.normal(size=(6, 4))
    members = [
        clone(LogisticRegression()).fit(X[source._folds != k], three[source._folds != k])
        for k in range(5)
    ]
    want = np.mean([m.predict_proba(new) for m in members], axis=0)
    np.testing.assert_allclose(np.exp(prediction.predict(new)), want, atol=1e-3)


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_jobs():
    one = source_of(LogisticRegression(), n_jobs=1).fit(ones)
    two = source_of(LogisticRegression(), n_jobs=2).fit(ones)
    np.testing.assert_array_equal(one.value, two.value)


def test_predictions_can_be_pickled():
    prediction = source_of(LogisticRegression()).fit(ones)
    again = pickle.loads(pickle.dumps(prediction))
    np.testing.assert_array_equal(again.predict(X), prediction.predict(X))


def test_the_first_prediction_stays():
    weight = rng.uniform(0.1, 1.0, size=90)
    source = source_of(LogisticRegression())
    first = source.fit(ones)
    assert source.fit(weight) is first
    weighted = source_of(LogisticRegression()).fit(weight)
    assert np.abs(weighted.value - first.value).max() > 0.01


def test_other_labels_are_judged_anew():
    source = source_of(LogisticRegression())
    first = source.fit(ones)
    turned = source.with_target(target_of((three + 1) % 3, 3)).fit(ones)
    np.testing.assert_allclose(turned.value[:, [1, 2, 0]], first.value, atol=1e-4)
