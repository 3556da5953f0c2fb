"""Fitted estimators of other rows: coefficients that are set, and last steps that are fitted."""

import copy

from sklearn.base import clone

from skinfluence.adapters._registry import find_adapter
from skinfluence.adapters._steps import inner_estimator, is_search

#: Fitted attributes that other training rows leave true; all others are removed.
KEPT = {
    *("coef_", "intercept_", "classes_", "n_features_in_", "feature_names_in_"),
    # settings that were chosen, and are fixed
    *("alpha_", "l1_ratio_", "C_", "Cs_", "l1_ratios_"),
}
#: Attributes of a fitted search that describe other rows than those of its best estimator.
OF_SEARCHES = ("best_score_", "cv_results_", "refit_time_")


def with_parameters(model, parameters):
    """A copy of a fitted model at other parameters.

    Parameters
    ----------
    model : fitted estimator
        Whose adapter has a `write`.
    parameters : ndarray of shape (p,)
        In the layout of the estimator, see `Objective.estimator_layout`.

    Returns
    -------
    estimator
        Without the fitted attributes that are not known of the other rows, such as `n_iter_`.
    """
    out = copy.deepcopy(model)
    for name in list(vars(out)):
        if name.endswith("_") and not name.startswith("_") and name not in KEPT:
            delattr(out, name)
    find_adapter(model).write(out, parameters)
    return out


def fitted_again(model, X, y, sample_weight):
    """A clone of a fitted model, fitted to other rows in the space of the last step."""
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    out = clone(model).fit(X, y, **weights)
    if hasattr(model, "feature_names_in_"):  # the rows are held without them
        out.feature_names_in_ = model.feature_names_in_
    return out


def with_models(estimator, models):
    """A copy of a fitted estimator with other models inside.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline or search around the models, an estimator that holds them, or the only model.
    models : list of (model, model)
        A model inside, and the one that takes its place.
    """
    out = copy.deepcopy(estimator, {id(old): new for old, new in models})
    level = out
    while level is not None:
        if is_search(level):
            for name in OF_SEARCHES:
                vars(level).pop(name, None)
        level = inner_estimator(level)
    return out
