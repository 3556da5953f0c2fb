"""The truth: an estimator really refitted, with a row weighed differently or left out."""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from skinfluence.adapters import Settings, explain_estimator

#: Five-point central difference: (position in steps, coefficient); the error is step^4 / 30.
STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))


def tightened(estimator):
    """A clone that is fitted as exactly as its solver can.

    Parameters
    ----------
    estimator : estimator
        `tol` and `max_iter` are set where it has them, in a pipeline those of the last step.

    Returns
    -------
    estimator
        Unfitted.
    """
    estimator = clone(estimator)
    model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    known = model.get_params(deep=False)
    wanted = {"tol": 1e-12, "max_iter": 100_000}
    model.set_params(**{name: value for name, value in wanted.items() if name in known})
    return estimator


def finite_difference_influence(
    estimator, X, y, X_test, y_test, rows, *, sample_weight=None, step=0.01
):
    """First-order influence as a finite difference of the estimator's own refits.

    The weight of one training row is multiplied by 1 - 2 step ... 1 + 2 step, a clone is fitted
    each time as tightly as it goes, and minus the slope of the test loss is returned: what the
    removal of the row does to first order.

    Parameters
    ----------
    estimator : estimator
        A plain one or a pipeline; class weights must be fixed or follow the sample weights.
    X, y : array-like
        Training data.
    X_test, y_test : array-like
        Test rows and their labels.
    rows : sequence of int
        Training rows.
    sample_weight : array-like of shape (n_train,), default=None
    step : float, default=0.01
        Smaller where the loss has kinks, larger where the refits are noisy.

    Returns
    -------
    ndarray of shape (n_test, n_rows)
        In units of the loss; positive: the training row helps the test row.
    """
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
    out = []
    for row in rows:
        slope = 0.0
        for position, coefficient in STENCIL:
            changed = weights.copy()
            changed[row] *= 1.0 + position * step
            slope += coefficient * refitted_losses(estimator, X, y, changed, X_test, y_test)
        out.append(-slope / step)
    return np.stack(out, axis=1)


def leave_one_out_influence(estimator, X, y, X_test, y_test, rows, *, sample_weight=None):
    """Test loss of the estimator fitted without a row, minus that of the estimator fitted with it.

    The row is really deleted and a clone fitted as tightly as it goes.

    Parameters
    ----------
    estimator : estimator
        As for :func:`finite_difference_influence`.
    X, y : array-like
        Training data.
    X_test, y_test : array-like
        Test rows and their labels.
    rows : sequence of int
        Training rows that are left out, one at a time.
    sample_weight : array-like of shape (n_train,), default=None

    Returns
    -------
    ndarray of shape (n_test, n_rows)
    """
    everything = np.arange(len(y))
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
    before = refitted_losses(estimator, X, y, weights, X_test, y_test)
    out = []
    for row in rows:
        kept = np.delete(everything, row)
        after = refitted_losses(
            estimator,
            _safe_indexing(X, kept),
            _safe_indexing(y, kept),
            weights[kept],
            X_test,
            y_test,
        )
        out.append(after - before)
    return np.stack(out, axis=1)


def refitted_losses(estimator, X, y, sample_weight, X_test, y_test):
    """Loss of each test row, (n_test,), from a tight refit's own predictions."""
    fitted = fit_tightly(estimator, X, y, sample_weight)
    fitted_model = explain_estimator(fitted, X, y, sample_weight, Settings())
    objective = fitted_model.objective
    if not objective.loss.has_link:
        raw = own_raw_predictions(fitted, X_test)
    else:  # the estimator returns what the link makes of them
        raw = fitted_model.predictor(X_test).raw()
    return objective.loss.exact.value(objective.coding.encode(y_test), raw)


def fit_tightly(estimator, X, y, sample_weight):
    """A tightened clone, fitted; that a solver asks for more than float64 has is no failure."""
    estimator = tightened(estimator)
    name = "sample_weight"
    if isinstance(estimator, Pipeline):
        name = f"{estimator.steps[-1][0]}__sample_weight"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y, **{name: sample_weight})


def own_raw_predictions(estimator, X):
    """What the estimator itself returns before it decides, as (n, K)."""
    method = getattr(estimator, "decision_function", estimator.predict)
    raw = np.asarray(method(X), dtype=np.float64)
    return raw.reshape(len(raw), -1)
