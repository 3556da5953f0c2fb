"""Derivatives for some features of a mixed table against refits of the scikit-learn estimator."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_forest_fires
from skinfluence.explainer import SingularHessianWarning
from skinfluence.perturbation import UnsupportedStepError, perturbation_influence
from tests.perturbation._refits import logistic

CATEGORIES = ["month", "day"]
NUMBERS = ["temp", "RH", "wind", "rain"]
FIRES = load_forest_fires(as_frame=True)
FRAME = FIRES.data[["month", "temp", "RH", "day", "wind", "rain"]].iloc[::3]
AREA = np.log1p(FIRES.target.to_numpy())[::3]
TRAIN, TEST = FRAME[:140], FRAME[140:]
Y_TRAIN, Y_TEST = AREA[:140], AREA[140:]


def one_hot():
    return OneHotEncoder(handle_unknown="ignore")


def ordinal():
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def columns(numbers, categories=None):
    return ColumnTransformer(
        [("cat", categories or one_hot(), CATEGORIES), ("num", numbers, NUMBERS)]
    )


def names_first(inner):
    """A step that keeps the frame a frame, so that a later one finds its columns by name."""
    return inner.set_output(transform="pandas")


EARLIER = {
    "scaler": [columns(StandardScaler())],
    "remainder": [make_column_transformer((one_hot(), CATEGORIES), remainder=StandardScaler())],
    "bent": [columns(make_pipeline(StandardScaler(), PolynomialFeatures(2)))],
    "scaler-behind": [columns("passthrough"), StandardScaler(with_mean=False)],
    "pca-behind": [columns(StandardScaler(), ordinal()), PCA(5)],
    "union": [FeatureUnion([("one", columns(StandardScaler())), ("two", columns(PCA(2)))])],
    "frozen": ["frozen"],
    "imputer-before": [
        names_first(SimpleImputer(strategy="most_frequent")),
        make_column_transformer(
            (one_hot(), CATEGORIES),
            (make_pipeline(FunctionTransformer(np.asarray), StandardScaler()), []),
            (StandardScaler(), NUMBERS),
        ),
    ],
    "encoder-before": [
        names_first(ColumnTransformer([("ord", ordinal(), CATEGORIES)], remainder="passthrough")),
        VarianceThreshold(),
        make_column_transformer(
            (KBinsDiscretizer(3, strategy="uniform"), [0, 1]),
            remainder=StandardScaler(),
        ),
    ],
    "nested": [columns(make_pipeline(StandardScaler(), PCA(3)))],
}


def pipeline(name):
    if name == "frozen":
        return make_pipeline(
            FrozenEstimator(columns(StandardScaler()).fit(TRAIN)), Ridge(tol=1e-13)
        )
    return make_pipeline(*[clone(step) for step in EARLIER[name]], Ridge(tol=1e-13))


def slope_of_refits(model, row, name, y_test=Y_TEST):
    """Fourth-order central difference of the test losses, earlier steps as they were fitted."""
    earlier, h, at = model[:-1], 1e-3 * TRAIN[name].std(), {}
    for i in (-2, -1, 1, 2):
        moved = TRAIN.copy()
        moved[name] = moved[name].astype(float)
        moved.iloc[row, moved.columns.get_loc(name)] += i * h
        last = clone(model[-1]).fit(earlier.transform(moved), Y_TRAIN)
        at[i] = 0.5 * (last.predict(earlier.transform(TEST)) - y_test) ** 2
    return (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)


@pytest.mark.parametrize("name", EARLIER)
def test_numbers_of_a_mixed_table_have_the_derivative_of_the_refit(name):
    explainer = InfluenceExplainer(pipeline(name)).fit(TRAIN, Y_TRAIN)
    got = perturbation_influence(explainer, TEST, Y_TEST, [3, 90], features=["wind", "temp"])
    assert got.shape == (len(TEST), 2, 2)
    for j, feature in enumerate(["wind", "temp"]):
        expected = slope_of_refits(explainer.estimator_, 90, feature)
        assert np.abs(expected).max() > 0.0
        assert_allclose(got[:, 1, j], expected, atol=1e-6 * np.abs(expected).max(), rtol=0.0)


def test_adult_has_derivatives_for_its_numbers(shared_data):
    table = shared_data.adult()[::50]
    y = table["income"].to_numpy()
    words = ["workclass", "education", "marital-status", "sex"]
    numbers = ["age", "capital-gain", "hours-per-week"]
    X = table[[*words, *numbers]]
    steps = make_column_transformer((one_hot(), words), (StandardScaler(), numbers))
    model = make_pipeline(steps, logistic())
    train, test = slice(0, 700), slice(700, None)
    explainer = InfluenceExplainer(model).fit(X[train], y[train])
    got = perturbation_influence(explainer, X[test], y[test], rows=[5], features=numbers)
    earlier = explainer.estimator_[:-1]
    for j, name in enumerate(numbers):
        at, h = {}, 1e-2 * X[name].std()
        for i in (-2, -1, 1, 2):
            moved = X[train].astype(dict.fromkeys(numbers, float))
            moved.iloc[5, moved.columns.get_loc(name)] += i * h
            last = logistic().fit(earlier.transform(moved), y[train])
            p = last.predict_proba(earlier.transform(X[test]))
            at[i] = -np.log(p[np.arange(len(p)), np.searchsorted(last.classes_, y[test])])
        expected = (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)
        assert_allclose(got[:, 0, j], expected, atol=1e-5 * np.abs(expected).max(), rtol=0.0)


def test_some_features_of_a_table_of_numbers_are_columns_of_the_whole_answer():
    X, X_test = TRAIN[NUMBERS].to_numpy(float), TEST[NUMBERS].to_numpy(float)
    for model in (
        Ridge(),
        make_pipeline(StandardScaler(), Ridge(tol=1e-13)),
        make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge(tol=1e-13)),
    ):
        explainer = InfluenceExplainer(model).fit(X, Y_TRAIN)
        whole = perturbation_influence(explainer, X_test, Y_TEST, rows=[0, 7])
        for asked in ([2, 0], [-2, 0], [2, 2, 1], np.array([True, False, False, True]), []):
            some = perturbation_influence(explainer, X_test, Y_TEST, rows=[0, 7], features=asked)
            place = np.asarray(asked, dtype=None if len(asked) else int)
            assert_allclose(some, whole[..., place], rtol=1e-12, atol=1e-18)


def test_names_positions_and_masks_ask_for_the_same():
    explainer = InfluenceExplainer(pipeline("scaler")).fit(TRAIN, Y_TRAIN)
    by_name = perturbation_influence(explainer, TEST, Y_TEST, [1], features=["temp", "rain"])
    by_place = perturbation_influence(explainer, TEST, Y_TEST, [1], features=[1, 5])
    mask = np.isin(TRAIN.columns, ["temp", "rain"])
    by_mask = perturbation_influence(explainer, TEST, Y_TEST, [1], features=mask)
    assert_array_equal(by_name, by_place)
    assert_array_equal(by_name, by_mask)


def test_an_imputed_entry_of_a_mixed_table_has_no_derivative():
    train = TRAIN.astype({"temp": float})
    train.iloc[4, train.columns.get_loc("temp")] = np.nan
    explainer = InfluenceExplainer(pipeline("imputer-before")).fit(train, Y_TRAIN)
    got = perturbation_influence(explainer, TEST, Y_TEST, [4, 5], features=["temp", "wind"])
    assert np.isnan(got[:, 0, 0]).all()
    assert np.isfinite(got[:, 1]).all()
    assert np.isfinite(got[:, 0, 1]).all()


def test_the_error_names_the_columns_and_those_that_are_free():
    explainer = InfluenceExplainer(pipeline("scaler")).fit(TRAIN, Y_TRAIN)
    message = (
        r"OneHotEncoder.*Columns that cannot be differentiated: \['month', 'day'\]\. "
        r"Leave them out: features=\['temp', 'RH', 'wind', 'rain'\]\."
    )
    with pytest.raises(UnsupportedStepError, match=message):
        perturbation_influence(explainer, TEST, Y_TEST)
    with pytest.raises(UnsupportedStepError, match=r"differentiated: \['day'\]\. Leave"):
        perturbation_influence(explainer, TEST, Y_TEST, features=["temp", "day"])


def test_what_the_error_says_to_pass_is_answered():
    for name in ("encoder-before", "imputer-before", "union"):
        explainer = InfluenceExplainer(pipeline(name)).fit(TRAIN, Y_TRAIN)
        with pytest.raises(UnsupportedStepError, match=r"features=\['temp', 'RH', 'wind', 'rain"):
            perturbation_influence(explainer, TEST, Y_TEST)
        got = perturbation_influence(explainer, TEST, Y_TEST, [0], features=NUMBERS)
        assert np.isfinite(got).all()


def test_a_column_that_is_scaled_and_binned_too_cannot_be_differentiated():
    binned = KBinsDiscretizer(3, encode="ordinal", strategy="uniform")
    steps = make_column_transformer((binned, ["temp"]), (StandardScaler(), ["temp", "wind"]))
    explainer = InfluenceExplainer(make_pipeline(steps, Ridge(tol=1e-13))).fit(TRAIN, Y_TRAIN)
    with pytest.raises(UnsupportedStepError, match=r"\['temp'\]\. Leave them out: features=\['mon"):
        perturbation_influence(explainer, TEST, Y_TEST)
    assert perturbation_influence(explainer, TEST, Y_TEST, [0], features=["wind"]).any()


def test_where_every_column_is_mixed_none_is_free():
    steps = (OrdinalEncoder(), PCA(3))
    explainer = InfluenceExplainer(make_pipeline(*steps, Ridge(tol=1e-13))).fit(
        TRAIN[NUMBERS], Y_TRAIN
    )
    with pytest.raises(UnsupportedStepError, match="All columns of the training data reach"):
        perturbation_influence(explainer, TRAIN[NUMBERS], Y_TRAIN, features=["temp"])


def test_columns_of_text_beside_numbers():
    texts = ["dry hot grass", "wet grass", "hot wind", "dry wind wet"]
    frame = pd.DataFrame({"text": texts * 10, "size": np.arange(40.0) % 7})
    y = np.arange(40.0) % 5
    steps = ColumnTransformer(
        [("words", CountVectorizer(), "text"), ("num", StandardScaler(), ["size"])]
    )
    explainer = InfluenceExplainer(make_pipeline(steps, Ridge(tol=1e-13))).fit(frame, y)
    got = perturbation_influence(explainer, frame, y, [0], features=["size"])
    assert got.any()
    with pytest.raises(UnsupportedStepError, match=r"\['text'\].*features=\['size'\]"):
        perturbation_influence(explainer, frame, y)
    plain = InfluenceExplainer(make_pipeline(TfidfVectorizer(), Ridge(tol=1e-13))).fit(
        texts * 10, y
    )
    with pytest.raises(UnsupportedStepError, match="All columns of the training data reach"):
        perturbation_influence(plain, texts, y[:4])


def test_arrays_of_encoded_categories_are_named_by_position():
    X = np.c_[np.arange(60) % 3, np.linspace(0.0, 1.0, 60)]
    steps = make_column_transformer((OneHotEncoder(), [0]), (StandardScaler(), [1]))
    explainer = InfluenceExplainer(make_pipeline(steps, Ridge(tol=1e-13))).fit(X, X[:, 0] + X[:, 1])
    with pytest.raises(UnsupportedStepError, match=r"differentiated: \[0\]\..*features=\[1\]"):
        perturbation_influence(explainer, X, X[:, 0])
    assert perturbation_influence(explainer, X, X[:, 0], features=[1]).shape == (60, 60, 1)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["temp", "heat"], r"columns that the training data do not have: \['heat'\]"),
        ("temp", "expected a list of names or positions"),
        ([6], "positions from 6 to 6; expected 0 to 5"),
        ([-7], "positions from -7 to -7; expected 0 to 5"),
        ([True], "mask of 1 entries; expected 6"),
        ([[1]], "expected a list of names"),
        ([1.5], "do not have"),
        ([None], "do not have"),
    ],
)
def test_wrong_features_are_told(features, message):
    explainer = InfluenceExplainer(pipeline("scaler")).fit(TRAIN, Y_TRAIN)
    with pytest.raises(ValueError, match=message):
        perturbation_influence(explainer, TEST, Y_TEST, features=features)


def test_names_for_an_array_are_refused():
    X = TRAIN[NUMBERS].to_numpy(float)
    explainer = InfluenceExplainer(Ridge(tol=1e-13)).fit(X, Y_TRAIN)
    with pytest.raises(ValueError, match=r"no column names\. Expected positions from 0 to 3"):
        perturbation_influence(explainer, X, Y_TRAIN, features=["temp"])


def test_indicators_that_add_up_to_one_leave_numbers_their_derivative():
    """Without a penalty one-hot columns are undetermined beside the intercept; numbers are not."""
    model = make_pipeline(columns(StandardScaler()), LinearRegression())
    explainer = InfluenceExplainer(model).fit(TRAIN, Y_TRAIN)
    seen = TEST["month"].isin(TRAIN["month"]).to_numpy()
    with pytest.warns(SingularHessianWarning):
        got = perturbation_influence(explainer, TEST, Y_TEST, [90], features=["wind"])
    expected = slope_of_refits(explainer.estimator_, 90, "wind")[seen]
    assert_allclose(got[seen, 0, 0], expected, atol=1e-6 * np.abs(expected).max(), rtol=0.0)
