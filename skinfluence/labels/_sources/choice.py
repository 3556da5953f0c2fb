"""The choice of a source: closed form or cross-validation, by cost and steps that use labels."""

import copy

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from skinfluence._encoding import table_encoder
from skinfluence._utils.frames import take_rows
from skinfluence.adapters import (
    UnsupportedEstimatorError,
    check_supported,
    inner_estimator,
    is_frozen,
    may_write,
    unwrap,
)
from skinfluence.labels._inputs.steps import (
    last_step,
    looks_at_labels,
    preparing_steps,
    weight_name,
)
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
#: Rows on which the output of steps is compared.
ROWS_COMPARED = 1000


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


def step_that_sees_labels(estimator, X, y):
    """Name of a pipeline's step that has seen the labels, in a fitted estimator; else None.

    A row's label then takes part in how all rows are prepared, and what a closed form leaves out is
    not all of it. scikit-learn's own transformers are known by their kind and tags. Any other is
    fitted again with the labels in another order: it sees them where its output changes.
    """
    while estimator is not None and not isinstance(estimator, str) and not is_frozen(estimator):
        for name, step in estimator.steps[:-1] if isinstance(estimator, Pipeline) else ():
            if step is None or isinstance(step, str) or is_frozen(step):
                continue
            foreign = not type(step).__module__.startswith("sklearn.")
            if looks_at_labels(step) or (foreign and _changes_with_labels(step, X, y)):
                return f"{type(step).__name__} (step {name!r})"
            X = step.transform(_own(step, X))
        estimator = inner_estimator(estimator)
    return None


def _own(step, X):
    return copy.deepcopy(X) if may_write(step) else X


def _changes_with_labels(step, X, y):
    some, outputs = np.arange(min(len(y), ROWS_COMPARED)), []
    for labels in (y, y[np.random.RandomState(0).permutation(len(y))]):
        try:
            again = clone(step).fit(_own(step, X), labels)
            outputs.append(again.transform(take_rows(_own(step, X), some)))
        except Exception:
            return True  # what other labels make impossible depends on them
    a, b = (np.asarray(out.toarray() if sparse.issparse(out) else out) for out in outputs)
    if a.shape != b.shape or not set(a.dtype.kind + b.dtype.kind) <= set("biufc"):
        return not np.array_equal(a, b)
    return not np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
