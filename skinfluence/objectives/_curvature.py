"""The K x K matrix of a row's curvature: Hessian, Fisher or empirical Fisher."""

import numpy as np

from skinfluence._utils.checks import check_choice
from skinfluence.linalg import RowCurvature

#: A difference of two numbers that is this small compared with them may be rounding.
ROUNDING = 1e-12

CURVATURES = ("hessian", "gauss_newton", "fisher", "empirical_fisher")


def check_curvature(loss, curvature):
    """Raise ValueError where a loss has no such curvature.

    Parameters
    ----------
    loss : Loss
    curvature : {"hessian", "gauss_newton", "fisher", "empirical_fisher"}
    """
    check_choice("curvature", curvature, CURVATURES)
    if curvature == "fisher" and loss.fisher_matrix(np.zeros((1, 2))) is None:
        raise ValueError(
            f'curvature="fisher" is a mean over labels drawn from the model, and {loss!r} defines '
            'no probability of labels. Use curvature="hessian" or "empirical_fisher".'
        )


def is_second_derivative_of_loss(loss, curvature):
    """Whether a curvature has the loss's own second derivative in its raw predictions."""
    return curvature in ("hessian", "gauss_newton") or (curvature == "fisher" and loss.canonical)


def is_second_derivative(objective, curvature):
    """Whether a curvature is the objective's second derivative itself, under whatever name.

    Where raw predictions are not linear in the parameters only "hessian" has their curvature.
    """
    if not objective.predictor.linear:
        return curvature == "hessian"
    return is_second_derivative_of_loss(objective.loss, curvature)


def fisher_curvature(objective, curvature, rows):
    """s_i F_i of some rows, for a Fisher matrix that is not the second derivative.

    "fisher" is the mean of r r' over the model's own labels, "empirical_fisher" is r r' at the
    given label, with r the gradient of the row's loss in its raw predictions. J. Martens, "New
    insights and perspectives on the natural gradient method", Journal of Machine Learning Research
    21, 2020, compares the two.

    Returns
    -------
    RowCurvature
        The empirical Fisher couples the outputs of separable losses too: its outer products are
        those of whole gradients.
    """
    s, loss = objective.sample_weight[rows], objective.loss
    K = objective.n_outputs
    if curvature == "empirical_fisher":
        root = np.sqrt(s) * _known_residual(objective, rows)  # shape: (n_rows, K)
        return RowCurvature(root**2 if K == 1 else root[:, :, None] * root[:, None, :])
    matrices = loss.fisher_matrix(objective.raw_prediction[rows])
    if loss.separable:
        return RowCurvature(s * np.einsum("nkk->nk", matrices))
    return RowCurvature(s[:, :, None] * matrices)


def _known_residual(objective, rows):
    """The residuals of some rows, without those that are the rounding of a difference.

    Influence by the empirical Fisher does not change when all residuals shrink: from an exact fit
    it would make large numbers of rounding errors.
    """
    residual = objective.row_residual(rows)
    if not objective.loss.quadratic:
        return residual
    y, raw = objective.y[rows], objective.raw_prediction[rows]
    rounding = ROUNDING * np.maximum(np.abs(y), np.abs(raw))
    return np.where(np.abs(residual) <= rounding, 0.0, residual)
