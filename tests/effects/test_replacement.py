"""Replaced rows against real refits, for every kind of objective."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skinfluence.effects import RowEdits, first_order, newton_step, refit
from skinfluence.linalg import Design
from skinfluence.losses import SquaredError
from skinfluence.objectives import Objective, RowWeights, TargetCoding, minimize
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver, CGSolver
from tests.effects._zoo import N_ROWS, OBJECTIVES, refitted_coef

ROWS = np.array([0, 7, 23, 7])

every_objective = pytest.mark.parametrize("name", OBJECTIVES)
every_change = pytest.mark.parametrize("change", ["features", "targets", "both"])


def solved(name):
    objective = OBJECTIVES[name]()
    return objective, AutoSolver().factorize(objective.hessian())


def replacement(objective, change, rows=ROWS):
    """Other features, other targets, or both, for the same rows each time."""
    rng = np.random.default_rng(3)
    new = {}
    if change != "targets":
        X = objective.design.X[rows] + 0.7 * rng.standard_normal((len(rows), 4))
        new["predictor"] = objective.predictor.of(X)
    if change != "features":
        coding = objective.coding
        if coding.is_classification:
            own = encoded_codes(objective)[rows]
            new["codes"] = (own + 1) % len(coding.classes)
            new["y"] = coding.encode_codes(new["codes"])
        else:
            new["y"] = objective.y[rows] + rng.standard_normal((len(rows), objective.n_outputs))
    return RowEdits.replacements(objective, rows, **new)


def encoded_codes(objective):
    y = objective.y
    return (y[:, 0] > 0).astype(int) if y.shape[1] == 1 else y.argmax(axis=1)


def overwritten(objective, new, b):
    """The objective with change b written into copies of its arrays: nothing of ours."""
    row = new.row[b]
    X, y, codes = objective.design.X.copy(), objective.y.copy(), objective.weights.codes
    X[row], y[row] = new.new.predictor.design.X[b], new.new.y[b]
    weights = objective.weights
    if codes is not None:
        codes = codes.copy()
        codes[row] = new.new.codes[b]
        weights = RowWeights(
            weights.base, codes, counts=weights.counts, own_output_only=weights.own_output_only
        )
    design = Design(X, objective.design.center, True)
    return objective.replace(
        predictor=LinearPredictor(design, objective.coef), y=y, weights=weights
    )


def refits(objective, new):
    coef = [
        refitted_coef(overwritten(objective, new, b), [0], [1.0]) - objective.coef
        for b in range(new.n_edits)
    ]
    return np.stack(coef)


def assert_normwise(actual, expected, rtol):
    assert np.abs(actual - expected).max() <= rtol * np.abs(expected).max()


def mixed(objective, new, b, share):
    """The objective in which a share of the row's weight has moved to what replaces it."""
    row, old = new.row[b], objective.weights
    base = np.append(old.base, share * old.base[row])
    base[row] *= 1.0 - share
    weights = RowWeights(base)
    if old.codes is not None:
        counts = np.append(old.counts, share * old.counts[row])
        counts[row] *= 1.0 - share
        codes = np.append(old.codes, new.new.codes[b])
        weights = RowWeights(base, codes, counts=counts, own_output_only=old.own_output_only)
    X = np.concatenate([objective.design.X, new.new.predictor.design.X[b : b + 1]])
    design = Design(X, objective.design.center, True)
    y = np.concatenate([objective.y, new.new.y[b : b + 1]])
    return objective.replace(
        predictor=LinearPredictor(design, objective.coef), y=y, weights=weights
    )


@every_objective
@every_change
def test_first_order_is_the_derivative_in_the_weight_that_moves(name, change):
    objective, inverse = solved(name)
    new = replacement(objective, change)
    got = first_order(objective, inverse, new).coef_changes()
    h = 0.002
    for b in (0, 2):
        # on one side: the softmax takes roots of weights
        at = [refitted_coef(mixed(objective, new, b, i * h), [0], [1.0]) for i in range(5)]
        weights = np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / (12.0 * h)
        assert_normwise(got[b], np.einsum("i,ikq->kq", weights, at), 1e-6)


@every_objective
@every_change
def test_refits_are_those_of_the_rows_written_over(name, change):
    objective, inverse = solved(name)
    new = replacement(objective, change)
    got = refit(objective, inverse, new).coef_changes()
    assert_normwise(got, refits(objective, new), 1e-8)


@every_objective
@every_change
def test_newton_steps_come_near_the_refits(name, change):
    objective, inverse = solved(name)
    new = replacement(objective, change)
    got = newton_step(objective, inverse, new).coef_changes()
    truth = refits(objective, new)
    assert_normwise(got, truth, 0.05)


@pytest.mark.parametrize("name", ["ridge", "ridge-two-outputs"])
@every_change
def test_newton_steps_are_exact_for_squared_error(name, change):
    objective, inverse = solved(name)
    new = replacement(objective, change)
    got = newton_step(objective, inverse, new).coef_changes()
    assert_normwise(got, refits(objective, new), 1e-11)


def test_rows_with_weights_that_follow_are_written_over_too():
    """with_rows_replaced is the same function of the coefficients as copies written over."""
    objective = OBJECTIVES["multinomial-balanced"]()
    new = replacement(objective, "both").take(slice(0, 1))
    changed = objective.with_rows_replaced(new.row, new.new.predictor, new.new.y, new.new.codes)
    expected = overwritten(objective, new, 0)
    assert_allclose(changed.value(), expected.value(), rtol=1e-13)
    assert_allclose(changed.gradient(), expected.gradient(), atol=1e-12)


@pytest.mark.parametrize("sparse_new", [False, True])
@pytest.mark.parametrize("sparse_old", [False, True])
def test_sparse_and_dense_rows_mix(sparse_old, sparse_new):
    objective, inverse = solved("logistic")
    new = replacement(objective, "features")
    expected = refit(objective, inverse, new).coef_changes()
    X = objective.design.X
    if sparse_old:
        design = Design(sparse.csr_array(X), X.mean(axis=0), True)
        objective = objective.replace(predictor=LinearPredictor(design, objective.coef))
    X_new = (
        sparse.csr_array(new.new.predictor.design.X) if sparse_new else new.new.predictor.design.X
    )
    new = RowEdits.replacements(objective, ROWS, predictor=objective.predictor.of(X_new))
    inverse = AutoSolver().factorize(objective.hessian())
    got = refit(objective, inverse, new).coef_changes()
    assert_allclose(got, expected, atol=1e-10)
    one = new.take(slice(1, 2))
    changed = one.edited(objective, 0)
    assert_allclose(
        minimize(changed, AutoSolver()).objective.coef - objective.coef, expected[1], atol=1e-10
    )


@every_objective
def test_a_row_replaced_by_itself_changes_nothing(name):
    objective, inverse = solved(name)
    codes = None if objective.weights.codes is None else objective.weights.codes[ROWS]
    predictor, y = objective.predictor.take(ROWS), objective.y[ROWS]
    same = RowEdits.replacements(objective, ROWS, predictor=predictor, y=y, codes=codes)
    for got in (
        first_order(objective, inverse, same),
        newton_step(objective, inverse, same),
        refit(objective, inverse, same),
    ):
        assert np.abs(got.coef_changes()).max() < 1e-12


def test_a_row_of_weight_zero_changes_nothing():
    objective = OBJECTIVES["logistic"]().with_weights(np.array([7]), np.zeros(1))
    objective = minimize(objective, AutoSolver()).objective
    inverse = AutoSolver().factorize(objective.hessian())
    new = replacement(objective, "both")
    for got in (
        first_order(objective, inverse, new),
        newton_step(objective, inverse, new),
        refit(objective, inverse, new),
    ):
        coef = got.coef_changes()
        assert_array_equal(coef[[1, 3]], 0.0)
        assert np.abs(coef[[0, 2]]).max() > 1e-3


def test_results_do_not_depend_on_the_company_of_other_changes():
    objective, inverse = solved("multinomial")
    rows = np.arange(N_ROWS)
    new = replacement(objective, "targets", rows)
    got = refit(objective, inverse, new).coef_changes()
    alone = refit(objective, inverse, new.take(slice(5, 6)))
    assert_allclose(got[5], alone.coef_changes()[0], atol=1e-9)


def test_iterated_inverses_give_the_same_refits():
    objective, inverse = solved("multinomial")
    new = replacement(objective, "both")
    expected = refit(objective, inverse, new).coef_changes()
    iterated = CGSolver(tol=1e-10).factorize(objective.hessian())
    got = refit(objective, iterated, new).coef_changes()
    assert_allclose(got, expected, atol=1e-8)


def test_away_from_the_optimum_the_gradient_that_is_left_counts_as_zero():
    """Squared error: the answer is the difference of two optima, wherever it is asked."""
    objective, inverse = solved("ridge")
    new = replacement(objective, "targets")
    away = objective.with_coef(objective.coef + 0.3)
    raw_moved = away.loss.gradient(away.y, away.raw_prediction)
    assert np.abs(raw_moved - objective.residual).max() > 0.1
    got = newton_step(away, inverse, new).coef_changes()
    # only targets change, so that the derivative of the change does not depend on the place
    assert_normwise(got, refits(objective, new), 1e-10)


def test_a_replacement_without_an_optimum_is_told_and_is_nan():
    """The only row of a class changes sides, and nothing holds the intercept."""
    objective = OBJECTIVES["logistic"]()
    y = np.ones_like(objective.y)
    y[4] = -1.0
    objective = minimize(objective.replace(y=y), AutoSolver()).objective
    inverse = AutoSolver().factorize(objective.hessian())
    new = RowEdits.replacements(objective, np.array([4, 5]), y=np.array([[1.0], [-1.0]]))
    with pytest.warns(ConvergenceWarning, match=r"replaced rows \[4\].*one class"):
        got = refit(objective, inverse, new).coef_changes()
    assert np.isnan(got[0]).all() and np.isfinite(got[1]).all()


@pytest.mark.parametrize("effect", ["newton_step", "refit"])
def test_a_new_row_may_hold_what_nothing_held(effect):
    """Two equal columns without a penalty, until the new row tells them apart."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    X[:, 2] = X[:, 0]
    y = (X[:, 1] + rng.standard_normal(30))[:, None]
    design, free = Design(X, X.mean(axis=0), True), np.zeros((1, 4))
    coding = TargetCoding("real", 1)
    predictor = LinearPredictor(design, free.copy())
    objective = Objective(SquaredError(), predictor, y, free, RowWeights(np.ones(30)), coding)
    objective = minimize(objective, AutoSolver()).objective
    inverse = AutoSolver().factorize(objective.hessian())
    X_new = X[[4, 5]].copy()
    X_new[0, 2] += 1.0
    new = RowEdits.replacements(objective, np.array([4, 5]), predictor=predictor.of(X_new))
    work = {"newton_step": newton_step, "refit": refit}[effect]
    settings = {"solver": AutoSolver()} if effect == "refit" else {}
    got = work(objective, inverse, new, **settings).coef_changes()[0, 0]
    X[4] = X_new[0]
    Z = np.c_[X - design.center, np.ones(30)]
    assert_allclose(objective.coef[0] + got, np.linalg.lstsq(Z, y[:, 0], rcond=None)[0], atol=1e-9)


def test_raw_predictions_follow_the_coefficients():
    objective, inverse = solved("multinomial-balanced")
    changes = first_order(objective, inverse, replacement(objective, "both"))
    expected = np.einsum("bkq,tq->tbk", changes.coef_changes(), objective.design.to_dense())
    got = changes.contract(objective.predictor)(slice(0, len(ROWS)))
    assert_allclose(got, expected, atol=1e-12)
    slopes = np.random.default_rng(0).standard_normal((N_ROWS, 3))
    contracted = changes.contract(objective.predictor, slopes)(slice(1, 3))
    assert_allclose(contracted, np.einsum("tbk,tk->tb", expected, slopes)[:, 1:3], atol=1e-12)


def test_the_objective_stays_as_it_was():
    objective, inverse = solved("logistic")
    before = objective.design.X.copy(), objective.y.copy(), objective.coef.copy()
    newton_step(objective, inverse, replacement(objective, "both"))
    assert isinstance(objective, Objective)
    for old, now in zip(before, (objective.design.X, objective.y, objective.coef), strict=True):
        assert_array_equal(old, now)
