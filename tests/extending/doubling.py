"""An effect of one's own: what if a row counted twice?"""

from skinfluence.effects import LinearChanges


def doubling(objective, inverse, rows):
    """Effect of doubling each row's weight by one Newton step, for one output.

    The Hessian gains the row once more, so the leverage identity has a plus where
    :func:`skinfluence.effects.newton_step` has a minus; exact for squared error.
    """
    weighted = (objective.sample_weight * objective.residual)[rows]
    leverage = objective.row_curvature(rows).values * inverse.row_forms(rows)[:, :, 0]
    rho = -weighted / (1.0 + leverage)
    return LinearChanges(inverse, rows, rho)
