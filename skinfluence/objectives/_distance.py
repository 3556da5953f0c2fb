"""Distance of coefficients from the optimum, in units of the sampling error."""

import warnings
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skinfluence.objectives._kernel.objective import KernelObjective

#: Random sums in the estimate of the sampling variation. One is enough where the parameters are so
#: many that nothing is factorised, and so are its first digits.
N_SUMS = 16
#: Gradients of all rows, in numbers, up to which each row is a sum of its own: no estimate is left.
SMALL = 1e5
COARSE = 0.3
#: Damping of a matrix that may be singular, as a share of its mean diagonal entry.
LEAST_DAMPING = 1e-3


def distance_to_optimum(fitted, result, solver):
    """Twice the excess of J at the fitted coefficients over what another sample causes on average.

    2 (J(theta) - J(theta*)) / tr(H^-1 V) with V = sum_i s_i^2 g_i g_i', at the optimum theta* of
    the given rows. For theta from the optimum of other rows the numerator is close to a quadratic
    form in a normal vector. Its mean is a known multiple of the denominator: the share of the rows
    that is missing, or 1 + m / n for m given rows where n others were fitted. A correct model is
    not assumed, and the scale of the errors cancels.

    Parameters
    ----------
    fitted : Objective
        At the coefficients theta.
    result : NewtonResult
        At the optimum of the same rows.
    solver : Solver
        Inverts the Hessian where `result` does not hold the inverse that is needed.

    Returns
    -------
    float
        0 at the optimum.

    References
    ----------
    H. White, "Maximum likelihood estimation of misspecified models", Econometrica 50, 1982.
    """
    optimum, inverse = result.objective, result.inverse
    excess = 2.0 * (fitted.value() - optimum.value())
    if not excess > 0.0:
        return 0.0
    wide = optimum.loss.widened()
    if isinstance(optimum, KernelObjective):
        wide = optimum if wide is optimum.loss else optimum.replace(loss=wide)
        variation = kernel_variation(optimum, wide)
        return excess / variation if variation > 0.0 else np.inf
    if inverse is None or wide is not optimum.loss:
        inverse = solver.factorize(optimum.replace(loss=wide).hessian())
    variation = _sampling_variation(optimum, inverse)
    return excess / variation if variation > 0.0 else np.inf


def kernel_variation(optimum, wide):
    """:func:`_sampling_variation` of a kernel machine, by the inverse Hessian of `wide`."""
    gram, total, U = optimum.predictor.space.gram, 0.0, _signed_residuals(optimum)
    for k, factor in enumerate(wide.inverse_factors):
        own = U[:, k].T
        solved = factor.solved_values(own @ gram, own.sum(axis=1))
        total += float((own * solved).sum())
    return total


def distance_bound(fitted, optimum):
    """Upper bound of the distance of a kernel machine to its optimum, without a factorisation.

    ``w' H^-1 w`` is at least ``(w' x)^2 / (x' H x)`` for any x, such as w.
    """
    excess = 2.0 * (fitted.value() - optimum.value())
    if not excess > 0.0:
        return 0.0
    wide = optimum.replace(loss=optimum.loss.widened())
    curvature, strength = wide.row_curvature().values, wide.penalty.strength
    U, least = _signed_residuals(optimum), 0.0
    for k, t in enumerate(strength):
        values = optimum.predictor.space.gram @ U[:, k]
        squares = (U[:, k] * values).sum(axis=0)
        curved = t * squares + curvature[:, k] @ values**2
        least += float(np.divide(squares**2, curved, where=curved > 0.0, out=0.0 * curved).sum())
    return excess / least if least > 0.0 else np.inf


def newton_distance(fitted, solver, damping, n_sums=N_SUMS):
    """:func:`distance_to_optimum` where no optimum is known: by the quadratic approximation.

    The excess is half of g' H^-1 g with the gradient g of J and the damped Gauss-Newton matrix H,
    which is also that of the denominator.

    Parameters
    ----------
    fitted : Objective
    solver : Solver
        Inverts H, perhaps approximately.
    damping : float
        Of the mean objective. Where it is 0 a thousandth of the mean curvature is added.
    n_sums : int
        Random sums in the estimate of the denominator.

    Returns
    -------
    float
        0 at an optimum.
    """
    hessian = fitted.hessian(damping, curvature="gauss_newton")
    if not damping:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (hessian.shape[0], N_SUMS))
        mean = (signs * (hessian @ signs)).mean()  # of the diagonal (Hutchinson, 1990)
        damping = LEAST_DAMPING * float(mean) / fitted.weights.base.sum()
        hessian = fitted.hessian(damping, curvature="gauss_newton")
    inverse = solver.factorize(hessian)
    W = np.column_stack([fitted.gradient().ravel(), _signed_gradients(fitted, n_sums)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        products = (W * inverse.solve(W)).sum(axis=0)
    excess, variation = products[0], products[1:].sum()
    return excess / variation if variation > 0.0 else np.inf


def _sampling_variation(objective, inverse):
    """tr(H^-1 V), from sums of the rows' gradients with random signs: V is their covariance."""
    if inverse.factorized:
        W = _signed_gradients(objective, N_SUMS)
        return float((W * inverse.solve(W)).sum())
    inverse.solver = replace(inverse.solver, tol=COARSE)  # what it knows of the Hessian serves on
    w = _signed_gradients(objective, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float((w * inverse.solve(w)).sum())


def _signed_gradients(objective, n_sums):
    """Sums of the rows' weighted gradients with random signs, shape (p, n_sums).

    Each row is in one of them: one reading of the rows is enough, and products of pairs of rows
    cancel on average as they do in as many sums over all rows. Of a small table each row's own.
    """
    if n_sums > 1 and objective.n_rows * objective.n_parameters <= SMALL:
        return objective.predictor.row_vjp(objective.weighted_residual())
    rng = np.random.default_rng(0)
    total = np.zeros((objective.n_parameters, n_sums))
    for rows in objective.row_blocks():
        signed = objective.weighted_residual(rows)  # shape: (n_rows, K)
        signed *= 2.0 * rng.integers(0, 2, (len(signed), 1)) - 1.0
        part = objective.predictor.take(rows)
        for b in range(min(n_sums, len(signed))):
            own = slice(b, None, n_sums)
            total[:, b] += part.take(own).vjp(signed[own, :, None])[:, 0]
    return total


def _signed_residuals(objective):
    """Weighted residuals with random signs, each row in one of some sums: (n, K, n_sums).

    See :func:`_signed_gradients`; for kernel machines, whose parameters need not be made.
    """
    residual, n = objective.weighted_residual(), objective.n_rows
    if objective.predictor.n_stored * n <= SMALL:
        return residual[:, :, None] * np.eye(n)[:, None]
    signs = 2.0 * np.random.default_rng(0).integers(0, 2, (n, 1)) - 1.0
    sums = np.arange(n)[:, None] % N_SUMS == np.arange(N_SUMS)
    return (residual * signs)[:, :, None] * sums[:, None]
