"""The fitted noise model of labels or of values, with one interface."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit, log_softmax

from skinfluence._utils.warnings import user_stacklevel
from skinfluence.labels._noise.classes import NoiseModel, fit_label_noise, flag_labels
from skinfluence.labels._noise.matrix import standard_errors
from skinfluence.labels._noise.values import (
    RegressionNoise,
    fit_regression_noise,
    flag_values,
    value_error_rate,
)
from skinfluence.labels._sources.pooling import flat_noise_likelihood

#: Log-likelihood, in nats over all rows, that the best shares of the classes may gain by chance.
CHANCE = 2.0

__all__ = ["ClassJudgement", "ValueJudgement", "fit_noise_model"]


def fit_noise_model(
    source, target, weight, *, contamination, noise_model, max_iter, start=None, certain=None
):
    """The ClassJudgement or ValueJudgement of every row of positive weight.

    `source` predicts the rows of `target` out of sample. The settings are those of the flagger.
    `start` is the model of the same rows with other labels in some of them. Rows that are `certain`
    have a right label: they are never flagged, and not counted among the others.
    """
    settings = {"max_iter": max_iter, "noise_model": noise_model}
    settings.update(start=start, certain=certain)
    open_ = weight if certain is None else np.where(certain, 0.0, weight)
    if target.n_classes is None:
        noise = fit_regression_noise(source, target.codes, weight, **settings)
        flagged, share = flag_values(noise, open_, contamination)
        return ValueJudgement(noise, target.codes, flagged, share, open_)
    model = fit_label_noise(source, target.codes, weight, target.n_classes, **settings)
    flagged, share = flag_labels(model, target.codes, open_, contamination)
    if flagged.any():
        _warn_of_chance(model, target.codes, weight)
    return ClassJudgement(model, target.codes, flagged, share, open_)


def _warn_of_chance(model, codes, weight):
    """Warn where nothing predicts the labels."""
    share = np.bincount(codes, weight, model.proba.shape[1]) / weight.sum()
    log_proba = np.log(np.maximum(model.proba, np.finfo(float).tiny))
    likelihood = float(flat_noise_likelihood(log_proba, codes, weight)[0])
    present = share > 0
    by_shares = share[present] @ np.log(share[present])
    gain = weight.sum() / weight.mean() * (likelihood - by_shares)
    if gain < CHANCE:
        warnings.warn(
            "Models that have not seen a row predict its label no better than the shares of the "
            f"classes do: log-likelihood {gain:+.1f} nats against them on {len(codes):,} labels. "
            "Wrong labels cannot be found from them. Give columns or an estimator that predict "
            "the labels.",
            UserWarning,
            stacklevel=user_stacklevel(),
        )


@dataclass
class ClassJudgement:
    """The noise model of given labels, and which of them are flagged."""

    model: NoiseModel
    codes: np.ndarray  # of the given labels, shape: (n,)
    flagged: np.ndarray  # shape: (n,)
    contamination: float
    weight: np.ndarray  # zero for labels that are known to be right

    @property
    def n_sure(self):
        """How many labels are surely wrong: what "strict" flags."""
        return int(flag_labels(self.model, self.codes, self.weight, "strict")[0].sum())

    @property
    def quality(self):
        """Probability that each label is right, (n,)."""
        return self.model.posterior[np.arange(len(self.codes)), self.codes]

    @property
    def tie_break(self):
        """Log-odds against the label, for rows whose qualities have rounded to one number."""
        rows, log_proba = np.arange(len(self.codes)), self.model.prediction.value
        others = log_proba.copy()
        others[rows, self.codes] = -np.inf
        return others.max(axis=1) - log_proba[rows, self.codes]

    @property
    def out_of_sample(self):
        """Out-of-sample probabilities at the fitted temperature, (n, K)."""
        return self.model.proba

    def suggested(self, flagged):
        """Most probable class; for a flagged row the most probable other one, (n,)."""
        posterior = self.model.posterior.copy()
        posterior[flagged, self.codes[flagged]] = -1.0
        return posterior.argmax(axis=1)

    def of_new_rows(self, X, codes):
        """(quality, suggested code, tempered probabilities) of rows that no model has seen.

        A label that is none of the classes (code -1) cannot be right: quality 0.
        """
        log_proba = self.model.prediction.predict(X)
        tempered = self.tempered(log_proba)
        known = codes >= 0
        posterior = self.model.posterior_of_new(
            log_proba, np.where(known, codes, log_proba.argmax(axis=1))
        )
        quality = np.where(known, posterior[np.arange(len(codes)), codes], 0.0)
        return quality, posterior.argmax(axis=1), tempered

    def tempered(self, log_proba):
        """Probabilities at the fitted temperature."""
        return np.exp(log_softmax(self.model.temperature * log_proba, axis=1))

    def log_likelihood(self, X, codes):
        """Log-probability of given labels of new rows, noise included, (m,)."""
        log_proba = self.model.prediction.predict(X)
        given = self.tempered(log_proba)
        if self.model.with_noise:
            matrix, share = self.model.verdict.matrix, self.model.verdict.share
            one_rate = self.model.verdict.one_rate
            given = share * matrix.proba(log_proba) @ matrix.matrix
            given += (1 - share) * one_rate.proba(log_proba) @ one_rate.matrix
        own = given[np.arange(len(codes)), codes]
        return np.log(np.maximum(np.where(codes >= 0, own, 0.0), np.finfo(float).tiny))

    def attributes(self):
        """Attributes of a flagger that do not belong to rows."""
        verdict, there = self.model.verdict, self.weight > 0
        matrix, std, rate, of_rate = np.eye(1), np.zeros((1, 1)), 0.0, 0.0
        if verdict is not None:
            matrix, std, rate, of_rate = verdict.matrix.matrix, np.nan, np.nan, np.nan
        if verdict is not None and there.any():
            codes, weight = self.codes[there], self.weight[there] / self.weight[there].mean()
            log_proba = self.model.prediction.value[there]
            std, of_rate = standard_errors(verdict.matrix, log_proba, codes, weight)
            rate = self.model.wrong_share(self.codes, self.weight)
        return {
            "noise_matrix_": matrix,
            "noise_matrix_std_": np.broadcast_to(std, matrix.shape).copy(),
            "noise_rate_": rate,
            "noise_rate_std_": of_rate,
            "temperature_": self.model.temperature,
        }


@dataclass
class ValueJudgement:
    """Of the values of a regression; see :class:`ClassJudgement`."""

    model: RegressionNoise
    codes: np.ndarray
    flagged: np.ndarray
    contamination: float
    weight: np.ndarray

    @property
    def n_sure(self):
        """How many values are surely wrong: what "strict" flags."""
        return int((flag_values(self.model, self.weight, "strict")[0] & (self.weight > 0)).sum())

    @property
    def quality(self):
        """Probability that each value is right, (n,)."""
        return 1.0 - self.model.wrong_probability

    @property
    def tie_break(self):
        """Standardised error, (n,)."""
        return np.abs(self.model.standardized)

    @property
    def out_of_sample(self):
        """Value predicted without the row, (n,)."""
        return self.model.prediction.value

    def suggested(self, flagged):
        """The same, (n,)."""
        return self.model.prediction.value

    def of_new_rows(self, X, values):
        """(quality, suggested value, the same) of rows that no model has seen."""
        predicted = self.model.prediction.predict(X)
        return 1.0 - self.model.wrong_probability_of_new(predicted, values), predicted, predicted

    def log_likelihood(self, X, values):
        """Log-density of given values of new rows, wrong ones included, (m,)."""
        predicted, mixture = self.model.prediction.predict(X), self.model.mixture
        variance = mixture.wide**2 + mixture.scale(predicted) ** 2
        log_wrong = -0.5 * ((values - predicted) ** 2 / variance + np.log(2.0 * np.pi * variance))
        # share * wrong / (probability of wrong) is the whole density
        return (
            np.log(mixture.share)
            + log_wrong
            - log_expit(mixture.log_odds(values - predicted, predicted))
        )

    def attributes(self):
        """Attributes of a flagger that do not belong to rows."""
        rate, std = value_error_rate(self.model, self.weight)
        return {
            "noise_scale_": self.model.scale,
            "wrong_scale_": self.model.mixture.wide,
            "noise_rate_": rate,
            "noise_rate_std_": std,
        }
