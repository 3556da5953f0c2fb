"""What cleaned estimators and the cleaner take, and how their flagger prepares it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler, TargetEncoder

from skinfluence import CleanedClassifier, CleanedRegressor, LabelCleaner
from skinfluence.adapters import looks_at_labels
from skinfluence.labels._inputs.steps import preparing_steps
from tests.labels._quick import quick
from tests.labels._tables import LIBRARIES, MIXED, NUMBERS, X, column, frame, y

prepare = make_pipeline(StandardScaler(), PolynomialFeatures(include_bias=False))


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(*clone(prepare), LogisticRegression()),
        GridSearchCV(make_pipeline(*clone(prepare), LogisticRegression()), {}, cv=2),
    ],
    ids=["pipeline", "search"],
)
def test_the_flagger_judges_with_the_pipelines_own_preparation(estimator):
    cleaned = CleanedClassifier(estimator, flagger=quick(), action="drop").fit(X, y)
    want = quick().fit(clone(prepare).fit_transform(X), y)
    np.testing.assert_allclose(cleaned.flagger_.scores_, want.scores_, rtol=1e-6, atol=1e-9)
    assert "Columns by StandardScaler, PolynomialFeatures." in cleaned.flagger_.description_
    assert len(cleaned.flagger_.report()) == 200
    judged = cleaned.flagger_.score_labels(X[:9], y[:9])
    np.testing.assert_allclose(
        judged, want.score_labels(prepare.fit(X).transform(X[:9]), y[:9]), rtol=1e-6, atol=1e-9
    )


def test_steps_that_look_at_labels_are_left_to_the_estimator():
    for step in (SelectKBest(), SelectFromModel(LogisticRegression()), TargetEncoder(),
                 LinearDiscriminantAnalysis(), make_pipeline(SelectKBest(), StandardScaler()),
                 make_column_transformer((TargetEncoder(), [0]))):  # fmt: skip
        assert looks_at_labels(step)
    for step in (StandardScaler(), make_column_transformer((OneHotEncoder(), [0]))):
        assert not looks_at_labels(step)
    pipe = make_pipeline(
        "passthrough", StandardScaler(), SelectKBest(k=2), StandardScaler(), Ridge()
    )
    assert [type(step) for step in preparing_steps(pipe)] == [StandardScaler]
    assert preparing_steps(Ridge()) == preparing_steps(None) == []


def test_labels_without_a_pattern_are_not_learnt_by_a_selection():
    """2,000 columns of noise: those that a selection takes for the labels would predict them."""
    rng = np.random.default_rng(0)
    noise, labels = rng.standard_normal((150, 2000)), rng.integers(0, 2, 150)
    pipe = make_pipeline(StandardScaler(), SelectKBest(k=20), LogisticRegression())
    flagger = CleanedClassifier(pipe, action="none").fit(noise, labels).flagger_
    assert 0.35 < (flagger.loo_proba_.argmax(axis=1) == labels).mean() < 0.65


def test_a_pipeline_that_fills_gaps_is_judged_on_filled_rows():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(MIXED)
    table.loc[3, "n2"], table.loc[5, "colour"] = np.nan, None
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), list(NUMBERS)),
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
    )
    cleaned = CleanedClassifier(
        make_pipeline(encode, LogisticRegression()), quick(), action="drop"
    ).fit(table, y)
    assert "Columns by ColumnTransformer." in cleaned.flagger_.description_
    assert cleaned.score(table, y) > 0.8


def test_an_estimator_that_takes_gaps_sees_them():
    holed = X.copy()
    holed[::7, 2] = np.nan
    cleaned = CleanedClassifier(
        HistGradientBoostingClassifier(max_iter=2), quick(), action="drop"
    ).fit(holed, y)
    assert np.isfinite(cleaned.flagger_.scores_).all()
    assert cleaned.estimator_._preprocessor is None and cleaned.predict(holed).shape == (200,)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("action", ["drop", "relabel"])
def test_a_frame_of_one_column_of_labels_stays_one(library, action):
    table = frame({"t": y}, library)
    with pytest.warns(match="column-vector y was passed"):
        cleaner = LabelCleaner(quick(), action=action)
        _, labels = cleaner.fit_resample(X, table)
    assert type(labels) is type(table)
    flagged, suggested = cleaner.flagger_.flagged_, cleaner.flagger_.suggested_
    want = y[~flagged] if action == "drop" else np.where(flagged, suggested, y)
    assert flagged.any()
    np.testing.assert_array_equal(column(labels, "t"), want)


def test_the_index_of_a_frame_of_labels_stays():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"t": y}, index=[f"r{i}" for i in range(200)])
    cleaner = LabelCleaner(quick(), action="relabel")
    with pytest.warns(match="column-vector y was passed"):
        _, labels = cleaner.fit_resample(X, table)
    assert list(labels.index) == list(table.index) and labels["t"].dtype == y.dtype


def test_a_cleaned_regressor_judges_values():
    rng = np.random.default_rng(0)
    ages = (40 + 10 * X[:, 0] / X[:, 0].std() + rng.standard_normal(200)).round().astype(int)
    pipe = make_pipeline(StandardScaler(), Ridge())
    cleaned = CleanedRegressor(pipe, quick(), action="drop").fit(X, ages)
    assert hasattr(cleaned.flagger_, "loo_prediction_")
