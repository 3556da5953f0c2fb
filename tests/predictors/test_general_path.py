"""Linear models through the general methods of a predictor: the numbers of the fast ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.effects import EFFECTS, RowEdits, first_order, newton_step, refit
from skinfluence.predictors import Design, LinearPredictor, Predictor
from skinfluence.solvers import AutoSolver
from skinfluence.testing import check_predictor
from tests.effects._zoo import OBJECTIVES

ROWS = np.array([0, 7, 23])


class Plain(Predictor):
    """Theta x with parameters in one flat array, and nothing that says it is linear."""

    def _theta(self):
        return self.coef.reshape(-1, self.X.shape[1])

    def raw(self):
        return self.X @ self._theta().T

    def row_jacobian(self):
        identity = np.eye(len(self._theta()))
        return np.einsum("kj,nq->nkjq", identity, self.X).reshape(len(self.X), len(identity), -1)


def both(name):
    """(objective, the same through the general path), at their optimum."""
    objective = OBJECTIVES[name]()
    plain = Plain(objective.design.to_dense(), objective.coef.ravel())
    penalty = objective.penalty.diagonal.ravel()
    return objective, objective.replace(predictor=plain, penalty=penalty)


every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def test_both_keep_the_contract():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((7, 3))
    check_predictor(Plain(X, rng.standard_normal(8 - 2)))
    coef, offset = rng.standard_normal((2, 4)), rng.standard_normal((7, 2))
    check_predictor(LinearPredictor(Design(X, X.mean(axis=0), True), coef, offset=offset))


@every_objective
def test_the_objective_is_the_same_function(name):
    objective, plain = both(name)
    assert_allclose(plain.value(), objective.value(), rtol=1e-13)
    assert_allclose(plain.gradient_scale, objective.gradient_scale, rtol=1e-12)
    V = np.random.default_rng(1).standard_normal((objective.n_parameters, 2))
    H = objective.hessian().to_dense()
    assert_allclose(plain.hessian() @ V, H @ V, atol=1e-12 * np.abs(H).max())
    assert_allclose(plain.hessian().to_dense(), H, atol=1e-12 * np.abs(H).max())
    assert_allclose(plain.hessian().diagonal(), np.diag(H), rtol=1e-12)
    gradients = [o.per_sample_gradients() for o in (plain, objective)]
    assert_allclose(gradients[0].to_dense(), gradients[1].to_dense(), atol=1e-14)
    assert_allclose(gradients[0].row_norms(), gradients[1].row_norms(), rtol=1e-12)


@every_objective
def test_effects_are_the_same(name):
    rows, groups = RowEdits.removals(ROWS), RowEdits.groups([[1, 2, 3], [9]])
    made = []
    for objective in both(name):
        inverse = AutoSolver().factorize(objective.hessian())
        tests = objective.predictor.take(slice(30, 36))
        slopes = np.random.default_rng(2).standard_normal((6, objective.n_outputs))
        changes = [
            first_order(objective, inverse, rows),
            newton_step(objective, inverse, rows),
            refit(objective, inverse, rows, solver=AutoSolver()),
            first_order(objective, inverse, groups),
            newton_step(objective, inverse, groups),
            EFFECTS["rescaled"].changes(objective, inverse, groups),
        ]
        made.append(
            [inverse.leverage_blocks()]
            + [change.raw_prediction_changes(tests) for change in changes]
            + [change.contract(tests, slopes)(slice(0, change.n_changes)) for change in changes]
            + [change.own_raw_prediction_changes() for change in changes[:2]]
        )
    for expected, got in zip(*made, strict=True):
        assert_allclose(got, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@every_objective
def test_effects_of_replaced_rows_are_the_same(name):
    made = []
    for objective in both(name):
        new = {"predictor": objective.predictor.take([30, 31, 32]), "y": objective.y[[5, 6, 8]]}
        if objective.weights.codes is not None:
            new["codes"] = objective.weights.codes[[5, 6, 8]]
        edits = RowEdits.replacements(objective, ROWS, **new)
        inverse = AutoSolver().factorize(objective.hessian())
        tests = objective.predictor.take(slice(30, 36))
        changes = first_order(objective, inverse, edits), refit(objective, inverse, edits)
        made.append([change.raw_prediction_changes(tests) for change in changes])
    for expected, got in zip(*made, strict=True):
        assert_allclose(got, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
