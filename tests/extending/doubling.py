"""An effect of one's own: what if a row counted twice?"""

from skinfluence.effects import LinearChanges, register_effect


@register_effect("doubling", kinds=("rows",), second_derivative=True)
def doubling(objective, inverse, edits):
    """Effect of doubling each row's weight by one Newton step, for one output.

    The Hessian gains the row once more, so the leverage identity has a plus where
    :func:`skinfluence.effects.newton_step` has a minus; exact for squared error.
    """
    rows = edits.row
    leverage = objective.row_curvature(rows).values * inverse.leverage_blocks(rows)[:, :, 0]
    residual = -objective.weighted_residual(rows) / (1.0 + leverage)
    return LinearChanges(inverse, rows, residual)
