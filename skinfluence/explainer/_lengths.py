"""Length of the change of the model when a row is removed, for relative influence."""

from weakref import WeakKeyDictionary

import numpy as np
from scipy.linalg import block_diag

from skinfluence.effects import LinearChanges
from skinfluence.linalg import SOLVED_MIB, row_blocks
from skinfluence.solvers import RootInverse

#: "theta": the coefficients themselves; "loss": their effect on the likelihood.
KINDS = ("theta", "loss")

#: Linearization -> {kind: lengths of all training rows}: they hold for any test rows.
_KEPT: WeakKeyDictionary = WeakKeyDictionary()


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
    kept = _KEPT.setdefault(linearization, {})
    if kind not in kept:
        kept[kind] = _lengths(linearization, kind)
    return kept[kind]


def _lengths(linearization, kind):
    rows = np.arange(linearization.objective.n_rows)
    inverse = linearization.inverse
    with inverse.question():
        objective, changes = linearization.linear_changes(rows)
        # squares of gradients of 1e-200 would vanish: lengths are taken of gradients near 1
        scale = np.abs(np.hstack([changes.residual, changes.low_rank_coefs])).max(axis=1)
        unit = scaled_changes(changes, scale)
        # p solutions or fewer for all rows together, or one solution a row
        if inverse.factorized and len(rows) > objective.n_parameters:
            squares = _by_forms(unit, kind, objective)
        else:
            squares = _by_changes(unit, kind, objective)
    return scale * np.sqrt(squares.clip(min=0.0))


def scaled_changes(changes, lengths):
    """The changes divided by their lengths, (n_rows,); 0 where the length is 0."""
    factor = np.divide(1.0, lengths, out=np.zeros(len(lengths)), where=lengths > 0)[:, None]
    return LinearChanges(
        changes.inverse,
        changes.rows,
        changes.residual * factor,
        changes.directions,
        changes.low_rank_coefs * factor,
    )


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
    if changes.directions.shape[-1]:
        directions = changes.directions.reshape(objective.n_parameters, -1)
        solved = inverse.solve(directions)
        reached = changes.predictor.jvp(solved)  # shape: (n_rows, K, m)
        coefs = changes.low_rank_coefs
        squares += 2.0 * np.einsum("nk,nkm,nm->n", changes.residual, reached, coefs)
        squares += ((coefs @ (directions.T @ solved)) * coefs).sum(axis=1)
    return squares


def _squared_roots(inverse, objective):
    """Roots of H^-1 T'T H^-1, with T from design coefficients to the estimator's own."""
    if not objective.predictor.linear:  # its parameters are the estimator's own
        return [inverse.solve(np.eye(objective.n_parameters))]
    T = _estimator_layout(objective)
    if isinstance(inverse, RootInverse):  # W of H^-1 = W W' is at hand: one product, not two
        made = {id(W): W @ _times_transposed(W.T, T) for W in inverse.roots}
        return [made[id(W)] for W in inverse.roots]  # one object where outputs share a root
    if not inverse.hessian.separable:
        return [inverse.solve(block_diag(*[T.T] * objective.n_outputs))]
    solved = inverse.solve(np.tile(T.T, (objective.n_outputs, 1)))
    return list(solved.reshape(objective.n_outputs, *T.shape))


def _estimator_layout(objective):
    """Map T (q, q) from the coefficients of centred columns to the estimator's own."""
    design = objective.design
    T = np.eye(design.shape[1])
    if design.center is not None:
        T[-1, :-1] = -design.center
    return T


def _times_transposed(A, T):
    """A diag(T', ..., T') without a product of full matrices: T is the identity but for a row."""
    q = len(T)
    out = A.copy()
    for last in range(q - 1, A.shape[1], q):
        out[:, last] = A[:, last - q + 1 : last + 1] @ T[-1]
    return out


def _by_changes(changes, kind, objective):
    """The same from the changes of the coefficients themselves, in blocks."""
    squares = np.empty(changes.n_changes)
    for some in row_blocks(changes.n_changes, 32 * objective.n_parameters, SOLVED_MIB):
        part = LinearChanges(
            changes.inverse,
            changes.rows[some],
            changes.residual[some],
            changes.directions,
            changes.low_rank_coefs[some],
        )
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
