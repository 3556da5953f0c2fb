"""Estimators that are made of others are explained through their members, as they really refit."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    Lasso,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import REGISTRY, UnsupportedEstimatorError
from skinfluence.components import influence_components
from skinfluence.cross_validation import k_fold_score
from skinfluence.effects import RowEdits
from skinfluence.explainer import target_changes
from skinfluence.groups import group_influence, most_influential_group
from skinfluence.perturbation import replacement_influence
from skinfluence.solvers import CGSolver
from skinfluence.targets import DecisionValue, Mean, Probability
from skinfluence.testing._truth import STENCIL
from tests.adapters._composed_cases import (
    CASES,
    ROWS,
    fitted,
    label_losses,
    left_out,
    log_target,
    logistic,
    rows_of,
    slopes,
    squared_error,
)


def close(got, expected, tolerance):
    return np.abs(got - expected).max() < tolerance * np.abs(expected).max()


def explained(name, **settings):
    case = CASES[name]
    X, y, X_test, y_test = rows_of(case.kind)
    return InfluenceExplainer(case.estimator, **settings).fit(X, y), X_test, y_test


def test_every_composed_class_has_a_case():
    names = {name for (_, name), adapter in REGISTRY.items() if adapter.composed}
    bagged = {"BaggingClassifier", "BaggingRegressor"}  # test_bagging.py
    assert names == {type(case.estimator).__name__ for case in CASES.values()} | bagged


@pytest.mark.parametrize("name", CASES)
def test_losses_are_those_of_its_own_predictions(name):
    case = CASES[name]
    explainer, X_test, y_test = explained(name, polish=False)
    expected = case.loss(explainer.estimator_, X_test, y_test)
    assert np.abs(explainer.test_rows(X_test, y_test).value() - expected).max() < 1e-10


@pytest.mark.parametrize("name", CASES)
def test_refits_are_real_leave_one_out(name):
    explainer, *tests = explained(name)
    truth = left_out(CASES[name])
    assert close(explainer.influence(*tests, rows=ROWS, method="refit"), truth, 1e-6)
    step = explainer.influence(*tests, rows=ROWS, method="newton_step")
    assert close(step, truth, 0.1)
    if explainer.objective_.members[0].objective.quadratic and name != "VotingRegressor":
        assert close(step, truth, 1e-10)  # exact, whatever is made of the predictions


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.weights])
def test_first_order_is_the_slope_of_its_own_reweighted_fits(name, weighted):
    case = CASES[name]
    X, y, X_test, y_test = rows_of(case.kind)
    weights = 0.5 + np.random.default_rng(0).random(len(X)) if weighted else np.ones(len(X))
    explainer = InfluenceExplainer(case.estimator).fit(X, y, weights)
    got = explainer.influence(X_test, y_test, rows=ROWS, method="first_order")
    assert close(got, slopes(case, weights), 1e-6)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.weights is None])
def test_first_order_is_the_slope_of_refits_where_no_weights_are_taken(name):
    """Of members whose weights are changed: removal in parts, whose first part is the slope."""
    explainer, *tests = explained(name)
    got = explainer.influence(*tests, rows=ROWS, method="first_order")
    rows, slope, step = explainer.test_rows(*tests), 0.0, 0.01
    for position, coefficient in STENCIL:
        edits = RowEdits.weights(ROWS, 1.0 + position * step)
        changes = explainer.linearization_.changes("refit", edits)
        slope = slope + coefficient * target_changes(rows, *changes)
    assert close(got, -slope / step, 1e-6)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.weights])
def test_a_weight_of_two_is_a_repeated_row(name):
    case = CASES[name]
    X, y, X_test, y_test = rows_of(case.kind)
    again = np.append(np.arange(len(X)), 5)
    weights = np.bincount(again).astype(float)
    heavy = InfluenceExplainer(case.estimator).fit(X, y, weights)
    long = InfluenceExplainer(case.estimator).fit(X[again], y[again])
    both = group_influence(long, [[5, len(X)], [1]], X_test, y_test, method="refit")
    got = heavy.influence(X_test, y_test, rows=[5, 1], method="refit")
    assert close(got, both, 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_groups_are_refitted_without_their_rows(name):
    case, group = CASES[name], [0, 1, 17]
    explainer, *tests = explained(name)
    X, y, *_ = rows_of(case.kind)
    kept = np.delete(np.arange(len(X)), group)
    after = case.loss(fitted(case, X[kept], y[kept]), *tests)
    truth = after - case.loss(explainer.estimator_, *tests)
    assert close(group_influence(explainer, [group], *tests, method="refit")[:, 0], truth, 1e-6)
    assert close(group_influence(explainer, [group], *tests)[:, 0], truth, 0.2)


@pytest.mark.parametrize("name", ["OneVsRest-three", "VotingRegressor", "MultiOutputClassifier"])
def test_what_the_explainer_says_of_all_rows(name):
    explainer, *tests = explained(name)
    own = explainer.influence(*rows_of(CASES[name].kind)[:2]).diagonal()
    assert close(explainer.self_influence(), own, 1e-9)
    first = explainer.influence(*rows_of(CASES[name].kind)[:2], method="first_order").diagonal()
    assert close(explainer.self_influence("first_order"), first, 1e-9)
    health = explainer.health()
    assert abs(health.effective_dof - explainer.leverage().sum()) < 1e-9
    assert health.n_parameters == explainer.objective_.n_parameters
    assert "newton_step" in str(health)
    moved = explainer.coef_influence([3], method="newton_step")
    assert moved.shape == (1, health.n_parameters)
    table = explainer.diagnostics()
    assert close(table["leave_one_out_loss"] - table["loss"], explainer.self_influence(), 1e-9)
    assert explainer.score(*tests) > 0.99
    _, values = explainer.top_influences(*tests, k=3)
    every = np.abs(explainer.influence(*tests)).max(axis=1)
    assert np.abs(np.abs(values[:, 0]) - every).max() < 1e-12 * every.max()


@pytest.mark.parametrize("name", ["OneVsRest-three", "VotingRegressor", "TransformedTarget-log"])
def test_scores_of_folds_are_those_of_cross_validation(name):
    explainer, *_ = explained(name)
    X, y, *_ = rows_of(CASES[name].kind)
    expected = cross_val_score(CASES[name].estimator, X, y, cv=4)
    assert close(k_fold_score(explainer, cv=4), expected, 1e-8)


def test_settings_reach_the_members():
    by = {}
    for key, settings in {
        "plain": {},
        "cg": {"solver": "cg", "method": "first_order"},
        "first": {"method": "first_order"},
        "damped": {"damping": 0.1},
        "mean": {"penalty_scaling": "mean"},
    }.items():
        explainer, *tests = explained("OneVsRest-three", **settings)
        by[key] = explainer.influence(*tests)
        assert np.isfinite(explainer.health().effective_dof)
    assert close(by["cg"], by["first"], 1e-6)
    assert all(not close(by[key], by["plain"], 1e-3) for key in ("damped", "mean", "first"))


def test_targets_of_all_test_rows_together():
    explainer, *tests = explained("VotingClassifier-three")
    for method in ("first_order", "newton_step", "refit"):
        one = explainer.influence(*tests, target=Mean("loss"), method=method)
        each = explainer.influence(*tests, method=method)
        assert close(one[0], each.mean(axis=0), 1e-9)


@pytest.mark.parametrize("name", ["OneVsRest-three", "VotingClassifier-nested", "OneVsRest-binary"])
def test_probabilities_are_its_own(name):
    case = CASES[name]
    explainer, X_test, _ = explained(name)
    X, y, *_ = rows_of(case.kind)
    class_ = explainer.classes_[1]
    kept = np.delete(np.arange(len(X)), 4)
    after = fitted(case, X[kept], y[kept]).predict_proba(X_test)[:, 1]
    truth = after - explainer.estimator_.predict_proba(X_test)[:, 1]
    target = Probability(class_)
    refit = explainer.influence(X_test, target=target, rows=[4], method="refit")[:, 0]
    assert close(refit, truth, 1e-6)


def test_decision_values_are_its_own():
    explainer, X_test, _ = explained("OneVsRest-three")
    tests = explainer.test_rows(X_test, target="decision_function")
    expected = explainer.decision_function(X_test).max(axis=1)
    assert np.abs(tests.value() - expected).max() < 1e-7


def test_decision_values_of_pairs_are_its_own():
    case = CASES["OneVsOne"]
    X, y, X_test, _ = rows_of(case.kind)
    explainer = InfluenceExplainer(case.estimator).fit(X, y)
    class_ = explainer.classes_[1]
    kept = np.delete(np.arange(len(X)), 4)
    after = fitted(case, X[kept], y[kept]).decision_function(X_test)[:, 1]
    truth = after - explainer.decision_function(X_test)[:, 1]
    ask = {"target": DecisionValue(class_), "rows": [4], "method": "refit"}
    assert close(explainer.influence(X_test, **ask)[:, 0], truth, 1e-6)
    predicted = explainer.objective_.coding.predicted_codes(explainer.objective_.raw_prediction)
    assert (explainer.classes_[predicted] == explainer.predict(X)).all()


@pytest.mark.parametrize("where", ["pipeline", "search", "frozen"])
def test_it_may_stand_inside_others(where):
    case = CASES["OneVsRest-three"]
    X, y, *tests = rows_of(case.kind)
    plain = InfluenceExplainer(case.estimator).fit(X, y).influence(*tests)
    outer = {
        "pipeline": make_pipeline("passthrough", case.estimator),
        "search": GridSearchCV(case.estimator, {"estimator__C": [1.0]}, cv=2),
        "frozen": FrozenEstimator(clone(case.estimator).fit(X, y)),
    }[where]
    explainer = InfluenceExplainer(outer).fit(X, y)
    assert close(explainer.influence(*tests), plain, 1e-9)
    assert supports(outer)


def test_steps_of_a_member_are_fixed():
    model = OneVsRestClassifier(make_pipeline(StandardScaler(), LogisticRegression()))
    X, y, *tests = rows_of("three classes")
    scaled = StandardScaler().fit_transform(X)
    explainer = InfluenceExplainer(model).fit(X, y)
    outside = InfluenceExplainer(OneVsRestClassifier(LogisticRegression())).fit(scaled, y)
    tests_scaled = StandardScaler().fit(X).transform(tests[0]), tests[1]
    assert close(explainer.influence(*tests), outside.influence(*tests_scaled), 1e-9)
    assert "StandardScaler is held fixed" in supports(model).reason


def test_members_take_data_frames():
    X, y, X_test, y_test = rows_of("three classes")
    frame, tests = (pd.DataFrame(rows, columns=list("abcde")) for rows in (X, X_test))
    frame["kind"] = np.where(X[:, 0] > 0, "u", "v")
    tests["kind"] = "u"
    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    model = OneVsRestClassifier(make_pipeline(encode, LogisticRegression()))
    explainer = InfluenceExplainer(model).fit(frame, y)
    plain = InfluenceExplainer(OneVsRestClassifier(LogisticRegression()))
    plain.fit(encode.fit_transform(frame), y)
    expected = plain.influence(encode.transform(tests), y_test)
    assert close(explainer.influence(tests, y_test), expected, 1e-9)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, list])
def test_other_tables(make):
    case = CASES["VotingClassifier-three"]
    X, y, X_test, y_test = rows_of(case.kind)
    plain = InfluenceExplainer(case.estimator).fit(X, y).influence(X_test, y_test)
    explainer = InfluenceExplainer(case.estimator).fit(make(X), y)
    assert close(explainer.influence(make(X_test), y_test), plain, 1e-6)


def test_hinge_machines_are_refitted():
    X, y, *tests = rows_of("three classes")
    machine = LinearSVC(loss="hinge", C=0.3, tol=1e-10, max_iter=10**6)
    together = InfluenceExplainer(machine).fit(X, y)
    explainer = InfluenceExplainer(OneVsRestClassifier(machine)).fit(X, y)
    assert explainer.resolve_method() == "refit"
    assert close(
        explainer.influence(*tests, rows=ROWS), together.influence(*tests, rows=ROWS), 1e-6
    )


def test_an_explainer_of_members_can_be_pickled():
    explainer, *tests = explained("VotingRegressor")
    again = pickle.loads(pickle.dumps(explainer))
    assert (again.influence(*tests) == explainer.influence(*tests)).all()


def test_weights_reach_the_last_step_of_a_member():
    X, y, *tests = rows_of("positive")
    weights = 0.5 + np.random.default_rng(0).random(len(X))
    model = log_target(make_pipeline(StandardScaler(), Ridge()))
    explainer = InfluenceExplainer(model).fit(X, y, weights)
    own = model.fit(X, y, ridge__sample_weight=weights)
    assert close(explainer.predict(tests[0]), own.predict(tests[0]), 1e-12)
    assert (explainer.sample_weight_train_ == weights).all()


def test_rows_that_hold_a_class_of_a_member_alone():
    X, y, *tests = rows_of("three classes")
    y = np.where(np.arange(len(y)) == 7, "d", y)
    explainer = InfluenceExplainer(OneVsRestClassifier(LogisticRegression())).fit(X, y)
    with pytest.warns(RuntimeWarning, match=r"\[7\] are the only one of their class"):
        values = explainer.influence(*tests)
    assert np.isnan(values[:, 7]).all()
    assert np.isfinite(np.delete(values, 7, axis=1)).all()
    with pytest.warns(RuntimeWarning, match=r"\[7\] are the only one of their class"):
        assert np.isnan(explainer.self_influence()[7])


TREE = DecisionTreeRegressor()


@pytest.mark.parametrize(
    "model, kind, message",
    [
        (MultiOutputRegressor(TREE), "two values", "one is not supported. DecisionTreeRegressor"),
        (TransformedTargetRegressor(TREE), "values", "one is not supported. DecisionTreeRegressor"),
        (VotingClassifier([("a", LogisticRegression())]), "two classes", 'Expected voting="soft"'),
        (
            VotingClassifier([("a", RidgeClassifier())], voting="soft"),
            "two classes",
            "RidgeClassifier, which has no probabilities",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_refused(model, kind, message):
    X, y, *_ = rows_of(kind)
    with pytest.raises(UnsupportedEstimatorError, match=message):
        InfluenceExplainer(model).fit(X, y)
    assert not supports(model)  # before it is fitted


@pytest.mark.parametrize(
    "member", [LinearSVC(), SVC(), NuSVC(), SGDClassifier(loss="modified_huber")], ids=str
)
def test_members_without_probabilities_are_known_before_they_are_fitted(member):
    for whole in (VotingClassifier([("a", member)], voting="soft"), BaggingClassifier(member)):
        assert "which has no probabilities of its raw predictions" in supports(whole).reason
    assert bool(supports(ClassifierChain(member))) == (type(member) not in (SVC, NuSVC))


def test_several_labels_a_row_are_refused_by_one_versus_rest():
    X, y, *_ = rows_of("three classes")
    labels = (y[:, None] == np.unique(y)).astype(int)
    with pytest.raises(UnsupportedEstimatorError, match="multilabel-indicator"):
        InfluenceExplainer(OneVsRestClassifier(LogisticRegression())).fit(X, labels)
    both = InfluenceExplainer(MultiOutputClassifier(LogisticRegression())).fit(X, labels)
    assert np.isfinite(both.influence(X[:2], labels[:2])).all()


def test_questions_that_need_one_objective_say_so():
    explainer, *tests = explained("OneVsRest-three")
    for ask in (
        lambda: influence_components(explainer, *tests),
        lambda: most_influential_group(explainer, *tests, n_rows=2),
        lambda: replacement_influence(
            explainer, [0], X_new=tests[0][:1], y_new=tests[1][:1], X_test=tests[0]
        ),
    ):
        with pytest.raises(UnsupportedEstimatorError, match="OneVsRestClassifier is made of 3"):
            ask()


def test_targets_that_it_does_not_have_are_refused_with_advice():
    explainer, X_test, _ = explained("VotingClassifier-three")
    with pytest.raises(ValueError, match='Use target="predict_proba" or "loss"'):
        explainer.influence(X_test, target="decision_function")
    assert np.isfinite(explainer.influence(X_test, target="predict_proba")).all()
    explainer, X_test, y_test = explained("MultiOutputClassifier")
    with pytest.raises(ValueError, match=r'this model predicts 2. Use target="loss"'):
        explainer.influence(X_test, target="predict_proba")
    with pytest.raises(ValueError, match=r"y has shape \(6,\); expected \(n_rows, 2\)"):
        explainer.influence(X_test, y_test[:, 0])


def test_a_session_reports_the_solutions_of_each_member_once():
    X, y = load_diabetes(return_X_y=True)
    model = VotingRegressor([("a", Ridge(1e-6)), ("b", Ridge(1e-5))])
    solver = CGSolver(max_iter=1, tol=1e-14, preconditioner=None)
    explainer = InfluenceExplainer(model, solver=solver, method="first_order").fit(X, y)
    inverse = explainer.linearization_.inverse
    V = np.random.default_rng(0).normal(size=(inverse.shape[0], 2))
    with pytest.warns(ConvergenceWarning) as caught, inverse.session():
        inverse.solve(V)
        inverse.solve(V)
    assert len(caught) == 2


def test_a_label_that_changes_goes_down_the_chain():
    """Of labels passed on, Newton steps and refits see a jump; first order sees none."""
    X, y, *_ = rows_of("three marks")
    model = ClassifierChain(logistic())
    explainer = InfluenceExplainer(model).fit(X, y)
    first = explainer.estimator_.estimators_[0]
    near = int(np.abs(first.decision_function(X)).argmin())  # flips when it is left out
    test, kept = X[near : near + 1], np.arange(len(X)) != near
    after = clone(model).fit(X[kept], y[kept])
    assert after.estimators_[0].predict(test) != first.predict(test)
    truth = label_losses(after, test, y[[near]]) - label_losses(explainer, test, y[[near]])
    for method in ("refit", "newton_step"):
        got = explainer.influence(test, y[[near]], rows=[near], method=method)[0]
        assert close(got, truth, 1e-6 if method == "refit" else 0.1)
    assert close(explainer.self_influence("refit")[near], truth, 1e-6)


def test_a_member_that_bends_earlier_outputs_is_refused():
    X, y, *_ = rows_of("two values")
    bent = make_pipeline(PolynomialFeatures(2), Ridge())
    for member in (bent, SVR()):
        with pytest.raises(UnsupportedEstimatorError, match="not linear in earlier outputs"):
            InfluenceExplainer(RegressorChain(member)).fit(X, y)
    assert "not linear in earlier outputs" in supports(RegressorChain(SVR())).reason
    scaled = RegressorChain(make_pipeline(StandardScaler(), Ridge()))
    assert np.isfinite(InfluenceExplainer(scaled).fit(X, y).influence(X[:2], y[:2])).all()


@pytest.mark.parametrize("make", [sparse.csr_array, pd.DataFrame])
@pytest.mark.parametrize("name", ["RegressorChain", "ClassifierChain-proba", "OutputCode"])
def test_chains_and_codes_take_other_tables(name, make):
    case = CASES[name]
    X, y, X_test, y_test = rows_of(case.kind)
    plain = InfluenceExplainer(case.estimator).fit(X, y)
    explainer = InfluenceExplainer(case.estimator).fit(make(X), y)
    assert close(explainer.influence(make(X_test), y_test), plain.influence(X_test, y_test), 1e-6)
    expected = plain.out_of_sample_leverage(X_test)
    assert close(explainer.out_of_sample_leverage(make(X_test)), expected, 1e-6)


@pytest.mark.parametrize(
    "member, tolerance",
    # libsvm alone is 1e-5 from the optimum, whatever its tol
    [(Lasso(0.05, tol=1e-12), 1e-5), (SVR(kernel="linear", tol=1e-14), 1e-4)],
)
def test_members_of_a_chain_may_select_or_be_machines(member, tolerance):
    X, y, *tests = rows_of("two values")
    model = RegressorChain(member, order=[1, 0])
    explainer = InfluenceExplainer(model).fit(X, y)
    before, truth = squared_error(explainer, *tests), []
    for row in ROWS:
        kept = np.arange(len(X)) != row
        truth.append(squared_error(clone(model).fit(X[kept], y[kept]), *tests) - before)
    got = explainer.influence(*tests, rows=ROWS, method="refit")
    assert close(got, np.stack(truth, axis=1), tolerance)


def test_the_classes_that_no_bit_tells_apart_are_refused():
    X, y, *_ = rows_of("three classes")
    model = OutputCodeClassifier(LogisticRegression(), code_size=0.4, random_state=0).fit(X, y)
    model.code_book_[:] = 1.0
    with pytest.raises(UnsupportedEstimatorError, match="tells no classes apart"):
        InfluenceExplainer(FrozenEstimator(model)).fit(X, y)


@pytest.mark.parametrize("name", ["OutputCode", "StackingClassifier", "ClassifierChain-proba"])
def test_without_rows_it_is_the_refitted_estimator(name):
    case = CASES[name]
    X, y, X_test, _ = rows_of(case.kind)
    kept = np.arange(len(X)) > 1
    again = fitted(case, X[kept], y[kept])
    new = InfluenceExplainer(case.estimator).fit(X, y).without([0, 1])
    assert type(new) is type(case.estimator)
    assert (new.predict(X_test) == again.predict(X_test)).all()


def test_a_stack_is_frozen_as_a_whole_or_by_its_members():
    case = CASES["StackingClassifier"]
    X, y, *tests = rows_of(case.kind)
    plain = InfluenceExplainer(case.estimator).fit(X, y).influence(*tests)
    whole = InfluenceExplainer(FrozenEstimator(fitted(case, X, y))).fit(X, y)
    assert close(whole.influence(*tests), plain, 1e-9)
    by_folds = clone(case.estimator).set_params(cv=3)  # frozen members predict the same
    assert close(InfluenceExplainer(by_folds).fit(X, y).influence(*tests), plain, 1e-9)


@pytest.mark.parametrize(
    "name, target, message",
    [
        ("OutputCode", "decision_function", 'Use target="loss"'),
        ("OutputCode", "predict_proba", 'JoinedLoss does not define. Use target="loss"'),
    ],
)
def test_codes_have_neither_probabilities_nor_decision_values(name, target, message):
    explainer, X_test, _ = explained(name)
    with pytest.raises(ValueError, match=message):
        explainer.influence(X_test, target=target)


def test_a_fitted_stack_that_a_copy_would_lose_is_refused_with_advice_that_runs():
    case = CASES["StackingClassifier"]
    X, y, *tests = rows_of(case.kind)
    member = DecisionTreeClassifier(max_depth=2).fit(X, y)
    stack = StackingClassifier([("a", member)], logistic(), cv="prefit").fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match=r"copy would lose .*FrozenEstimator"):
        InfluenceExplainer(stack).fit(X, y)
    assert supports(stack).answer == "no"
    whole = InfluenceExplainer(FrozenEstimator(stack)).fit(X, y).influence(*tests)
    frozen = clone(stack).set_params(a=FrozenEstimator(member))
    assert close(InfluenceExplainer(frozen).fit(X, y).influence(*tests), whole, 1e-9)
