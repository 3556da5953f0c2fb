"""Importance of each training row: the part I(S) of the objective."""

import numpy as np

from skinfluence._utils.checks import as_floats
from skinfluence.targets import WeightedSum

SIGNS = {"magnitude": np.abs, "helpful": np.positive, "harmful": np.negative}


def row_scores(explainer, X_test, y_test, target, order):
    """Sum of each row's influences on the test rows, or its self-influence: (n_train,)."""
    if X_test is None:
        if y_test is not None:
            raise ValueError(
                "y_test is given without X_test. Expected both; without test rows the scores are "
                "self-influences."
            )
        return SIGNS[order](explainer.self_influence(method="first_order"))
    total = WeightedSum(target)
    found = explainer.influence(X_test, y_test, target=total, method="first_order")
    return SIGNS[order](found[0].astype(np.float64))


def check_scores(scores, n):
    """Scores of the user's own, as floats; one a training row."""
    scores = as_floats(scores, "scores")
    if scores.shape != (n,):
        raise ValueError(
            f"scores has shape {scores.shape}; expected ({n},), one number a training row."
        )
    return scores
