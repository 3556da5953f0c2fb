"""Length of the change of the model when a row is removed, for relative influence."""

import numpy as np

from skinfluence.linalg import SOLVED_MIB, row_blocks
from skinfluence.solvers import RootInverse
from skinfluence.solvers._kfac import KroneckerInverse

#: "theta": the coefficients themselves; "loss": their effect on the likelihood.
KINDS = ("theta", "loss")


def change_lengths(linearization, kind):
    """Length of the first-order change delta_i of the coefficients when each row is removed.

    Computed once and kept with the linearisation.

    Parameters
    ----------
    linearization : Linearization
    kind : {"theta", "loss"}
        ``||delta_i||`` in the estimator's own coefficients, intercept included, or
        ``sqrt(delta_i' H delta_i)``.

    Returns
    -------
    ndarray of shape (n_train,)
        0 for rows whose removal moves nothing.
    """
    if kind not in linearization.lengths:
        linearization.lengths[kind] = _lengths(linearization, kind)
    return linearization.lengths[kind]


def _lengths(linearization, kind):
    rows = np.arange(linearization.objective.n_rows)
    inverse = linearization.inverse
    with inverse.session():
        objective, changes = linearization.linear_changes(rows)
        # squares of gradients of 1e-200 would vanish: lengths are taken of gradients near 1
        scale = np.abs(np.hstack([changes.residual, changes.low_rank_coefs])).max(axis=1)
        unit = changes.divided(scale)
        # p solutions or fewer for all rows together, or one solution a row; the forms take p passes
        # through all rows, each of which costs a network as much as a gradient
        many = len(rows) > objective.n_parameters
        if isinstance(inverse, KroneckerInverse):
            squares = _by_layers(unit, kind, objective)
        elif inverse.factorized and many and objective.predictor.linear:
            squares = _by_forms(unit, kind, objective)
        else:
            squares = _by_changes(unit, kind, objective)
    return scale * np.sqrt(squares.clip(min=0.0))


def _by_forms(changes, kind, objective):
    """v_i' M v_i of delta_i = H^-1 v_i, with M = H^-1 or H^-1 T'T H^-1, from K x K forms."""
    inverse = changes.inverse
    if kind == "theta":
        inverse = RootInverse(inverse.hessian, _squared_roots(inverse, objective), inverse.report)
    squares = np.empty(changes.n_changes)
    for some in row_blocks(changes.n_changes, 24 * objective.n_outputs**2, SOLVED_MIB):
        forms = inverse.leverage_blocks(changes.rows[some])  # shape: (n_some, K, K)
        residual = changes.residual[some]
        squares[some] = np.einsum("nkj,nk,nj->n", forms, residual, residual)
    return squares + _of_directions(changes, inverse.solve, objective)


def _by_layers(changes, kind, objective):
    """The same from the layers of a network, without gradients of rows."""
    inverse, theta = changes.inverse, kind == "theta"
    squares = inverse.change_squares(changes.predictor, changes.residual, theta)

    def solve(V):
        return inverse.solve(inverse.solve(V)) if theta else inverse.solve(V)

    return squares + _of_directions(changes, solve, objective)


def _of_directions(changes, solve, objective):
    """Terms (n,) of v_i' M v_i in which the shared directions appear, with solve(V) = M V."""
    if not changes.directions.shape[-1]:
        return 0.0
    directions = changes.directions.reshape(objective.n_parameters, -1)
    solved = solve(directions)
    reached = changes.predictor.jvp(solved)  # shape: (n_rows, K, m)
    coefs = changes.low_rank_coefs
    squares = 2.0 * np.einsum("nk,nkm,nm->n", changes.residual, reached, coefs)
    return squares + ((coefs @ (directions.T @ solved)) * coefs).sum(axis=1)


def _squared_roots(inverse, objective):
    """Roots of H^-1 T'T H^-1, with T from the predictor's parameters to the estimator's own."""
    shape, p = objective.coef.shape, objective.n_parameters
    if not inverse.hessian.separable:
        return [inverse.solve(objective.estimator_layout(np.eye(p).reshape(p, *shape)))]
    K, q = shape  # each output has the same T for its own coefficients
    T = objective.estimator_layout(np.eye(q)[:, None]).T
    roots = list(inverse.solve(np.tile(T.T, (K, 1))).reshape(K, q, -1))
    return roots[:1] * K if inverse.hessian.blocks_are_equal else roots


def _by_changes(changes, kind, objective):
    """Squared lengths from the changes of the coefficients themselves, in blocks."""
    squares = np.empty(changes.n_changes)
    for some in row_blocks(changes.n_changes, 32 * objective.n_parameters, SOLVED_MIB):
        part = changes.take(some)
        delta = part.coef_changes()
        if kind == "theta":
            squares[some] = np.square(objective.estimator_layout(delta)).sum(axis=1)
            continue
        delta = delta.reshape(len(delta), -1)
        own = part.predictor.row_jvp(delta.T)
        shared = delta @ part.directions.reshape(objective.n_parameters, -1)
        squares[some] = (part.residual * own).sum(axis=1) + (part.low_rank_coefs * shared).sum(
            axis=1
        )
    return squares
