"""Fitted steps of pipelines, applied without changing tables and random states."""

import copy

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
#: Packages whose transformers write on their input only where a parameter says so.
KNOWN = ("sklearn", "skinfluence", "imblearn")
#: Steps whose `fit_transform` gives other rows than `transform` gives afterwards.
OTHER_ROWS = (
    "DictionaryLearning",
    "LocallyLinearEmbedding",
    "MiniBatchDictionaryLearning",
    "MiniBatchNMF",
    "NMF",
    "TargetEncoder",
)
#: Lists in a fitted step that are longer than this hold no steps.
LONGEST = 1000


def is_search(estimator):
    """Whether an estimator is one of scikit-learn's searches for parameters."""
    return type(estimator).__name__ in SEARCHES


def is_frozen(estimator):
    """Whether an estimator is scikit-learn's FrozenEstimator."""
    return type(estimator).__name__ == "FrozenEstimator"


def writes_on_input(estimator):
    """Whether `fit` of an estimator may write on the table that it is given.

    Where scikit-learn's own do so their parameters say it: ``copy=False``, ``copy_X=False``.
    Functions of FunctionTransformer and transformers of other packages may.
    """
    if is_frozen(estimator):
        return writes_on_input(estimator.estimator)
    if isinstance(estimator, Pipeline):
        return any(may_write(step) for _, step in estimator.steps[:-1])
    return not is_search(estimator) and _has_copy_off(estimator)


def may_write(step):
    """Whether a pipeline step may write on the table that it is given."""
    if step is None or isinstance(step, str):
        return False
    if is_frozen(step):
        return may_write(step.estimator)
    if not hasattr(step, "get_params"):
        return True
    parts = [step, *step.get_params(deep=True).values()]
    parts = [part for part in parts if hasattr(part, "fit") and not isinstance(part, type)]
    return any(_is_unknown(part) or _has_copy_off(part) for part in parts)


def _is_unknown(step):
    if type(step).__name__ == "FunctionTransformer":
        return step.func is not None
    return type(step).__module__.partition(".")[0] not in KNOWN


def _has_copy_off(estimator):
    return any(getattr(estimator, name, True) is False for name in ("copy", "copy_X", "copy_x"))


def _held_by(step):
    """A fitted step, the steps inside it, and what else they hold."""
    left, seen = [step], set()
    while left:
        part = left.pop()
        yield part
        if isinstance(part, BaseEstimator) and id(part) not in seen:
            seen.add(id(part))
            left.extend(vars(part).values())
        elif isinstance(part, list | tuple) and len(part) <= LONGEST:
            left.extend(part)


def _draws(step):
    """Whether a fitted step holds a random state, from which `transform` may draw."""
    states = np.random.RandomState | np.random.Generator
    return any(isinstance(part, states) for part in _held_by(step))


def other_rows_in_fit(steps):
    """Names of scikit-learn's steps whose `fit_transform` is known not to be their `transform`."""
    parts = [part for step in steps for part in _held_by(step) if isinstance(part, BaseEstimator)]
    names = {type(part).__name__ for part in parts if getattr(part, "sample_posterior", False)}
    return sorted(names | {type(part).__name__ for part in parts} & set(OTHER_ROWS))


class FittedSteps:
    """The earlier steps of a fitted pipeline, which give the same for the same table.

    A table that a step may write on is copied first, and a step that draws (IterativeImputer with
    ``sample_posterior=True``) draws anew from where `fit` left it.

    Parameters
    ----------
    steps : list of fitted transformers
    """

    def __init__(self, steps):
        self.drawing = [_draws(step) for step in steps]
        self.steps = [
            copy.deepcopy(step) if draws else step
            for step, draws in zip(steps, self.drawing, strict=True)
        ]
        self.may_write = any(map(may_write, steps))

    def transform(self, X):
        """X behind the steps; it is not written on."""
        if self.may_write:
            X = copy.deepcopy(X)
        for step, draws in zip(self.steps, self.drawing, strict=True):
            X = (copy.deepcopy(step) if draws else step).transform(X)
        return X
