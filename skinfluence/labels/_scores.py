"""Scores of rows by name, from a fitted explainer."""

from collections.abc import Callable

import numpy as np
from sklearn.utils import gen_batches
from sklearn.utils.validation import _num_samples

from skinfluence.explainer import change_lengths
from skinfluence.labels._inputs.rows import take_rows
from skinfluence.linalg import block_size


def self_influence(explainer, trusted=None):
    """Influence of each row on its own loss, first order, shape (n,) (Koh & Liang 2017, 5.4)."""
    return explainer.self_influence(method="first_order")


def loss(explainer, trusted=None):
    """Loss of each row under the model that has seen it, shape (n,)."""
    return explainer.objective_.row_values()


def relative(explainer, trusted=None):
    """Self-influence per unit of change of the coefficients, shape (n,).

    The theta-relative influence (Barshan, Brunet & Dziugaite 2020) on the row itself: a row that
    moves all coefficients influences everything, so that its influence is divided by the length of
    the change, ``||H^-1 g_i||``.
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
    for rows in gen_batches(m, block_size(2 * 8 * n)):
        part = take_rows(X, rows), y[rows]
        total += explainer.influence(*part, target="loss", method="first_order").sum(axis=0)
    return -total / m


#: Name -> function of an explainer and the trusted rows; None where the noise model ranks, on
#: predictions of models that have not seen the row.
SCORES: dict[str, Callable | None] = {
    "leave_one_out": None,
    "cross_validation": None,
    "self_influence": self_influence,
    "loss": loss,
    "relative": relative,
    "reference": reference,
}
