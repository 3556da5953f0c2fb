"""Many weights at once, by a sum of the rows' own Newton steps."""

import numpy as np

from skinfluence.effects._edits import RowEdits
from skinfluence.effects._newton_step import newton_step
from skinfluence.effects._registry import register_effect


@register_effect("rescaled", kinds=("groups",), second_derivative=True)
def rescaled(objective, inverse, edits):
    """Sum of each row's own leverage-corrected influence: delta_b = sum_i l_i H^-1 g_i / (1 - h_i).

    The rescaled influence function of Rubinstein & Hopkins (2025): additive over rows as first
    order is, and corrected for each row's own leverage h_i as its Newton step is. What rows of a
    group are to each other is left out. With K outputs 1 - h_i is a K x K matrix; l_i is the part
    of row i's weight that is lost. For the removal of one row it is the Newton step.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    edits : RowEdits
        Without new rows.

    Returns
    -------
    StoredChanges
        NaN for groups with a row of leverage one.

    References
    ----------
    I. Rubinstein and S. B. Hopkins, "Rescaled influence functions: accurate data attribution in
    high dimension", NeurIPS 2025.
    """
    rows, place = np.unique(edits.row, return_inverse=True)
    steps = newton_step(objective, inverse, RowEdits.removals(rows))
    return steps.summed(RowEdits(edits.n_edits, edits.edit_of_term, place, edits.factor))
