"""How many labels to flag, and which.

So many as the noise model says are wrong, from the top of the ranking; but none whose given label
is the likeliest by the models that have not seen the row: of such a row nothing says that its label
is wrong.
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
        "auto": so many rows, from the top of the ranking, as are wrong by the noise model.
        "strict": rows whose label is right with a probability of at most 0.05. A float: this share
        of the rows, whatever the models say of them.

    Returns
    -------
    flagged : ndarray of bool of shape (n,)
    contamination : float
        The share of the weight that is flagged; 0 where no row has weight.
    """
    counting = weight > 0
    if not counting.any():  # every label is known to be right
        return counting, 0.0
    own = np.arange(len(codes)), codes
    quality = model.posterior[own]
    contradicted = counting & (model.proba[own] < model.proba.max(axis=1))
    if contamination == "strict":
        flagged = contradicted & (quality <= SURELY_WRONG)
    elif isinstance(contamination, Real):
        flagged = top_of_ranking(quality, counting, round(float(contamination) * counting.sum()))
    else:
        wrong = model.wrong_share(codes, weight) * counting.sum()
        flagged = top_of_ranking(quality, contradicted, round(wrong))
    return flagged, float(weight[flagged].sum() / weight.sum())


def top_of_ranking(quality, among, n_flagged):
    """The n rows of lowest quality among some, ties by their order; all where fewer are there."""
    order = np.argsort(np.where(among, quality, np.inf), kind="stable")
    flagged = np.zeros(len(quality), dtype=bool)
    flagged[order[:n_flagged]] = True
    return flagged & among
