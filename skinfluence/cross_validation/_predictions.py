"""Predictions that are known already, as an estimator that any scorer takes."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if


def _has(name):
    """Check for `available_if`: whether the model that the rows were left out of has a method."""

    def check(self):
        if name == "predict_proba" and self.objective.loss.probability(self.raw[:1]) is None:
            return False
        if name == "decision_function" and not self.objective.raw_are_decisions:
            return False
        return hasattr(self.estimator, name)

    return check


class KnownPredictions(BaseEstimator):
    """An estimator whose "rows" are positions, and whose answers for them were computed before.

    Parameters
    ----------
    estimator : fitted estimator
        Which methods there are, classes and tags are its own.
    objective : Objective
        Gives the inverse link and the coding of the classes.
    raw : ndarray of shape (n, K)
        Raw prediction of each row.
    one_column : bool
        Whether values are a column of numbers, (n,), in place of a table with one column.

    Attributes
    ----------
    asked : set of str
        Methods that were called.
    """

    def __init__(self, estimator, objective, raw, one_column):
        self.estimator = estimator
        self.objective = objective
        self.raw = raw
        self.one_column = one_column
        self.asked = set()

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        return get_tags(self.estimator)

    @property
    def classes_(self):
        return self.objective.coding.classes

    def predict(self, X):
        """Labels, or values in the units of the estimator's `predict`."""
        self.asked.add("predict")
        raw, coding = self.raw[X], self.objective.coding
        if not self.objective.predicts:
            raise ValueError(
                f"{self.estimator!r} does not predict the class of the largest decision value, so "
                'that what it predicts without a row is not known. Expected priors="empirical", or '
                'a score of probabilities, such as "neg_log_loss".'
            )
        if coding.is_classification:
            return coding.labels(coding.predicted_codes(raw))
        values = self.objective.loss.inverse_link(raw)
        return values[:, 0] if self.one_column else values

    @available_if(_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of the classes."""
        self.asked.add("predict_proba")
        return self.objective.loss.probability(self.raw[X])

    @available_if(_has("decision_function"))
    def decision_function(self, X):
        """Decision values."""
        self.asked.add("decision_function")
        values = self.objective.coding.decision_values(self.raw[X])
        return values[:, 0] if values.shape[1] == 1 else values


def known_predictions(explainer, raw):
    """The estimator that answers with the raw predictions (n, K) of the training rows."""
    one_column = np.asarray(explainer.y_train_).ndim == 1
    return KnownPredictions(explainer.estimator_, explainer.objective_, raw, one_column)
