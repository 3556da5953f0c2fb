"""Scores of candidates that differ in the penalty only: one fit, and Newton's method from there."""

from dataclasses import dataclass
from numbers import Real
from time import perf_counter

import numpy as np
from sklearn.base import clone

from skinfluence.cross_validation._left_out import LeftOut
from skinfluence.explainer import InfluenceExplainer, PenaltyPath

#: What is measured of a candidate, as `cv_results_` has it.
MEASURED = ("mean_test_score", "n_refits", "fit_time", "score_time")


def paths(candidates, name):
    """Positions of candidates that differ in one parameter only, from the largest penalty down.

    Parameters
    ----------
    candidates : list of dict
    name : str or None
        The parameter, ending in "alpha", which is the penalty, or "C", which is its inverse.

    Returns
    -------
    list of list of int
        Every candidate once.
    """
    out: dict = {}
    for place, params in enumerate(candidates):
        value = params.get(name)
        positive = isinstance(value, Real) and 0.0 < float(value) < np.inf
        # which objects they are: values need neither be hashable nor know whether they are equal
        others = {key: id(params[key]) for key in params if key != name} if positive else place
        out.setdefault(str(others), []).append(place)
    sign = 1.0 if str(name).endswith("C") else -1.0
    for path in out.values():
        if len(path) > 1:
            path.sort(key=lambda place: sign * candidates[place][name])
    return list(out.values())


def with_params(estimator, params):
    """An unfitted copy with other parameters."""
    return clone(estimator).set_params(**clone(params, safe=False))


def measured_on_path(estimator, candidates, name, X, y, sample_weight, scoring, method):
    """What was measured of candidates that differ in the penalty only, a tuple for each.

    The best one has its rows that move far refitted, and so has every other one that could be
    better; the rest keeps the score of one Newton step a row.
    """
    path, made = None, []
    for params in candidates:
        begun = perf_counter()
        explainer = None if path is None else path.explain(params[name])
        if explainer is None:
            explainer = InfluenceExplainer(with_params(estimator, params), verbose=0)
            explainer.fit(X, y, sample_weight=sample_weight)
            if path is None and len(candidates) > 1 and PenaltyPath.serves(explainer):
                path = PenaltyPath(explainer, name.rpartition("__")[2])
        fitted = perf_counter()
        left_out = LeftOut(explainer, method, scoring, sample_weight)
        if path is None:
            left_out.finish()
        made.append(_Candidate(left_out, fitted - begun, perf_counter() - fitted))
    while (one := _could_be_better(made)) is not None:
        begun = perf_counter()
        one.left_out.refit()
        one.score_time += perf_counter() - begun
    return [
        (one.left_out.score, one.left_out.n_refits, one.fit_time, one.score_time) for one in made
    ]


@dataclass
class _Candidate:
    left_out: LeftOut
    fit_time: float
    score_time: float


def _could_be_better(made):
    """A candidate whose rows are to be refitted before the best one is known; None without one."""
    best = max(made, key=lambda one: np.nan_to_num(one.left_out.score, nan=-np.inf))
    if len(best.left_out.far):
        return best
    rest = [one for one in made if len(one.left_out.far)]
    return next((one for one in rest if one.left_out.bound() > best.left_out.score), None)
