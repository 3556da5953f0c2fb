"""check_adapter: what an adapter reads from an estimator against the estimator itself."""

import numpy as np
from sklearn.utils import _safe_indexing

from skinfluence import InfluenceExplainer
from skinfluence.adapters import Settings, explain_estimator
from skinfluence.testing._truth import finite_difference_influence, fit_tightly, own_raw_predictions


def check_adapter(
    estimator,
    X,
    y,
    sample_weight=None,
    *,
    X_test=None,
    y_test=None,
    rows=(0, 1, 2),
    refit=None,
    rtol=1e-6,
    step=0.01,
):
    """Raise AssertionError unless an estimator's objective explains its own refits.

    The estimator is fitted tightly; then its coefficients are stationary, its raw predictions are
    those of the objective, a weight of two is a repeated row, and first-order influences equal
    finite differences of the estimator's own refits in `sample_weight`.

    Parameters
    ----------
    estimator : estimator
        Unfitted, with a registered adapter; its `fit` takes `sample_weight`.
    X, y : array-like
        A small table: it is refitted four times a row.
    sample_weight : array-like of shape (n_samples,), default=None
    X_test, y_test : array-like, default=None
        Test rows; the first rows of (X, y) by default.
    rows : sequence of int, default=(0, 1, 2)
        Training rows whose weight is changed.
    refit : estimator, default=None
        What is refitted in its place: Ridge at the chosen penalty for RidgeCV, which would choose
        anew.
    rtol : float, default=1e-6
        Largest error of an influence, relative to the largest influence.
    step : float, default=0.01
        See :func:`finite_difference_influence`.

    Raises
    ------
    AssertionError
        Names what disagrees, and by how much.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence.testing import check_adapter
    >>> X, y = load_diabetes(return_X_y=True)
    >>> check_adapter(Ridge(alpha=0.1), X[:60], y[:60])
    """
    if X_test is None:
        X_test, y_test = _safe_indexing(X, np.arange(8)), _safe_indexing(y, np.arange(8))
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
    check_objective(estimator, X, y, weights)
    truth = finite_difference_influence(
        estimator if refit is None else refit,
        X,
        y,
        X_test,
        y_test,
        rows,
        sample_weight=weights,
        step=step,
    )
    explainer = InfluenceExplainer(estimator, method="first_order").fit(X, y, sample_weight)
    influence = explainer.influence(X_test, y_test, rows=list(rows))
    _close(influence, truth, rtol, "first-order influence is not the slope of the refits")


def check_objective(estimator, X, y, weights):
    """The half of check_adapter that refits nothing: stationary, same predictions, repetition."""
    fitted = fit_tightly(estimator, X, y, weights)
    objective = explain_estimator(fitted, X, y, weights, Settings()).objective
    # liblinear stops near 1e-6 of the gradient's terms, whatever the tolerance
    size = objective.stationarity()
    smooth = not objective.stands_in  # for a hinge, which has no derivative
    assert not smooth or size < 1e-4, f"the fitted coefficients are not stationary: {size:.1e}"
    raw, own = objective.raw_prediction, own_raw_predictions(fitted, X)
    if not hasattr(fitted, "decision_function"):
        raw = objective.loss.inverse_link(raw)
    _close(
        objective.coding.decision_values(raw),
        own,
        1e-10,
        "raw predictions are not the estimator's own",
    )
    _check_repetition(fitted, X, y, weights)


def _check_repetition(fitted, X, y, weights):
    """A row of weight two and a repeated row are one objective: gradient, Hessian, stationarity."""
    if hasattr(fitted, "shape_fit_"):
        return  # of libsvm, whose dual coefficients belong to the rows in their order
    doubled = weights.copy()
    doubled[0] *= 2.0
    heavy = explain_estimator(fitted, X, y, doubled, Settings(center=False)).objective
    if heavy.weights.balanced and not np.array_equal(heavy.weights.counts, heavy.weights.base):
        return  # these class weights count rows, whatever their weight: they must differ
    if heavy.weights.amounts is not heavy.weights.base:
        return  # and so does this penalty
    again = np.append(np.arange(len(y)), 0)
    long = explain_estimator(
        fitted,
        _safe_indexing(X, again),
        _safe_indexing(y, again),
        weights[again],
        Settings(center=False),
    ).objective
    _close(long.gradient(), heavy.gradient(), 1e-10, "repetition: gradients", 1.0)
    V = np.random.default_rng(0).standard_normal((heavy.n_parameters, 2))
    _close(long.hessian() @ V, heavy.hessian() @ V, 1e-10, "repetition: Hessians")


def _close(actual, expected, rtol, what, least_scale=0.0):
    scale = max(np.abs(expected).max(initial=0.0), least_scale)
    error = np.abs(np.asarray(actual) - expected).max(initial=0.0)
    assert error <= rtol * scale, f"{what}: off by {error:.1e}, expected at most {rtol * scale:.1e}"
