"""t values of a coefficient: of any weights, and what the removal of each row does to them."""

import numpy as np

from skinfluence.linalg import row_blocks
from skinfluence.losses import HalfTweedie, Logistic, SquaredError

#: Step of the difference quotient of curvatures in the raw prediction.
STEP = 1e-4


def check_t_value(objective):
    """Raise ValueError for models whose t values are not defined here."""
    loss, problem = objective.loss, None
    plain = isinstance(loss, SquaredError | Logistic)
    if not plain and not (isinstance(loss, HalfTweedie) and loss.power == 1):
        problem = f"the loss {loss!r} has no t value here"
    elif objective.n_outputs != 1:
        problem = f"the model has {objective.n_outputs} outputs"
    elif objective.selects:
        problem = "an l1 penalty selects the columns"
    elif objective.weights.balanced:
        problem = 'class_weight="balanced" makes all weights depend on each row'
    elif not objective.predictor.linear:
        problem = "the predictions are not linear in the coefficients"
    if problem:
        raise ValueError(
            f"TValue: {problem}. Expected least squares, ridge, logistic or Poisson regression "
            "with one output; Coefficient(column) is for every model with coefficients."
        )


def t_value(objective, inverse, direction, counts):
    """t value of ``(direction * coef).sum()``.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of its Hessian, without damping.
    direction : ndarray of the shape of the coefficients
    counts : ndarray of shape (n,)
        Whose sum is the number of rows in the degrees of freedom.
    """
    solved = inverse.solve(direction.reshape(-1, 1))[:, 0]
    scale = _dispersion(objective, inverse, counts)[0]
    variance = scale * (direction.ravel() @ solved)
    return float((direction * objective.coef).sum() / np.sqrt(variance))


def _dispersion(objective, inverse, counts):
    """(dispersion, residual sum of squares, degrees of freedom); 1 and None without a scale."""
    if not isinstance(objective.loss, SquaredError):
        return 1.0, None, None
    squares = float((objective.weighted_residual() * objective.row_residual()).sum())
    rank = inverse.report.rank
    dof = float(counts.sum()) - rank
    if not dof > 0:
        raise ValueError(
            f"TValue needs more rows than coefficients: {counts.sum():g} rows and {rank} "
            "coefficients leave no degrees of freedom."
        )
    return squares / dof, squares, dof


def t_value_effects(objective, inverse, direction, counts, *, leverage):
    """Change of the t value by removing each row, (n,).

    Without row i the coefficients move by d_i, to first order ``H^-1 s_i g_i``, with the leverage
    of the row in the Newton step; the variance v = u' H^-1 u grows by the row's share and changes
    with the curvature of the other rows; the residual sum of squares loses the row's own and
    changes with d_i. With `leverage` the changed t value is evaluated, otherwise its derivative.

    Parameters
    ----------
    objective : Objective
        At its optimum.
    inverse, direction, counts
        As for :func:`t_value`.
    leverage : bool
        Whether rows are removed by Newton steps.
    """
    n, u = objective.n_rows, direction.ravel()
    predictor, penalty = objective.predictor, objective.penalty
    s, r = objective.sample_weight, objective.row_residual()
    curvature = objective.row_curvature()
    solved = inverse.solve(u[:, None])  # H^-1 u
    along = predictor.jvp(solved)[:, :, 0]  # z_i' H^-1 u, shape: (n, 1)
    lost, share = s * r, curvature.apply(along)
    if leverage:
        system = inverse.leverage_system(np.arange(n), curvature)
        (lost, full), share = system.solve(lost), system.solve(share)[0]
    # d_i is H^-1 z_i lost_i + pulled * part_i
    v_change = along[:, 0] * share[:, 0]
    part, pulled = np.zeros(n), np.zeros(len(u))
    if objective.penalty_scaling == "mean":  # the penalty loses the row's share of it too
        part = objective.weights.amounts / objective.weights.amounts.sum()
        pulled = inverse.solve(penalty.gradient(objective.coef).reshape(-1, 1))[:, 0]
        pull = penalty.gradient(solved.reshape(direction.shape)).ravel()
        v_change = v_change + part * float(pull @ solved[:, 0])

    def moved(covector):
        """Products of a covector with all d_i, (n,)."""
        solved = inverse.solve(covector[:, None])
        return predictor.jvp(solved)[:, 0, 0] * lost[:, 0] + part * float(covector @ pulled)

    if not objective.loss.quadratic:
        y, raw = objective.y, objective.raw_prediction
        bend = objective.loss.curvature(y, raw + STEP) - objective.loss.curvature(y, raw - STEP)
        pull = s * bend / (2.0 * STEP) * along**2
        v_change = v_change - moved(predictor.vjp(pull[:, :, None])[:, 0])
    v, coef = float(u @ solved[:, 0]), float((direction * objective.coef).sum())
    coef_change = along[:, 0] * lost[:, 0] + part * float(u @ pulled)
    scale, squares, dof = _dispersion(objective, inverse, counts)
    scale_change = np.zeros(n)
    if squares is not None:
        weighted = predictor.vjp((s * r)[:, :, None])[:, 0]
        squares_change = 2.0 * moved(weighted) - s[:, 0] * r[:, 0] ** 2
        if leverage:
            own, total = _second_order(objective, inverse, lost, part, pulled)
            squares_change += total - s[:, 0] * own * (2.0 * r[:, 0] + own)
            scale_change = (squares + squares_change) / (dof - counts) - scale
        else:
            scale_change = squares_change / dof + counts * squares / dof**2
    before = coef / np.sqrt(scale * v)
    if not leverage:
        return coef_change / np.sqrt(scale * v) - 0.5 * before * (
            v_change / v + scale_change / scale
        )
    with np.errstate(invalid="ignore"):
        after = (coef + coef_change) / np.sqrt((scale + scale_change) * (v + v_change))
    return np.where(full, np.nan, after - before)


def _second_order(objective, inverse, lost, part, pulled):
    """(z_i' d_i, sum over rows k of s_k (z_k' d_i)^2) for d_i as in :func:`t_value_effects`."""
    gram = objective.design.gram(objective.sample_weight[:, 0])
    own, total = np.empty((2, objective.n_rows))
    for some in row_blocks(len(own), 32 * len(pulled)):
        rows = np.arange(some.start, some.stop)
        moved = inverse.solve_rows(rows, lost[some]) + pulled[:, None] * part[some]
        own[some] = objective.predictor.take(some).row_jvp(moved)[:, 0]
        total[some] = np.einsum("pn,pn->n", moved, gram @ moved)
    return own, total
