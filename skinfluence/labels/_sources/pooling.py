"""From values to probabilities, and from several opinions to one: by leave-one-out likelihood.

Everything here sees only what models without a row say about that row, so that the likelihood of
the given labels is an honest criterion. It is made noise-aware by one flat rate: a share of the
labels may be drawn from all classes alike, so that no row can cost more than the logarithm of that
share, and wrong labels do not decide what is chosen.
"""

import numpy as np
from scipy.special import log_expit

#: An opinion that is worse by so many nats a row than the best weighs exp(-1) of it.
NEAR = 0.02
#: Opinions of less weight than this, relative to the best, are left out.
LEAST_WEIGHT = 0.1
MAX_RATE = 0.6


def log_probabilities(values):
    """The logarithm of the softmax over the last axis, fast for two classes.

    Parameters
    ----------
    values : ndarray of shape (..., K)
    """
    if values.shape[-1] != 2:
        shifted = values - values.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    margin = values[..., 1] - values[..., 0]
    return np.stack([log_expit(-margin), log_expit(margin)], axis=-1)


def flat_noise_likelihood(log_proba, codes, weight, n_iter=8):
    """Mean log-likelihood of the given labels where a share of them may be anything.

    Parameters
    ----------
    log_proba : ndarray of shape (..., n, K)
    codes : ndarray of shape (n,)
    weight : ndarray of shape (n,)

    Returns
    -------
    likelihood : ndarray of shape (...)
        In nats a row.
    rate : ndarray of shape (...)
        The share, by expectation-maximisation.
    """
    n_classes = log_proba.shape[-1]
    own = np.exp(log_proba[..., np.arange(len(codes)), codes])
    share = weight / weight.sum()
    rate = np.full(own.shape[:-1], 0.05)
    for _ in range(n_iter):
        wrong = rate[..., None] / n_classes
        wrong = wrong / (wrong + (1 - rate[..., None]) * own)
        rate = np.clip(wrong @ share, 1e-4, MAX_RATE)
    mixture = (1 - rate[..., None]) * own + rate[..., None] / n_classes
    return np.log(mixture) @ share, rate


def best_temperature(values, codes, weight, temperatures):
    """The temperature, from a list, under which the given labels are most likely.

    Parameters
    ----------
    values : ndarray of shape (L, n, K)
        Alternatives, each of which gets its own temperature.
    codes : ndarray of shape (n,)
    weight : ndarray of shape (n,)
    temperatures : ndarray
        Multiply the values before the softmax.

    Returns
    -------
    likelihood : ndarray of shape (L,)
    temperature : ndarray of shape (L,)
    """
    scores = np.stack(
        [
            flat_noise_likelihood(log_probabilities(t * values), codes, weight)[0]
            for t in temperatures
        ]
    )
    return scores.max(axis=0), np.asarray(temperatures)[scores.argmax(axis=0)]


def shares_of_near_best(likelihoods, near=NEAR):
    """Weights of the mean, by how near each likelihood is to the best one's, shape (r,)."""
    likelihoods = np.asarray(likelihoods)
    weights = np.exp((likelihoods - likelihoods.max()) / near)
    weights[weights < LEAST_WEIGHT] = 0.0
    return weights / weights.sum()


def pooled(log_probas, shares):
    """Normalised weighted mean of log-probabilities (a logarithmic opinion pool), shape (n, K)."""
    mean = sum(s * lp for s, lp in zip(shares, log_probas, strict=True) if s > 0)
    return log_probabilities(mean)
