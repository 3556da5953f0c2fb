"""Value of a functional, and the effect of removing rows or groups on it."""

from skinfluence._utils.docs import shared_parameters
from skinfluence.explainer import check_explainer
from skinfluence.functionals._bound import bind


@shared_parameters
def influence_on(
    explainer, functional, X_test=None, y_test=None, *, method=None, rows=None, groups=None
):
    """Effect of removing each training row, or group of rows, on one number of the model.

    Parameters
    ----------
    functional : str, Target, Coefficient or TValue
        - scikit-learn's name of a scorer: "accuracy" (smoothed), "balanced_accuracy" (smoothed),
          "roc_auc", "average_precision", "neg_log_loss", "neg_brier_score", "r2",
          "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error";
        - the name of a target, "loss", "predict", "decision_function" or "predict_proba": its mean
          over the test rows;
        - an object of :mod:`skinfluence.targets`, such as ``EqualOpportunityGap(groups)``,
          ``WorstGroupLoss(groups)``, ``CalibrationError()`` or ``FunctionTarget(func, gradient)``;
        - ``Coefficient("age")`` or ``TValue("age")``, which take no test rows.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        Test rows; None for functionals of the coefficients.
    method : str, default=None
        "auto", "first_order", "newton_step" or "refit"; None takes the explainer's own `method`.
        First order is the derivative of the functional. The Newton step and the refit evaluate the
        functional at the changed predictions.
    groups : array-like, list, dict or str, default=None
        Effects of removing these groups, as for :func:`~skinfluence.groups.group_influence`, in
        place of single rows.

    Returns
    -------
    ndarray of shape (n_train,), (n_rows,) or (n_groups,)
        Value without the row or the group minus value with it. A score falls without the rows of
        negative effect, a loss rises without those of positive effect: these rows help.

    Raises
    ------
    ValueError
        For an unknown name, missing labels, test rows of one class where both are compared, and
        groups of another length than the test rows.

    See Also
    --------
    smallest_set : The fewest rows that move the number by a given amount or change its sign.
    functional_value : The number itself.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.functionals import functional_value, influence_on
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[:400], y[:400])
    >>> test = X[400:], y[400:]
    >>> print(f"{functional_value(explainer, 'average_precision', *test):.4f}")
    0.9998
    >>> effect = influence_on(explainer, "neg_log_loss", *test)
    >>> print(f"row {effect.argmin()}: {effect.min():.4f}")
    row 238: -0.0179
    """
    check_explainer(explainer, removals=True)
    bound = bind(explainer, functional, X_test, y_test)
    if groups is None:
        return bound.row_effects(method, rows)
    if rows is not None:
        raise ValueError("rows and groups are both given. Expected one of them.")
    return bound.group_effects(method, groups)


@shared_parameters
def functional_value(explainer, functional, X_test=None, y_test=None):
    """Value of a functional of the explained model.

    Parameters
    ----------
    functional : str, Target, Coefficient or TValue
        As for :func:`influence_on`.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        Test rows; None for functionals of the coefficients.

    Returns
    -------
    float
        At the explained coefficients, which are the exact optimum.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.functionals import TValue, functional_value
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    >>> print(f"{functional_value(explainer, TValue('bmi')):.3f}")
    7.813
    """
    check_explainer(explainer, removals=True)
    return bind(explainer, functional, X_test, y_test).value()
