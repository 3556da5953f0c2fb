"""cleanlab: label scores of cross-validated probabilities, Datalab, CleanLearning."""

import contextlib
import io

import numpy as np


def self_confidence(y, proba):
    """One minus the probability of the given label."""
    from cleanlab.rank import get_label_quality_scores

    return 1.0 - get_label_quality_scores(y, proba, method="self_confidence")


def normalized_margin(y, proba):
    """The margin between the given label and the best other one."""
    from cleanlab.rank import get_label_quality_scores

    return 1.0 - get_label_quality_scores(y, proba, method="normalized_margin")


def label_issues(y, proba):
    """Confident learning: (scores, flagged).

    The rows that find_label_issues returns come first, all in the order of their self-confidence.
    """
    from cleanlab.filter import find_label_issues

    flagged = find_label_issues(y, proba, n_jobs=1)
    return flagged + self_confidence(y, proba), flagged


def datalab(X, y):
    """Datalab on the features alone, whose model are nearest neighbours: (scores, flagged)."""
    from cleanlab import Datalab

    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab(data={"y": y}, label_name="y", task="classification", verbosity=0)
        lab.find_issues(features=X, issue_types={"label": {}})
    found = lab.get_issues("label")
    return 1.0 - found["label_score"].to_numpy(), found["is_label_issue"].to_numpy()


def clean_learning(estimator, X, y, seed, proba=None):
    """CleanLearning, fitted: it drops what it flags by probabilities (its own folds) and fits."""
    from cleanlab.classification import CleanLearning

    return CleanLearning(estimator, seed=seed).fit(X, y, pred_probs=proba)


def wrong_values(estimator, X, y, seed):
    """CleanLearning of a regression: (scores, flagged)."""
    from cleanlab.regression.learn import CleanLearning

    found = CleanLearning(estimator, seed=seed).find_label_issues(X, np.asarray(y, dtype=float))
    return 1.0 - found["label_quality"].to_numpy(), found["is_label_issue"].to_numpy()
