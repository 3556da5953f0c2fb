"""Raw predictions of an explained estimator, as log-probabilities of all classes or as values."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit, log_softmax

from skinfluence.adapters import Explained
from skinfluence.losses import Logistic, Multinomial

__all__ = ["RawModel", "all_classes", "are_probabilities", "log_probabilities"]

#: Log-probability of a class that a model has never seen.
UNSEEN = -30.0


@dataclass
class RawModel:
    """Raw predictions for new rows, as log-probabilities of all K classes or as values."""

    explained: Explained
    n_classes: int | None
    classes: np.ndarray | None

    def __call__(self, X):
        objective = self.explained.objective
        return self.answer(objective.raw_predictions(self.explained.design(X)))

    def answer(self, raw):
        """Log-probabilities (m, K) or values (m,) of raw predictions (m, outputs)."""
        if self.n_classes is None:
            return raw[:, 0].copy()
        objective = self.explained.objective
        known = log_probabilities(objective.loss, raw)
        return all_classes(known, objective.coding.classes, self.classes)

    def ignorance(self, objective):
        """What is said of a row without a model: the shares of the classes, or the mean value."""
        weight = objective.weights.base
        if self.n_classes is None:
            return np.average(objective.y[:, 0], weights=weight)
        codes = np.searchsorted(self.classes, objective.coding.classes)
        own = objective.y
        if objective.n_outputs == 1:
            own = np.hstack([-own, own])
        counts = np.full(self.n_classes, 1e-6)
        counts[codes] += weight @ (own > 0)
        return np.log(counts / counts.sum())


def are_probabilities(loss, raw):
    """Whether a loss is a model of probabilities, rather than of margins."""
    return isinstance(loss, Logistic | Multinomial) or loss.probability(raw) is not None


def log_probabilities(loss, raw):
    """Log-probabilities (m, n_classes) of raw predictions (m, outputs).

    By the loss where it is a model of probabilities; else the logistic function or the softmax of
    the margins, whose temperature is fitted later.
    """
    if not isinstance(loss, Logistic | Multinomial):
        probability = loss.probability(raw)
        if probability is not None:
            return np.log(np.maximum(probability, np.exp(UNSEEN)))
    if raw.shape[1] == 1:
        return np.hstack([log_expit(-raw), log_expit(raw)])
    return log_softmax(raw, axis=1)


def all_classes(log_proba, known, classes):
    """Columns of the `known` classes (sorted) put among all of `classes`."""
    if len(known) == len(classes):
        return log_proba
    out = np.full((len(log_proba), len(classes)), UNSEEN)
    out[:, np.searchsorted(classes, known)] = log_proba
    return log_softmax(out, axis=1)
