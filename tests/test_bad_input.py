"""Bad questions and bad training data: what was got, what was expected, what to do."""

import numpy as np
import pytest
from sklearn.ensemble import BaggingRegressor, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.perturbation import relabel_influence
from skinfluence.targets import DecisionValue, Probability

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
named = np.array(["cat", "dog"])[y]
values = X @ [1.0, 2.0, 0.0, 1.0] + rng.normal(size=60)


def with_entry(a, value):
    out = a.astype(float)
    out[3] = value
    return out


@pytest.fixture(scope="module")
def classifier():
    return InfluenceExplainer().fit(X, y)


@pytest.fixture(scope="module")
def regressor():
    return InfluenceExplainer(Ridge()).fit(X, values)


FIT = {
    "nan in X": (None, with_entry(X, np.nan), y, "X contains NaN"),
    "inf in X": (None, with_entry(X, np.inf), y, "X contains infinity"),
    "nan in y": (Ridge(), X, with_entry(values, np.nan), "y contains NaN"),
    "inf in y": (Ridge(), X, with_entry(values, np.inf), "y contains infinity"),
    "nan in labels": (None, X, with_entry(y, np.nan), "y contains NaN"),
    "labels in two columns": (None, X, np.c_[y, y], "y should be a 1d array"),
    "too few labels": (None, X, y[:5], r"inconsistent numbers of samples: \[60, 5\]"),
    "one class": (None, X, 0 * y, "one class"),
    "one class, ridge": (RidgeClassifier(), X, 0 * y, "at least 2 classes"),
    "one class, smooth hinge": (SmoothHingeSVC(), X, 0 * y, "at least 2 classes"),
    "labels for values": (Ridge(), X, named, "could not convert string to float"),
    "no labels": (None, X, None, "y is None"),
    "frozen, labels too few": (FrozenEstimator(LogisticRegression().fit(X, y)), X, y[:4], "60 row"),
    "frozen, other labels": (FrozenEstimator(LogisticRegression().fit(X, y)), X, y + 3, "4, 3"),
    "frozen, targets of another shape": (
        FrozenEstimator(MultiOutputRegressor(Ridge()).fit(X, X[:, :2])), X, values,
        r"y has shape \(60,\), and MultiOutputRegressor predicts 2 column",
    ),
    "frozen, columns that no member takes": (
        FrozenEstimator(BaggingRegressor(Ridge()).fit(X[:, :3], values)), X, values, "4 features",
    ),
    "frozen, other columns": (FrozenEstimator(Ridge().fit(X, values)), X[:, :2], values, "2 feat"),
    "frozen, nan in y": (
        FrozenEstimator(Ridge().fit(X, values)), X, with_entry(values, np.nan), "y contains NaN",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FIT)
def test_fit_refuses(case):
    estimator, table, target, message = FIT[case]
    with pytest.raises(ValueError, match=message):
        InfluenceExplainer(estimator).fit(table, target)


WEIGHTS = {
    "all zero": (np.zeros(60), "zero for every row"),
    "negative": (np.r_[-1.0, np.ones(59)], "expected weights >= 0"),
    "strings": (np.full(60, "heavy"), "could not convert string to float"),
    "nan": (np.full(60, np.nan), "sample_weight contains NaN"),
    "too few": (np.ones(5), r"shape == \(5,\), expected \(60,\)"),
    "one class left": (1.0 * y, "expected rows of at least 2 classes"),
}


@pytest.mark.parametrize("estimator", [LogisticRegression(), RidgeClassifier(), SmoothHingeSVC()])
@pytest.mark.parametrize("case", WEIGHTS)
def test_fit_refuses_weights(estimator, case):
    weights, message = WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        InfluenceExplainer(estimator).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge()])
def test_regressors_refuse_negative_weights(estimator):
    with pytest.raises(ValueError, match="expected weights >= 0"):
        InfluenceExplainer(estimator).fit(X, values, sample_weight=-np.ones(60))


QUESTIONS = {
    "nan in X_test": ((with_entry(X, np.nan), y), {}, "X contains NaN"),
    "inf in X_test": ((with_entry(X, np.inf), y), {}, "X contains infinity"),
    "nan in y_test": ((X, with_entry(y, np.nan)), {}, r"not trained on: \[nan"),
    "three columns": ((X[:, :3], y), {}, "X has 3 features, but .* expecting 4"),
    "empty test set": ((X[:0],), {}, r"Found array with 0 sample\(s\)"),
    "one-dimensional X_test": ((X[0],), {}, "Expected 2D array, got 1D"),
    "too few labels": ((X, y[:5]), {}, "X_test has 60 rows but y_test has 5"),
    "one label for sixty rows": ((X, 1), {}, "single value .1.. Expected one label a row"),
    "labels in two columns": ((X, np.c_[y, y]), {}, "y should be a 1d array"),
    "unseen labels": ((X, y + 5), {}, r"not trained on: \[6, 5\].*Known classes: \[0, 1\]"),
    "strings for ints": ((X[:2], ["0", "1"]), {}, r"not trained on: \['0', '1'\]"),
    "a label between": ((X[:2], [0.0, 1.5]), {}, r"not trained on: \[1.5\]"),
    "None as a label": ((X[:2], [0, None]), {}, r"not trained on: \[None\]"),
    "unknown method": ((X,), {"method": "magic"}, "method='magic' is not known.*newton_step"),
    "unknown target": ((X,), {"target": "odds"}, "target='odds' is not known.*predict_proba"),
    "predict with labels": ((X, y), {"target": "predict"}, "takes no y_test"),
    "loss without labels": ((X,), {"target": "loss"}, "needs y_test"),
    "an unseen class named": (
        (X,),
        {"target": Probability(7)},
        r"^class_ .*not trained on: \[7\].*Pass one of these",
    ),
    "two classes for sixty": ((X,), {"target": DecisionValue([0, 1])}, "names 2 classes"),
    "labels and a class": ((X, y), {"target": "predict_proba"}, r"no y_test.*Probability\(class_"),
    "a row out of range": ((X,), {"rows": [60]}, "expected 0 to 59"),
    "a row far below": ((X,), {"rows": [-61]}, "expected 0 to 59"),
    "a short mask": ((X,), {"rows": np.ones(5, bool)}, r"mask of shape \(5,\); expected \(60,\)"),
    "float rows": ((X,), {"rows": [1.0]}, "float64; expected a list of training row numbers"),
    "a bare row": ((X,), {"rows": 3}, r"shape \(\).*expected a list"),
    "a set of rows": ((X,), {"rows": {3, 5}}, r"rows is a set; .*Pass list\(rows\)"),
    "a slice of rows": ((X,), {"rows": slice(3)}, "rows is a slice; expected a list"),
    "a row beyond all integers": ((X,), {"rows": [10**30]}, "expected a list"),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_influence_refuses(classifier, case):
    positional, named_arguments, message = QUESTIONS[case]
    with pytest.raises(ValueError, match=message):
        classifier.influence(*positional, **named_arguments)


@pytest.mark.parametrize(
    "labels", [["cat", "emu"], ["cat", 1], np.array(["cat", 1], object), [0, 1]]
)
def test_a_model_of_strings_refuses_other_labels(labels):
    explainer = InfluenceExplainer().fit(X, named)
    with pytest.raises(ValueError, match=r"not trained on.*Known classes: .*'cat', 'dog'"):
        explainer.influence(X[:2], labels)


REGRESSION = {
    "nan in y_test": ((X, with_entry(values, np.nan)), {}, "y_test contains NaN"),
    "inf in y_test": ((X, with_entry(values, np.inf)), {}, "y_test contains infinity"),
    "two outputs": ((X, np.c_[values, values]), {}, "2 outputs, but the model was fitted with 1"),
    "too few values": ((X, values[:5]), {}, "X_test has 60 rows but y_test has 5"),
    "decision_function": ((X,), {"target": "decision_function"}, "is for classifiers"),
    "predict_proba": ((X,), {"target": "predict_proba"}, "is for classifiers"),
    "predict with values": ((X, values), {"target": "predict"}, "takes no y_test"),
}


@pytest.mark.parametrize("case", REGRESSION)
def test_influence_on_a_regressor_refuses(regressor, case):
    positional, named_arguments, message = REGRESSION[case]
    with pytest.raises(ValueError, match=message):
        regressor.influence(*positional, **named_arguments)


def test_a_support_vector_machine_has_no_probabilities():
    explainer = InfluenceExplainer(LinearSVC(random_state=0)).fit(X, y)
    with pytest.raises(ValueError, match=r'needs class probabilities.*target="decision_function"'):
        explainer.influence(X, target="predict_proba")
    assert not hasattr(explainer, "predict_proba")


def test_no_rows_have_no_effects(classifier, regressor):
    """An empty selection, such as a mask that is false everywhere, has an empty answer."""
    none = np.zeros(60, dtype=bool)
    for explainer, labels in ((classifier, y), (regressor, values)):
        assert explainer.coef_influence(none).shape == (0, 5)
        assert explainer.influence(X[:3], rows=none).shape == (3, 0)
        assert relabel_influence(explainer, X[:3], None, labels[none], rows=none).shape == (3, 0)
        again = explainer.with_labels(none, labels[none])
        np.testing.assert_allclose(again.coef_, explainer.estimator_.coef_, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k=0. Expected a whole number"),
        ({"k": 2.0}, "k=2.0. Expected a whole number"),
        ({"k": True}, "k=True. Expected a whole number"),
        ({"order": "loudest"}, "order='loudest' is not known.*harmful"),
    ],
)
def test_top_influences_refuses(classifier, arguments, message):
    with pytest.raises(ValueError, match=message):
        classifier.top_influences(X, **arguments)


@pytest.mark.parametrize("name", ["self_influence", "coef_influence"])
def test_an_unknown_method_is_refused_everywhere(classifier, name):
    with pytest.raises(ValueError, match="method='magic' is not known"):
        getattr(classifier, name)(method="magic")


SETTINGS = [
    ("method", "magic", "newton_step"),
    ("solver", "magic", "cholesky"),
    ("solver", 3, "cholesky"),
    ("n_jobs", 0, "positive integer"),
    ("n_jobs", 1.5, "positive integer"),
    ("n_jobs", "all", "positive integer"),
    ("verbose", "a", "None, 0, 1"),
    ("verbose", -1, "None, 0, 1"),
    ("memory", 3, "joblib.Memory"),
    ("penalty_scaling", "sum", "mean"),
    ("polish", "no", "True"),
    ("damping", -1.0, ">= 0"),
    ("damping", np.nan, "finite number"),
    ("damping", np.inf, "finite number"),
    ("damping", "a", "finite number"),
    ("damping", None, "finite number"),
    ("temperature", 0.0, "> 0"),
    ("temperature", "cold", "finite number"),
]


@pytest.mark.parametrize(("name", "value", "expected"), SETTINGS)
def test_fit_refuses_the_setting(name, value, expected):
    with pytest.raises(ValueError, match=f"{name}={value!r}.*Expected.*{expected}"):
        InfluenceExplainer(**{name: value}).fit(X, y)


@pytest.mark.parametrize("solver", ["cg", "lissa", "neumann", "auto"])
def test_fit_refuses_what_cannot_seed(solver):
    with pytest.raises(ValueError, match=r"random_state must be None, an integer.*got 'a'"):
        InfluenceExplainer(solver=solver, random_state="a").fit(X, y)


UNSUPPORTED = {
    "forest": (RandomForestClassifier(), "RandomForest.* made of trees.*Supported: .*Ridge"),
    "passthrough": (make_pipeline(StandardScaler(), "passthrough"), "ends with 'passthrough'"),
    "no refit": (GridSearchCV(Ridge(), {"alpha": [1.0]}, refit=False), "expected refit=True"),
    "positive": (Ridge(positive=True), "Expected positive=False"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_estimators_are_named(case):
    estimator, message = UNSUPPORTED[case]
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(estimator).fit(X, y)


ASKED = {
    "influence": lambda e: e.influence(X),
    "top_influences": lambda e: e.top_influences(X),
    "explain": lambda e: e.explain(X),
    "self_influence": lambda e: e.self_influence(),
    "coef_influence": lambda e: e.coef_influence(),
    "leave_one_out": lambda e: e.leave_one_out_raw_predictions(),
    "diagnostics": lambda e: e.diagnostics(),
    "health": lambda e: e.health(),
    "score": lambda e: e.score(X, y),
    "predict": lambda e: e.predict(X),
    "leverage": lambda e: e.leverage(),
    "resolve_method": lambda e: e.resolve_method(),
}


@pytest.mark.parametrize("name", ASKED)
def test_an_unfitted_explainer_says_so(name):
    with pytest.raises(NotFittedError, match="Call 'fit'"):
        ASKED[name](InfluenceExplainer())
