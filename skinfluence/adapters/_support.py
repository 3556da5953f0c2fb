"""Whether an estimator can be explained, before it is fitted."""

from dataclasses import dataclass

from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skinfluence._utils.tables import Readable
from skinfluence.adapters._registry import UnsupportedEstimatorError, find_adapter
from skinfluence.adapters._statsmodels import FittedResults, is_results
from skinfluence.adapters._steps import is_frozen, is_search

YES = "Its numbers are those of refits of the estimator itself, or their derivatives."


@dataclass(frozen=True, repr=False)
class Support(Readable):
    """Whether an estimator can be explained; true for "yes" and "caveat".

    Attributes
    ----------
    answer : {"yes", "caveat", "no"}
    reason : str
        What differs from a refit of the whole estimator; for "no", why it is refused and what to
        use instead.
    """

    answer: str
    reason: str

    def __bool__(self):
        return self.answer != "no"

    def _parts(self):
        return [f"{self.answer}: {self.reason}"]


def supports(estimator):
    """Whether :class:`InfluenceExplainer` can explain an estimator, and with what caveat.

    Parameters
    ----------
    estimator : estimator
        Fitted or not; also a pipeline, a frozen estimator or a search. An unfitted search is
        supported where one of the estimators that it tries is.

    Returns
    -------
    Support
        With ``answer`` ("yes", "caveat" or "no") and ``reason``, a sentence. It is true unless the
        answer is "no".

    See Also
    --------
    skinfluence.adapters.check_supported : Raises instead.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.linear_model import Ridge, RidgeCV
    >>> from skinfluence import supports
    >>> supports(Ridge()).answer
    'yes'
    >>> supports(RidgeCV())
    caveat: The chosen alpha_ is held fixed.
    >>> bool(supports(RandomForestClassifier()))
    False
    """
    estimator = FittedResults(estimator) if is_results(estimator) else estimator
    try:
        caveats = _caveats(estimator)
    except UnsupportedEstimatorError as error:
        return Support("no", error.reason)
    return Support("caveat" if caveats else "yes", " ".join(caveats) or YES)


def _caveats(estimator, frozen=False):
    """Sentences about a supported estimator, the last step's first; raise for another."""
    if is_frozen(estimator):
        return _caveats(estimator.estimator, True)
    if isinstance(estimator, Pipeline):
        return _caveats(last_step_of(estimator), frozen) + _caveats_of_steps(estimator.steps[:-1])
    if is_search(estimator):
        if hasattr(estimator, "best_estimator_"):
            found = _caveats(estimator.best_estimator_)
        else:
            check_supported(estimator)
            found = []
        return [*found, "The parameters that the search chose are held fixed."]
    adapter = find_adapter(estimator)
    # a copy that is fitted again has no members that were fitted before
    adapter.check(clone(estimator) if adapter.composed and not frozen else estimator)
    caveat = adapter.caveat_of(estimator)
    return [caveat] if caveat else []


def _caveats_of_steps(steps):
    """The caveat of a pipeline's earlier steps, if they learn from the rows."""
    learning = [type(step).__name__ for _, step in steps if hasattr(step, "fit") and _learns(step)]
    return (
        [f"The fitted {', '.join(learning)} {'is' if len(learning) == 1 else 'are'} held fixed."]
        if learning
        else []
    )


def check_supported(estimator):
    """Raise for an unfitted estimator that cannot be explained, whatever its fit would give.

    A search is refused where none of the estimators that it tries is supported; what its own
    parameters choose among, such as penalties, shows when it is fitted.

    Parameters
    ----------
    estimator : estimator
        Also a pipeline, a frozen estimator or a search.

    Raises
    ------
    UnsupportedEstimatorError
    """
    refused = None
    for model, settled in last_steps(estimator):
        try:
            adapter = find_adapter(model)
            if settled:
                adapter.check(model)
            return
        except UnsupportedEstimatorError as error:
            refused = refused or error
    raise refused


def _learns(step):
    """Whether a step's `fit` looks at the rows, by its tags where it has some."""
    return not hasattr(step, "__sklearn_tags__") or get_tags(step).requires_fit


def last_step_of(pipeline):
    """The last step of a pipeline; raise where it has none."""
    last = pipeline.steps[-1][1]
    if last is None or isinstance(last, str):
        raise UnsupportedEstimatorError(
            f"The pipeline ends with {last!r}: expected a classifier or regressor there."
        )
    return last


def last_steps(estimator):
    """(last step, whether its settings are known) of everything that an estimator may become."""
    name = type(estimator).__name__
    if name == "FrozenEstimator":
        return last_steps(estimator.estimator)
    if isinstance(estimator, Pipeline):
        return last_steps(last_step_of(estimator))
    if not name.endswith("SearchCV") or not hasattr(estimator, "estimator"):
        return [(estimator, True)]
    if estimator.refit is False:
        raise UnsupportedEstimatorError(
            f"{name} with refit=False has no best_estimator_: expected refit=True."
        )
    return [(model, False) for tried in _tried(estimator) for model, _ in last_steps(tried)]


def _tried(search):
    """The estimator of a search, with each other last step that its grid has."""
    grids = getattr(search, "param_grid", getattr(search, "param_distributions", {}))
    grids = grids if isinstance(grids, list | tuple) else [grids]
    found = []
    for grid in grids:
        swaps = [
            clone(search.estimator, safe=False).set_params(**{key: option})
            for key, options in grid.items()
            if isinstance(options, list | tuple)
            for option in options
            if hasattr(option, "fit") and _leads_to_the_last_step(key, search.estimator)
        ]
        found += swaps or [search.estimator]
    return found


def _leads_to_the_last_step(key, estimator):
    """Whether a parameter "step__step__..." of a pipeline is the last step of the last step."""
    for name in key.split("__"):
        if not isinstance(estimator, Pipeline) or estimator.steps[-1][0] != name:
            return False
        estimator = estimator.steps[-1][1]
    return True
