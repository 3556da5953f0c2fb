"""Closed-form scores against cross-validation by scikit-learn itself."""

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
    make_regression,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skinfluence import InfluenceExplainer
from skinfluence.cross_validation import LeaveOneOutSearch, k_fold_score, leave_one_out_score
from skinfluence.uncertainty import JackknifePlusClassifier


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:150], y[:150]


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X[:250]), y[:250]


#: Converges in a few steps, so that hundreds of its refits are quick.
LOGISTIC = LogisticRegression(solver="newton-cholesky", tol=1e-10)


@pytest.fixture(scope="module")
def left_out(cancer):
    """Probabilities by LOGISTIC of each row of the table without it, by real refits."""
    return cross_val_predict(LOGISTIC, *cancer, cv=LeaveOneOut(), method="predict_proba")


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(0.1), Ridge(3, fit_intercept=False)])
def test_least_squares_is_exact(model, diabetes):
    X, y = diabetes
    real = cross_val_predict(model, X, y, cv=LeaveOneOut())
    explainer = InfluenceExplainer(model).fit(X, y)
    for scoring, truth in [
        (None, r2_score(y, real)),
        ("neg_mean_squared_error", -mean_squared_error(y, real)),
    ]:
        np.testing.assert_allclose(leave_one_out_score(explainer, scoring), truth, rtol=1e-9)


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("accuracy", lambda y, p: accuracy_score(y, p[:, 1] > 0.5)),
        ("neg_log_loss", lambda y, p: -log_loss(y, p)),
        ("roc_auc", lambda y, p: roc_auc_score(y, p[:, 1])),
    ],
)
@pytest.mark.parametrize(("method", "tolerance"), [("newton_step", 1e-3), ("refit", 1e-5)])
def test_logistic_regression(method, tolerance, scoring, metric, cancer, left_out):
    X, y = cancer
    score = leave_one_out_score(InfluenceExplainer(LOGISTIC).fit(X, y), scoring, method=method)
    np.testing.assert_allclose(score, metric(y, left_out), atol=tolerance)


def test_rows_that_move_far_are_refitted(cancer):
    X, y = cancer
    explainer = InfluenceExplainer(LogisticRegression(C=100.0, max_iter=10_000)).fit(X, y)
    real = leave_one_out_score(explainer, "neg_log_loss", method="refit")
    assert leave_one_out_score(explainer, "neg_log_loss") == pytest.approx(real, abs=1e-4)
    step = leave_one_out_score(explainer, "neg_log_loss", method="newton_step")
    assert abs(step - real) > 0.01


def test_many_classes():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    real = cross_val_predict(LOGISTIC, X, names, cv=LeaveOneOut(), method="predict_proba")
    explainer = InfluenceExplainer(LOGISTIC).fit(X, names)
    for scoring, truth in [
        ("neg_log_loss", -log_loss(names, real)),
        ("roc_auc_ovr", roc_auc_score(names, real, multi_class="ovr")),
        (None, accuracy_score(names, names[[0, 50, 100]][real.argmax(axis=1)])),
    ]:
        np.testing.assert_allclose(leave_one_out_score(explainer, scoring), truth, atol=1e-3)


def test_counts_are_scored_in_the_units_of_predict(diabetes):
    X, y = diabetes
    X, y = X / X.std(axis=0), np.round(y / 50)
    model = PoissonRegressor(alpha=1e-3, solver="newton-cholesky", tol=1e-8)
    real = r2_score(y, cross_val_predict(model, X, y, cv=LeaveOneOut()))
    explainer = InfluenceExplainer(model).fit(X, y)
    assert leave_one_out_score(explainer, "r2") == pytest.approx(real, abs=1e-3)


def test_several_outputs():
    X, y = make_regression(60, 5, n_targets=3, noise=10.0, random_state=0)
    real = r2_score(y, cross_val_predict(Ridge(), X, y, cv=LeaveOneOut()))
    score = leave_one_out_score(InfluenceExplainer(Ridge()).fit(X, y))
    assert score == pytest.approx(real, rel=1e-9)


def test_several_labels(cancer):
    X, y = cancer[0][:60], np.c_[cancer[1][:60], cancer[0][:60, 3] > 0].astype(int)
    model = MultiOutputClassifier(LogisticRegression(C=0.1, tol=1e-10, max_iter=1000))
    explainer = InfluenceExplainer(model).fit(X, y)
    real = cross_val_predict(model, X, y, cv=LeaveOneOut())
    assert leave_one_out_score(explainer) == accuracy_score(y, real)
    np.testing.assert_allclose(
        k_fold_score(explainer, 3), cross_val_score(model, X, y, cv=3, scoring="accuracy")
    )
    with pytest.raises(
        AttributeError, match="MultiOutputClassifier predicts without a row has none"
    ):
        leave_one_out_score(explainer, "neg_log_loss")


@pytest.mark.parametrize("model", [GaussianNB(), LinearDiscriminantAnalysis()])
def test_models_in_closed_form_are_exact(model):
    X, y = load_iris(return_X_y=True)
    explainer = InfluenceExplainer(model).fit(X, y)
    real = cross_val_predict(model, X, y, cv=LeaveOneOut(), method="predict_proba")
    score = leave_one_out_score(explainer, "neg_log_loss")
    assert score == pytest.approx(-log_loss(y, real), rel=1e-9)
    folds = k_fold_score(explainer, 5, "neg_log_loss")
    np.testing.assert_allclose(folds, cross_val_score(model, X, y, scoring="neg_log_loss"))


def test_folds_of_a_lasso_select_anew(diabetes):
    X, y = diabetes[0][:80], diabetes[1][:80]
    explainer = InfluenceExplainer(Lasso(0.1, tol=1e-10)).fit(X, y)
    real = cross_val_score(Lasso(0.1, tol=1e-10), X, y)
    np.testing.assert_allclose(k_fold_score(explainer), real, rtol=1e-6)


@pytest.mark.parametrize("model", [VotingRegressor([("a", Ridge(0.1)), ("b", LinearRegression())])])
def test_estimators_made_of_others(model, diabetes):
    X, y = diabetes[0][:80], diabetes[1][:80]
    explainer = InfluenceExplainer(model).fit(X, y)
    real = r2_score(y, cross_val_predict(model, X, y, cv=LeaveOneOut()))
    assert leave_one_out_score(explainer) == pytest.approx(real, rel=1e-9)
    np.testing.assert_allclose(k_fold_score(explainer), cross_val_score(model, X, y), rtol=1e-9)


def test_margins_have_no_probabilities(cancer):
    explainer = InfluenceExplainer(RidgeClassifier()).fit(*cancer)
    decided = cross_val_predict(
        RidgeClassifier(), *cancer, cv=LeaveOneOut(), method="decision_function"
    )
    score = leave_one_out_score(explainer, "roc_auc")
    assert score == pytest.approx(roc_auc_score(cancer[1], decided), abs=1e-9)
    with pytest.raises(
        AttributeError, match=r"RidgeClassifier predicts .* has none .* predict_proba"
    ):
        leave_one_out_score(explainer, "neg_log_loss")


def test_decision_values_are_those_of_the_estimator(cancer):
    """Bagging has other decision values than logarithms of its probabilities; SVC has votes."""
    X, y = cancer[0][:80], cancer[1][:80]
    bagging = BaggingClassifier(LOGISTIC, n_estimators=2, random_state=0)
    explainer = InfluenceExplainer(bagging).fit(X, y)
    assert 0.9 < leave_one_out_score(explainer, "roc_auc") < 1.0
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    machine = SVC(gamma=0.5, tol=1e-8)
    seen = []

    def scoring(estimator, rows, labels):
        seen.append(estimator.decision_function(rows))
        return 0.0

    k_fold_score(InfluenceExplainer(machine).fit(X, y), 3, scoring)
    real = cross_val_predict(machine, X, y, cv=3, method="decision_function")
    folds = np.concatenate([test for _, test in StratifiedKFold(3).split(X, y)])
    np.testing.assert_allclose(np.concatenate(seen), real[folds], atol=1e-5)


def test_labels_that_do_not_follow_from_decision_values_are_refused():
    X, y = load_iris(return_X_y=True)
    explainer = InfluenceExplainer(NearestCentroid()).fit(X, y)
    with pytest.raises(ValueError, match='Expected priors="empirical"'):
        leave_one_out_score(explainer)
    assert leave_one_out_score(explainer, "neg_log_loss") < 0.0
    empirical = NearestCentroid(priors="empirical")
    real = cross_val_score(empirical, X, y, cv=LeaveOneOut()).mean()
    assert leave_one_out_score(InfluenceExplainer(empirical).fit(X, y)) == pytest.approx(real)


def test_weights_of_the_score(diabetes):
    X, y = diabetes
    weight = np.arange(len(y)) % 3
    real = r2_score(y, cross_val_predict(Ridge(), X, y, cv=LeaveOneOut()), sample_weight=weight)
    explainer = InfluenceExplainer(Ridge()).fit(X, y)
    assert leave_one_out_score(explainer, sample_weight=weight) == pytest.approx(real, rel=1e-9)
    with pytest.raises(ValueError, match=r"shape \(\). Expected \(\d+,\), one weight"):
        leave_one_out_score(explainer, sample_weight=2.0)


def test_a_callable_scorer(diabetes):
    explainer = InfluenceExplainer(Ridge()).fit(*diabetes)

    def worst(estimator, X, y):
        return -np.abs(estimator.predict(X) - y).max()

    real = cross_val_predict(Ridge(), *diabetes, cv=LeaveOneOut())
    assert leave_one_out_score(explainer, worst) == pytest.approx(
        -np.abs(real - diabetes[1]).max(), rel=1e-9
    )


@pytest.mark.parametrize("cv", [4, LeaveOneOut()])
def test_folds_of_least_squares(cv, diabetes):
    X, y = diabetes[0][:80], diabetes[1][:80]
    explainer = InfluenceExplainer(Ridge(0.5)).fit(X, y)
    scoring = "neg_mean_squared_error"
    real = cross_val_score(Ridge(0.5), X, y, cv=cv, scoring=scoring)
    np.testing.assert_allclose(k_fold_score(explainer, cv, scoring), real, rtol=1e-9)


def test_folds_of_logistic_regression(cancer):
    X, y = cancer
    explainer = InfluenceExplainer(LOGISTIC).fit(X, y)
    real = cross_val_score(LOGISTIC, X, y, scoring="neg_log_loss")
    np.testing.assert_allclose(k_fold_score(explainer, scoring="neg_log_loss"), real, rtol=1e-5)
    groups = np.arange(len(y)) // 10
    real = cross_val_score(LOGISTIC, X, y, groups=groups, cv=GroupKFold(5), scoring="neg_log_loss")
    mine = k_fold_score(explainer, GroupKFold(5), "neg_log_loss", groups=groups)
    np.testing.assert_allclose(mine, real, rtol=1e-5)


def test_a_pipeline_keeps_its_steps(diabetes):
    model = make_pipeline(FunctionTransformer(np.abs), Ridge())
    real = cross_val_score(model, *diabetes)
    np.testing.assert_allclose(
        k_fold_score(InfluenceExplainer(model).fit(*diabetes)), real, rtol=1e-9
    )


def test_bad_input(diabetes, cancer):
    explainer = InfluenceExplainer(Ridge()).fit(*diabetes)
    with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
        leave_one_out_score(Ridge())
    with pytest.raises(ValueError, match="method='first_order'"):
        leave_one_out_score(explainer, method="first_order")
    with pytest.raises(ValueError, match="sample_weight"):
        leave_one_out_score(explainer, sample_weight=-np.ones(len(diabetes[1])))
    with pytest.raises(ValueError, match="trains on all rows outside"):
        k_fold_score(explainer, ShuffleSplit(2, train_size=0.5, test_size=0.1, random_state=0))
    X, y = cancer[0][:30], np.repeat([0, 1], [29, 1])
    alone = InfluenceExplainer(LogisticRegression()).fit(X, y)
    with (
        pytest.warns(RuntimeWarning, match="only one of their class"),
        pytest.raises(ValueError, match="no model without"),
    ):
        leave_one_out_score(alone)


@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=1000), GaussianNB()], ids=lambda m: type(m).__name__
)
def test_there_is_no_score_without_a_whole_class(model):
    X, y = load_iris(return_X_y=True)
    explainer = InfluenceExplainer(model).fit(X, y)
    with pytest.raises(ValueError, match="no row of some class is left"):
        k_fold_score(explainer, cv=GroupKFold(3), groups=y)


@pytest.mark.filterwarnings("ignore")  # of training that stops early
def test_a_network_without_an_optimum_nearby_asks_for_damping():
    X, Y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    network = MLPClassifier(8, alpha=0.1, max_iter=300, random_state=0)
    explainer = InfluenceExplainer(network, damping=1.0).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="Pass a larger damping than 1"):
        leave_one_out_score(explainer)
    explainer.set_params(damping=10.0).fit(X, Y[:, 0])
    assert 0.0 < leave_one_out_score(explainer) <= 1.0


def test_steps_that_have_seen_labels_are_warned_of():
    rng = np.random.default_rng(0)
    wide, coins = rng.normal(size=(100, 500)), rng.integers(0, 2, 100)
    selected = make_pipeline(SelectKBest(k=10), LogisticRegression())
    explainer = InfluenceExplainer(selected).fit(wide, coins)
    message = r"^SelectKBest \(step 'selectkbest'\) has seen the labels of the rows"
    with pytest.warns(UserWarning, match=message) as caught:
        score = leave_one_out_score(explainer)
    assert caught[0].filename == __file__
    assert score > cross_val_score(selected, wide, coins, cv=5).mean() + 0.1
    with pytest.warns(UserWarning, match=message):
        k_fold_score(explainer)
    with pytest.warns(UserWarning, match=message):
        LeaveOneOutSearch(selected, {"logisticregression__C": [1.0]}).fit(wide, coins)
    with pytest.warns(UserWarning, match=message):
        JackknifePlusClassifier(selected).fit(wide, coins)
