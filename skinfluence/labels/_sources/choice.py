"""The choice of a source, by the estimator and the ranking of a flagger."""

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.pipeline import make_pipeline

from skinfluence.adapters import UnsupportedEstimatorError, check_supported, find_adapter
from skinfluence.labels._inputs.steps import last_step, preparing_steps, weight_name
from skinfluence.labels._inputs.tables import describe_columns, table_encoder
from skinfluence.labels._scores import SCORES
from skinfluence.labels._sources.cross_validated import CrossValidatedPredictor, seeded
from skinfluence.labels._sources.explained import LeaveOneOutPredictor
from skinfluence.labels._sources.representations import PooledPredictor

REMEDY = (
    'Take ranking="leave_one_out", which cross-validates such an estimator, or an estimator that '
    "influence can serve."
)


def choose_sources(flagger, X, target, weight, seed):
    """(source that judges, source whose model has influences or None); mostly one and the same."""
    closed, note = None, ""
    if flagger.ranking != "cross_validation":
        closed, reason = _closed_form(flagger, X, target, weight, seed)
        if reason is None:
            return closed, closed
        if closed is None and SCORES[flagger.ranking] is not None:
            message = f"ranking={flagger.ranking!r} needs influence. {reason} {REMEDY}"
            raise UnsupportedEstimatorError(message)
        note = "" if closed is None else f", {reason}"
    return _cross_validated(flagger, X, target, weight, seed, note), closed


def _steps(flagger, seed):
    """The preparing steps of the pipeline whose labels are evaluated."""
    steps = preparing_steps(getattr(flagger, "_judged_for", None))
    return [seeded(clone(step), seed) for step in steps]


def _closed_form(flagger, X, target, weight, seed):
    """(source with influences or None, why it does not judge or None)."""
    if flagger.estimator is None:
        steps = _steps(flagger, seed)
        encoder = table_encoder(X, steps)
        encoded = PooledPredictor(
            encoder.fit_transform(X),
            target,
            encoder=encoder,
            columns=describe_columns(X, steps),
            representation=flagger.representation,
            n_components=flagger.n_components,
            damping=flagger.damping,
            random_state=seed,
            n_jobs=flagger.n_jobs,
        )
        return encoded, None
    try:
        check_supported(flagger.estimator)
        _refuse_closed_form(last_step(flagger.estimator))
        source = LeaveOneOutPredictor(
            X,
            target,
            estimator=seeded(clone(flagger.estimator), seed),
            damping=flagger.damping,
            solver=flagger.solver,
            n_jobs=flagger.n_jobs,
        )
        source.begin(weight)  # an adapter may refuse a setting, such as an l1 penalty
    except UnsupportedEstimatorError as refusal:
        return None, refusal
    return source, source.reason


def _refuse_closed_form(model):
    """Raise for an estimator without an objective, whose noise model has no damping to choose."""
    try:
        closed_form = find_adapter(model).closed_form
    except UnsupportedEstimatorError:  # a search that may choose another one
        return
    if closed_form:
        raise UnsupportedEstimatorError(
            f"{type(model).__name__} is computed in closed form and has no objective."
        )


def _cross_validated(flagger, X, target, weight, seed, reason=""):
    estimator = flagger.estimator
    if estimator is None:
        forest = ExtraTreesRegressor if target.n_classes is None else ExtraTreesClassifier
        estimator = make_pipeline(table_encoder(X, _steps(flagger, seed)), forest())
    elif np.ptp(weight) > 0 and weight_name(estimator) is None:
        raise ValueError(
            f"sample_weight differs between rows, but {type(last_step(estimator)).__name__} takes "
            "no sample_weight. Leave it out (weights of 0 and 1 are supported), or pass an "
            "estimator that takes weights."
        )
    return CrossValidatedPredictor(
        X, target, estimator=estimator, reason=reason, random_state=seed, n_jobs=flagger.n_jobs
    )
