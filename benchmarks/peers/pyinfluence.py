"""pyinfluence: closed form, binary models only."""

import numpy as np


def closed_form(case):
    """InfluenceFunctions without damping; the intercept is not penalised."""
    from pyinfluence import InfluenceFunctions

    made = InfluenceFunctions(mode="loss", damping=0.0).fit(case.estimator, case.X, case.y)
    return made.explain(case.X_test, case.y_test)


def mislabeled(estimator, X, y):
    """Absolute self-influence under a fitted estimator, and its z-score's flags."""
    from pyinfluence import InfluenceFunctions, find_mislabeled, self_influence

    made = InfluenceFunctions(mode="loss", damping=0.0).fit(estimator, X, y)
    flagged = np.zeros(len(y), dtype=bool)
    flagged[find_mislabeled(made)] = True
    return np.abs(self_influence(made)), flagged
