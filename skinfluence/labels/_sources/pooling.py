"""Weighted combination of several members, by the likelihood of left-out rows.

Members are combined as a log-linear pool, with weights that maximise the likelihood of the given
labels (stacking, Wolpert 1992; Breiman 1996): what a member adds to the others decides, not its own
likelihood. The noise model calibrates the pool (`_noise/matrix.py`).
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit

#: This share of the labels may be anything: no row can cost the pool more than its logarithm.
FLAT_RATE = 0.02
#: Of two members of a regression, one that is worse by so many nats a row weighs exp(-1) of it.
NEAR = 0.02
#: Shares below this, relative to the largest, are none.
LEAST_SHARE = 0.1


def log_probabilities(values):
    """The logarithm of the softmax over the last axis of (..., K), fast for two classes."""
    if values.shape[-1] != 2:
        shifted = values - values.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    margin = values[..., 1] - values[..., 0]
    return np.stack([log_expit(-margin), log_expit(margin)], axis=-1)


def shares_of_near_best(criteria):
    """Shares of the members of a regression, by how near each is to the best, shape (r,)."""
    criteria = np.asarray(criteria)
    shares = np.exp((criteria - criteria.max()) / NEAR)
    shares[shares < LEAST_SHARE] = 0.0
    return shares / shares.sum()


def stacking_weights(values, codes, weight):
    """(weights of the members' scores in their sum, log-likelihood of the labels), (r,).

    The softmax of the sum of weighted scores (r, n, K) are probabilities. No weight is negative;
    the likelihood is in nats a row.
    """
    rows, share = np.arange(len(codes)), weight / weight.sum()
    n_classes = values.shape[2]

    def loss(weights):
        log_proba = log_probabilities(np.tensordot(weights, values, 1))
        own = (1.0 - FLAT_RATE) * np.exp(log_proba[rows, codes])
        mixture = own + FLAT_RATE / n_classes
        gradient = np.exp(log_proba)
        gradient[rows, codes] -= 1.0
        gradient *= (share * own / mixture)[:, None]
        slope = np.tensordot(values, gradient, 2)
        return -(share @ np.log(mixture)), slope

    start, bounds = np.full(len(values), 1.0 / len(values)), [(0.0, None)] * len(values)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x, -found.fun
