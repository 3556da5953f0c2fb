"""What cannot be explained is refused before it is fitted, with the reason and a replacement."""

import re

import numpy as np
import pytest
from sklearn import (
    calibration,
    decomposition,
    ensemble,
    feature_selection,
    kernel_approximation,
    linear_model,
    multiclass,
    multioutput,
    naive_bayes,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.datasets import load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skinfluence import CleanedClassifier, InfluenceExplainer, LabelFlagger
from skinfluence.adapters import UnsupportedEstimatorError, check_supported
from skinfluence.adapters._unsupported import FAMILIES

X, values = load_diabetes(return_X_y=True)
X, values = X[:200], values[:200]
labels = (values > np.median(values)).astype(int)

REFUSED = {
    ensemble.RandomForestClassifier: "made of trees",
    ensemble.HistGradientBoostingRegressor: "made of trees",
    ensemble.ExtraTreesRegressor: "made of trees",
    tree.DecisionTreeClassifier: "made of trees",
    linear_model.Perceptron: "order of the rows",
    linear_model.TheilSenRegressor: "drawn subsets",
    linear_model.RANSACRegressor: "inlier_mask_",
    calibration.CalibratedClassifierCV: "on rows that its members did not see",
    ensemble.AdaBoostClassifier: "holds other estimators",
    CleanedClassifier: "holds other estimators",
}


@pytest.mark.parametrize("estimator", REFUSED, ids=lambda cls: cls.__name__)
def test_the_reason_is_that_of_the_family(estimator):
    pattern = f"{estimator.__name__} cannot be explained: it .*{REFUSED[estimator]}"
    with pytest.raises(UnsupportedEstimatorError, match=pattern) as refused:
        InfluenceExplainer(estimator()).fit(X, labels)
    assert "adapter" not in str(refused.value)
    (advice,) = re.findall(r"Use (.*) instead\.", str(refused.value))
    assert advice in {code for family in FAMILIES for code in (family.classifier, family.regressor)}


NAMES = {
    name: value
    for module in (
        *(linear_model, svm, pipeline, preprocessing, ensemble),
        *(kernel_approximation, feature_selection, decomposition, multiclass, multioutput),
    )
    for name, value in vars(module).items()
}


LOGISTIC = linear_model.LogisticRegression()
COMPOSED = {
    "stacking": (ensemble.StackingClassifier([("a", LOGISTIC)]), "members that it fits itself"),
    "prefit": (
        ensemble.StackingClassifier([("a", LOGISTIC)], cv="prefit"),
        "members that a copy would lose",
    ),
    "codes": (multiclass.OutputCodeClassifier(neural_network.MLPClassifier()), "decision_function"),
    "chain": (multioutput.ClassifierChain(LOGISTIC, cv=3), "which a removed row moves"),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_estimators_around_others_say_why_not(name):
    estimator, reason = COMPOSED[name]
    with pytest.raises(UnsupportedEstimatorError, match=reason) as refused:
        InfluenceExplainer(estimator).fit(X, labels)
    assert "Expected " in str(refused.value)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_advice_runs(kind):
    y = labels if kind == "classifier" else values
    for code in {getattr(family, kind) for family in FAMILIES}:
        if code.startswith("MultiOutput"):  # takes several columns of targets
            y = np.column_stack([y, y]) if y.ndim == 1 else y
        elif y.ndim > 1:
            y = y[:, 0]
        explainer = InfluenceExplainer(eval(code, dict(NAMES))).fit(X, y)
        assert np.isfinite(explainer.influence(X[:1], y[:1], rows=[0, 1])).all()


class Unfittable(ensemble.RandomForestClassifier):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("was fitted")


class UnfittableL1(linear_model.LassoLars):
    pass


FOREST = Unfittable(n_estimators=3)
HIDDEN = {
    "pipeline": make_pipeline(preprocessing.StandardScaler(), FOREST),
    "search": GridSearchCV(
        make_pipeline(preprocessing.StandardScaler(), FOREST), {"unfittable__max_depth": [1, 2]}
    ),
    "frozen": FrozenEstimator(FOREST),
    "search among forests": GridSearchCV(
        pipeline.Pipeline([("model", FOREST)]), {"model": [FOREST, tree.DecisionTreeClassifier()]}
    ),
}


@pytest.mark.parametrize("where", HIDDEN)
def test_nothing_is_fitted_before_the_refusal(where):
    with pytest.raises(UnsupportedEstimatorError, match="made of trees"):
        InfluenceExplainer(HIDDEN[where]).fit(X, labels)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (linear_model.Ridge(positive=True, alpha=-1.0), "positive=True"),
        (svm.LinearSVC(penalty="l1", C=-1.0), "penalty='l1'"),
        (GridSearchCV(linear_model.Ridge(), {"alpha": [-1.0]}, refit=False), "expected refit=True"),
    ],
    ids=["ridge", "svc", "search"],
)
def test_settings_are_refused_before_scikit_learn_looks_at_them(estimator, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(estimator).fit(X, labels)


def test_a_search_that_may_find_a_supported_model_is_fitted():
    steps = pipeline.Pipeline([("scale", "passthrough"), ("model", FOREST)])
    check_supported(GridSearchCV(steps, {"model": [FOREST, linear_model.LogisticRegression()]}))
    grids = [{"model": [linear_model.LogisticRegression()]}, {"model__max_depth": [1]}]
    check_supported(GridSearchCV(steps, grids))
    l1 = linear_model.LogisticRegression(l1_ratio=1.0, solver="saga")
    check_supported(GridSearchCV(l1, {"l1_ratio": [0.0]}))  # decided by what it chooses
    search = GridSearchCV(steps, {"model": [linear_model.LogisticRegression()]}, cv=2)
    assert InfluenceExplainer(search).fit(X, labels).influence(X[:1]).shape == (1, 200)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            linear_model.LogisticRegression,
            r"is a class. Expected an estimator: LogisticRegression\(",
        ),
        (
            "ridge",
            "'ridge' is a str, and no estimator of scikit-learn. Supported: .*LinearRegression",
        ),
        (preprocessing.StandardScaler(), "StandardScaler is a transformer: there is no prediction"),
        (UnfittableL1(), "UnfittableL1 is a subclass of LassoLars"),
    ],
    ids=["class", "text", "transformer", "subclass"],
)
def test_what_is_no_estimator_is_refused(estimator, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(estimator).fit(X, labels)


def test_flaggers_still_cross_validate_what_is_refused():
    flagger = LabelFlagger(naive_bayes.GaussianNB()).fit(X, labels)
    assert flagger.judged_by_ == "cross_validation"
