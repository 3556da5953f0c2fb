"""The table of a flagger's verdicts, in the user's own frame type and with the user's index."""

import numpy as np
from sklearn.utils import gen_batches

from skinfluence._warnings import untold_of_last
from skinfluence.labels._inputs.rows import take_rows
from skinfluence.linalg import block_size

__all__ = ["opponents", "verdicts"]


def opponents(explainer, X, given, rows, k):
    """The k training rows whose influence speaks most against the given label of each row.

    Those without which the row's label would be predicted better: the most negative influence on
    its loss.

    Returns
    -------
    indices : ndarray of shape (n_rows, k)
        Positions of training rows, the strongest opponent first; -1 where there are no more.
    """
    out = np.full((len(rows), k), -1, dtype=np.intp)
    n = explainer.objective_.n_rows
    for some in gen_batches(len(rows), block_size(8 * n)):
        chosen = rows[some]
        with untold_of_last():  # the only row of a class speaks against none
            indices, values = explainer.top_influences(
                take_rows(X, chosen), given[chosen], k=k, order="harmful", target="loss"
            )
        out[some, : indices.shape[1]] = np.where(values < 0, indices, -1)
    return out


def verdicts(flagger, explained, n_against):
    """The frame of :meth:`LabelFlagger.report`.

    Parameters
    ----------
    flagger : LabelFlagger
        Fitted.
    explained : ndarray of bool of shape (n,)
        Rows whose opponents are named.
    n_against : int
    """
    given = flagger._target.given
    columns = {
        "given": given,
        "suggested": flagger.suggested_,
        "quality": flagger.label_quality_,
        "flag": flagger.flagged_,
    }
    if n_against and flagger._choice.closed is not None:
        # a label that only a row without weight has is none that the model knows
        asked = np.flatnonzero(explained & flagger._known)
        found = np.full((len(given), n_against), -1, dtype=np.intp)
        if len(asked):
            found[asked] = opponents(flagger.explainer_, flagger._X, given, asked, n_against)
        for j in range(n_against):
            columns[f"against_{j + 1}"] = _named(flagger.training_rows_.array, found[:, j])
    return flagger.training_rows_.frame(columns)


def _named(names, positions):
    """Names of rows; None where there is none."""
    out = np.empty(len(positions), dtype=object)
    for i in np.flatnonzero(positions >= 0):  # one by one: a name may be a tuple
        name = names[positions[i]]
        out[i] = name.item() if isinstance(name, np.generic) else name
    return out
