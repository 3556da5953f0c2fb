"""Refit: the converged optimum after each edit."""

from skinfluence.effects._refits import converged_optima
from skinfluence.effects._registry import register_effect
from skinfluence.effects._truncated import is_truncated, truncated_refits


@register_effect(
    "refit",
    edited_model=True,
    converges=True,
    settings=("n_jobs", "verbose", "width", "part", "tolerance"),
)
def refit(objective, inverse, edits, **settings):
    """Converged optimum of the data after each edit.

    All edits of a block iterate together, with directions from the factorised Hessian. An edit that
    does not converge that way gets Newton's method with a factorisation of its own. The estimator's
    tolerance plays no part. Where least squares without a penalty has many optima, it is the one of
    least norm, which LinearRegression takes.

    Parameters
    ----------
    objective : Objective
        At its optimum: the reference that the changes are measured from.
    inverse : InverseHessian
        Of ``objective.hessian()``, without damping. Where a smooth hinge stands in it plays no
        part, and may be None.
    edits : RowEdits
    solver : Solver, default=None
        For the edits that need a factorisation of their own.
    n_jobs : int or None
        Threads over blocks, None for as many as numpy's BLAS would use; the result does not
        depend on it.
    verbose : int or None
        Whether progress is shown.
    width : int or None
        Edits that iterate together; None for what suits edits of few rows. The last digits
        depend on it.
    part : (int, int) or None
        Where these are a part of more: how many were made before, and how many there are in all.
    tolerance : float, default=None
        For removals from a smooth objective: how small a step, relative to the first one and in the
        norm of the Hessian, ends the iteration. None for 1e-10.

    Returns
    -------
    StoredChanges

    Warns
    -----
    ConvergenceWarning
        Names the edits without an optimum (separable data without a penalty, say); NaN there.
    """
    if is_truncated(objective, inverse):
        return truncated_refits(objective, edits)
    return converged_optima(objective, inverse, edits, **settings)
