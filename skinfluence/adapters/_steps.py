"""Steps of pipelines: applied without changing tables and random states, asked about labels."""

import copy

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skinfluence._utils.frames import take_rows

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
#: Rows on which the output of steps is compared.
ROWS_COMPARED = 1000
#: Lists in a fitted step that are longer than this hold no steps.
LONGEST = 1000


def is_search(estimator):
    """Whether an estimator is one of scikit-learn's searches for parameters."""
    return type(estimator).__name__ in SEARCHES


def is_frozen(estimator):
    """Whether an estimator is scikit-learn's FrozenEstimator."""
    return type(estimator).__name__ == "FrozenEstimator"


def inner_estimator(estimator):
    """Estimator inside a fitted search, pipeline or frozen estimator; None for all others."""
    if is_frozen(estimator):
        return estimator.estimator
    if is_search(estimator):
        return getattr(estimator, "best_estimator_", None)
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else None


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


def looks_at_labels(step):
    """Whether a transformer, or one inside it, uses y in its fit: a selection, an encoding, LDA."""
    inner = step.get_params(deep=True).values() if hasattr(step, "get_params") else ()
    return any(_uses_y(part) for part in (step, *inner) if hasattr(part, "fit"))


def _uses_y(part):
    if type(part).__module__.startswith("sklearn.feature_selection"):
        return type(part).__name__ != "VarianceThreshold"  # some go without y for some scores
    return is_classifier(part) or is_regressor(part) or get_tags(part).target_tags.required


def step_that_sees_labels(estimator, X, y):
    """Name of a pipeline's step that has seen the labels, in a fitted estimator; else None.

    A row's label then takes part in how all rows are prepared, and what a closed form leaves out is
    not all of it. scikit-learn's own transformers are known by their kind and tags. Any other is
    fitted again with the labels in another order: it sees them where its output changes.
    """
    while estimator is not None and not isinstance(estimator, str) and not is_frozen(estimator):
        for name, step in estimator.steps[:-1] if isinstance(estimator, Pipeline) else ():
            if step is None or isinstance(step, str) or is_frozen(step):
                continue
            foreign = not type(step).__module__.startswith("sklearn.")
            if looks_at_labels(step) or (foreign and _changes_with_labels(step, X, y)):
                return f"{type(step).__name__} (step {name!r})"
            X = step.transform(_own(step, X))
        estimator = inner_estimator(estimator)
    return None


def _own(step, X):
    return copy.deepcopy(X) if may_write(step) else X


def _changes_with_labels(step, X, y):
    some, outputs = np.arange(min(len(y), ROWS_COMPARED)), []
    for labels in (y, y[np.random.RandomState(0).permutation(len(y))]):
        try:
            again = clone(step).fit(_own(step, X), labels)
            outputs.append(again.transform(take_rows(_own(step, X), some)))
        except Exception:
            return True  # what other labels make impossible depends on them
    a, b = (np.asarray(out.toarray() if sparse.issparse(out) else out) for out in outputs)
    if a.shape != b.shape or not set(a.dtype.kind + b.dtype.kind) <= set("biufc"):
        return not np.array_equal(a, b)
    return not np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
