"""Which rows hold a class alone: without them another model would be fitted."""

import numpy as np


def class_codes(objective):
    """Class of each training row, as an int; zeros for values."""
    if not objective.coding.is_classification:
        return np.zeros(objective.n_rows, dtype=np.intp)
    return encoded_classes(objective.y)


def encoded_classes(y):
    """Classes of encoded labels (n, K)."""
    return (y[:, 0] > 0).astype(np.intp) if y.shape[1] == 1 else y.argmax(axis=1)


def class_sizes(objective):
    """(class of each row, rows of positive weight in each class)."""
    codes = class_codes(objective)
    counted = objective.weights.base > 0
    return codes, np.bincount(codes[counted], minlength=codes.max(initial=0) + 1)


def last_of_class(objective):
    """Rows of positive weight that are the only such row of their class, a mask (n,)."""
    if not objective.coding.is_classification:
        return np.zeros(objective.n_rows, dtype=bool)
    codes, sizes = class_sizes(objective)
    return (objective.weights.base > 0) & (sizes == 1)[codes]
