"""Whether an estimator can be explained, before it is fitted."""

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skinfluence.adapters._registry import UnsupportedEstimatorError, find_adapter


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
    for model, settled in _last_steps(estimator):
        try:
            adapter = find_adapter(model)
            if settled:
                adapter.check(model)
            return
        except UnsupportedEstimatorError as error:
            refused = refused or error
    raise refused


def last_step_of(pipeline):
    """The last step of a pipeline; raise where it has none."""
    last = pipeline.steps[-1][1]
    if last is None or isinstance(last, str):
        raise UnsupportedEstimatorError(
            f"The pipeline ends with {last!r}: expected a classifier or regressor there."
        )
    return last


def _last_steps(estimator):
    """(last step, whether its settings are known) of everything that an estimator may become."""
    name = type(estimator).__name__
    if name == "FrozenEstimator":
        return _last_steps(estimator.estimator)
    if isinstance(estimator, Pipeline):
        return _last_steps(last_step_of(estimator))
    if not name.endswith("SearchCV") or not hasattr(estimator, "estimator"):
        return [(estimator, True)]
    if estimator.refit is False:
        raise UnsupportedEstimatorError(
            f"{name} with refit=False has no best_estimator_: expected refit=True."
        )
    return [(model, False) for tried in _tried(estimator) for model, _ in _last_steps(tried)]


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
