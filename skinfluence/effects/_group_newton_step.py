"""Many changed weights at once, by one Newton step on the changed objective."""

import numpy as np
from scipy.linalg import cho_solve
from sklearn import get_config

from skinfluence._utils.warnings import warn_user
from skinfluence.effects._changes import StoredChanges, nan_changes
from skinfluence.effects._first_order import own_gradient
from skinfluence.effects._least_norm import onto_least_norm
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import drops_more, truncated_change
from skinfluence.objectives import Coupling, factorize_upward
from skinfluence.solvers import AutoSolver
from skinfluence.solvers._direct.leverage import NEAR_ONE


def group_newton_step(objective, inverse, edits):
    """Effect of changing many weights together by one Newton step.

    ``delta_b = (H - H_U)^-1 g_U`` with the group's part of Hessian and gradient, by whichever is
    estimated to be the cheapest: Woodbury's identity with a matrix of m K rows for m rows in the
    group, the group's Hessian in coordinates in which H is the identity, or a factorisation of
    what is left, which loses no digits where the group's leverage is near one. Where other rows'
    weights follow (balanced classes, penalty in mean form) gradient and Hessian are those of the
    objective that is left. For one row it is the step of
    :func:`newton_step` (which takes the mean weight of a class for what its rows leave).

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of the second derivative itself, damping included; the damping stays as large as it is.
    edits : RowEdits
        Without new rows.

    Returns
    -------
    StoredChanges

    Warns
    -----
    RuntimeWarning
        For changes that leave the model undetermined (leverage one); they get NaN. Least squares
        without a penalty takes the optimum of least norm instead.
    """
    delta = np.empty((edits.n_edits, *objective.coef.shape))
    residual, coupled = weighted_residual(objective, inverse), bool(Coupling(objective))
    for b, (rows, lost) in enumerate(edits.parts()):
        inside = (lost != 0.0) & objective.weights.matter(rows)
        if not inside.any():
            delta[b] = 0.0
        elif coupled:
            left = objective.with_weights(rows, 1.0 - lost)
            pulled = objective.gradient() - left.gradient()
            delta[b] = _left_over(inverse, left, rows[inside], pulled)
        else:
            delta[b] = _step(objective, inverse, residual, rows[inside], lost[inside])
    full = np.flatnonzero(nan_changes(delta))
    if len(full):
        warn_user(
            f"{len(full)} of {edits.n_edits} changes leave the model undetermined; their "
            f"Newton step is NaN (changes {full[:10].tolist()}). Add a penalty, or change fewer "
            "rows.",
            RuntimeWarning,
        )
    return StoredChanges(delta)


def _step(objective, inverse, residual, rows, lost):
    pulled = own_gradient(objective, rows, lost, residual)
    has_roots = (lost > 0).all() and objective.loss.convex and objective.predictor.linear
    form = _cheapest(objective, inverse, len(rows)) if has_roots else "left"
    found = None
    if form == "few":
        found = _by_few_rows(objective, inverse, rows, lost, pulled)
    if form == "root":
        found = _by_the_root(objective, inverse, rows, lost, pulled)
    if found is not None:
        return found
    return _left_over(inverse, objective.with_weights(rows, 1.0 - lost), rows, pulled)


def _cheapest(objective, inverse, m):
    """The form with the fewest multiplications for a group of m rows.

    "few": a matrix of m K rows; "root": matrices of the size of the Hessian, and the group's rows;
    "left": matrices of the size of the Hessian, and all rows.
    """
    if not inverse.factorized:
        return "left"
    (K, q), n = objective.coef.shape, objective.n_rows
    separable = objective.loss.separable
    blocks, side, pairs = (K, q, K) if separable else (1, K * q, K * (K + 1) / 2)
    thin = min(side, n)
    factorised = blocks * thin**3
    costs = {"left": n * q * min(n, q) * pairs + factorised}
    fits = 16 * m * K * K * q <= 2**20 * get_config()["working_memory"]
    if m * K <= K * q and fits:
        costs["few"] = 4 * m * K * blocks * side * thin + 2 * K * q * (m * K) ** 2
    if hasattr(inverse, "roots"):
        costs["root"] = m * q**2 * pairs + 5 * blocks * side**3
    return min(costs, key=costs.__getitem__)


def _by_the_root(objective, inverse, rows, lost, pulled):
    """With H^-1 = W W', block by block:  W (I - W' H_U W)^-1 W' g."""
    shape = objective.coef.shape
    share = objective.row_curvature(rows).scaled(lost[:, None])
    group = objective.predictor.take(rows).hessian(share, np.zeros(shape))
    taken = [group.block(k) for k in range(shape[0])] if group.separable else [group.to_dense()]
    out = []
    for W, H, g in zip(inverse.roots, taken, pulled.reshape(len(taken), -1), strict=True):
        pull = _solve_gap(W.T @ H @ W, W.T @ g)
        if pull is None:
            return None
        out.append(W @ pull)
    return np.concatenate(out).reshape(shape)


def _solve_gap(share, right):
    """(I - share)^-1 right; None where the difference loses digits: a leverage near one."""
    system = np.eye(len(share)) - 0.5 * (share + share.T)
    try:
        factor = np.linalg.cholesky(system)
    except np.linalg.LinAlgError:
        return None
    if np.diag(factor).min(initial=1.0) ** 2 < NEAR_ONE:
        return None
    return cho_solve((factor, True), right)


def _by_few_rows(objective, inverse, rows, lost, pulled):
    """Woodbury's identity, with H_U = V V':  H^-1 (g + V (I - V' H^-1 V)^-1 V' H^-1 g)."""
    V = _half_rows(objective, rows, lost)  # shape: (p, m K)
    solved = inverse.solve(np.column_stack([pulled.reshape(-1, 1), V]))
    own, reached = solved[:, 0], solved[:, 1:]
    pull = _solve_gap(V.T @ reached, V.T @ own)
    if pull is None:
        return None
    return (own + reached @ pull).reshape(objective.coef.shape)


def _half_rows(objective, rows, lost):
    """V with V V' = H_U: a column for each row and direction of its curvature."""
    J = objective.predictor.take(rows).row_jacobian()
    root = objective.row_curvature(rows).scaled(lost[:, None]).root()
    V = root[:, :, None] * J if root.ndim == 2 else root.transpose(0, 2, 1) @ J
    return V.reshape(-1, J.shape[2]).T


def _left_over(inverse, left, rows, pulled):
    """From a factorisation of the Hessian that the change of `rows` leaves."""
    total, shape = left.weights.base.sum(), left.coef.shape
    undetermined = np.full(shape, np.nan)
    if total <= 0.0:
        return undetermined
    damping = inverse.hessian.damping
    found = factorize_upward(left, AutoSolver(n_right_hand_sides=1), damping / total)
    if drops_more(left, found):
        return truncated_change(left)
    out = found.solve(pulled.reshape(-1, 1)).reshape(shape)
    if _determine(left, rows, found.report.null_space):
        if not left.quadratic or found.hessian.penalty.any():
            return undetermined
        onto_least_norm(left, found, out)
    return out


def _determine(objective, rows, null_space):
    """Whether rows see directions (p, m) in which nothing else has curvature."""
    predictor = objective.predictor.take(rows)
    return bool(see_directions(predictor, null_space, objective.loss.shift_invariant).any())


def see_directions(predictor, directions, shift_invariant=False):
    """Mask (n,) of rows whose raw predictions move along some of the directions (p, m).

    With `shift_invariant`, a common shift of all raw predictions of a row is no move.
    """
    out = np.zeros(predictor.n_rows, dtype=bool)
    if not directions.shape[1]:
        return out
    for some in predictor.jacobian_blocks():
        J = predictor.take(some).row_jacobian()
        seen = J @ directions
        if shift_invariant:
            seen -= seen.mean(axis=1, keepdims=True)
        size = np.abs(J) @ np.abs(directions)
        # what is zero in a direction is rounding of its largest entry
        rounding = 1e-12 * np.abs(J).max(axis=2, keepdims=True) * np.abs(directions).max(axis=0)
        moves = np.abs(seen) > 1e-8 * size + rounding
        out[some] = moves.any(axis=(1, 2))
    return out
