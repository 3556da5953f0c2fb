"""Warning of removals after which a sparse model is predicted to select other columns."""

from skinfluence._utils.warnings import warn_user
from skinfluence.effects import EFFECTS
from skinfluence.effects._selection import reselecting_rows


def warn_of_selection(linearization, method, rows):
    """Name the rows whose removal is predicted to change the selection, unless it is refitted.

    Nothing is said where the Hessian is not factorised: the prediction would take one solution a
    row.
    """
    objective = linearization.objective
    if not objective.selects or EFFECTS[method].converges:
        return
    inverse = linearization.inverse_for(method, len(rows))
    if not inverse.factorized:
        return

    def changes(edits):
        return linearization.changes(method, edits, inverse)[1]

    moving = rows[reselecting_rows(objective, changes, rows)]
    if len(moving):
        warn_user(
            f"The removal of {len(moving)} training row(s) is predicted to change which "
            f"coefficients are zero, or a sign: {objective.shown_rows(moving)}. Their effects are "
            'given for the columns that are selected now; method="refit" selects anew.',
            RuntimeWarning,
        )
