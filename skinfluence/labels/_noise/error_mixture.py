"""How errors of right values are spread, and those of wrong ones: a narrow and a wide density.

An error r of a value is judged against two explanations. A right value has an error of scale
``sigma * sqrt(1 + q)``, where q is the variance of the prediction in units of sigma squared; a
wrong one has, on top, a normal error of the scale `wide`:

    right:  r ~ Student t with `nu` degrees of freedom (normal where infinite), scale v**0.5
    wrong:  r ~ N(0, wide**2 + v)                      v = sigma(u)**2 * (1 + q)

sigma may depend on the predicted value through u, its rank scaled to [-1, 1]:
``log sigma = a_0 + a_1 u + a_2 (3 u**2 - 1) / 2``. All parameters are found by maximum likelihood
with weak priors (below). Whether errors have heavy tails, whether sigma varies and whether any
value is wrong at all is chosen by the Bayesian information criterion: heavy tails and uneven noise
would otherwise pass for wrong values.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, expit, log_expit, logit

__all__ = ["ErrorMixture", "fit_error_mixture"]

#: Degrees of freedom that are tried for the errors of right values.
TAILS = (np.inf, 8.0, 4.0, 2.5)
#: Rows that the parameters are estimated from; of more, every second or third by size.
MAX_ROWS = 20_000
#: A wrong value is off by at least so many sigma (as a scale), and by at most so many.
NARROWEST, WIDEST = 3.0, 1e4
#: At most so large a share is wrong.
LARGEST_SHARE = 0.45
#: Where none is wrong the share is so many rows, so that far errors are doubted all the same.
NONE_WRONG = 0.1
#: Prior of the share of wrong values: Beta(1, PRIOR_RIGHT). Prior scale of a_1 and a_2.
PRIOR_RIGHT, PRIOR_SLOPE = 10.0, 1.0
#: Rows below which sigma is not let vary.
ROWS_FOR_SLOPES = 100


@dataclass(frozen=True)
class ErrorMixture:
    """Fitted densities of the errors of right and of wrong values.

    Attributes
    ----------
    share : float
        Share of wrong values.
    wide : float
        Scale of what is added to the error of a wrong value, in the target's unit.
    log_scale : ndarray of shape (1,) or (3,)
        Coefficients of log sigma, in the target's unit.
    tail : float
        Degrees of freedom of the errors of right values; infinite where they are normal.
    knots : ndarray of shape (k,)
        Sorted predicted values, equally far apart in rank: what takes a prediction to u.
    """

    share: float
    wide: float
    log_scale: np.ndarray
    tail: float
    knots: np.ndarray

    def scale(self, prediction):
        """Sigma at the predicted values, of their shape."""
        return np.exp(_basis(self._rank(prediction), len(self.log_scale)) @ self.log_scale)

    def log_odds(self, error, prediction, variance=0.0):
        """Log-odds that values are wrong, by their errors, shape (n,).

        `variance` is that of the prediction, in units of sigma squared.
        """
        narrow = self.scale(prediction) ** 2 * (1.0 + variance)
        right = _log_right(error, narrow, self.tail)
        return logit(self.share) + _log_normal(error, self.wide**2 + narrow) - right

    def weights(self, error, prediction, variance=0.0):
        """What rows are worth to the next fit, in [0, 1], shape (n,).

        The probability that the value is right, times the precision that a t distribution expects
        of the row, nu / (nu + z**2) (the weights of Lange, Little & Taylor 1989, of largest 1).
        """
        right = expit(-self.log_odds(error, prediction, variance))
        if np.isinf(self.tail):
            return right
        z2 = error**2 / (self.scale(prediction) ** 2 * (1.0 + variance))
        return right * self.tail / (self.tail + z2)

    def _rank(self, prediction):
        if len(self.log_scale) == 1:
            return np.zeros(np.shape(prediction))
        return np.interp(prediction, self.knots, np.linspace(-1.0, 1.0, len(self.knots)))


def fit_error_mixture(error, prediction, variance, weight):
    """Fit the two densities to errors of values.

    Parameters
    ----------
    error : ndarray of shape (n,)
        Given value minus the value predicted without the row.
    prediction : ndarray of shape (n,)
        The predicted values.
    variance : ndarray of shape (n,)
        Variance of each prediction in units of the noise variance.
    weight : ndarray of shape (n,)
        Row weights. Only their ratios matter; rows of weight zero are not there.

    Returns
    -------
    mixture : ErrorMixture or None
        None where more than half of the weight has no error at all: there is no noise to compare
        with.
    """
    there = weight > 0
    error, prediction = error[there], prediction[there]
    variance, weight = variance[there], weight[there]
    unit = _weighted_median(np.abs(error), weight) / 0.6745
    if not unit > 0:
        return None
    knots = np.quantile(prediction, np.linspace(0.0, 1.0, 101))
    empty = ErrorMixture(0.0, 1.0, np.zeros(3), np.inf, knots)
    step = -(-len(error) // MAX_ROWS)
    rows = np.argsort(np.abs(error), kind="stable")[::step]
    effective = weight[rows].sum() ** 2 / (weight[rows] ** 2).sum()
    problem = _Problem(
        error[rows] / unit,
        1.0 + variance[rows],
        weight[rows] * effective / weight[rows].sum(),
        empty._rank(prediction[rows]),
    )
    orders = (1, 3) if effective >= ROWS_FOR_SLOPES and knots[0] < knots[-1] else (1,)
    best = min(
        (
            problem.fit(tail, order, some)
            for order in orders
            for tail in TAILS
            for some in (True, False)
        ),
        key=lambda found: found.criterion,
    )
    share, ratio = expit(best.x[0]), np.exp(best.x[1])
    log_scale = best.x[2:] + np.eye(len(best.x) - 2)[0] * np.log(unit)
    return replace(
        empty,
        share=float(share),
        wide=float(ratio * np.exp(log_scale[0])),
        log_scale=log_scale,
        tail=best.tail,
    )


@dataclass
class _Problem:
    """Errors in units of a robust scale, and the posterior density of the parameters.

    The parameters: logit of the share, log of wide / exp(a_0), then a_0 ... .
    """

    error: np.ndarray
    spread: np.ndarray  # 1 + q
    weight: np.ndarray  # sums to the effective number of rows
    rank: np.ndarray

    def fit(self, tail, order, some):
        """Best of two starts with its Bayesian information criterion; `some` are wrong, or none."""
        basis = _basis(self.rank, order)
        effective = self.weight.sum()
        few = NONE_WRONG / effective
        bounds = [(logit(few), logit(LARGEST_SHARE) if some else logit(few))]
        bounds += [(np.log(NARROWEST), np.log(WIDEST)), (-20.0, 10.0)] + [(-3.0, 3.0)] * (order - 1)
        found = []
        for share, ratio in ((0.02, 8.0), (0.2, 4.0)) if some else ((few, 8.0),):
            start = np.r_[logit(share), np.log(ratio), np.zeros(order)]
            found.append(
                minimize(self.cost, start, (basis, tail), "L-BFGS-B", jac=True, bounds=bounds)
            )
        best = min(found, key=lambda result: result.fun)
        count = order + 2 * some + np.isfinite(tail)
        best.tail = tail
        best.criterion = 2.0 * effective * best.fun + count * np.log(effective)
        return best

    def cost(self, parameters, basis, tail):
        """Negative log posterior a row and its gradient."""
        log_share, log_right = log_expit(parameters[0]), log_expit(-parameters[0])
        sigma2 = np.exp(2.0 * (basis @ parameters[2:]))
        narrow = sigma2 * self.spread
        wide2 = np.exp(2.0 * (parameters[1] + parameters[2]))
        total = wide2 + narrow
        right = log_right + _log_right(self.error, narrow, tail)
        wrong = log_share + _log_normal(self.error, total)
        p = expit(wrong - right)
        z2 = self.error**2 / narrow
        pull = z2 if np.isinf(tail) else z2 * (tail + 1.0) / (tail + z2)
        excess = self.error**2 / total - 1.0
        by_sigma = (1.0 - p) * (pull - 1.0) + p * excess * narrow / total
        by_wide = self.weight @ (p * excess * wide2 / total)
        share = expit(parameters[0])
        gradient = np.r_[self.weight @ (p - share), by_wide, basis.T @ (self.weight * by_sigma)]
        gradient[2] += by_wide  # the wide scale is measured in exp(a_0)
        value = self.weight @ np.logaddexp(right, wrong)
        slopes = parameters[3:] / PRIOR_SLOPE
        value += (PRIOR_RIGHT - 1.0) * log_right - 0.5 * slopes @ slopes
        gradient[0] -= (PRIOR_RIGHT - 1.0) * share
        gradient[3:] -= slopes / PRIOR_SLOPE
        effective = self.weight.sum()
        return -value / effective, -gradient / effective


def _basis(rank, order):
    """Legendre polynomials of degree 0 to 2 (or 0 alone), shape (n, order)."""
    return np.stack([np.ones_like(rank), rank, 1.5 * rank**2 - 0.5][:order], axis=-1)


def _log_normal(error, variance):
    return -0.5 * (error**2 / variance + np.log(2.0 * np.pi * variance))


def _log_right(error, variance, tail):
    """Log-density of Student's t with scale variance**0.5."""
    if np.isinf(tail):
        return _log_normal(error, variance)
    constant = -betaln(tail / 2.0, 0.5) - 0.5 * np.log(tail)
    stretched = np.log1p(error**2 / (tail * variance))
    return constant - 0.5 * np.log(variance) - 0.5 * (tail + 1.0) * stretched


def _weighted_median(values, weight):
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    return values[order[np.searchsorted(below, 0.5 * below[-1])]]
