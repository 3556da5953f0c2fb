"""The noise model of labels.

The noise matrix (`matrix.py`) gives the number of wrong labels. Their order is that of the mean
posterior of the matrix and of one rate for all mistakes; the log-odds are shifted so that the
expected number of wrong labels is that of the matrix. As many labels are flagged, but none that is
the likeliest by the models that have not seen the row.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from skinfluence.labels._noise.fitted import FittedNoise
from skinfluence.labels._noise.matrix import agreement, fit_verdict, standard_errors
from skinfluence.labels._sources.pooling import stacking_weights

#: Rounds end when the rows' weights move by less than this on the mean.
TOLERANCE = 0.02
#: Every row that counts keeps at least this share of its weight.
LEAST_SHARE = 1e-3
#: Share of the rows whose likeliest class is not the given one that must be wrong for a refit.
LEAST_PRECISION = 0.5
#: "strict" flags labels that are right with at most this probability.
SURELY_WRONG = 0.05
#: Log-likelihood, in nats over all rows, that the best shares of the classes may gain by chance.
CHANCE = 2.0


@dataclass(kw_only=True)
class LabelNoise(FittedNoise):
    """The fitted noise model of given labels."""

    def __post_init__(self, before):
        log_proba, self.own = self.prediction.value, (np.arange(len(self.codes)), self.codes)
        # codes of the labels before any review, and those that a review has told, -1 elsewhere
        self.given = self.codes if before is None else before.given
        self.true = np.where(self.certain, self.codes, -1)
        verdict = before and before.verdict
        self.verdict = fit_verdict(log_proba, self.given, self.weight, self.true, verdict)
        # P(given label | x) and P(true class | x, given label), shape: (n, K)
        self.out_of_sample = self.proba(log_proba)
        self.posterior = self.posterior_of(log_proba, self.codes)

    @property
    def quality(self):
        return self.posterior[self.own]

    @property
    def tie_break(self):  # log-odds against the label
        others = self.prediction.value.copy()
        others[self.own] = -np.inf
        return others.max(axis=1) - self.prediction.value[self.own]

    @property
    def suggested(self):
        posterior = self.posterior.copy()
        posterior[self.flagged, self.codes[self.flagged]] = -1.0
        return posterior.argmax(axis=1)

    def proba(self, log_proba):
        """P(given label | x), shape (m, K): the model's own, or calibrated margins."""
        if self.prediction.are_probabilities:
            return np.exp(log_proba)
        return self.verdict.given_proba(log_proba)

    def posterior_of(self, log_proba, codes):
        """P(true class | x, given label), shape (m, K)."""
        if self.with_noise:
            return self.verdict.posterior(log_proba, codes)
        return self.proba(log_proba)

    @property
    def predicted(self):
        return self.prediction.value.argmax(axis=1)

    def rightness(self, predicted):
        return agreement(self.verdict.matrix.matrix, self.codes, predicted)

    @property
    def n_wrong(self):
        """Weight of the wrong labels, by the noise matrix."""
        return self.left @ self.verdict.matrix.wrong(self.prediction.value, self.codes)

    def next_row_weight(self):
        contradicted = self.left @ (self.predicted != self.codes)
        # where a model errs itself, rows that it doubts and that count less teach it its own errors
        if self.n_wrong < LEAST_PRECISION * contradicted:
            return None
        proposed = np.where(self.certain, 1.0, np.maximum(self.quality, LEAST_SHARE))
        moved = np.average(np.abs(proposed - self.row_weight), weights=self.weight)
        return None if moved < TOLERANCE else proposed

    def flag(self, contamination):
        """As many labels as are wrong by the matrix; a float: whatever the models predict."""
        weight, counting = self.left, self.left > 0
        if not counting.any():  # every label is known to be right
            return counting, 0.0
        contradicted = self.out_of_sample[self.own] < self.out_of_sample.max(axis=1)
        among, count = counting & contradicted, self.n_wrong / weight.sum() * counting.sum()
        if contamination == "strict":
            among, count = among & (self.quality <= SURELY_WRONG), len(counting)
        elif isinstance(contamination, Real):
            among, count = counting, float(contamination) * counting.sum()
        order = np.argsort(np.where(among, self.quality, np.inf), kind="stable")
        flagged = np.isin(np.arange(len(among)), order[: round(count)]) & among
        return flagged, float(weight[flagged].sum() / weight.sum())

    def of_new_rows(self, X, codes):
        """A label that is none of the classes (code -1) cannot be right: quality 0."""
        log_proba, known = self.prediction.predict(X), codes >= 0
        codes = np.where(known, codes, log_proba.argmax(axis=1))
        posterior = self.posterior_of(log_proba, codes)
        quality = np.where(known, posterior[np.arange(len(codes)), codes], 0.0)
        return quality, posterior.argmax(axis=1), self.proba(log_proba)

    def log_likelihood(self, X, codes):
        log_proba = self.prediction.predict(X)
        given = (self.verdict.given_proba if self.with_noise else self.proba)(log_proba)
        own = given[np.arange(len(codes)), codes]
        return np.log(np.maximum(np.where(codes >= 0, own, 0.0), np.finfo(float).tiny))

    def reason_to_doubt(self):
        if not self.flagged.any():
            return None
        weight = self.left
        share = np.bincount(self.codes, weight) / weight.sum()
        # at the temperature that suits them best
        _, likelihood = stacking_weights(self.prediction.value[None], self.codes, weight)
        by_shares = share[share > 0] @ np.log(share[share > 0])
        gain = weight.sum() / weight.mean() * (likelihood - by_shares)
        if gain >= CHANCE:
            return None
        return (
            "Models that have not seen a row predict its label no better than the shares of "
            f"the classes do: log-likelihood {gain:+.1f} nats against them on "
            f"{len(self.codes):,} labels. They cannot show which labels are wrong. Give "
            "columns or an estimator that predict the labels."
        )

    def attributes(self):
        fit, left = self.verdict.matrix, self.left.sum()
        std, rate, of_rate = np.full(fit.matrix.shape, np.nan), np.nan, np.nan
        if left:
            weight = self.weight / self.weight.mean()
            data = self.prediction.value, self.given, weight, self.true
            std, of_rate = standard_errors(fit, *data)
            rate = float(self.n_wrong / left)
        return {
            "noise_matrix_": fit.matrix,
            "noise_matrix_std_": std,
            "noise_rate_": rate,
            "noise_rate_std_": of_rate,
        }
