"""How many labels are wrong: counting is another question than ranking.

"auto" counts as confident learning does (Northcutt, Jiang & Chuang 2021, equations 1 to 4): a row
given i is counted to class j where its leave-one-out probability of j reaches what rows given j
have on the mean. The calibrated counts off the diagonal are the number of wrong labels; which rows
these are is the ranking's business.

References
----------
C. G. Northcutt, L. Jiang and I. L. Chuang (2021), Confident learning: estimating uncertainty in
dataset labels, Journal of Artificial Intelligence Research 70.
"""

from numbers import Real

import numpy as np

#: "strict": labels that are right with at most this probability.
SURELY_WRONG = 0.05


def flag_labels(model, codes, weight, contamination="auto"):
    """Which labels to call wrong.

    Parameters
    ----------
    model : NoiseModel
    codes : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        Rows of weight zero are never flagged.
    contamination : {"auto", "strict"} or float
        "auto": so many rows, from the top of the ranking, as confident learning counts. "strict":
        rows whose label is right with a probability of at most 0.05. A float: this share of the
        rows.

    Returns
    -------
    flagged : ndarray of bool of shape (n,)
    contamination : float
        The share of the weight that is flagged; 0 where no row has weight.
    """
    counting = weight > 0
    if not counting.any():  # every label is known to be right
        return counting, 0.0
    quality = model.posterior[np.arange(len(codes)), codes]
    if contamination == "strict":
        flagged = counting & (quality <= SURELY_WRONG)
    else:
        if isinstance(contamination, Real):
            n_flagged = round(float(contamination) * counting.sum())
        else:
            joint = confident_joint(model.proba[counting], codes[counting], weight[counting])
            n_flagged = round((joint.sum() - np.trace(joint)) * counting.sum())
        flagged = top_of_ranking(quality, counting, n_flagged)
    return flagged, float(weight[flagged].sum() / weight.sum())


def top_of_ranking(quality, counting, n_flagged):
    """The n rows of lowest quality among those that count, ties by their order."""
    order = np.argsort(np.where(counting, quality, np.inf), kind="stable")
    flagged = np.zeros(len(quality), dtype=bool)
    flagged[order[:n_flagged]] = True
    return flagged & counting


def confident_joint(proba, codes, weight):
    """Shares of the weight by given class (row) and confidently counted class (column).

    Parameters
    ----------
    proba : ndarray of shape (n, K)
    codes : ndarray of shape (n,)
    weight : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (K, K)
        Sums to one; the sum of each row is the share of its given class.
    """
    n_classes = proba.shape[1]
    total = np.bincount(codes, weight, n_classes)
    own = np.bincount(codes, weight * proba[np.arange(len(codes)), codes], n_classes)
    present = total > 0
    threshold = np.where(present, own / np.where(present, total, 1.0), np.inf)
    confident = np.where(proba >= threshold - 1e-12, proba, -1.0)
    chosen = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    joint = np.zeros((n_classes, n_classes))
    np.add.at(joint, (codes[counted], chosen[counted]), weight[counted])
    # A class none of whose rows is confident counts as clean.
    empty = joint.sum(axis=1) == 0
    joint[empty, empty] = 1.0
    joint *= (total / joint.sum(axis=1))[:, None]
    return joint / total.sum()
