"""Source of an estimator that influence can explain: leave-one-out in closed form.

The estimator is fitted once. Other row weights and dampings then move its objective to its new
optimum by Newton steps, which is where a refit would end; earlier steps of a pipeline and the
choice of a search stay as they were fitted.
"""

import copy
import warnings
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skinfluence.adapters import FittedModel, UnsupportedEstimatorError, find_adapter, unwrap
from skinfluence.effects import RowEdits, newton_step
from skinfluence.explainer import InfluenceExplainer, leverage
from skinfluence.labels._inputs.targets import Target
from skinfluence.labels._sources.cross_validated import UNSEEN, all_classes, log_of_margins
from skinfluence.labels._sources.prediction import OutOfSamplePrediction
from skinfluence.losses import Logistic, Multinomial
from skinfluence.objectives import Objective, minimize
from skinfluence.solvers import AutoSolver

#: Stationarity at which an optimum is one here: a Newton step without a row is less exact.
TOLERANCE = 1e-11
#: Dampings that "auto" tries besides none, times the mean curvature of a feature.
DAMPINGS = 10.0 ** np.arange(-3.0, 1.5)


@dataclass(eq=False)
class LeaveOneOutPredictor:
    """Closed-form leave-one-out of a scikit-learn estimator that has an adapter.

    Damping is a penalty ``damping * sum(weight) / 2 * ||coef||^2`` on the features' coefficients in
    the fit as in the inverse Hessian: in the inverse alone it would pull every leave-one-out
    prediction towards the fit, and the largest would always look best. "auto" takes none unless
    another one's mean leave-one-out loss is better by more than a standard error of the difference.
    An estimator that has chosen its own penalty (RidgeCV, a search) gets none.
    """

    X: Any  # as the user gave it
    target: Target
    _: KW_ONLY
    estimator: Any
    damping: Any = "auto"
    n_jobs: int | None = None

    def __post_init__(self):
        self._explainer = None

    def with_target(self, target):
        """The source of the same rows with other labels (or values), with the chosen damping."""
        other = copy.copy(self)
        other.target, other.damping, other._explainer = target, self._chosen, None
        return other

    def fit(self, weight):
        """Leave-one-out prediction at these row weights."""
        if self._explainer is None:
            self.begin(weight)
        factors, objective = weight / self._base, self._explainer.objective_
        if not (factors == 1.0).all():
            objective = objective.with_weights(np.arange(len(factors)), factors)
        self._chosen, best = self._choose(objective)
        fitted = replace(self._explainer.fitted_model_, objective=best.objective)
        model = RawModel(fitted, self.target.classes)
        value = model.answer(best.raw)
        lost = ~np.isfinite(best.raw).all(axis=1)
        if lost.any():  # their removal leaves the model undetermined: it has no prediction for them
            value[lost] = mean_target(self.target, best.weight)
        name = type(unwrap(self._explainer.estimator_)[1]).__name__
        loss, raw = best.objective.loss, best.objective.raw_prediction[:1]
        return OutOfSamplePrediction(
            value=value,
            predict=model,
            leverage=best.leverage,
            description=f"{name}, left-one-out in closed form, damping {self._chosen:.3g}",
            damping=self._chosen,
            are_probabilities=self.target.classes is None or loss.probability(raw) is not None,
        )

    def model(self, weight):
        """(unfitted estimator, damping of the last fit): what an explainer of it explains."""
        return clone(self.estimator), self._chosen

    def begin(self, weight):
        """The explainer, fitted at the first row weights; or refuse the estimator."""
        self._base = weight
        self._chosen = 0.0 if isinstance(self.damping, str) else float(self.damping)
        codes, classes = self.target.codes, self.target.classes
        y = codes if classes is None else classes[codes]
        weights = None if (weight == 1.0).all() else weight
        # to its optimum it goes below, with every other row weight and damping
        explainer = InfluenceExplainer(clone(self.estimator), polish=False, n_jobs=self.n_jobs)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* is explained away from an optimum")
            self._explainer = explainer.fit(self.X, y, sample_weight=weights)
        model = unwrap(explainer.estimator_)[1]
        if find_adapter(model).closed_form or explainer.objective_.stands_in:
            raise UnsupportedEstimatorError("Expected an objective with curvature, and no hinge.")
        return explainer

    def _choose(self, objective):
        """(damping, LeaveOneOut) of the damping that was asked for, or of the best one."""
        # of a model that selects columns, damping would be a penalty of these alone
        settled = objective.selects or chooses_itself(self._explainer.estimator_)
        if self.damping != "auto" or settled:
            return self._chosen, self._leave_one_out(objective, self._chosen)
        none = self._leave_one_out(objective, 0.0)
        best, chosen = none, 0.0
        for damping in DAMPINGS * mean_curvature(objective):
            found = self._leave_one_out(best.objective, damping, objective.penalty)
            if not found.mean_loss < best.mean_loss and np.isfinite(best.mean_loss):
                break
            best, chosen = found, float(damping)
        return (chosen, best) if best.is_clearly_better_than(none) else (0.0, none)

    def _leave_one_out(self, start, damping, penalty=None):
        """The optimum with this damping, from the coefficients of `start`, without each row."""
        penalty = start.penalty if penalty is None else penalty
        if damping:
            more = np.zeros(start.coef.shape)
            more[:, : start.design.n_features] = damping * start.weights.base.sum()
            start = start.with_penalty(penalty.damped(more))
        objective = minimize(start, AutoSolver.for_newton_steps(), tol=TOLERANCE).objective
        inverse = AutoSolver().factorize(objective.hessian())
        with warnings.catch_warnings():
            # rows of leverage one: their NaN is dealt with below
            warnings.simplefilter("ignore", RuntimeWarning)
            edits = RowEdits.removals(np.arange(objective.n_rows))
            moved = newton_step(objective, inverse, edits).own_raw_prediction_changes()
        own = np.clip(leverage(inverse), 0.0, 1.0)
        return LeaveOneOut(objective, objective.raw_prediction + moved, own)


def mean_target(target, weight):
    """The prediction without a model: the shares of the classes, or the mean value."""
    if target.classes is None:
        return np.average(target.codes, weights=weight)
    counts = np.bincount(target.codes, weight, target.n_classes) + 1e-6
    return np.log(counts / counts.sum())


@dataclass
class RawModel:
    """Raw predictions for new rows, as log-probabilities of all K classes or as values."""

    explained: FittedModel
    classes: np.ndarray | None

    def __call__(self, X):
        objective = self.explained.objective
        return self.answer(objective.raw_predictions(self.explained.predictor(X)))

    def answer(self, raw):
        """Log-probabilities (m, K) or values (m,) of raw predictions (m, outputs).

        By the loss where it is a model of probabilities; else by the logistic function or the
        softmax of the margins, whose temperature is fitted later.
        """
        if self.classes is None:
            return self.explained.objective.loss.inverse_link(raw)[:, 0].copy()
        loss, known = self.explained.objective.loss, self.explained.objective.coding.classes
        # of these two the logarithms have more digits
        plain = isinstance(loss, Logistic | Multinomial)
        proba = None if plain else loss.probability(raw)
        logs = log_of_margins(raw) if proba is None else np.log(np.maximum(proba, np.exp(UNSEEN)))
        return all_classes(logs, known, self.classes)


@dataclass
class LeaveOneOut:
    """An optimum and the raw predictions (n, K) of its rows without themselves."""

    objective: Objective
    raw: np.ndarray
    leverage: np.ndarray

    def __post_init__(self):
        losses = self.objective.loss.value(self.objective.y, self.raw)
        self.weight = self.objective.weights.base
        self.losses = np.where(np.isnan(losses), np.inf, losses)
        self.mean_loss = float(np.average(self.losses, weights=self.weight))

    def is_clearly_better_than(self, other):
        """Whether the mean loss is lower by more than a standard error of the difference."""
        if not np.isfinite(other.mean_loss):
            return True
        gain = other.losses - self.losses
        mean = np.average(gain, weights=self.weight)
        error = np.sqrt((self.weight**2 * (gain - mean) ** 2).sum()) / self.weight.sum()
        return bool(mean > error)


def mean_curvature(objective):
    """Mean second derivative of the data term in a feature's coefficient, per unit of weight."""
    unpenalized = objective.with_penalty(np.zeros(objective.coef.shape))
    diagonal = unpenalized.hessian().diagonal().reshape(objective.coef.shape)
    features = diagonal[:, : objective.design.n_features]
    return float(features.mean() / objective.weights.base.sum())


def chooses_itself(estimator):
    """Whether the fitted estimator chose its penalty: a search, RidgeCV and their like."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return any(hasattr(estimator, name) for name in ("best_estimator_", "alpha_", "C_"))
