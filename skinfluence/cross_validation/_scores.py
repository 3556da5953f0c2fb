"""Scores by leave-one-out and k-fold cross-validation, from one fit."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv

from skinfluence._utils.checks import check_choice
from skinfluence._utils.docs import shared_parameters
from skinfluence.cross_validation._predictions import known_predictions
from skinfluence.effects import RowEdits
from skinfluence.explainer import check_explainer

#: Methods that leave rows out of the model; the influence function does not.
METHODS = ("auto", "newton_step", "refit")
#: Change of a row's own margin or log-odds from which its Newton step is replaced by a refit.
FAR = 0.2


@shared_parameters
def leave_one_out_score(explainer, scoring=None, *, method="auto", sample_weight=None):
    """Score of the predictions of all training rows, each by the model without the row.

    One score of all left-out predictions together, so that scores of many rows such as the AUROC
    have a meaning. Where a score is a mean over rows (accuracy, log loss, squared error), it is the
    mean of ``cross_val_score(estimator, X, y, cv=LeaveOneOut())``. Steps of a pipeline before the
    model stay as they were fitted to all rows.

    Parameters
    ----------
    scoring : str, callable or None, default=None
        As in scikit-learn; None is the score of the estimator: accuracy or R squared.
    method : {"auto", "newton_step", "refit"}, default="auto"
        How rows are left out. "auto": in closed form by one Newton step where it is exact (squared
        error). Classifiers take it for most rows, and the refit for those without which their own
        margin or log-odds moves by more than 0.2; all other models the refit.
    sample_weight : array-like of shape (n_train,), default=None
        Weights of the rows in the score, not in the fits.

    Returns
    -------
    float
        Higher is better, as for every scorer of scikit-learn.

    Raises
    ------
    ValueError
        Where a row is the only one of its class: there is no model without it.

    References
    ----------
    K. R. Rad and A. Maleki, "A scalable estimate of the out-of-sample prediction error via
    approximate leave-one-out", JRSS B 82, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.cross_validation import leave_one_out_score
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X, y)
    >>> print(f"{leave_one_out_score(explainer):.3f}")
    0.979
    """
    check_explainer(explainer, removals=True)
    check_choice("method", method, METHODS)
    rows = np.arange(explainer.objective_.n_rows)
    return _scored(explainer, _left_out(explainer, method, rows), rows, scoring, sample_weight)


@shared_parameters
def k_fold_score(explainer, cv=None, scoring=None, *, method="auto", groups=None):
    """Scores of each fold by the model without the fold, as ``cross_val_score`` has them.

    No estimator is fitted: the optimum without a fold is computed from the fitted one. Steps of a
    pipeline before the model stay as they were fitted to all rows.

    Parameters
    ----------
    cv : int, splitter or iterable, default=None
        As in scikit-learn: 5 folds, stratified for classifiers. Training rows of a split are all
        rows outside its test rows.
    scoring : str, callable or None, default=None
        As in scikit-learn; None is the score of the estimator.
    method : {"auto", "newton_step", "refit"}, default="auto"
        "auto": the Newton step where it is exact (squared error), otherwise the refit, which starts
        at the optimum of all rows.
    groups : array-like of shape (n_train,), default=None
        For splitters that keep groups together.

    Returns
    -------
    ndarray of shape (n_splits,)
        Higher is better.

    Raises
    ------
    ValueError
        For a split that trains on other rows than those outside its test rows, and a fold without
        which there is no model.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_val_score
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.cross_validation import k_fold_score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> scores = k_fold_score(InfluenceExplainer(Ridge()).fit(X, y), cv=5)
    >>> bool(abs(scores - cross_val_score(Ridge(), X, y, cv=5)).max() < 1e-9)
    True
    """
    check_explainer(explainer, removals=True)
    check_choice("method", method, METHODS)
    y = np.asarray(explainer.y_train_)
    if method == "auto":
        method = "newton_step" if _is_exact(explainer) else "refit"
    splitter = check_cv(cv, y, classifier=is_classifier(explainer.estimator_))
    scores: list[float] = []
    for train, test in splitter.split(np.empty((len(y), 1)), y, groups):
        if len(train) + len(test) != len(y) or np.isin(test, train).any():
            raise ValueError(
                f"Split {len(scores)} trains on {len(train)} rows and tests {len(test)} of "
                f"{len(y)}. Expected a cv that trains on all rows outside the test rows, such as "
                "KFold."
            )
        reference, changes = explainer.linearization_.changes(method, RowEdits.groups([test]))
        predictor = reference.predictor.take(test)
        raw = predictor.raw() + changes.raw_prediction_changes(predictor)[:, 0]
        scores.append(_scored(explainer, raw, test, scoring, None))
    return np.array(scores)


def _is_exact(explainer):
    """Whether the Newton step is the refit."""
    objective = explainer.objective_
    exact = not objective.closed_form and objective.quadratic and not objective.selects
    return exact and explainer.damping == 0


def _left_out(explainer, method, rows):
    """Raw prediction of each row by the model without it, (n_rows, K)."""
    linearization, objective = explainer.linearization_, explainer.objective_
    again = False
    if method == "auto":
        exact = _is_exact(explainer)
        again = not (exact or objective.closed_form or objective.members or objective.selects)
        again = again and not objective.stands_in and objective.coding.is_classification
        method = "newton_step" if exact or again else "refit"
    reference, moved = linearization.own_changes(method, rows)
    raw = reference.raw_prediction[rows] + moved
    if again and linearization.hessian_inverse.factorized:
        far = np.flatnonzero(np.abs(moved).max(axis=1) > FAR)
        if len(far):
            reference, moved = linearization.own_changes("refit", rows[far])
            raw[far] = reference.raw_prediction[rows[far]] + moved
    return raw


def _scored(explainer, raw, rows, scoring, sample_weight):
    """The score of raw predictions of some training rows."""
    lost = rows[np.isnan(raw).any(axis=1)]
    if len(lost):
        raise ValueError(
            f"There is no model without training row(s) {explainer.objective_.shown_rows(lost)}: "
            "no row of some class is left, or the coefficients are undetermined. Leave these rows "
            "out, add a penalty, or take a cv that keeps rows of every class."
        )
    estimator = known_predictions(explainer, raw)
    y, places = np.asarray(explainer.y_train_)[rows], np.arange(len(rows))
    # without a score of its own, an estimator is scored by what it predicts
    default = "accuracy" if estimator.objective.coding.is_classification else "r2"
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise ValueError(
            f"scoring={scoring!r}. Expected the name of one scorer, a callable or None; ask once "
            "for each score."
        )
    scoring = default if scoring is None else scoring
    scorer = check_scoring(explainer.estimator_, scoring=scoring)
    weights = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)}
    return float(scorer(estimator, places, y, **weights))
