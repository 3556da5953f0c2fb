"""t values of a coefficient: of any weights, and what the removal of each row does to them."""

import numpy as np

from skinfluence.losses import HalfTweedie, Logistic, SquaredError
from skinfluence.solvers import AutoSolver

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


def t_value(objective, direction, counts):
    """t value of ``(direction * coef).sum()``.

    Parameters
    ----------
    objective : Objective
    direction : ndarray of the shape of the coefficients
    counts : ndarray of shape (n,)
        Whose sum is the number of rows in the degrees of freedom.
    """
    inverse = AutoSolver().factorize(objective.hessian())
    solved = inverse.solve(direction.reshape(-1, 1))[:, 0]
    scale = _dispersion(objective, counts)[0]
    variance = scale * (direction.ravel() @ solved)
    return float((direction * objective.coef).sum() / np.sqrt(variance))


def _dispersion(objective, counts):
    """(dispersion, residual sum of squares, degrees of freedom); 1 and None without a scale."""
    if not isinstance(objective.loss, SquaredError):
        return 1.0, None, None
    squares = float((objective.weighted_residual() * objective.row_residual()).sum())
    dof = float(counts.sum()) - objective.n_parameters
    if not dof > 0:
        raise ValueError(
            f"TValue needs more rows than coefficients: {counts.sum():g} rows and "
            f"{objective.n_parameters} coefficients leave no degrees of freedom."
        )
    return squares / dof, squares, dof


def t_value_effects(objective, direction, counts, *, leverage):
    """Change of the t value by removing each row, (n,).

    Without row i the coefficients move by d_i, to first order ``H^-1 s_i g_i``, with the leverage
    of the row in the Newton step; the variance v = u' H^-1 u grows by the row's share and changes
    with the curvature of the other rows; the residual sum of squares loses the row's own and
    changes with d_i. With `leverage` the changed t value is evaluated, otherwise its derivative.

    Parameters
    ----------
    objective : Objective
        At its optimum.
    direction, counts
        As for :func:`t_value`.
    leverage : bool
        Whether rows are removed by Newton steps.
    """
    n, u = objective.n_rows, direction.ravel()
    inverse = AutoSolver().factorize(objective.hessian())
    jvp, every = objective.predictor.jvp, np.arange(n)
    s, r = objective.sample_weight, objective.row_residual()
    curvature = objective.row_curvature()
    solved = inverse.solve(u[:, None])  # H^-1 u
    along = jvp(solved)[:, :, 0]  # z_i' H^-1 u, shape: (n, 1)
    lost, share = s * r, curvature.apply(along)
    if leverage:
        system = inverse.leverage_system(every, curvature)
        (lost, full), share = system.solve(lost), system.solve(share)[0]
    moved = inverse.solve_rows(every, lost)  # d_i in columns, shape: (p, n)
    v_change = along[:, 0] * share[:, 0]
    if objective.penalty_scaling == "mean":  # the penalty loses the row's share of it too
        part = objective.weights.amounts / objective.weights.amounts.sum()
        pull = objective.penalty.gradient(objective.coef).reshape(-1, 1)
        moved = moved + inverse.solve(pull) * part
        pulled = objective.penalty.gradient(solved.reshape(direction.shape)).ravel()
        v_change = v_change + part * float(pulled @ solved[:, 0])
    if not objective.loss.quadratic:
        y, raw = objective.y, objective.raw_prediction
        bend = objective.loss.curvature(y, raw + STEP) - objective.loss.curvature(y, raw - STEP)
        pull = s * bend / (2.0 * STEP) * along**2
        v_change = v_change - objective.predictor.vjp(pull[:, :, None])[:, 0] @ moved
    v, coef = float(u @ solved[:, 0]), float((direction * objective.coef).sum())
    coef_change = u @ moved
    scale, squares, dof = _dispersion(objective, counts)
    scale_change = np.zeros(n)
    if squares is not None:
        weighted = objective.predictor.vjp((s * r)[:, :, None])[:, 0]
        squares_change = 2.0 * weighted @ moved - s[:, 0] * r[:, 0] ** 2
        if leverage:
            own = objective.predictor.row_jvp(moved)[:, 0]
            squares_change += _quadratic(objective, moved)
            squares_change -= s[:, 0] * own * (2.0 * r[:, 0] + own)
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


def _quadratic(objective, moved):
    """Sum over rows k of s_k (z_k' d_i)^2 for the columns d_i of `moved`, (n_changes,)."""
    predictor = objective.predictor
    rows = predictor.jvp(np.eye(objective.n_parameters))  # shape: (n, 1, p)
    products = predictor.vjp(objective.sample_weight[:, :, None] * rows)  # shape: (p, p)
    return np.einsum("pn,pn->n", moved, products @ moved)
