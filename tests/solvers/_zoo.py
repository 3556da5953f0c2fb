"""Hessians of every kind that solvers must invert; each builder's name says what is special."""

import numpy as np

from skinfluence.linalg import Design, LinearHessian, RowCurvature
from skinfluence.losses import Multinomial
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors import LinearPredictor


def _table(n, q, seed=0):
    return np.random.default_rng(seed).standard_normal((n, q))


def _hessian(X, *, alpha, K=1, intercept=True, alpha_intercept=0.0, curvature=None):
    rng = np.random.default_rng(1)
    design = Design(X, X.mean(axis=0) if intercept else None, intercept)
    if curvature is None:
        curvature = 0.2 + rng.random((len(X), K))
    penalty = np.empty((K, design.shape[1]))
    penalty[:] = np.reshape(alpha, (-1, 1))
    if intercept:
        penalty[:, -1] = alpha_intercept
    return LinearHessian(LinearPredictor(design), RowCurvature(curvature), penalty)


def _multinomial(X, *, alpha, intercept=True, K=3):
    """The Hessian of a multinomial objective, with its gauge."""
    rng = np.random.default_rng(2)
    design = Design(X, X.mean(axis=0) if intercept else None, intercept)
    penalty = np.full((K, design.shape[1]), float(alpha))
    if intercept:
        penalty[:, -1] = 0.0
    return Objective(
        Multinomial(),
        LinearPredictor(design, 0.3 * rng.standard_normal(penalty.shape)),
        np.eye(K)[np.arange(len(X)) % K],
        penalty,
        RowWeights(0.5 + rng.random(len(X))),
        TargetCoding("one_hot", K, np.arange(K)),
    ).hessian()


def decaying(p=150, n=400, alpha=1.0, decay=1.5, K=1, intercept=True):
    """A Hessian with a spectrum that falls as a power of its place."""
    rng = np.random.default_rng(5)
    mix, _ = np.linalg.qr(rng.standard_normal((p, p)))
    X = rng.standard_normal((n, p)) * 30.0 / np.arange(1, p + 1) ** decay @ mix
    if K == 1:
        return _hessian(X, alpha=alpha, intercept=intercept)
    return _multinomial(X, alpha=alpha, K=K, intercept=intercept)


def right_hand_sides(hessian, m, seed=7):
    """Random columns in the range of the Hessian's gauge-free part."""
    V = np.random.default_rng(seed).standard_normal((hessian.shape[0], m))
    gauge = hessian.non_identifiable
    return V - gauge @ (gauge.T @ V)


def well_posed():
    return _hessian(_table(30, 5), alpha=0.7)


def without_penalty():
    return _hessian(_table(30, 5), alpha=0.0)


def several_outputs_of_one_penalty():
    return _hessian(_table(30, 4), alpha=0.7, K=3, curvature=np.ones((30, 3)))


def several_outputs_of_distinct_penalties():
    return _hessian(_table(30, 4), alpha=[0.1, 1.0, 10.0], K=3)


def columns_of_very_different_scales():
    return _hessian(_table(40, 5) * 10.0 ** np.array([-8, -4, 0, 4, 8]), alpha=0.0)


def rows_without_curvature():
    curvature = np.random.default_rng(3).random((30, 1))
    curvature[:10] = 0.0
    return _hessian(_table(30, 5), alpha=0.7, curvature=curvature)


def penalised_intercept():
    return _hessian(_table(30, 5) + 3.0, alpha=0.7, alpha_intercept=0.7)


def multinomial():
    return _multinomial(_table(30, 4), alpha=0.5)


def multinomial_without_penalty():
    return _multinomial(_table(30, 4), alpha=0.0)


def multinomial_without_intercept():
    return _multinomial(_table(30, 4), alpha=0.5, intercept=False)


def more_columns_than_rows():
    return _hessian(_table(12, 30), alpha=0.7)


def more_columns_than_rows_without_intercept():
    return _hessian(_table(12, 30), alpha=0.7, intercept=False)


def more_columns_than_rows_of_distinct_penalties():
    return _hessian(_table(12, 30), alpha=[0.1, 1.0, 10.0], K=3)


def more_columns_than_rows_multinomial():
    return _multinomial(_table(12, 20), alpha=0.5)


def more_columns_than_rows_multinomial_without_intercept():
    return _multinomial(_table(12, 20), alpha=0.5, intercept=False)


def damped_where_nothing_else_helps():
    X = _table(30, 4)
    X = np.column_stack([X, X[:, 0]])
    return _hessian(X, alpha=0.4, intercept=False)


def duplicated_column():
    X = _table(30, 4)
    return _hessian(np.column_stack([X, X[:, 1]]), alpha=0.0)


def constant_column():
    X = _table(30, 4)
    X[:, 2] = 5.0
    return _hessian(X, alpha=0.0)


def zero_column_without_intercept():
    X = _table(30, 4)
    X[:, 2] = 0.0
    return _hessian(X, alpha=0.0, intercept=False)


def more_columns_than_rows_without_penalty():
    return _hessian(_table(8, 12), alpha=0.0)


def duplicated_column_of_several_outputs():
    X = _table(30, 3)
    return _hessian(np.column_stack([X, X[:, 1]]), alpha=[0.0, 0.5], K=2)


def duplicated_column_of_other_scale():
    X = _table(30, 4)
    return _hessian(np.column_stack([X, 1e4 * X[:, 1]]), alpha=0.0)


def multinomial_with_duplicated_column():
    X = _table(40, 3)
    return _multinomial(np.column_stack([X, X[:, 1]]), alpha=0.0)


REGULAR = [
    well_posed,
    without_penalty,
    several_outputs_of_one_penalty,
    several_outputs_of_distinct_penalties,
    columns_of_very_different_scales,
    rows_without_curvature,
    penalised_intercept,
    multinomial,
    multinomial_without_penalty,
    multinomial_without_intercept,
    more_columns_than_rows,
    more_columns_than_rows_without_intercept,
    more_columns_than_rows_of_distinct_penalties,
    more_columns_than_rows_multinomial,
    more_columns_than_rows_multinomial_without_intercept,
    damped_where_nothing_else_helps,
]

#: Directions without curvature come from the data, not from the parametrisation.
SINGULAR = [
    duplicated_column,
    constant_column,
    zero_column_without_intercept,
    more_columns_than_rows_without_penalty,
    duplicated_column_of_several_outputs,
    duplicated_column_of_other_scale,
    multinomial_with_duplicated_column,
]
