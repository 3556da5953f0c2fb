"""Scores by leave-one-out and k-fold cross-validation, from one fit."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from skinfluence._utils.checks import check_choice
from skinfluence._utils.docs import shared_parameters
from skinfluence.cross_validation._left_out import METHODS, LeftOut, is_exact, scored, scorer_of
from skinfluence.effects import RowEdits
from skinfluence.explainer import check_explainer, warn_of_steps_that_see_labels


@shared_parameters
def leave_one_out_score(explainer, scoring=None, *, method="auto", sample_weight=None):
    """Score of the predictions of all training rows, each by the model without the row.

    One score of all left-out predictions together, so that scores of many rows such as the AUROC
    have a meaning. Where a score is a mean over rows (accuracy, log loss, squared error), it is the
    mean of ``cross_val_score(estimator, X, y, cv=LeaveOneOut())``. Steps of a pipeline before the
    model stay as they were fitted to all rows; one that has seen labels is warned of.

    Parameters
    ----------
    scoring : str, callable or None, default=None
        As in scikit-learn; None is the score of the estimator: accuracy or R squared.
    method : {"auto", "newton_step", "refit"}, default="auto"
        How rows are left out. "auto": in closed form by one Newton step where it is exact (squared
        error). Classifiers take it for most rows, and the refit for those without which their own
        margin or log-odds moves by more than 0.2; where the score depends on labels only, for those
        of them whose label is in doubt. All other models take the refit.
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
    warn_of_steps_that_see_labels(explainer)
    check_choice("method", method, METHODS)
    return LeftOut(explainer, method, scoring, sample_weight).finish().score


@shared_parameters
def k_fold_score(explainer, cv=None, scoring=None, *, method="auto", groups=None):
    """Scores of each fold by the model without the fold, as ``cross_val_score`` has them.

    No estimator is fitted: the optimum without a fold is computed from the fitted one. Steps of a
    pipeline before the model stay as they were fitted to all rows; one that has seen labels is
    warned of.

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
    warn_of_steps_that_see_labels(explainer)
    check_choice("method", method, METHODS)
    y = np.asarray(explainer.y_train_)
    if method == "auto":
        method = "newton_step" if is_exact(explainer) else "refit"
    splitter = check_cv(cv, y, classifier=is_classifier(explainer.estimator_))
    scores: list[float] = []
    scorer = scorer_of(explainer, scoring)
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
        scores.append(scored(explainer, raw, test, scorer)[0])
    return np.array(scores)
