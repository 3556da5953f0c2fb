"""The influence function: the derivative in the row's weight."""

from skinfluence.effects._changes import LinearChanges
from skinfluence.effects._residuals import weighted_residual
from skinfluence.effects._truncated import is_truncated, truncated_slopes
from skinfluence.objectives import Coupling


def first_order(objective, inverse, rows):
    """Effect of removing each row to first order: delta_i = s_i H^-1 g_i.

    Equation (1) of Koh & Liang (2017) times -s_i / sum(s); the coupled weights of other rows (see
    :class:`~skinfluence.objectives.Coupling`) are differentiated too.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    rows : ndarray of int

    Returns
    -------
    LinearChanges
        RefittedChanges where LinearRegression drops singular values: what it keeps moves too.
    """
    if is_truncated(objective, inverse):
        return truncated_slopes(objective, rows)
    return linear_first_order(objective, inverse, rows)


def linear_first_order(objective, inverse, rows):
    """The same as products with the inverse: directions that were dropped count as fixed."""
    coupling = Coupling(objective)
    return LinearChanges(
        inverse,
        rows,
        weighted_residual(objective, inverse),
        coupling.directions,
        coupling.derivative(rows),
    )
