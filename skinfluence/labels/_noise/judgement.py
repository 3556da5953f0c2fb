"""What a noise model says of every label: classes and values behind one face."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit, log_softmax

from skinfluence._utils.warnings import user_stacklevel
from skinfluence.labels._noise.classes import NoiseModel, fit_noise_model
from skinfluence.labels._noise.counts import flag_labels
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

__all__ = ["ClassJudgement", "ValueJudgement", "judge"]


def judge(
    source, target, weight, *, contamination, noise_model, max_iter, start=None, certain=None
):
    """Ask the noise model of the target about every row of positive weight.

    Parameters
    ----------
    source : Source
    target : Target
        Of the same rows.
    weight : ndarray of shape (n,)
    contamination, noise_model, max_iter
        As for the flagger.
    start : NoiseModel or RegressionNoise, default=None
        Of the same rows, with other labels in some of them: where to start.
    certain : ndarray of bool of shape (n,), default=None
        Rows whose label is known to be right: never flagged, and not counted among the others.

    Returns
    -------
    ClassJudgement or ValueJudgement
    """
    settings = {"max_iter": max_iter, "noise_model": noise_model}
    settings.update(start=start, certain=certain)
    open_ = weight if certain is None else np.where(certain, 0.0, weight)
    if target.n_classes is None:
        noise = fit_regression_noise(source, target.codes, weight, **settings)
        flagged, share = flag_values(noise, open_, contamination)
        return ValueJudgement(noise, target.codes, flagged, share, open_)
    model = fit_noise_model(source, target.codes, weight, target.n_classes, **settings)
    flagged, share = flag_labels(model, target.codes, open_, contamination)
    if flagged.any():
        _warn_of_chance(model, target.codes, weight)
    return ClassJudgement(model, target.codes, flagged, share, open_)


def _warn_of_chance(model, codes, weight):
    """Say so where nothing predicts the labels: what is flagged then says nothing of them."""
    share = np.bincount(codes, weight, model.proba.shape[1]) / weight.sum()
    log_proba = np.log(np.maximum(model.proba, np.finfo(float).tiny))
    said = float(flat_noise_likelihood(log_proba, codes, weight)[0])
    present = share > 0
    gain = weight.sum() / weight.mean() * (said - share[present] @ np.log(share[present]))
    if gain < CHANCE:
        warnings.warn(
            "Models that have not seen a row predict its label no better than the shares of the "
            f"classes do: log-likelihood {gain:+.1f} nats against them on {len(codes):,} labels. "
            "Which labels are wrong cannot be told by them. Give columns or an estimator that "
            "predict the labels.",
            UserWarning,
            stacklevel=user_stacklevel(),
        )


@dataclass
class ClassJudgement:
    """Of labels.

    Attributes
    ----------
    model : NoiseModel
    codes : ndarray of shape (n,)
        Of the given labels.
    flagged : ndarray of bool of shape (n,)
    contamination : float
    weight : ndarray of shape (n,)
        Of the rows whose labels are in question; zero for those that are known to be right.
    """

    model: NoiseModel
    codes: np.ndarray
    flagged: np.ndarray
    contamination: float
    weight: np.ndarray

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
        """Orders rows whose qualities have rounded to one number: log-odds against the label."""
        return _odds_against(self.model.opinion.value, self.codes)

    @property
    def said(self):
        """Tempered leave-one-out probabilities, (n, K)."""
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
        said = self.model.opinion.predict(X)
        tempered = self.tempered(said)
        known = codes >= 0
        posterior = self.model.judge(said, np.where(known, codes, said.argmax(axis=1)))
        quality = np.where(known, posterior[np.arange(len(codes)), codes], 0.0)
        return quality, posterior.argmax(axis=1), tempered

    def tempered(self, said):
        """Probabilities at the fitted temperature."""
        return np.exp(log_softmax(self.model.temperature * said, axis=1))

    def log_likelihood(self, X, codes):
        """Log-probability of given labels of new rows, noise included, (m,)."""
        said = self.model.opinion.predict(X)
        given = self.tempered(said)
        if self.model.judges:
            matrix, share = self.model.verdict.matrix, self.model.verdict.share
            one_rate = self.model.verdict.one_rate
            given = share * matrix.proba(said) @ matrix.matrix
            given += (1 - share) * one_rate.proba(said) @ one_rate.matrix
        own = given[np.arange(len(codes)), codes]
        return np.log(np.maximum(np.where(codes >= 0, own, 0.0), np.finfo(float).tiny))

    def attributes(self):
        """What a flagger shows of it beside the rows."""
        verdict, there = self.model.verdict, self.weight > 0
        matrix, std, rate, of_rate = np.eye(1), np.zeros((1, 1)), 0.0, 0.0
        if verdict is not None:
            matrix, std, rate, of_rate = verdict.matrix.matrix, np.nan, np.nan, np.nan
        if verdict is not None and there.any():
            codes, weight = self.codes[there], self.weight[there] / self.weight[there].mean()
            log_proba = self.model.opinion.value[there]
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
    def said(self):
        """Value predicted without the row, (n,)."""
        return self.model.opinion.value

    def suggested(self, flagged):
        """The same, (n,)."""
        return self.model.opinion.value

    def of_new_rows(self, X, values):
        """(quality, suggested value, the same) of rows that no model has seen."""
        said = self.model.opinion.predict(X)
        return 1.0 - self.model.judge(said, values), said, said

    def log_likelihood(self, X, values):
        """Log-density of given values of new rows, wrong ones included, (m,)."""
        said, mixture = self.model.opinion.predict(X), self.model.mixture
        variance = mixture.wide**2 + mixture.scale(said) ** 2
        log_wrong = -0.5 * ((values - said) ** 2 / variance + np.log(2.0 * np.pi * variance))
        # share * wrong / (probability of wrong) is the whole density
        return np.log(mixture.share) + log_wrong - log_expit(mixture.log_odds(values - said, said))

    def attributes(self):
        """What a flagger shows of it beside the rows."""
        rate, std = value_error_rate(self.model, self.weight)
        return {
            "noise_scale_": self.model.scale,
            "wrong_scale_": self.model.mixture.wide,
            "noise_rate_": rate,
            "noise_rate_std_": std,
        }


def _odds_against(log_proba, codes):
    rows = np.arange(len(codes))
    others = log_proba.copy()
    others[rows, codes] = -np.inf
    return others.max(axis=1) - log_proba[rows, codes]
