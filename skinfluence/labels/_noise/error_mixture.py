"""Densities of the errors of right and of wrong values: a narrow and a wide one.

An error r of a value is compared with two explanations. A right value has an error of scale
``sigma * sqrt(1 + q)``, where q is the variance of the prediction in units of sigma squared; a
wrong one has, on top, a normal error of the scale `wide`:

    right:  r ~ Student t with `nu` degrees of freedom (normal where infinite), scale v**0.5
    wrong:  r ~ N(0, wide**2 + v)                      v = sigma(prediction)**2 * (1 + q)

sigma may depend on the predicted value through u, its rank scaled to [-1, 1]:
``log sigma = a_0 + a_1 u + a_2 (3 u**2 - 1) / 2``. All parameters are found by maximum likelihood
with weak priors (below). Whether errors have heavy tails, whether sigma varies and whether any
value is wrong at all is chosen by the Bayesian information criterion: heavy tails and uneven noise
would otherwise pass for wrong values.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, expit, log_expit, logit
from sklearn.utils.stats import _weighted_percentile

#: Degrees of freedom that are tried for the errors of right values.
TAILS = (np.inf, 8.0, 4.0, 2.5, 1.2)
#: Rows that the parameters are estimated from; of more, every second or third by size.
MAX_ROWS = 20_000
#: A wrong value is off by at least so many sigma (as a scale).
NARROWEST = 3.0
#: At most so large a share is wrong. Where none is, the share is so many rows: far errors remain
#: suspicious.
LARGEST_SHARE, NONE_WRONG = 0.45, 0.1
#: Prior of the share of wrong values: Beta(1, PRIOR_RIGHT). That of a_1 and a_2: standard normal.
PRIOR_RIGHT = 10.0
#: Least a_0: log sigma at the middle of the predictions, of errors of median 0.6745.
LEAST_A = -2.0
#: Rows below which sigma is not let vary.
ROWS_FOR_SLOPES = 100
#: Smaller errors, in units of the largest value, are those of floating-point arithmetic.
ROUNDING = 1e4 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class ErrorMixture:
    """Fitted densities of the errors of right and of wrong values."""

    share: float  # of wrong values
    wide: float  # scale of what is added to the error of a wrong value, in the target's unit
    log_scale: np.ndarray  # coefficients of log sigma in the target's unit, shape: (1,) or (3,)
    knots: np.ndarray  # quantiles of predicted values, which take one to u, shape: (101,)
    tail: float  # degrees of freedom of the errors of right values; infinite: normal

    def scale(self, prediction):
        """Sigma at the predicted values, of their shape."""
        return np.exp(_basis(prediction, self.knots)[..., : len(self.log_scale)] @ self.log_scale)

    def log_odds(self, error, prediction, variance=0.0):
        """Log-odds that values are wrong, by their errors, shape (n,)."""
        wrong, right = self.log_densities(error, prediction, variance)
        return wrong - right

    def log_densities(self, error, prediction, variance=0.0):
        """Log-density of an error that is wrong, and of one that is right, each of shape (n,).

        `variance` is that of the prediction, in units of sigma squared.
        """
        narrow = self.scale(prediction) ** 2 * (1.0 + variance)
        right = np.log1p(-self.share) + _log_right(error, narrow, self.tail)
        return np.log(self.share) + _log_normal(error, self.wide**2 + narrow), right

    def weights(self, error, prediction, variance=0.0):
        """Weights of the rows in the next fit, in [0, 1], shape (n,).

        The probability that the value is right, times the precision that a t distribution expects
        of the row, nu / (nu + z**2) (the weights of Lange, Little & Taylor 1989, of largest 1).
        """
        right = expit(-self.log_odds(error, prediction, variance))
        z2 = error**2 / (self.scale(prediction) ** 2 * (1.0 + variance))
        return right / (1.0 + z2 / self.tail)


def fit_error_mixture(error, prediction, variance, weight):
    """The ErrorMixture of given values less those predicted without the row, all (n,).

    `variance` is that of each prediction in units of the noise variance. Of row weights only the
    ratios matter. No sigma is far below the errors of floating-point arithmetic.
    """
    spread, size = 1.0 + variance, np.abs(error)
    least = ROUNDING * np.abs(error + prediction).max() or 1.0
    unit = max(_weighted_percentile(size, weight) / 0.6745, least)
    knots = np.quantile(prediction, np.linspace(0.0, 1.0, 101))
    rows = np.argsort(size, kind="stable")[:: -(-len(error) // MAX_ROWS)]
    effective = weight[rows].sum() ** 2 / (weight[rows] ** 2).sum()
    weight = weight[rows] * effective / weight[rows].sum()
    basis = _basis(prediction[rows], knots)
    orders = (1, 3) if effective >= ROWS_FOR_SLOPES and knots[0] < knots[-1] else (1,)
    criterion, tail, best = np.inf, None, None
    for order, nu, some in product(orders, TAILS, (True, False)):
        found = _fit(error[rows] / unit, spread[rows], weight, basis[:, :order], nu, some)
        count = order + 2 * some + np.isfinite(nu)
        if 2.0 * effective * found.fun + count * np.log(effective) < criterion:
            criterion = 2.0 * effective * found.fun + count * np.log(effective)
            tail, best = nu, found.x
    log_scale = best[2:] + np.log(unit) * (np.arange(len(best) - 2) == 0)
    wide = np.exp(best[1] + log_scale[0])
    return ErrorMixture(float(expit(best[0])), float(wide), log_scale, knots, tail)


def _fit(error, spread, weight, basis, tail, some):
    """Most probable parameters: logit of the share, log of wide / exp(a_0), then a_0 ...

    `some` values are wrong, or none. Best of two starts. Errors are sorted by size.
    """
    none = logit(NONE_WRONG / weight.sum())
    largest = np.log(max(abs(error[-1]), NARROWEST))
    bounds = [(none, logit(LARGEST_SHARE) if some else none)]
    # Errors that vanish in many rows, fewer than half, do not make all others wrong.
    bounds += [(np.log(NARROWEST), largest + 3.0), (LEAST_A, 10.0)]
    bounds += [(-3.0, 3.0)] * (basis.shape[1] - 1)
    found = []
    for share in (0.02, 0.2) if some else (0.02,):
        far = np.sqrt(np.mean(error[-max(int(share * len(error)), 1) :] ** 2))
        start = np.zeros(2 + basis.shape[1])
        start[:2] = logit(share) if some else none, np.log(max(far, 4.0))
        args = (error, spread, weight, basis, tail)
        found.append(minimize(_cost, start, args, "L-BFGS-B", jac=True, bounds=bounds))
    return min(found, key=lambda result: result.fun)


def _cost(parameters, error, spread, weight, basis, tail):
    """Negative log posterior a row and its gradient."""
    log_share, log_right = log_expit(parameters[0]), log_expit(-parameters[0])
    narrow = np.exp(2.0 * (basis @ parameters[2:])) * spread
    wide2 = np.exp(2.0 * (parameters[1] + parameters[2]))
    total = wide2 + narrow
    right = log_right + _log_right(error, narrow, tail)
    wrong = log_share + _log_normal(error, total)
    p = expit(wrong - right)
    z2 = error**2 / narrow
    pull = z2 * ((1.0 + 1.0 / tail) / (1.0 + z2 / tail)) - 1.0
    excess = error**2 / total - 1.0
    by_sigma = weight * ((1.0 - p) * pull + p * excess * narrow / total)
    by_wide = weight @ (p * excess * wide2 / total)
    share, slopes = expit(parameters[0]), parameters[3:]
    by_share = weight @ (p - share) - (PRIOR_RIGHT - 1.0) * share
    gradient = np.r_[by_share, by_wide, basis.T @ by_sigma]
    gradient[2] += by_wide  # the wide scale is measured in exp(a_0)
    gradient[3:] -= slopes
    value = weight @ np.logaddexp(right, wrong) + (PRIOR_RIGHT - 1.0) * log_right
    return (0.5 * slopes @ slopes - value) / weight.sum(), -gradient / weight.sum()


def _basis(prediction, knots):
    """Legendre polynomials of degree 0 to 2 in the scaled rank, shape (..., 3)."""
    rank = np.interp(prediction, knots, np.linspace(-1.0, 1.0, len(knots)))
    return np.stack([np.ones_like(rank), rank, 1.5 * rank**2 - 0.5], axis=-1)


def _log_normal(error, variance):
    return -0.5 * (error**2 / variance + np.log(2.0 * np.pi * variance))


def _log_right(error, variance, tail):
    """Log-density of Student's t with scale variance**0.5."""
    if np.isinf(tail):
        return _log_normal(error, variance)
    constant = -betaln(tail / 2.0, 0.5) - 0.5 * np.log(tail)
    stretched = np.log1p(error**2 / (tail * variance))
    return constant - 0.5 * np.log(variance) - 0.5 * (tail + 1.0) * stretched
