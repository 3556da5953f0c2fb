"""The influence function: the derivative in the row's weight."""

from skinfluence.effects._changes import LinearChanges
from skinfluence.effects._residuals import weighted_residual
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
    """
    coupling = Coupling(objective)
    return LinearChanges(
        inverse,
        rows,
        weighted_residual(objective, inverse),
        coupling.directions,
        coupling.derivative(rows),
    )
