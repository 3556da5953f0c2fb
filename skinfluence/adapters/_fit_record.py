"""Record of the rows, labels and weights that `fit` passes to the last step of an estimator.

Earlier steps may give other rows in `fit` than in `transform` (cross-fitted encoders, imputers that
draw), write on their input, resample, or take weights of their own. So the rows are recorded where
`fit` of the last step is called, instead of being computed again.
"""

import copy
from dataclasses import dataclass, field
from inspect import signature

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled

from skinfluence.adapters._steps import inner_estimator, is_frozen, is_search, writes_on_input

#: Attribute of a fitted last step that holds its record until the explainer takes it.
RECORD = "_skinfluence_fit_record"
#: What stands in an instance's own dict, in front of its class, while it is recorded.
STAND_INS = ("fit", "__sklearn_clone__")


@dataclass
class FitRecord:
    """What the last step of an estimator was given by `fit`.

    Attributes
    ----------
    X : {ndarray, sparse matrix, data frame} of shape (n, n_features)
        In the space of the last step.
    y : array-like of shape (n,) or (n, n_outputs)
    sample_weight : array-like of shape (n,) or None
    others : list of str
        Names of further fit parameters.
    positions : ndarray of shape (n,) or None
        Which of the user's rows each one is; None where they are all rows, in order.
    """

    X: object
    y: object
    sample_weight: object = None
    others: list = field(default_factory=list)
    positions: object = None

    def __deepcopy__(self, memo):
        return self


def weight_parameter(estimator):
    """Name of the fit parameter that takes sample weights to the last step."""
    if _routing_enabled():
        return "sample_weight"
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{weight_parameter(last)}"
    inner = getattr(estimator, "estimator", getattr(estimator, "regressor", None))
    if inner is not None and hasattr(inner, "fit"):
        return weight_parameter(inner)
    return "sample_weight"


def fit_recorded(estimator, X, y, params, positions=None):
    """Fit an estimator and leave the record of its last step for :func:`take_record`.

    The user's table is not written on, whatever the steps do. Frozen estimators are not fitted, so
    that they have no record.

    Parameters
    ----------
    estimator : estimator
        A clone of the caller's own: `fit` of the instance is replaced until it is called.
    X, y : training data
    params : dict
        Fit parameters.
    positions : ndarray of int, default=None
        Which of the user's rows the rows of X are; None where they are all of them.

    Returns
    -------
    estimator
        Fitted.
    """
    if is_frozen(estimator):
        return estimator.fit(X, y, **params)
    _record(estimator)
    try:
        estimator.fit(X, y, **params)
    finally:
        _stop(estimator)
    level = _recorded_level(estimator)
    if level is not None:
        vars(level)[RECORD].positions = positions
    return estimator


def take_record(estimator):
    """(fitted estimator that the record is of, FitRecord), removed from it; (None, None)."""
    level = _recorded_level(estimator)
    return (None, None) if level is None else (level, vars(level).pop(RECORD))


def _recorded_level(estimator):
    while estimator is not None and not isinstance(estimator, str):
        if RECORD in vars(estimator):
            return estimator
        estimator = inner_estimator(estimator)
    return None


class _Recorder:
    """Stands in for `fit` of one instance, and of its clones, until it is called.

    Searches clone their estimator for every fold and once more for the fit to all rows; each clone
    keeps its own record, and only that of the best estimator is ever taken. Class-level `fit`
    stays as it is: nothing outside these instances notices.
    """

    def __init__(self, estimator):
        self.estimator = estimator

    def __call__(self, *args, **kwargs):
        estimator = self.estimator
        _stop(estimator)  # from here on its `fit` is that of its class
        try:
            given = signature(estimator.fit).bind(*args, **kwargs)
        except TypeError:
            return estimator.fit(*args, **kwargs)  # which says it in its own words
        first = next(iter(given.arguments))
        inner = _to_be_recorded(estimator)
        if inner is None:
            vars(estimator)[RECORD] = _fit_record(estimator, given)
        if writes_on_input(estimator):
            given.arguments[first] = copy.deepcopy(given.arguments[first])
        if inner is None:
            return estimator.fit(*given.args, **given.kwargs)
        _record(inner)
        try:
            return estimator.fit(*given.args, **given.kwargs)
        finally:
            _stop(inner)

    def clone(self):
        """A clone of the estimator that is recorded too."""
        twin = getattr(type(self.estimator), "__sklearn_clone__", BaseEstimator.__sklearn_clone__)(
            self.estimator
        )
        _record(twin)
        return twin


def _record(estimator):
    recorder = _Recorder(estimator)
    vars(estimator).update(zip(STAND_INS, (recorder, recorder.clone), strict=True))


def _stop(estimator):
    for name in STAND_INS:
        vars(estimator).pop(name, None)


def _to_be_recorded(estimator):
    """The estimator inside that a fit of this one will fit or clone; None for a last step."""
    if is_search(estimator):
        return None if is_frozen(estimator.estimator) else estimator.estimator
    if not isinstance(estimator, Pipeline):
        return None
    name, last = estimator.steps[-1]
    if is_frozen(last):  # the user's own object, which clones are not copies of
        last = copy.copy(last)
        estimator.set_params(**{name: last})
    return last if hasattr(last, "fit") else None


def _fit_record(estimator, given):
    """FitRecord of the arguments of a call of `fit`."""
    first, *rest = given.arguments.items()
    y = rest.pop(0)[1] if rest else None
    named: dict = {}
    for name, value in rest:
        kind = given.signature.parameters[name].kind
        named.update(value if kind is kind.VAR_KEYWORD else {name: value})
    weight = named.pop(weight_parameter(estimator), None)
    others = [name for name, value in named.items() if value is not None]
    return FitRecord(first[1], y, weight, others)
