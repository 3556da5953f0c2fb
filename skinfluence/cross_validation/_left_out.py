"""Predictions of all training rows, each by the model without the row, and their score."""

import numpy as np
from sklearn.metrics import check_scoring

from skinfluence._utils.checks import check_weights
from skinfluence.cross_validation._predictions import known_predictions

#: Methods that leave rows out of the model; the influence function does not.
METHODS = ("auto", "newton_step", "refit")
#: Change of a row's own margin or log-odds from which its Newton step is replaced by a refit, and
#: from which it is so first.
FAR, FURTHEST = 0.2, 1.0
#: So many rows are refitted at once.
FEW = 32
#: Where a refit may lead, in Newton steps: nearly all are at 0.9 to 1.5, few outside 0.25 to 4.
LEAST, MOST = 0.25, 4.0
#: Part of its step by which a row is moved to see how good the score could be.
CAUTIOUS = 0.95
#: Size of a refit's last step, relative to its first one.
TOLERANCE = 1e-3


class LeftOut:
    """Leave-one-out predictions of an explained model, first by one step a row.

    Parameters
    ----------
    explainer : InfluenceExplainer
    method : {"auto", "newton_step", "refit"}
    scoring : str, callable or None
    sample_weight : array-like of shape (n_train,) or None
        In the score.

    Attributes
    ----------
    score : float
    far : ndarray of int
        Rows that move far by their Newton step and are not refitted yet, so that :meth:`refit` may
        change the score. Where it depends on labels only, those whose label is not certain.
    n_refits : int
        Rows that were refitted.
    """

    def __init__(self, explainer, method, scoring, sample_weight=None):
        self.explainer, self.sample_weight = explainer, sample_weight
        self.scorer = scorer_of(explainer, scoring)
        check_weights(sample_weight)
        n = explainer.objective_.n_rows
        shape = (n,) if sample_weight is None else np.asarray(sample_weight).shape
        if shape != (n,):
            raise ValueError(
                f"sample_weight has shape {shape}. Expected ({n},), one weight for each training "
                "row."
            )
        self.rows = np.arange(n)
        self.far, steps = self.rows[:0], False
        if method == "auto":
            exact = is_exact(explainer)
            steps = not exact and _takes_steps(explainer)
            method = "newton_step" if exact or steps else "refit"
        linearization = explainer.linearization_
        reference, self._moved = linearization.own_changes(method, self.rows)
        self._before = reference.raw_prediction
        self.raw = self._before + self._moved
        self.n_refits = len(self.rows) if method == "refit" else 0
        self.score, asked = self._scored(self.raw)
        if steps and linearization.hessian_inverse.factorized:
            far = np.abs(self._moved).max(axis=1) > FAR
            if asked == {"predict"}:
                codes = explainer.objective_.coding.predicted_codes
                some, much = (self._before + part * self._moved for part in (LEAST, MOST))
                far &= (codes(some) != codes(much)).reshape(len(far), -1).any(axis=1)
            self.far = np.flatnonzero(far)

    def finish(self):
        """Refit all rows that move far, and let go of the model; self."""
        while len(self.far):
            self.refit()
        self.explainer = None
        return self

    def refit(self):
        """Replace steps of rows that move far by refits: of the furthest, then of the others."""
        now, furthest = self.far, np.abs(self._moved[self.far]).max(axis=1) > FURTHEST
        if len(now) > FEW and furthest.any():
            now = now[furthest]
        refitted = self.explainer.linearization_.own_changes("refit", now, tolerance=TOLERANCE)
        self.raw[now] = refitted[0].raw_prediction[now] + refitted[1]
        self.n_refits += len(now)
        self.far = np.setdiff1d(self.far, now)
        self.score = self._scored(self.raw)[0]

    def bound(self):
        """The score, were the steps of :attr:`far` too long: hardly a refit makes it better."""
        raw = self.raw.copy()
        raw[self.far] = self._before[self.far] + CAUTIOUS * self._moved[self.far]
        return self._scored(raw)[0]

    def _scored(self, raw):
        return scored(self.explainer, raw, self.rows, self.scorer, self.sample_weight)


def is_exact(explainer):
    """Whether the Newton step is the refit."""
    objective = explainer.objective_
    exact = not objective.closed_form and objective.quadratic and not objective.selects
    return exact and explainer.damping == 0


def _takes_steps(explainer):
    """Whether Newton steps do for most rows, and how far a row moves tells for which."""
    objective = explainer.objective_
    if objective.closed_form or objective.members or objective.selects or objective.stands_in:
        return False
    return objective.coding.is_classification


def scorer_of(explainer, scoring):
    """The scorer that `scoring` stands for."""
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise ValueError(
            f"scoring={scoring!r}. Expected the name of one scorer, a callable or None; ask once "
            "for each score."
        )
    # without a score of its own, an estimator is scored by what it predicts
    default = "accuracy" if explainer.objective_.coding.is_classification else "r2"
    return check_scoring(explainer.estimator_, scoring=default if scoring is None else scoring)


def scored(explainer, raw, rows, scorer, sample_weight=None):
    """(score of raw predictions of some training rows, names of the methods that it calls)."""
    lost = rows[np.isnan(raw).any(axis=1)]
    if len(lost):
        objective = explainer.objective_
        without = f"without training row(s) {objective.shown_rows(lost)}"
        if not (objective.closed_form or objective.predictor.moves_to_optimum):
            raise ValueError(
                f"No optimum near the parameters of the network was found {without}. Pass a larger "
                f"damping than {explainer.damping:g} to the explainer, or train the network longer."
            )
        raise ValueError(
            f"There is no model {without}: no row of some class is left, or the coefficients are "
            "undetermined. Leave these rows out, add a penalty, or take a cv that keeps rows of "
            "every class."
        )
    estimator = known_predictions(explainer, raw)
    y, places = np.asarray(explainer.y_train_)[rows], np.arange(len(rows))
    weights = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)}
    try:
        return float(scorer(estimator, places, y, **weights)), estimator.asked
    except AttributeError as error:  # scikit-learn's, that there are no probabilities
        name = type(explainer.estimator_).__name__
        left_out = f"What {name} predicts without a row"
        raise AttributeError(
            str(error).replace(type(estimator).__name__, left_out)
            + '. Expected a score of what is known, such as "accuracy".'
        ) from error
