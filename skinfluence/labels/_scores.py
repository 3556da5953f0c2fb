"""Scores by name: what puts the rows in order.

`"leave_one_out"` and `"cross_validation"` are what models that have not seen a row say of it,
through the noise model. The others are functions of an explainer of the model that has seen all
rows.
"""

from collections.abc import Callable

import numpy as np
from sklearn.utils import gen_batches
from sklearn.utils.validation import _num_samples

from skinfluence.labels._inputs.rows import take_rows
from skinfluence.linalg import block_size
from skinfluence.selection._lengths import change_lengths

__all__ = ["SCORES", "loss", "reference", "relative", "self_influence"]


def self_influence(explainer, trusted=None):
    """Influence of each row on its own loss, first order (Koh & Liang 2017, section 5.4).

    In units of the loss, shape (n,): what the row's own loss would gain without it.
    """
    return explainer.self_influence(method="first_order")


def loss(explainer, trusted=None):
    """Loss of each row under the model that has seen it, shape (n,)."""
    return explainer.objective_.row_values()


def relative(explainer, trusted=None):
    """Self-influence per unit of change of the coefficients, shape (n,).

    The theta-relative influence (Barshan, Brunet & Dziugaite 2020) on the row itself: one that
    moves all coefficients has a large influence on everything, itself included; divided by the
    length of the change, ``||H^-1 g_i||``, what is left is how much of it goes into the row's own
    loss.
    """
    own = explainer.self_influence(method="first_order")
    length = change_lengths(explainer.linearization_, "theta")
    return np.divide(own, length, out=np.zeros(len(own)), where=length > 0)


def reference(explainer, trusted):
    """Minus the mean influence on the loss of trusted rows, first order, shape (n,).

    Large for rows without which the trusted rows would be predicted better.
    """
    X, y = trusted
    n, m = explainer.objective_.n_rows, _num_samples(X)
    total = np.zeros(n)
    for some in gen_batches(m, block_size(2 * 8 * n)):
        rows = np.arange(m)[some]
        found = explainer.influence(
            take_rows(X, rows), y[rows], target="loss", method="first_order"
        )
        total += found.sum(axis=0)
    return -total / m


#: Name -> function of an explainer and the trusted rows; None where the noise model ranks.
SCORES: dict[str, Callable | None] = {
    "leave_one_out": None,
    "cross_validation": None,
    "self_influence": self_influence,
    "loss": loss,
    "relative": relative,
    "reference": reference,
}
