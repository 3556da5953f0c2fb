"""Several sources as one: their opinions, weighted by how well they say what they have not seen."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar, nnls
from scipy.special import log_softmax, logsumexp

from skinfluence.labels._inputs import Target
from skinfluence.labels._opinions import Opinion

__all__ = ["CombinedSource", "stacking_weights"]

#: Temperatures between which each opinion's own is looked for.
COLDEST, HOTTEST = 0.05, 20.0


class CombinedSource:
    """A mixture of the opinions of several sources.

    Stacking (Yao, Vehtari, Simpson & Gelman 2018): the weights maximise the held-out likelihood of
    the mixture; for values they minimise its held-out squared error. Probabilities are brought to
    their best temperature first, so that none speaks louder than it knows.

    Parameters
    ----------
    sources : list of Source
    target : Target
    """

    def __init__(self, sources, target):
        self.sources = sources
        self.target = target

    def with_target(self, target):
        """The source of the same rows with other labels (or values)."""
        classes = self.target.classes
        known = Target(target if classes is None else classes[target], classes)
        return CombinedSource([source.with_target(target) for source in self.sources], known)

    def fit(self, weight):
        """Opinion of the mixture at these row weights; see :class:`~._opinions.Source`."""
        opinions = [source.fit(weight) for source in self.sources]
        if self.target.n_classes is None:
            shares = stacked_values(opinions, self.target.codes, weight)
            value = sum(s * o.value for s, o in zip(shares, opinions, strict=True))
            temperatures = None
        else:
            codes = self.target.codes
            temperatures = np.array([best_temperature(o.value, codes, weight) for o in opinions])
            said = np.stack(
                [
                    log_softmax(o.value / t, axis=1)
                    for o, t in zip(opinions, temperatures, strict=True)
                ]
            )
            shares = stacking_weights(said[:, np.arange(len(codes)), codes], weight)
            value = mixture(said, shares)
        parts = [f"{s:.0%} {o.description}" for s, o in zip(shares, opinions, strict=True)]
        model = Mixture([o.predict for o in opinions], shares, temperatures)
        known = [o for o in opinions if o.damping is not None]
        damping = known[0].damping if known else None
        leverage = opinions[0].leverage
        if leverage is not None:
            leverage = shares[0] * leverage
        return Opinion(value, model, leverage, " + ".join(parts), damping)


@dataclass
class Mixture:
    """What the models together say of new rows."""

    models: list
    shares: np.ndarray
    temperatures: np.ndarray | None

    def __call__(self, X):
        said = [model(X) for model in self.models]
        if self.temperatures is None:
            return sum(s * v for s, v in zip(self.shares, said, strict=True))
        scaled = [log_softmax(v / t, axis=1) for v, t in zip(said, self.temperatures, strict=True)]
        return mixture(np.stack(scaled), self.shares)


def mixture(said, shares):
    """Log of the weighted mean of probabilities, (n, K), from their logs (m, n, K)."""
    with np.errstate(divide="ignore"):
        return logsumexp(said + np.log(shares)[:, None, None], axis=0)


def best_temperature(log_proba, codes, weight):
    """The temperature at which the given labels are most likely."""
    rows = np.arange(len(codes))

    def cost(log_t):
        scaled = log_proba * np.exp(-log_t)
        return -(weight @ (scaled[rows, codes] - logsumexp(scaled, axis=1)))

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def stacking_weights(log_likelihood, weight, *, max_iter=500, tol=1e-8):
    """Shares (m,) that maximise sum_i weight_i log sum_m share_m p_mi, by EM; a convex problem.

    `log_likelihood` has shape (m, n).
    """
    shares = np.full(len(log_likelihood), 1.0 / len(log_likelihood))
    weight = weight / weight.sum()
    p = np.exp(log_likelihood - log_likelihood.max(axis=0))  # shape: (m, n)
    for _ in range(max_iter):
        joint = shares[:, None] * p
        new = (joint / joint.sum(axis=0)) @ weight
        if np.abs(new - shares).max() < tol:
            return new
        shares = new
    return shares


def stacked_values(opinions, y, weight):
    """Shares (m,), none negative, that sum to one, of the least held-out squared error."""
    root = np.sqrt(weight)
    A = np.stack([root * (o.value - y) for o in opinions], axis=1)  # shape: (n, m)
    # the errors of a mixture with shares that sum to one are the mixture of the errors
    heavy = 1e3 * max(np.abs(A).max(), np.finfo(float).tiny) * np.sqrt(len(y))
    shares = nnls(np.vstack([A, np.full(A.shape[1], heavy)]), np.r_[np.zeros(len(y)), heavy])[0]
    return shares / shares.sum()
