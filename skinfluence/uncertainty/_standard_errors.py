"""Sandwich and jackknife standard errors: sums of squared effects of removing rows."""

from functools import partial

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skinfluence._utils.checks import check_choice
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.groups import read_groups
from skinfluence.effects import RowEdits
from skinfluence.explainer import check_explainer, warn_of_stand_in
from skinfluence.groups import group_influence
from skinfluence.linalg import row_blocks

KINDS = ("HC0", "HC1", "HC2", "HC3", "infinitesimal_jackknife", "jackknife")
#: Kinds that go by what the removal does to first order, with a factor.
FIRST_ORDER = ("HC0", "HC1", "infinitesimal_jackknife")


@shared_parameters
def coef_covariance(explainer, kind="HC3", *, groups=None):
    """Covariance matrix of the coefficients that holds whatever the errors' variances are.

    The sandwich estimate: a sum over rows of the outer product of what their removal does to the
    coefficients.

    Parameters
    ----------
    kind : str, default="HC3"
        - "HC0", or "infinitesimal_jackknife": effects of first order (White 1980);
        - "HC1": these times n / (n - p);
        - "HC2", "HC3": effects corrected for the leverage of the row, once or twice (MacKinnon and
          White 1985);
        - "jackknife": (n - 1) / n times the centred sum for the models without a row (one Newton
          step, exact for squared error).
    groups : array-like, list, dict or str, default=None
        Rows that may depend on each other, as for :func:`~skinfluence.groups.group_influence`; each
        row must be in one group. "HC1" then takes the factor G / (G - 1) (n - 1) / (n - p), and
        "HC3" and "jackknife" remove whole groups.

    Returns
    -------
    ndarray of shape (n_params, n_params)
        In the order of :meth:`~skinfluence.InfluenceExplainer.coef_influence`: ``coef_.ravel()``,
        then ``intercept_``. Standard errors are the square roots of its diagonal. With a penalty,
        of the penalised estimate: its bias is not in them.

    References
    ----------
    H. White, "A heteroskedasticity-consistent covariance matrix estimator", Econometrica 48, 1980.
    J. G. MacKinnon and H. White, "Some heteroskedasticity-consistent covariance matrix estimators
    with improved finite sample properties", Journal of Econometrics 29, 1985.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.uncertainty import coef_covariance
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    >>> errors = np.sqrt(np.diag(coef_covariance(explainer)))
    >>> print(f"{explainer.estimator_.coef_[2]:.0f} +- {errors[2]:.0f}")
    520 +- 69
    """
    check_explainer(explainer)
    found = _checked(explainer, kind, groups)
    if found is not None and kind not in FIRST_ORDER:
        linearization = explainer.linearization_
        objective, changes = linearization.changes("newton_step", RowEdits.groups(found.rows))
        effects = objective.estimator_layout(changes.coef_changes())
        return _spread(explainer, kind, found, effects.T @ effects, effects.sum(axis=0))
    member = _membership(explainer, found)
    n, p = explainer.objective_.n_rows, explainer.objective_.n_parameters
    total, squares = np.zeros(p), np.zeros((p, p))
    grouped = np.zeros((1 if member is None else member.shape[1], p))
    for rows in row_blocks(n, 24 * p):
        rows = np.arange(rows.start, rows.stop)
        effects = _pair(explainer, kind, explainer.coef_influence, rows)
        if member is None:
            squares += effects[0].T @ effects[1]
            total += effects[1].sum(axis=0)
        else:
            grouped += member[rows].T @ effects[0]
    if member is not None:
        squares, total = grouped.T @ grouped, grouped.sum(axis=0)
    return _spread(explainer, kind, found, squares, total)


@shared_parameters
def standard_error(explainer, X_test, y_test=None, *, target="auto", kind="HC3", groups=None):
    """Standard error of a prediction, or of any other target, due to the sampling of the rows.

    It says how much the number would differ with other training rows, not how far the labels of
    new rows are from their prediction; for that see :class:`JackknifePlusRegressor`.

    Parameters
    ----------
    kind : str, default="HC3"
        As for :func:`coef_covariance`.
    groups : array-like, list, dict or str, default=None
        As for :func:`coef_covariance`.

    Returns
    -------
    ndarray of shape (n_test,)
        In units of the target; of shape (1,) for one number of all test rows.

    References
    ----------
    B. Efron, "Estimation and accuracy after model selection", JASA 109, 2014, for the
    infinitesimal jackknife.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.uncertainty import standard_error
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge(0.1)).fit(X, y)
    >>> print(standard_error(explainer, X[:3]).round(1))
    [6.3 5.4 7.1]
    """
    check_explainer(explainer, removals=True)
    found = _checked(explainer, kind, groups)
    if found is not None and kind not in FIRST_ORDER:
        effects = group_influence(
            explainer, found.rows, X_test, y_test, target=target, method=_without(explainer)
        )
        return _errors(explainer, kind, found, (effects, effects))
    member = _membership(explainer, found)
    joint = explainer.test_rows(X_test, y_test, target=target).target.joint
    n_test, parts = _num_samples(X_test), []
    for rows in row_blocks(n_test, 48 * explainer.objective_.n_rows) if not joint else [None]:
        some = (X_test, y_test) if rows is None else _take(X_test, y_test, rows)
        effects = _pair(explainer, kind, partial(explainer.influence, target=target), *some)
        if member is not None:
            effects = (effects[0] @ member,) * 2
        parts.append(_errors(explainer, kind, found, effects))
    return np.concatenate(parts)


def _take(X, y, rows):
    rows = np.arange(rows.start, rows.stop)
    return _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows)


def _pair(explainer, kind, effects_by, *tests):
    """Two arrays of effects whose product is summed: HC2 corrects one of them for leverage."""
    without = _without(explainer)
    if kind == "HC2":
        return tuple(effects_by(*tests, method=m) for m in ("first_order", without))
    effects = effects_by(*tests, method="first_order" if kind in FIRST_ORDER else without)
    return effects, effects


def _without(explainer):
    """How rows are really left out: by Newton steps, and exactly where there is a closed form."""
    return "refit" if explainer.objective_.closed_form else "newton_step"


def _errors(explainer, kind, found, effects):
    squares = np.einsum("ij,ij->i", *effects)
    scale, center = _factors(explainer, kind, found)
    squares -= center * effects[1].sum(axis=1) ** 2
    return np.sqrt(np.maximum(scale * squares, 0.0))


def _spread(explainer, kind, found, squares, total):
    scale, center = _factors(explainer, kind, found)
    return scale * (squares - center * np.outer(total, total))


def _factors(explainer, kind, found):
    """(factor, what a squared sum of effects is centred by) for rows, or for groups of them.

    Rows of weight zero do not count, nor do groups of such rows.
    """
    objective = explainer.objective_
    there = (objective.sample_weight > 0).reshape(objective.n_rows, -1).any(axis=1)
    n = n_units = int(there.sum())
    if found is not None:
        n_units = sum(there[rows].any() for rows in found.rows)
    if kind == "jackknife":
        return (n_units - 1.0) / n_units, 1.0 / n_units
    if kind != "HC1":
        return 1.0, 0.0
    p = objective.n_parameters
    if objective.loss.separable:  # each output has its own degrees of freedom
        p //= objective.n_outputs
    if found is None:
        return n / (n - p), 0.0
    return n_units / (n_units - 1.0) * (n - 1.0) / (n - p), 0.0


def _checked(explainer, kind, groups):
    """The groups, or None."""
    check_choice("kind", kind, KINDS)
    if kind == "HC1" and explainer.objective_.closed_form:
        raise ValueError(
            'kind="HC1" counts coefficients, and there are none. Expected "HC0", "HC3" or '
            '"jackknife".'
        )
    warn_of_stand_in(explainer, "Standard errors")
    if groups is None:
        return None
    if kind == "HC2":
        raise ValueError(
            'kind="HC2" is not known for groups. Expected "HC0", "HC1", "HC3" or "jackknife".'
        )
    found, n = read_groups(groups, explainer), explainer.objective_.n_rows
    times = np.bincount(np.concatenate([*found.rows, np.empty(0, np.intp)]), minlength=n)
    if (times != 1).any():
        wrong = int((times != 1).sum())
        raise ValueError(
            f"{wrong} of {n} training rows are in no group or in several. Expected a label for "
            "each training row, or groups that share no row and leave none out."
        )
    return found


def _membership(explainer, found):
    """Sparse matrix (n, n_groups) of ones, or None without groups."""
    if found is None:
        return None
    rows = np.concatenate(found.rows)
    places = np.repeat(np.arange(len(found.rows)), [len(rows) for rows in found.rows])
    shape = explainer.objective_.n_rows, len(found.rows)
    return sparse.csr_array((np.ones(len(rows)), (rows, places)), shape=shape)
