"""Checks shared by all functions of a fitted explainer."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.warnings import warn_user
from skinfluence.adapters import step_that_sees_labels
from skinfluence.adapters._fitted_model import refuse_members
from skinfluence.explainer._explainer import InfluenceExplainer
from skinfluence.explainer._linearizations.closed_form import needs_objective


def check_explainer(explainer, *, removals=False):
    """Raise unless this is a fitted InfluenceExplainer.

    Parameters
    ----------
    explainer : object
    removals : bool
        Whether the caller only removes rows: models in closed form and estimators that are made of
        others, which have no one objective, will do.
    """
    if not isinstance(explainer, InfluenceExplainer):
        raise TypeError(
            f"explainer is {type(explainer).__name__}; expected an InfluenceExplainer. Pass "
            "InfluenceExplainer(estimator).fit(X_train, y_train)."
        )
    check_is_fitted(explainer)
    if not removals:
        needs_objective(explainer, "This")
        refuse_members(explainer.fitted_model_)


def warn_of_stand_in(explainer, what):
    """Warn that `what` describes a smooth hinge where that was not chosen.

    An explainer with a smooth method of its own (``method="first_order"``) means it.
    """
    if explainer.objective_.stands_in and explainer.method in ("auto", "refit"):
        warn_user(
            f"{what} go by derivatives, which a hinge does not have: they are those of a smooth "
            f"hinge that stands in for it (temperature={explainer.temperature:g}), and can be far "
            "off what refits of the hinge do. Use SmoothHingeSVC, which is such a machine itself; "
            "influence() makes refits of the hinge; InfluenceExplainer(..., "
            'method="first_order") takes the stand-in without this warning.',
        )


def warn_of_steps_that_see_labels(explainer):
    """Warn where a step of a pipeline has seen the labels of rows that are to be left out."""
    y = np.asarray(explainer.y_train_)
    step = step_that_sees_labels(explainer.estimator_, explainer.X_train_, y)
    if step is not None:
        warn_user(
            f"{step} has seen the labels of the rows that are left out, and stays as it is: they "
            "are predicted too well. Cross-validate the whole pipeline, for instance with "
            "sklearn.model_selection.cross_val_score.",
        )
