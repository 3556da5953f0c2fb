"""When cross-validation replaces the closed form: its cost, and steps that use labels."""

import copy

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skinfluence.adapters import inner_estimator, is_frozen, may_write, unwrap
from skinfluence.labels._inputs.rows import take_rows
from skinfluence.labels._inputs.steps import looks_at_labels
from skinfluence.labels._sources.cross_validated import N_SPLITS
from skinfluence.solvers import AutoSolver, Sizes

#: How many times longer than cross-validation the closed form may take, and how many seconds of a
#: common machine it may take whatever cross-validation takes.
LONGER, SHORT = 2.0, 0.2
#: Fits of a noise model, dampings that each tries, and Newton steps to an optimum.
ROUNDS, DAMPINGS, STEPS = 3, 2, 3
#: Rows on which the output of steps is compared.
ROWS_COMPARED = 1000


def reason_to_cross_validate(source, explainer, X, y):
    """Reason against the closed form, as the end of a sentence; None if there is none.

    A damping that is a number asks for the closed form, whatever it costs.
    """
    step = step_that_sees_labels(explainer.estimator_, X, y)
    if step is not None:
        return f"since {step} has seen the labels of the rows that it prepares"
    if not explainer.objective_.predictor.linear:
        return "since the model is not linear in its parameters: leave-one-out has no closed form"
    if not isinstance(source.damping, str) or not isinstance(source.solver, str):
        return None
    if source.solver != "auto":
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
    order = np.random.RandomState(0).permutation(len(y))
    some = np.arange(min(len(y), ROWS_COMPARED))
    outputs = []
    for labels in (y, y[order]):
        try:
            again = clone(step).fit(_own(step, X), labels)
            outputs.append(again.transform(take_rows(_own(step, X), some)))
        except Exception:
            return True  # what other labels make impossible depends on them
    return not _equal(*outputs)


def _equal(a, b):
    if a.shape != b.shape:
        return False
    if sparse.issparse(a):
        a, b = a.toarray(), b.toarray()
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind in "biuf" and b.dtype.kind in "biuf":
        return np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
    return bool((a == b).all())
