"""Rows that are the last of their class: without them another model would be fitted.

One rule for every method, group and new label: scikit-learn's refit must exist and know the same
classes. It knows the classes of all labels it is given, whatever their weights; a class of which
rows of weight zero are left is fitted by least squares, and by nothing else (a free intercept goes
to infinity, liblinear drops the class).
"""

import numpy as np


def class_codes(objective):
    """Class of each training row, as an int; zeros for values."""
    if not objective.coding.is_classification:
        return np.zeros(objective.n_rows, dtype=np.intp)
    return objective.coding.decode(objective.y)


def class_sizes(objective):
    """(class of each row, rows that hold each class).

    Least squares fits a class whose rows have no weight; other losses have no optimum then.
    """
    codes = class_codes(objective)
    holds = slice(None) if objective.loss.quadratic else objective.weights.base > 0
    return codes, np.bincount(codes[holds], minlength=codes.max(initial=0) + 1)


def last_of_class(objective, *, weight_stays=False):
    """Rows without which a refit would be another model or none, a mask (n,).

    `weight_stays` where another row takes over the weight.
    """
    if objective.members:
        lost = [last_of_class(m.objective, weight_stays=weight_stays) for m in objective.members]
        return np.any(lost, axis=0)
    out = np.zeros(objective.n_rows, dtype=bool)
    for codes, rows in _holders(objective)[weight_stays:]:
        sizes = np.bincount(codes[rows])
        out[rows] |= (sizes == 1)[codes[rows]]
    return out


def leaves_no_model(objective, edits):
    """Edits after which a refit would be another model or none, a mask (n_edits,).

    Parameters
    ----------
    objective : Objective
    edits : RowEdits
    """
    if objective.members:
        lost = [leaves_no_model(member.objective, edits) for member in objective.members]
        return np.any(lost, axis=0)
    if edits.new is not None:
        last = last_of_class(objective, weight_stays=True)[edits.row]
        if last.any():
            last &= class_codes(objective)[edits.row] != objective.coding.decode(edits.new.y)
        return last
    if edits.single_rows is not None:
        return last_of_class(objective)[edits.row] & (edits.factor == 0.0)
    out = np.zeros(edits.n_edits, dtype=bool)
    for codes, rows in _holders(objective):
        sizes = np.bincount(codes[rows])
        holds = np.zeros(objective.n_rows, dtype=bool)
        holds[rows] = True
        gone = (edits.factor == 0.0) & holds[edits.row]
        edit, code = edits.edit_of_term[gone], codes[edits.row[gone]]
        counts = np.bincount(edit * len(sizes) + code, minlength=edits.n_edits * len(sizes))
        out |= ((sizes > 0) & (counts.reshape(-1, len(sizes)) >= sizes)).any(axis=1)
    return out


def _holders(objective):
    """(codes, rows) pairs: none of the sets of these rows with one code may be taken whole."""
    everything, weighted = np.arange(objective.n_rows), np.flatnonzero(objective.weights.base > 0)
    one_set, codes = np.zeros(objective.n_rows, dtype=np.intp), class_codes(objective)
    holders = [(one_set, weighted)]  # some weight must be left; the first one
    if objective.coding.is_classification:
        holders.append((codes, everything))  # scikit-learn learns the classes from all labels
        if not objective.loss.quadratic:
            holders.append((codes, weighted))
    return holders
