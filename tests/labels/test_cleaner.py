"""The sampler: which rows stay, in what they came in, and inside imbalanced-learn's pipelines."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelCleaner, LabelFlagger
from skinfluence.datasets import flip_labels
from tests.labels._known import Known
from tests.labels._quick import quick

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
truth = (X[:, 0] + X[:, 1] > 0).astype(int)
y, flipped = flip_labels(truth, 0.1, random_state=0)
n = 12
small = np.arange(2.0 * n).reshape(n, 2)
labels = np.array([0, 1] * 6)
other = 1 - labels
WRONG = [2, 5, 6]
LEFT = np.delete(np.arange(n), WRONG)


def test_flagged_rows_are_dropped():
    cleaner = LabelCleaner(Known(WRONG, other))
    X_left, y_left = cleaner.fit_resample(small, labels)
    np.testing.assert_array_equal(X_left, small[LEFT])
    np.testing.assert_array_equal(y_left, labels[LEFT])
    np.testing.assert_array_equal(cleaner.sample_indices_, LEFT)


def test_flagged_rows_get_the_suggested_label():
    cleaner = LabelCleaner(Known(WRONG, other), action="relabel")
    X_left, y_left = cleaner.fit_resample(small, labels)
    np.testing.assert_array_equal(X_left, small)
    np.testing.assert_array_equal(np.flatnonzero(y_left != labels), WRONG)
    np.testing.assert_array_equal(cleaner.sample_indices_, np.arange(n))


def test_what_was_given_is_left_as_it_was():
    table, given = small.copy(), labels.copy()
    for action in ("drop", "relabel"):
        LabelCleaner(Known(WRONG, other), action=action).fit_resample(table, given)
    np.testing.assert_array_equal(table, small)
    np.testing.assert_array_equal(given, labels)


def test_fit_decides_the_same_and_returns_itself():
    cleaner = LabelCleaner(Known(WRONG, other))
    assert cleaner.fit(small, labels) is cleaner
    np.testing.assert_array_equal(cleaner.sample_indices_, LEFT)


@pytest.mark.parametrize("action", ["drop", "relabel"])
def test_a_class_that_would_vanish_keeps_its_best_row(action):
    given = np.array(["a"] * 8 + ["b"] * 4)
    quality = np.r_[np.full(8, 0.9), 0.1, 0.2, 0.05, 0.15]
    flagger = Known([8, 9, 10, 11], np.full(n, "a"), quality)
    cleaner = LabelCleaner(flagger, action=action)
    _, left = cleaner.fit_resample(small, given)
    assert (left == "b").sum() == 1
    assert left[np.flatnonzero(cleaner.sample_indices_ == 9)[0]] == "b"


def test_a_class_that_others_are_relabelled_into_needs_no_protection():
    given = np.array([0] * 6 + [1] * 6)
    flagger = Known([0, *range(6, 12)], np.array([1] * 6 + [0] * 6))
    _, left = LabelCleaner(flagger, action="relabel").fit_resample(small, given)
    np.testing.assert_array_equal(left, [1, *[0] * 11])


def test_rows_of_weight_zero_do_not_stay_and_do_not_save_a_class():
    given = np.array([0] * 8 + [1] * 4)
    weight = np.ones(n)
    weight[[0, 8]] = 0.0
    quality = np.r_[np.full(8, 0.9), 0.8, 0.2, 0.1, 0.1]
    cleaner = LabelCleaner(Known([9, 10, 11], 1 - given, quality))
    cleaner.fit_resample(small, given, sample_weight=weight)
    np.testing.assert_array_equal(cleaner.sample_indices_, [1, 2, 3, 4, 5, 6, 7, 9])


INDEX = pd.Index([f"row {i}" for i in range(n)])


@pytest.mark.parametrize("action", ["drop", "relabel"])
def test_pandas_keeps_index_names_and_types(action):
    frame = pd.DataFrame(small, columns=["a", "b"], index=INDEX)
    frame["c"] = pd.Categorical(["u", "v"] * 6)
    given = pd.Series(labels, index=INDEX, name="target", dtype="int16")
    X_left, y_left = LabelCleaner(Known(WRONG, other), action=action).fit_resample(frame, given)
    kept = LEFT if action == "drop" else np.arange(n)
    pd.testing.assert_frame_equal(X_left, frame.iloc[kept])
    want = given.iloc[kept].copy()
    if action == "relabel":
        want.iloc[WRONG] = other[WRONG].astype("int16")
    pd.testing.assert_series_equal(y_left, want)


@pytest.mark.parametrize("dtype", ["category", "object", "string"])
def test_pandas_labels_keep_their_dtype_when_relabelled(dtype):
    given = pd.Series(np.where(labels == 1, "yes", "no"), index=INDEX).astype(dtype)
    suggested = np.where(other == 1, "yes", "no")
    _, left = LabelCleaner(Known(WRONG, suggested), action="relabel").fit_resample(small, given)
    assert left.dtype == given.dtype
    assert left.index.equals(INDEX)
    assert left.iloc[WRONG].tolist() == suggested[WRONG].tolist()


@pytest.mark.parametrize("action", ["drop", "relabel"])
def test_polars_stays_polars(action):
    frame, given = pl.DataFrame(small, schema=["a", "b"]), pl.Series("target", labels)
    X_left, y_left = LabelCleaner(Known(WRONG, other), action=action).fit_resample(frame, given)
    assert isinstance(X_left, pl.DataFrame) and isinstance(y_left, pl.Series)
    assert y_left.dtype == given.dtype and y_left.name == "target"
    if action == "drop":
        assert X_left.equals(frame[LEFT.tolist()])
    else:
        assert y_left.to_list() == np.where(np.isin(np.arange(n), WRONG), other, labels).tolist()


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"])
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_rows_keep_their_format(format, kind):
    table = kind(small).asformat(format)
    X_left, _ = LabelCleaner(Known(WRONG, other)).fit_resample(table, labels)
    assert X_left.format == format
    assert isinstance(X_left, sparse.sparray) == isinstance(table, sparse.sparray)
    np.testing.assert_array_equal(X_left.toarray(), small[LEFT])


@pytest.mark.parametrize(
    "given",
    [
        labels.astype(np.int8),
        labels.astype(bool),
        labels.astype(np.float32),
        np.where(labels == 1, "yes", "no"),
        np.where(labels == 1, "yes", "no").astype(object),
    ],
    ids=lambda given: str(given.dtype),
)
@pytest.mark.parametrize("action", ["drop", "relabel"])
def test_labels_keep_their_dtype(given, action):
    suggested = np.roll(given, 1)  # the other class
    _, left = LabelCleaner(Known(WRONG, suggested), action=action).fit_resample(small, given)
    assert left.dtype == given.dtype
    if action == "relabel":
        assert left[WRONG].tolist() == suggested[WRONG].tolist()


def test_lists_stay_lists():
    table, given = small.tolist(), labels.tolist()
    X_left, y_left = LabelCleaner(Known(WRONG, other)).fit_resample(table, given)
    assert X_left == small[LEFT].tolist() and y_left == labels[LEFT].tolist()
    _, y_left = LabelCleaner(Known(WRONG, other), action="relabel").fit_resample(table, given)
    assert [i for i in range(n) if y_left[i] != given[i]] == WRONG


def test_float32_tables_stay_float32():
    X_left, _ = LabelCleaner(Known(WRONG, other)).fit_resample(small.astype(np.float32), labels)
    assert X_left.dtype == np.float32


@pytest.mark.parametrize("make", [np.array, pd.Series, pl.Series, list])
def test_suggested_values_of_whole_numbers_are_not_cut_to_whole_numbers(make):
    values = make(list(range(n)))
    suggested = np.arange(n) + 0.5
    flagger = Known(WRONG, suggested, regression=True)
    _, left = LabelCleaner(flagger, action="relabel").fit_resample(small, values)
    want = np.arange(float(n))
    want[WRONG] += 0.5
    np.testing.assert_array_equal(np.asarray(left), want)


def test_an_unknown_action_is_refused_before_anything_is_fitted():
    cleaner = LabelCleaner(Known(), action="reweight")
    with pytest.raises(ValueError, match=r"'reweight' is not known. Expected one of \['drop'"):
        cleaner.fit_resample(small, labels)
    assert not hasattr(cleaner, "flagger_")


def test_the_flagger_is_cloned_and_parameters_stay():
    flagger = Known(WRONG, other)
    cleaner = LabelCleaner(flagger)
    before = cleaner.get_params()
    cleaner.fit_resample(small, labels)
    assert cleaner.get_params() == before
    assert not hasattr(flagger, "flagged_") and hasattr(cleaner.flagger_, "flagged_")


def test_weights_reach_the_flagger():
    cleaner = LabelCleaner(Known(WRONG, other))
    weight = np.linspace(1, 2, n)
    cleaner.fit_resample(small, labels, sample_weight=weight)
    assert cleaner.flagger_.sample_weight_ is weight


def test_the_default_flagger_leaves_mostly_right_labels():
    cleaner = LabelCleaner()
    X_left, _ = cleaner.fit_resample(X, y)
    assert isinstance(cleaner.flagger_, LabelFlagger)
    kept = cleaner.sample_indices_
    assert len(kept) > 90 and flipped[kept].mean() < 0.03
    np.testing.assert_array_equal(X_left, X[kept])
    assert cleaner.n_features_in_ == 3


def test_it_has_no_transform():
    assert not hasattr(LabelCleaner(), "transform")


def test_it_clones_and_pickles():
    cleaner = clone(LabelCleaner(quick(contamination=0.1))).fit(X, y)
    again = pickle.loads(pickle.dumps(cleaner))
    np.testing.assert_array_equal(again.sample_indices_, cleaner.sample_indices_)


def test_refitting_equals_a_fresh_fit():
    cleaner = LabelCleaner(quick()).fit(X, truth)
    X_left, y_left = cleaner.fit_resample(X[:90], y[:90])
    fresh = LabelCleaner(quick())
    X_fresh, y_fresh = fresh.fit_resample(X[:90], y[:90])
    np.testing.assert_array_equal(X_left, X_fresh)
    np.testing.assert_array_equal(y_left, y_fresh)
    np.testing.assert_array_equal(cleaner.sample_indices_, fresh.sample_indices_)


def test_routing_sends_weights_to_a_flagger_that_asks():
    weight = np.ones(120)
    weight[:10] = 0
    with sklearn.config_context(enable_metadata_routing=True):
        cleaner = LabelCleaner(quick().set_fit_request(sample_weight=True))
        cleaner.fit_resample(X, y, sample_weight=weight)
    assert cleaner.sample_indices_.min() >= 10
    fresh = LabelCleaner(quick()).fit(X[10:], y[10:])
    np.testing.assert_array_equal(cleaner.sample_indices_, fresh.sample_indices_ + 10)


class Pipeline:
    """What imbalanced-learn's pipeline asks of a sampler, and no more."""

    def __init__(self, sampler, estimator):
        assert hasattr(sampler, "fit_resample") and not hasattr(sampler, "transform")
        self.sampler, self.estimator = sampler, estimator

    def fit(self, X, y):
        self.estimator.fit(*self.sampler.fit_resample(X, y))
        return self

    def predict(self, X):
        return self.estimator.predict(X)


def test_the_contract_of_imbalanced_learn_without_it():
    pipeline = Pipeline(LabelCleaner(quick()), LogisticRegression()).fit(X, y)
    left = pipeline.sampler.sample_indices_
    alone = LogisticRegression().fit(X[left], y[left])
    np.testing.assert_array_equal(pipeline.predict(X), alone.predict(X))


def test_inside_the_pipeline_of_imbalanced_learn():
    imblearn = pytest.importorskip("imblearn.pipeline")
    pipeline = imblearn.make_pipeline(StandardScaler(), LabelCleaner(quick()), LogisticRegression())
    pipeline.fit(X, y)
    left = pipeline[1].sample_indices_
    assert len(left) < 120
    scaled = StandardScaler().fit_transform(X)
    alone = LogisticRegression().fit(scaled[left], y[left])
    np.testing.assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(scaled))


@pytest.mark.slow
def test_a_search_over_the_pipeline_of_imbalanced_learn():
    imblearn = pytest.importorskip("imblearn.pipeline")
    pipeline = imblearn.Pipeline([("clean", LabelCleaner()), ("model", LogisticRegression())])
    grid = {"clean__flagger__contamination": [0.4], "clean__action": ["drop", "relabel"]}
    pipeline.set_params(clean__flagger=LabelFlagger(LogisticRegression(), damping=0.0))
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_["clean"].sample_indices_.size <= 120


def test_weights_reach_the_sampler_of_imbalanced_learn_by_routing():
    imblearn = pytest.importorskip("imblearn.pipeline")
    weight = np.ones(120)
    weight[:10] = 0
    with sklearn.config_context(enable_metadata_routing=True):
        flagger = quick().set_fit_request(sample_weight=True)
        model = LogisticRegression().set_fit_request(sample_weight=False)
        pipeline = imblearn.Pipeline([("clean", LabelCleaner(flagger)), ("model", model)])
        pipeline.fit(X, y, sample_weight=weight)
    assert pipeline["clean"].sample_indices_.min() >= 10
