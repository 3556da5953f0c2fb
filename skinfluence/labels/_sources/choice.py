"""The choice of a source: closed form or cross-validation, by cost and steps that use labels."""

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.pipeline import make_pipeline

from skinfluence._encoding import table_encoder
from skinfluence.adapters import (
    UnsupportedEstimatorError,
    check_supported,
    step_that_sees_labels,
    unwrap,
)
from skinfluence.labels._inputs.steps import last_step, preparing_steps, weight_name
from skinfluence.labels._sources.cross_validated import N_SPLITS, CrossValidatedPredictor, seeded
from skinfluence.labels._sources.explained import LeaveOneOutPredictor
from skinfluence.labels._sources.representations import PooledPredictor
from skinfluence.solvers import AutoSolver, Sizes


def choose_sources(flagger, X, target, weight, seed):
    """(source that judges, source whose model has influences or None); mostly one and the same."""
    estimator, closed, reason = flagger.estimator, None, None
    damping, n_jobs = flagger.damping, flagger.n_jobs
    drawn = {"random_state": seed, "n_jobs": n_jobs, "verbose": flagger.verbose}
    if estimator is not None and np.ptp(weight) > 0 and weight_name(estimator) is None:
        raise ValueError(
            f"sample_weight differs between rows, but {type(last_step(estimator)).__name__} takes "
            "no sample_weight. Leave it out (weights of 0 and 1 are supported), or pass an "
            "estimator that takes weights."
        )
    if estimator is None:
        steps = preparing_steps(getattr(flagger, "_judged_for", None))
        steps = [seeded(clone(step), seed) for step in steps]
        kind = "distances" if flagger.ranking == "leave_one_out" else "trees"
        encoder, columns = table_encoder(X, steps, model=kind)
        if flagger.ranking == "leave_one_out":
            chosen = {"representation": flagger.representation, "damping": damping}
            chosen |= {"n_components": flagger.n_components, "columns": columns}
            encoded = encoder.fit_transform(X)
            pooled = PooledPredictor(encoded, target, encoder=encoder, **chosen, **drawn)
            return pooled, pooled
        forest = ExtraTreesRegressor if target.n_classes is None else ExtraTreesClassifier
        estimator = make_pipeline(encoder, forest())
    elif flagger.ranking == "leave_one_out":
        try:
            check_supported(estimator)
            copied = seeded(clone(estimator), seed)
            source = LeaveOneOutPredictor(
                X, target, estimator=copied, damping=damping, n_jobs=n_jobs
            )
            explainer = source.begin(weight)  # an adapter may refuse a setting, such as an l1 one
            reason = reason_to_cross_validate(explainer, X, target.given, damping)
            if reason is None:
                return source, source
            if not explainer.objective_.members or _takes_row_weights(source, weight):
                closed = source
        except UnsupportedEstimatorError:
            pass
    note = f", {reason}" if reason else ""
    return CrossValidatedPredictor(X, target, estimator=estimator, reason=note, **drawn), closed


def _takes_row_weights(source, weight):
    """Whether an estimator that holds others can be explained with the weights of a noise model."""
    try:
        source.begin(weight * np.linspace(0.5, 1.0, len(weight)))
    except (ValueError, UnsupportedEstimatorError):
        return False
    return True


#: How many times longer than cross-validation the closed form may take, and how many seconds of a
#: common machine it may take whatever cross-validation takes.
LONGER, SHORT = 2.0, 1.0
#: Fits of a noise model, dampings that each tries, and Newton steps to an optimum.
ROUNDS, DAMPINGS, STEPS = 3, 2, 3


def reason_to_cross_validate(explainer, X, y, damping):
    """Reason against the closed form, as the end of a sentence; None if there is none.

    A damping that is a number asks for the closed form, whatever it costs.
    """
    step = step_that_sees_labels(explainer.estimator_, X, y)
    if step is not None:
        return f"since {step} has seen the labels of the rows that it prepares"
    if not explainer.objective_.predictor.linear:
        return "since the model is not linear in its parameters: leave-one-out has no closed form"
    if not isinstance(damping, str):
        return None
    closed, folds = seconds(explainer)
    if closed > max(SHORT, LONGER * folds):
        return f"which is estimated to be {closed / folds:.0f} times cheaper than leave-one-out"
    return None


def seconds(explainer):
    """What (the closed form, cross-validation) is estimated to take on a common machine."""
    hessian = explainer.objective_.hessian()
    size, auto = Sizes(hessian, 1), AutoSolver.for_newton_steps()
    factorized = auto.costs(hessian)[auto.direct_solver(hessian)[0].name].seconds
    closed = ROUNDS * DAMPINGS * (STEPS * factorized + size.leverages())
    n_iter = getattr(unwrap(explainer.estimator_)[1], "n_iter_", None)
    fit = factorized if n_iter is None else float(np.max(n_iter)) * size.product()
    return closed, N_SPLITS * fit
