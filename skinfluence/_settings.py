"""Checks of the explainer's own parameters, and what it says about polishing."""

from numbers import Integral

import numpy as np

from skinfluence._checks import check_choice, check_number
from skinfluence.effects import METHODS
from skinfluence.objectives import CURVATURES
from skinfluence.solvers import get_solver

#: Polishing that moves raw predictions by more than this part of their spread is warned of.
MOVED_TOLERANCE = 0.05
#: A gradient above this, relative to its terms, is no optimum.
STATIONARITY_TOLERANCE = 1e-6


def check_settings(explainer):
    """Raise ValueError for parameters of the explainer that mean nothing."""
    get_solver(explainer.solver, random_state=explainer.random_state)
    check_choice("method", explainer.method, ("auto", *METHODS))
    check_choice("curvature", explainer.curvature, CURVATURES)
    if explainer.curvature == "empirical_fisher" and explainer.method == "newton_step":
        raise ValueError(
            'method="newton_step" needs the Hessian, and curvature="empirical_fisher" replaces it. '
            'Use method="first_order", "refit" or "auto" (first order here), or '
            'curvature="hessian".'
        )
    check_choice("penalty_scaling", explainer.penalty_scaling, ("estimator", "mean"))
    if explainer.polish not in (True, False):
        raise ValueError(f"polish={explainer.polish!r} is not known. Expected True or False.")
    check_number("damping", explainer.damping, least=0.0)
    _workers(explainer.n_jobs)
    check_number("temperature", explainer.temperature, above=0.0)


def check_weights(sample_weight):
    """Raise for weights that mean nothing, before an estimator makes of them what it will."""
    if sample_weight is None:
        return
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "biuf":  # scikit-learn says what is wrong with these
        return
    if np.any(weights < 0):
        raise ValueError(
            "sample_weight has negative entries; expected weights >= 0 (0 leaves a row out)."
        )
    if not np.any(weights):
        raise ValueError(
            "sample_weight is zero for every row; expected at least one non-zero number."
        )


def _workers(n_jobs):
    whole = isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r}. Expected None, a positive integer, or -1 for all processors."
        )


def polish_warning(explainer, moved):
    """What a user must know about the optimum, as one sentence; None when all is well."""
    name = type(explainer.explained_.model).__name__
    if explainer.polish and explainer.polished_stationarity_ > STATIONARITY_TOLERANCE:
        return (
            f"No optimum was found for {name}: stationarity {explainer.polished_stationarity_:.1e} "
            f"after polishing, expected below {STATIONARITY_TOLERANCE:g}. Influence assumes an "
            "optimum; separable classes without a penalty have none. Add a penalty or scale the "
            "features."
        )
    if moved > MOVED_TOLERANCE:
        return (
            f"Polishing moved the predictions of {name} by {moved:.0%} of their spread "
            f"(stationarity {explainer.stationarity_:.1e} as fitted): it had not converged, or it "
            "is explained on rows that it was not trained on. The answers are for the optimum. "
            "Increase max_iter, lower tol, scale the features, or pass the training rows."
        )
    if not explainer.polish and explainer.stationarity_ > STATIONARITY_TOLERANCE:
        return (
            f"{name} is explained away from an optimum (polish=False, stationarity "
            f"{explainer.stationarity_:.1e}): influences describe a step from here, not a refit."
        )
    return None
