"""The Newton step: what it takes beside its answer."""

import tracemalloc

import numpy as np
from numpy.testing import assert_allclose

from skinfluence.effects import RowEdits, newton_step
from skinfluence.linalg import Design
from skinfluence.losses import Multinomial
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import CholeskySolver
from tests.solvers import _zoo as zoo


def softmax_objective(n, q, K):
    rng = np.random.default_rng(0)
    return Objective(
        Multinomial(),
        LinearPredictor(Design(zoo._table(n, q)), 0.3 * rng.standard_normal((K, q))),
        np.eye(K)[np.arange(n) % K],
        np.ones((K, q)),
        RowWeights(0.5 + rng.random(n)),
        TargetCoding("one_hot", K, np.arange(K)),
    )


def test_no_more_matrices_of_all_rows_than_the_leverages_are_held():
    n, K = 20_000, 8
    objective = softmax_objective(n, 3, K)
    inverse = CholeskySolver().factorize(objective.hessian())
    rows = np.arange(n)
    newton_step(objective, inverse, RowEdits.removals(rows[:10]))  # caches of size (n, K)
    inverse.leverage_blocks()
    tracemalloc.start()
    newton_step(objective, inverse, RowEdits.removals(rows))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.8 * 8 * n * K * K


def test_rows_taken_in_blocks_are_those_taken_alone():
    objective = softmax_objective(3000, 3, 8)  # a block has some eight hundred rows
    inverse = CholeskySolver().factorize(objective.hessian())
    found = newton_step(objective, inverse, RowEdits.removals(np.arange(3000))).residual
    some = np.array([5, 818, 819, 820, 1640, 2999])
    expected = newton_step(objective, inverse, RowEdits.removals(some)).residual
    assert_allclose(found[some], expected, rtol=1e-12)
