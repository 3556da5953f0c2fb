"""The optimum of an objective with an l1 penalty: which coefficients are zero, and the others.

Second-order steps on the coefficients that are not zero or should not be, each the exact minimum of
its quadratic model with the absolute values: feature-sign search. For squared error one step on
the right columns is the optimum.

References
----------
H. Lee, A. Battle, R. Raina and A. Y. Ng, "Efficient sparse coding algorithms", NIPS 2007. J. D.
Lee, Y. Sun and M. A. Saunders, "Proximal Newton-type methods for minimizing composite functions",
SIAM Journal on Optimization 24, 2014.
"""

import numpy as np
from scipy.linalg.lapack import dposv

from skinfluence.linalg import GroupPenalty, Penalty, row_blocks
from skinfluence.objectives._active_groups import optimum_on_columns, subgradient
from skinfluence.predictors import LinearPredictor
from skinfluence.predictors._entries import EntriesPredictor

#: Subgradient, relative to the gradient's terms, that is rounding; and on the columns of groups.
TOLERANCE, GROUPS_TOLERANCE = 1e-13, 1e-14
#: The same where the optimum counts as found.
FOUND = 1e-9
MAX_ITER = 100
#: Columns that are added at a time, at least.
FEW = 10
#: Times that several columns of a quadratic model enter together.
TOGETHER = 20
#: Of one Gram matrix of all columns, in columns that have a coefficient: what it serves for would
#: cost as much without it.
WIDE = 3
#: Where an objective keeps its smooth part, and that its Gram matrix.
ALL_COLUMNS, GRAM = "_on_all_columns", "_gram_of_all"


def on_all_columns(objective):
    """The smooth part of a sparse objective, with a coefficient for each column: an Objective.

    Made once, with the raw predictions of the objective.
    """
    known = vars(objective)
    if ALL_COLUMNS not in known:
        predictor, shape = objective.predictor, (objective.n_outputs, -1)
        coef = predictor.widened(objective.coef).reshape(shape)
        wide = LinearPredictor(predictor.everything, coef)
        out = objective.replace(
            predictor=wide, penalty=Penalty(objective.penalty.l2.reshape(shape))
        )
        vars(out)["raw_prediction"] = objective.raw_prediction
        known[ALL_COLUMNS] = out
    return known[ALL_COLUMNS]


def read_all_columns(objective):
    """Give a sparse objective its gradient, and what it is small against, from all columns."""
    smooth, penalty, coef = on_all_columns(objective), objective.penalty, objective.coef
    objective.gradient_scale = smooth.gradient_scale
    own = smooth.gradient().ravel()[penalty.selected].reshape(coef.shape)
    vars(objective)["_gradient"] = own + (penalty.gradient(coef) - penalty.times(coef))


def curvature_of_all(objective):
    """Second derivatives of the losses in all columns and the selected ones, (K q, p)."""
    smooth, selected = on_all_columns(objective), objective.penalty.selected
    gram = _gram_of_all(smooth, objective.n_parameters)
    if gram is not None:
        return _entries_of(gram, np.arange(smooth.n_parameters), selected)
    unit = np.eye(objective.n_parameters)
    out = np.zeros((smooth.n_parameters, len(unit)))
    for rows in row_blocks(objective.n_rows, 24 * objective.n_outputs * len(unit)):
        raw = objective.predictor.take(rows).jvp(unit)  # shape: (n_rows, K, p)
        curved = objective.row_curvature(rows).apply(raw)
        out += smooth.predictor.take(rows).vjp(curved)
    return out


def _gram_of_all(smooth, n_selected):
    """Gram matrix of all columns (q, q), made once; None where it is not the curvature, or large.

    That of squared error, whose outputs share it.
    """
    q = smooth.design.shape[1]
    if not smooth.quadratic or smooth.sample_weight.shape[1] > 1:
        return None
    if GRAM not in vars(smooth) and q * smooth.n_outputs <= WIDE * n_selected:
        vars(smooth)[GRAM] = smooth.design.gram(smooth.sample_weight[:, 0])
    return vars(smooth).get(GRAM)


def _entries_of(gram, some, others):
    """Second derivatives in entries of the coefficients of all outputs, from the Gram matrix."""
    q = len(gram)
    out = gram[np.ix_(some % q, others % q)]
    return np.where(some[:, None] // q == others // q, out, 0.0)


def largest_subgradient(objective):
    """Largest entry of the subgradient of a sparse objective in all columns; 0 at the optimum."""
    smooth, penalty = on_all_columns(objective), objective.penalty
    parts = smooth.gradient().ravel(), smooth.coef.ravel(), penalty.l1
    gradient, W, l1 = map(penalty.in_columns, parts)
    return np.abs(subgradient(gradient, W, l1[0])).max(initial=0.0)


def active_optimum(objective, start=None):
    """(objective with the selection of its optimum, at it, relative subgradient there).

    Parameters
    ----------
    objective : Objective
        With a SelectedPredictor of one output and an ActivePenalty, or an EntriesPredictor and an
        EntriesPenalty or GroupPenalty.
    start : ndarray of shape (K q,), default=None
        Coefficients of all columns; those of `objective` by default.
    """
    smooth = on_all_columns(objective)
    objective.gradient_scale = smooth.gradient_scale  # of all columns; it hardly moves
    gram = _gram_of_all(smooth, objective.n_parameters)
    if start is not None:
        smooth = smooth.with_coef(start.reshape(smooth.coef.shape))
    best, least = _optimum(smooth, objective.penalty, objective.gradient_scale or 1.0, gram)
    vars(best)["gradient_scale"] = objective.gradient_scale
    if gram is not None:
        vars(best)[GRAM] = gram
    return _on_selection(objective, best), least


def _optimum(smooth, penalty, scale, gram):
    """(the smooth part at the optimum with the penalty, relative subgradient there)."""
    on_columns = _groups if isinstance(penalty, GroupPenalty) else _entries
    l1 = penalty.in_columns(penalty.l1)[0]
    best, least, stalled = smooth, np.inf, 0
    for _ in range(MAX_ITER):
        gradient = penalty.in_columns(smooth.gradient().ravel())
        W = penalty.in_columns(smooth.coef.ravel())
        pull = np.linalg.norm(subgradient(gradient, W, l1), axis=0)
        size = pull.max(initial=0.0) / scale
        stalled = stalled + 1 if size > 0.5 * least else 0
        if size < least:
            best, least = smooth, size
        if size <= TOLERANCE or (stalled > 2 and least <= FOUND):
            break
        columns, end = _columns_to_move(W, pull, l1), W.copy()
        end[:, columns] = on_columns(
            smooth, columns, gradient[:, columns], W[:, columns], l1[columns], scale, gram
        )
        moved = _decreased(smooth, l1, W, end, gradient)
        smooth = smooth.with_coef(moved.reshape(smooth.coef.shape))
    return best, least


def _entries(smooth, entries, gradient, W, l1, scale, gram):
    """Least quadratic model with the penalty on some entries, with exact zeros: (m,)."""
    return quadratic_optimum(_curvature(smooth, entries, gram), gradient[0], l1, W[0])


def _groups(smooth, columns, gradient, W, l1, scale, gram):
    """The same on some columns of all outputs, for squared error: (K, m)."""
    if gram is None:
        Q = smooth.design.columns(columns).gram(smooth.sample_weight[:, 0])
    else:
        Q = gram[np.ix_(columns, columns)]
    Q[np.diag_indices_from(Q)] += smooth.penalty.diagonal[0, columns]
    return optimum_on_columns(Q, gradient, W, l1, GROUPS_TOLERANCE * scale)


def _on_selection(objective, smooth):
    """The objective with the selection of the smooth part's coefficients, at them."""
    coef = smooth.coef.ravel()
    penalty = objective.penalty.of(coef)
    predictor = objective.predictor.select(penalty.selected, coef)
    out = objective.replace(predictor=predictor, penalty=penalty)
    vars(out).update({ALL_COLUMNS: smooth, "raw_prediction": smooth.raw_prediction})
    read_all_columns(out)
    if GRAM in vars(smooth):
        vars(out)["data_hessian"] = _entries_of(vars(smooth)[GRAM], *2 * [penalty.selected])
    return out


def _columns_to_move(W, pull, l1):
    """Columns with coefficients, and those of the rest that pull most."""
    there = W.any(axis=0) | (l1 == 0.0)
    outside = np.flatnonzero(~there & (pull > 0.0))
    most = max(FEW, there.sum())
    if len(outside) > most:
        outside = outside[np.argsort(-pull[outside])[:most]]
    there[outside] = True
    return np.flatnonzero(there)


def _curvature(smooth, entries, gram):
    """Second derivative of the smooth part on some entries of the coefficients, dense."""
    if gram is not None:
        out = _entries_of(gram, entries, entries)
        out[np.diag_indices_from(out)] += smooth.penalty.diagonal.ravel()[entries]
        return out
    K, coef = smooth.n_outputs, smooth.coef.ravel()[entries]
    penalty = Penalty(smooth.penalty.diagonal.ravel()[entries])
    predictor = EntriesPredictor(smooth.design, K, entries, coef)
    out = predictor.hessian(smooth.row_curvature, penalty).to_dense()
    shifts = predictor.common_shifts(penalty) if smooth.loss.shift_invariant else None
    if shifts is None:
        return out
    return out + np.abs(out).max() * shifts @ shifts.T  # which no gradient has


def _decreased(smooth, l1, W, end, gradient):
    """The coefficients after as much of the way from W to the end as decreases the objective."""
    if smooth.quadratic:
        return end

    def norms(W):
        return l1 @ np.linalg.norm(W, axis=0)

    value, step = smooth.value() + norms(W), end - W
    promised = float((gradient * step).sum() + norms(end) - norms(W))
    length, moved = 1.0, end  # with exact zeros
    while length > 1e-9:
        now = smooth.with_coef(moved.reshape(smooth.coef.shape)).value() + norms(moved)
        if now <= value + 1e-4 * length * promised + 1e-14 * abs(value):
            break
        length *= 0.5
        moved = W + length * step
    return moved


def quadratic_optimum(H, gradient, l1, start):
    """The v of least g'(v - w) + (v - w)' H (v - w) / 2 + sum_j l1_j |v_j|: feature-sign search.

    Parameters
    ----------
    H : ndarray of shape (m, m)
    gradient : ndarray of shape (m,)
        g, at the start w.
    l1, start : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (m,)
        With exact zeros.
    """
    b = H @ start - gradient
    v = start.copy()
    free = l1 == 0.0
    signs, active = np.sign(v), free | (v != 0.0)
    rounding = 1e-14 * (np.abs(H) @ np.abs(v) + np.abs(b) + l1).max(initial=0.0)
    together = TOGETHER
    for _ in range(20 + 10 * len(v)):
        a = np.flatnonzero(active)
        step, endless = _step(H[np.ix_(a, a)], b[a] - (l1 * signs)[a], v[a], rounding)
        ahead = step * signs[a] if endless else (v[a] + step) * signs[a]
        crossing = ~free[a] & ((ahead < 0.0) if endless else (ahead <= 0.0))
        if crossing.any():  # go to the first zero on the way, and leave that column out
            length = np.where(crossing, -v[a] / np.where(crossing, step, 1.0), np.inf)
            first = length <= length.min()
            v[a] += length.min() * step
            v[a[first]], active[a[first]], signs[a[first]] = 0.0, False, 0.0
            continue
        v[a] += step
        slope = H @ v - b
        excess = np.where(active, 0.0, np.abs(slope) - l1)
        if excess.max() <= rounding:
            break
        # several at first; one at a time is what is known to end
        enter = excess >= (0.5 if together > 0 else 1.0) * excess.max()
        active[enter], signs[enter] = True, -np.sign(slope[enter])
        together -= 1
    return v


def _step(H, b, v, rounding):
    """(step from v to the v of H v = b, False), or (a direction that only goes down, True).

    The latter where H is singular: the first coefficient that becomes zero ends it.
    """
    if not len(b):
        return b, False
    _, end, failed = dposv(H, b)
    if failed:
        end = np.linalg.lstsq(H, b, rcond=None)[0]
        downhill = b - H @ end
        if np.abs(downhill).max() > 1e4 * rounding:
            return downhill, True
    return end - v, False
