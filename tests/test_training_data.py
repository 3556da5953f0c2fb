"""Tables that are none, and estimators that were fitted before."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from skinfluence import InfluenceExplainer
from skinfluence._utils.checks import passes_unchanged

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

X, y = load_iris(return_X_y=True, as_frame=True)
X.columns = list("abcd")
Z = X.to_numpy()
MODELS = {
    "plain": Ridge(),
    "pipeline": make_pipeline(StandardScaler(), Ridge()),
    "search": GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1.0]}),
    "frozen": FrozenEstimator(Ridge().fit(X, y)),
}
GIVEN = {
    "swapped": (y, X, r"X has shape \(150,\) and y has shape \(150, 4\).*Pass fit\(X, y\)"),
    "swapped arrays": (y.to_numpy(), Z, "they are exchanged"),
    "records": (X.to_dict("records"), y, r"Pass pandas.DataFrame\(X\)"),
    "a file": ("table.csv", y, r"X is 'table.csv', the name of a file.*read_csv\('table.csv'\)"),
    "a path": (Path("a.parquet"), y, r"pandas.read_parquet\('a.parquet'\)"),
    "one column": (
        X.a,
        y,
        r"X is one column of type Series and shape \(150,\).*Pass X.to_frame\(\)",
    ),
    "one polars column": (pl.Series(Z[:, 0]), y, r"column of type Series .*Pass X.to_frame\(\)"),
    "one array": (Z[:, 0], y, r"type ndarray and shape \(150,\).*reshape\(X, \(-1, 1\)\)"),
    "one list": (Z[:, 0].tolist(), y, r"one column of type list and shape \(150,\)"),
    "unknown name": (X, "target", "y is 'target'; expected one label or value for each row"),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("given", GIVEN)
def test_what_is_no_table_is_refused_with_what_to_pass(given, model):
    table, labels, message = GIVEN[given]
    with pytest.raises(ValueError, match=message):
        InfluenceExplainer(MODELS[model]).fit(table, labels)


def test_the_advice_runs():
    def advice(X, y):
        with pytest.raises(ValueError) as refused:
            InfluenceExplainer(Ridge()).fit(X, y)
        return str(refused.value).rpartition("Pass ")[2].rstrip(".")

    for column in (X.a, pl.Series("a", Z[:, 0]), Z[:, 0]):
        table = eval(advice(column, y), {"X": column, "numpy": np})
        assert InfluenceExplainer(Ridge()).fit(table, y).n_features_in_ == 1
    frame = X.assign(target=y)
    for table in (frame, pl.from_pandas(frame), pl.from_pandas(frame).to_arrow()):
        code = advice(table, "target")
        explainer = eval("InfluenceExplainer(Ridge())." + code, {**globals(), "X": table})
        assert explainer.n_features_in_ == 4


def test_a_series_of_texts_is_a_table_for_a_vectorizer():
    texts = pd.Series(["good film", "bad film", "good plot", "bad plot"] * 3)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    explainer = InfluenceExplainer(model).fit(texts, [1, 0, 1, 0] * 3)
    assert explainer.influence(texts[:2]).shape == (2, 12)


def test_test_rows_that_are_no_table_are_refused_with_what_to_pass():
    explainer = InfluenceExplainer(Ridge()).fit(X, y)
    i = 3
    with pytest.raises(ValueError, match=r"X_test is a Series of shape \(4,\).*pass X\[i:i \+ 1\]"):
        explainer.influence(X.iloc[i])
    assert explainer.influence(eval("X[i:i + 1]")).shape == (1, 150)
    with pytest.raises(ValueError, match=r"X_test is 'test.csv', the name of a file"):
        explainer.explain("test.csv")


FITTED = {
    "model": lambda: LogisticRegression(),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "search": lambda: GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1.0]}),
}
two = np.flatnonzero(y < 2)


@pytest.mark.parametrize("kind", FITTED)
def test_an_estimator_that_was_fitted_to_other_rows_is_told_about(kind):
    fitted = FITTED[kind]().fit(Z[two[:60]], y[two[:60]])
    with pytest.warns(UserWarning, match=r"was fitted before.*differ.*FrozenEstimator\(estimator"):
        InfluenceExplainer(fitted).fit(Z[two], y[two])


@pytest.mark.parametrize("kind", FITTED)
def test_a_refit_that_changes_nothing_is_no_news(kind, capsys):
    fitted = FITTED[kind]().fit(Z[two], y[two])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        InfluenceExplainer(fitted).fit(Z[two], y[two])
        InfluenceExplainer(FrozenEstimator(fitted)).fit(Z[two], y[two])
        InfluenceExplainer(FITTED[kind]()).fit(Z[two], y[two])
    assert capsys.readouterr().out == ""
    InfluenceExplainer(fitted, verbose=1).fit(Z[two], y[two])
    assert "was fitted before" in capsys.readouterr().out


def test_an_estimator_of_other_classes_is_told_about():
    fitted = LogisticRegression(max_iter=1000).fit(Z, y)
    with pytest.warns(UserWarning, match="its coefficients have another shape"):
        InfluenceExplainer(fitted).fit(Z[two], y[two])


def test_labels_and_weights_in_another_order_are_refused():
    mixed = X.sample(frac=1.0, random_state=0)
    explainer, other = InfluenceExplainer(Ridge()), y.sample(frac=1.0, random_state=1)
    with pytest.raises(ValueError, match=r"y is a pandas object .* Pass y.loc\[X.index\]"):
        explainer.fit(mixed, other)
    with pytest.raises(ValueError, match="sample_weight is a pandas object"):
        explainer.fit(mixed, y[mixed.index], sample_weight=other + 1.0)
    in_order = explainer.fit(mixed, other.loc[mixed.index]).influence(mixed[:2])
    for same in (y[mixed.index].reset_index(drop=True), y[mixed.index].to_numpy()):
        np.testing.assert_array_equal(explainer.fit(mixed, same).influence(mixed[:2]), in_order)


PLAIN = {
    "double": np.ones((4, 2)),
    "single": np.ones((4, 2), np.float32),
    "column": np.ones(4),
    "integers": np.ones((4, 2), int),
    "missing": np.array([[1.0, np.nan]]),
    "infinite": np.array([[np.inf, -np.inf]]),
    "overflowing": np.full((4, 2), 1.5e308),
    "other byte order": np.ones((4, 2), ">f8"),
    "empty": np.ones((0, 2)),
    "three axes": np.ones((2, 2, 2)),
    "masked": np.ma.masked_array([[1.0, 2.0]], [[False, True]]),
    "list": [[1.0, 2.0]],
}


@pytest.mark.parametrize("name", PLAIN)
def test_only_what_scikit_learn_returns_as_it_is_goes_without_its_check(name):
    given, dtypes = PLAIN[name], [np.float64, np.float32]
    passes = passes_unchanged(given, dtypes)
    assert passes == (name in ("double", "single", "column"))
    assert not passes or check_array(given, dtype=dtypes, ensure_2d=False) is given


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["X", "y", "X_test", "y_test"])
def test_numbers_that_are_not_finite_are_refused_everywhere(place, wrong):
    given = {"X": Z.copy(), "y": Z[:, 0].copy(), "X_test": Z[:3].copy(), "y_test": Z[:3, 0].copy()}
    frozen = FrozenEstimator(Ridge().fit(given["X"], given["y"]))
    given[place].flat[1] = wrong
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        explainer = InfluenceExplainer(frozen).fit(given["X"], given["y"])
        explainer.influence(given["X_test"], given["y_test"])
