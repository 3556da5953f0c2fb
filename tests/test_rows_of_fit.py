"""The rows, labels and weights that are explained are those that the last step was trained on."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.decomposition import DictionaryLearning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.adapters._fit_record import RECORD, fit_recorded
from tests._cross_fitted import SAME_FOLDS

X, y = load_diabetes(return_X_y=True)
X, y = X[:90] * 20 + 1, y[:90] / 50
w = np.random.default_rng(0).uniform(0.5, 2.0, 90)
ROWS = np.arange(0, 90, 9)
Z = StandardScaler().fit_transform(X)
scaler_last = make_pipeline(StandardScaler(), Ridge())


def influence(estimator, table=X, target=y, **fit_parameters):
    """Influences on the squared error of the first three rows, by refits."""
    explainer = InfluenceExplainer(estimator, method="refit").fit(table, target, **fit_parameters)
    return explainer.influence(table[:3], target[:3], rows=ROWS), explainer


def refits(Z, weight=None, Z_test=None, target=y, model=None):
    """The same by scikit-learn's own refits of the last step on the rows Z."""
    model, Z_test = model or Ridge(), Z[:3] if Z_test is None else Z_test

    def losses(kept):
        weights = None if weight is None else weight[kept]
        fitted = clone(model).fit(Z[kept], target[kept], sample_weight=weights)
        return 0.5 * (fitted.predict(Z_test) - target[:3]) ** 2

    every = np.arange(len(target))
    full = losses(every)
    return np.stack([losses(np.delete(every, row)) - full for row in ROWS], axis=1)


def near(got, want):
    assert_allclose(got, want, rtol=1e-9, atol=1e-10 * np.abs(want).max())


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (scaler_last, "ridge__sample_weight"),
        (make_pipeline(StandardScaler(), make_pipeline(Ridge())), "pipeline__ridge__sample_weight"),
        (GridSearchCV(scaler_last, {"ridge": [Ridge()]}, cv=3), "ridge__sample_weight"),
        (make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {}, cv=3)),
         "gridsearchcv__sample_weight"),
    ],
    ids=["pipeline", "nested", "search over last steps", "search at the end"],
)  # fmt: skip
def test_weights_that_a_step_got_by_its_own_parameter_count(estimator, name):
    near(influence(estimator, **{name: w})[0], refits(Z, w))


@pytest.mark.parametrize(
    ("scales", "models", "given"),
    [(True, False, "sample_weight"), (False, "trust", "trust"), (True, True, "sample_weight")],
    ids=["the scaler only", "an alias of the model", "both"],
)
def test_requested_weights_count_where_they_were_requested(scales, models, given):
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=scales),
            Ridge().set_fit_request(sample_weight=models),
        )
        got, _ = influence(estimator, **{given: w})
    scaled = StandardScaler().fit(X, sample_weight=w if scales else None).transform(X)
    near(got, refits(scaled, w if models else None))


def test_weights_given_twice_and_negative_ones_are_refused():
    with pytest.raises(ValueError, match="given twice, as sample_weight and as ridge__sample"):
        InfluenceExplainer(scaler_last).fit(X, y, sample_weight=w, ridge__sample_weight=w)
    with pytest.raises(ValueError, match="sample_weight has negative entries"):
        InfluenceExplainer(scaler_last).fit(X, y, ridge__sample_weight=-w)


def test_a_frozen_estimator_takes_no_other_fit_parameters():
    explainer = InfluenceExplainer(FrozenEstimator(clone(scaler_last).fit(X, y)))
    with pytest.raises(ValueError, match="Pass the weights that it was trained with as sample_w"):
        explainer.fit(X, y, ridge__sample_weight=w)


def test_weights_of_a_frozen_estimator_count_also_where_metadata_are_routed():
    frozen = FrozenEstimator(Ridge().fit(Z, y, sample_weight=w))
    with sklearn.config_context(enable_metadata_routing=True):
        near(influence(frozen, Z, sample_weight=w)[0], refits(Z, w))


def test_parameters_that_choose_a_penalty_are_taken_and_others_refused():
    groups = np.arange(90) % 5
    with sklearn.config_context(enable_metadata_routing=True):
        explainer = InfluenceExplainer(RidgeCV(cv=GroupKFold(3))).fit(X, y, groups=groups)
    near(
        explainer.influence(X[:3], y[:3], rows=ROWS),
        refits(X, model=Ridge(explainer.estimator_.alpha_)),
    )
    with pytest.raises(
        UnsupportedEstimatorError, match=r"fitted with the parameter\(s\) \['start'"
    ):
        InfluenceExplainer(WarmRidge()).fit(X, y, start=np.ones(10))


class WarmRidge(Ridge):
    """A model whose `fit` takes more than weights."""

    def fit(self, X, y, sample_weight=None, start=None):
        return super().fit(X, y, sample_weight)


WarmRidge.__name__, WarmRidge.__module__ = "Ridge", "sklearn.linear_model"
gaps = np.where(np.random.default_rng(1).random(X.shape) < 0.05, np.nan, X)


@pytest.mark.parametrize(
    ("step", "table"),
    [
        (DictionaryLearning(4, max_iter=3, random_state=0), X),
        (IterativeImputer(max_iter=3, random_state=0, sample_posterior=True), gaps),
    ],
    ids=["dictionary", "imputer that draws"],
)
@pytest.mark.filterwarnings("ignore:.*IterativeImputer.* Early stopping")
def test_rows_are_those_of_fit_transform(step, table):
    got, explainer = influence(make_pipeline(step, Ridge()), table)
    made = clone(step).fit_transform(table, y)
    near(got, refits(made, Z_test=explainer.estimator_[:-1].transform(table[:3])))
    again = explainer.influence(table[:3], y[:3], rows=ROWS)
    near(again, got)  # also where transform draws: each call from where fit left it
    assert explainer.score(table, y) > 0.99


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_cross_fitted_encoder_is_explained_on_the_rows_that_it_gave_in_fit():
    frame = pd.DataFrame({"city": np.arange(90) % 11, "age": X[:, 0]})
    encoder = make_column_transformer(
        (TargetEncoder(**SAME_FOLDS), ["city"]), remainder="passthrough"
    )
    got, explainer = influence(make_pipeline(encoder, Ridge()), frame)
    made = encoder.fit_transform(frame, y)
    near(got, refits(made, Z_test=explainer.estimator_[:-1].transform(frame[:3])))
    assert explainer.stationarity_ < 1e-10
    frozen = FrozenEstimator(explainer.estimator_)
    with pytest.warns(RuntimeWarning, match="The frozen TargetEncoder gave the last step other"):
        InfluenceExplainer(frozen).fit(frame, y)


def logs(frame):
    frame["a"] = np.log(frame["a"])
    return frame


frame = pd.DataFrame(np.exp(Z[:, :3]), columns=list("abc"))
in_place = make_pipeline(FunctionTransformer(logs), StandardScaler(), Ridge())
in_copy = make_pipeline(FunctionTransformer(lambda f: logs(f.copy())), StandardScaler(), Ridge())


@pytest.mark.parametrize(
    ("careless", "careful", "table"),
    [
        (Ridge(copy_X=False), Ridge(), X),
        (LinearRegression(copy_X=False), LinearRegression(), X),
        (make_pipeline(StandardScaler(copy=False), Ridge(copy_X=False)), scaler_last, X),
        (in_place, in_copy, frame),
    ],
    ids=["Ridge", "LinearRegression", "StandardScaler", "function"],
)
def test_what_steps_write_on_their_input_changes_no_table_and_no_answer(careless, careful, table):
    given = table.copy()
    got, explainer = influence(careless, given)
    near(got, influence(careful, table)[0])
    assert_allclose(given, table, rtol=0)
    shown = explainer.explain(given[:3], y[:3], k=1).frame()["prediction"]
    assert_allclose(shown, explainer.predict(table[:3].copy()), rtol=1e-12)


def test_a_frozen_pipeline_that_writes_on_its_input_is_explained_on_the_rows_as_given():
    frozen = FrozenEstimator(clone(in_place).fit(frame.copy(), y))
    near(influence(frozen, frame)[0], influence(in_copy, frame)[0])


def test_labels_and_weights_that_are_edited_after_fit_change_nothing():
    labels, weights = y.copy(), w.copy()
    explainer = InfluenceExplainer(Ridge()).fit(X, labels, sample_weight=weights)
    before = explainer.score(X, y), explainer.influence(X[:3], y[:3])
    labels[:], weights[:] = 0.0, 1.0
    after = explainer.score(X, y), explainer.influence(X[:3], y[:3])
    assert_allclose(after[0], before[0], rtol=1e-12)
    assert_allclose(after[1], before[1], rtol=1e-12)
    assert_allclose(explainer.y_train_, y, rtol=0)


@pytest.mark.parametrize("make", [np.array, sparse.csr_array], ids=["dense", "sparse"])
def test_an_edited_table_is_refused(make):
    table = make(X)
    explainer = InfluenceExplainer(Ridge()).fit(table, y)
    before = explainer.influence(X[:3], y[:3])
    table *= 2.0
    for question in (lambda: explainer.influence(X[:3], y[:3]), explainer.health):
        with pytest.raises(RuntimeError, match=r"changed after fit.*pass fit\(X.copy"):
            question()
    table *= 0.5
    near(explainer.influence(X[:3], y[:3]), before)


def test_recording_leaves_no_trace_on_the_estimators():
    search = GridSearchCV(scaler_last, {"ridge": [Ridge(), LinearRegression()]}, cv=3, n_jobs=1)
    _, explainer = influence(search)
    fitted = explainer.estimator_
    parts = [fitted, fitted.estimator, fitted.best_estimator_, fitted.best_estimator_[-1]]
    for part in [*parts, *fitted.param_grid["ridge"], search, scaler_last, scaler_last[-1]]:
        assert not {"fit", "__sklearn_clone__", RECORD} & set(vars(part))
    near(pickle.loads(pickle.dumps(explainer)).influence(X[:3]), explainer.influence(X[:3]))


class Posted(KFold):
    """Folds during whose making the search's estimator is sent to another process and back."""

    def split(self, X, y=None, groups=None):
        sent = pickle.loads(pickle.dumps(self.search.estimator))
        sent.fit(X, y)
        assert sent[-1].coef_.shape == (X.shape[1],)
        return super().split(X, y, groups)


def test_an_estimator_that_is_recorded_can_be_sent_to_another_process():
    search = GridSearchCV(clone(scaler_last), {}, cv=(folds := Posted(3)))
    folds.search = search
    fit_recorded(search, X, y, {})
    assert RECORD in vars(search.best_estimator_[-1])


def test_pipelines_with_a_memory_are_explained_from_what_it_gives_back(tmp_path):
    cached = make_pipeline(StandardScaler(), SelectKBest(k=4), Ridge(), memory=str(tmp_path))
    first, _ = influence(cached)
    again, explainer = influence(cached)
    near(first, refits(explainer.estimator_[:-1].transform(X)))
    near(again, first)


def test_a_frozen_end_of_a_pipeline_is_left_as_it_is():
    last = FrozenEstimator(Ridge().fit(Z, y))
    got, explainer = influence(
        make_pipeline(StandardScaler(), last), frozenestimator__sample_weight=None
    )
    near(got, refits(Z))
    assert set(vars(last)) == {"estimator"}
    np.testing.assert_array_equal(explainer.estimator_[-1].coef_, last.coef_)


class Take(BaseEstimator):
    """A sampler that takes given rows."""

    def __init__(self, rows, *, noise=0.0):
        self.rows = rows
        self.noise = noise

    def fit_resample(self, X, y):
        """The rows, the last one with noise."""
        self.sample_indices_ = np.array(self.rows)
        X = X[self.rows].copy()
        X[-1] += self.noise
        return X, y[self.rows]


few = np.concatenate([np.arange(0, 90, 3), np.arange(0, 30, 3), [0]])
labels = (y > 3).astype(int)


@pytest.mark.parametrize("model", [Ridge(), RidgeClassifier(class_weight="balanced")])
def test_rows_that_a_sampler_took_are_explained_as_weights_of_the_given_rows(model):
    pipeline = pytest.importorskip("imblearn.pipeline")
    target, method = (y, "predict") if isinstance(model, Ridge) else (labels, "decision_function")
    pipe = pipeline.make_pipeline(StandardScaler(), Take(few), model)
    explainer = InfluenceExplainer(pipe, method="refit").fit(X, target)
    got = explainer.influence(X[:3], rows=ROWS, target=method)

    def raw(kept):
        fitted = clone(model).fit(Z[kept], target[kept])
        return getattr(fitted, method)(Z[:3])

    want = np.stack([raw(few[few != row]) - raw(few) for row in ROWS], axis=1)
    near(got, want)
    assert_allclose(explainer.sample_weight_train_, np.bincount(few, minlength=90))
    assert explainer.stationarity_ < 1e-10


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (Take(few, noise=1.0), "gave them other values.*Resample first"),
        ("FunctionSampler", "no sample_indices_.*Resample first"),
    ],
    ids=["other values", "no positions"],
)
def test_samplers_that_make_other_rows_are_refused(sampler, message):
    imblearn = pytest.importorskip("imblearn")
    if sampler == "FunctionSampler":
        sampler = imblearn.FunctionSampler(func=lambda X, y: (X[::2], y[::2]))
    pipe = pytest.importorskip("imblearn.pipeline").make_pipeline(sampler, Ridge())
    explainer = InfluenceExplainer(pipe)
    with pytest.raises(UnsupportedEstimatorError, match=message):
        explainer.fit(X, labels)
    frozen = FrozenEstimator(pipe.fit(X, labels))
    with pytest.raises(UnsupportedEstimatorError, match="frozen pipeline with a sampler"):
        InfluenceExplainer(frozen).fit(X, labels)


def test_influence_of_a_flagger_s_model_is_on_the_rows_that_it_was_trained_on():
    frame = pd.DataFrame({"city": np.arange(90) % 11, "age": X[:, 0]})
    encoder = make_column_transformer((TargetEncoder(), ["city"]), remainder="passthrough")
    weight = (np.arange(90) % 4 > 0).astype(float)
    judge = make_pipeline(encoder, RidgeClassifier(class_weight="balanced"))
    flagger = LabelFlagger(judge).fit(frame, labels, sample_weight=weight)
    assert flagger.explainer_.stationarity_ < 1e-10
