"""Classical leave-one-out diagnostics, one row per training row."""

import numpy as np

from skinfluence.effects import RowEdits
from skinfluence.effects._group_newton_step import see_directions
from skinfluence.effects._residuals import unit_residual
from skinfluence.linalg import row_blocks
from skinfluence.losses import HalfTweedie, Logistic, SquaredError
from skinfluence.solvers import AutoSolver


def leverage(inverse):
    """Leverage of each row, the trace of s_i A_i M_i with the curvature of the Hessian, (n,).

    Of a model that is made of members the sum of theirs.
    """
    if hasattr(inverse, "parts"):
        return sum(leverage(part) for part in inverse.parts)
    hessian = inverse.hessian
    out, K = np.empty(hessian.n_rows), hessian.n_outputs
    for some, forms in inverse.iter_leverage_blocks(np.arange(len(out)), 8 * K * K):
        out[some] = hessian.curvature_of(some).traces(forms)
    return out


def out_of_sample_leverage(fitted_model, linearization, X=None):
    """:meth:`InfluenceExplainer.out_of_sample_leverage`; of members the sum of theirs."""
    table = fitted_model.X if X is None else fitted_model.table(X)
    if fitted_model.members:
        parts = linearization.parts
        tables = (
            fitted_model.objective.predictor.tables(table) if X is not None else [None] * len(parts)
        )
        pairs = zip(parts, tables, strict=True)
        return sum(out_of_sample_leverage(part.fitted_model, part, own) for part, own in pairs)
    objective = linearization.objective
    many = objective.n_outputs * table.shape[0]
    inverse = linearization.inverse_for("newton_step", many)
    shift_invariant = objective.loss.shift_invariant
    with inverse.session():
        if X is None:
            out = _left_out_leverage(inverse, shift_invariant)
        else:
            predictor = objective.predictor.of(table).at(objective.predictor)
            out = _new_rows_leverage(inverse, predictor, shift_invariant)
    columns = objective.predictor.columns
    if hasattr(columns, "left_out") and (X is not None or columns.is_limited):
        # nothing but the penalty determines what the columns leave out
        curvature = objective.penalty.diagonal[:, 0] + linearization.damping * (
            objective.weights.base.sum()
        )
        out += columns.left_out(table) * (1.0 / curvature).sum()
    return out


def _left_out_leverage(inverse, shift_invariant):
    """Total of ``M_i (I - A_i M_i)^-1``, J_i H^-1 J_i' with H without the row; (n,)."""
    n, K = inverse.hessian.n_rows, inverse.hessian.n_outputs
    out = np.empty(n)
    for some, forms in inverse.iter_leverage_blocks(np.arange(n), 32 * K * K):
        system = inverse.leverage_system(np.arange(some.start, some.stop), forms=forms)
        blocks = np.empty(forms.shape)
        for k, unit in enumerate(np.eye(K)):
            solved, full = system.solve(np.broadcast_to(unit, (len(forms), K)))
            blocks[:, :, k] = np.einsum("nkj,nj->nk", forms, solved)
        out[some] = np.where(full, np.inf, _total(blocks, shift_invariant))
    return out


def _new_rows_leverage(inverse, predictor, shift_invariant):
    """Total of J H^-1 J' of other rows, (n,); infinite where nothing determines a prediction."""
    K, out = inverse.hessian.n_outputs, np.empty(predictor.n_rows)
    for some in row_blocks(len(out), 8 * K * K):
        blocks = inverse.leverage_blocks_of(predictor.take(some))
        out[some] = _total(blocks, shift_invariant)
    out[see_directions(predictor, inverse.report.null_space, shift_invariant)] = np.inf
    return out


def _total(blocks, shift_invariant):
    """Trace of each of the blocks (n, K, K), without a common shift where it means nothing."""
    out = np.einsum("nkk->n", blocks)
    return out - blocks.mean(axis=2).sum(axis=1) if shift_invariant else out


def diagnostics_columns(fitted_model, linearization, dfbetas):
    """The table of :meth:`InfluenceExplainer.diagnostics` as a dict of (n,) arrays."""
    objective, inverse = linearization.objective, linearization.hessian_inverse
    rows, loss = np.arange(objective.n_rows), objective.loss
    classical = isinstance(loss, SquaredError | Logistic | HalfTweedie) and objective.n_outputs == 1
    if classical and not (loss.canonical or loss.quadratic):
        # as R: of iteratively reweighted least squares, whose curvature is the expected one
        inverse = AutoSolver().factorize(objective.hessian(curvature="fisher"))
    h = leverage(inverse)
    reference, moved = linearization.own_changes(linearization.leave_one_out_method, rows)
    raw = reference.raw_prediction
    columns = {
        "leverage": h,
        "loss": reference.row_values(loss.exact),
        "leave_one_out_loss": loss.exact.value(objective.y, raw + moved),
    }
    if not classical or objective.members:
        return columns
    s, y, raw = objective.sample_weight[:, 0], objective.y[:, 0], raw[:, 0]
    gap = inverse.leverage_system(rows).gap[:, 0]
    dof = gap[s > 0].sum()  # rows of positive weight minus effective parameters
    # nothing is left of a row of leverage one
    gap = np.where(np.isnan(moved[:, 0]) | (gap <= 0.0), np.nan, gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        if objective.cut is not None:
            made, sigma = _truncated(linearization, s, y, raw, h, moved[:, 0])
        elif isinstance(loss, SquaredError):
            residual = -unit_residual(objective, inverse)[:, 0]
            made, sigma = _least_squares(s, residual, h, gap, dof)
        else:
            made, sigma = _generalized(loss, s, y, raw, h, gap, dof)
        columns.update(made)
        if dfbetas:
            columns.update(_dfbetas(fitted_model, linearization, rows, sigma))
    return columns


def _leave_one_out_sigma(squares, gap, dof):
    """Residual standard error without each row; squares are its weighted squared residuals."""
    return np.sqrt((squares.sum() - squares / gap) / (dof - 1.0))


def _least_squares(s, residual, h, gap, dof):
    """Cook (1977); Belsley, Kuh & Welsch (1980): externally studentised residuals, DFFITS."""
    weighted = np.sqrt(s) * residual
    sigma = np.sqrt((weighted**2).sum() / dof)
    without = _leave_one_out_sigma(weighted**2, gap, dof)
    standard = weighted / (sigma * np.sqrt(gap))
    student = weighted / (without * np.sqrt(gap))
    classical = {
        "residual": residual,
        "standardized_residual": standard,
        "studentized_residual": student,
        "cooks_distance": standard**2 * h / (gap * h.sum()),
        "dffits": student * np.sqrt(h / gap),
    }
    return classical, without


def _truncated(linearization, s, y, raw, h, moved):
    """Diagnostics by their definitions, where refits drop other directions than the fit."""
    rows = np.arange(len(s))
    objective, changes = linearization.changes("newton_step", RowEdits.removals(rows))
    squares, spread = _changed_squares(objective, changes.coef_changes()[:, 0])
    residual, gap = y - raw, 1.0 - h
    dof = gap[s > 0].sum()
    sigma = np.sqrt(s @ residual**2 / dof)
    without = np.sqrt((squares - s * (residual - moved) ** 2) / (dof - 1.0))
    weighted = np.sqrt(s) * residual
    classical = {
        "residual": residual,
        "standardized_residual": weighted / (sigma * np.sqrt(gap)),
        "studentized_residual": weighted / (without * np.sqrt(gap)),
        "cooks_distance": spread / (h.sum() * sigma**2),
        "dffits": -np.sqrt(s) * moved / (without * np.sqrt(h)),
    }
    return classical, without


def _changed_squares(objective, delta):
    """(sum of weighted squared residuals, of squared changes of predictions), for (B, q) each."""
    s, residual = objective.sample_weight[:, 0], objective.y[:, 0] - objective.raw_prediction[:, 0]
    squares, spread = np.empty((2, len(delta)))
    for some in row_blocks(len(delta), 16 * len(s), cache_mib=8.0):
        moved = objective.predictor.raw_changes(delta[some, None])[..., 0]  # shape: (n, B)
        squares[some] = s @ (residual[:, None] - moved) ** 2
        spread[some] = s @ moved**2
    return squares, spread


def _generalized(loss, s, y, raw, h, gap, dof):
    """One-step forms of Pregibon (1981) as R's ``influence.measures`` has them, and their sigma.

    Pearson's statistic estimates the dispersion, except for labels and counts, where it is 1.
    """
    loss = loss if isinstance(loss, HalfTweedie) else Logistic()  # whatever its probabilities are
    y, raw = y[:, None], raw[:, None]
    gradient, information = loss.gradient(y, raw)[:, 0], loss.fisher_matrix(raw)[:, 0, 0]
    pearson = -np.sqrt(s) * gradient / np.sqrt(information)
    deviance = -np.sign(gradient) * np.sqrt(2.0 * s * np.maximum(loss.value(y, raw), 0.0))
    without = _leave_one_out_sigma(deviance**2, gap, dof)
    student = np.sign(deviance) * np.sqrt(deviance**2 + h * pearson**2 / gap)
    scale = 1.0
    if isinstance(loss, HalfTweedie) and loss.power != 1:
        scale, student = (pearson**2).sum() / dof, student / without
    classical = {
        "pearson_residual": pearson,
        "deviance_residual": deviance,
        "standardized_residual": deviance / np.sqrt(scale * gap),
        "studentized_residual": student,
        "cooks_distance": (pearson / gap) ** 2 * h / (scale * h.sum()),
        "dffits": deviance * np.sqrt(h) / (without * gap),
    }
    return classical, without


def _dfbetas(fitted_model, linearization, rows, sigma):
    """(coefficient - coefficient without the row) / (sigma without it * sqrt of (H^-1)_jj)."""
    objective, inverse = linearization.objective, linearization.hessian_inverse
    _, changes = linearization.changes("newton_step", RowEdits.removals(rows))
    moved = -objective.estimator_layout(changes.coef_changes())  # shape: (n, p)
    # rows of the map from the predictor's coefficients to the estimator's own
    unit = np.eye(objective.n_parameters).reshape(-1, *objective.coef.shape)
    layout = objective.estimator_layout(unit).T  # shape: (p, p)
    variance = np.einsum("ij,ji->i", layout, inverse.solve(layout.T))
    with np.errstate(invalid="ignore"):  # 0 / 0 where a sparse model has no coefficient
        standard = moved / (sigma[:, None] * np.sqrt(variance))
    names = fitted_model.coef_names()
    return {f"dfbetas_{name}": standard[:, j] for j, name in enumerate(names)}
