"""What the true labels of rows may be, with probabilities, for `expected_gains`."""

import numpy as np


def class_beliefs(objective, posterior):
    """Pairs of a probability (n,) and targets (n, K): each class with its posterior."""
    n = len(posterior)
    return [(p, objective.coding.encode_codes(np.full(n, k))) for k, p in enumerate(posterior.T)]


def value_beliefs(objective, quality, suggested):
    """The same for values: the given one is right, or the suggested one is."""
    return [(quality, objective.y), (1.0 - quality, objective.coding.encode(suggested))]
