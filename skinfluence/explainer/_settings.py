"""Checks of the explainer's own parameters."""

from numbers import Integral

import numpy as np

from skinfluence._utils.checks import check_choice, check_number
from skinfluence.effects import METHODS
from skinfluence.objectives import CURVATURES
from skinfluence.solvers import get_solver


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
    check_workers(explainer.n_jobs)
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


def check_workers(n_jobs):
    """Raise ValueError for a number of jobs that means nothing."""
    whole = isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r}. Expected None, a positive integer, or -1 for all processors."
        )
