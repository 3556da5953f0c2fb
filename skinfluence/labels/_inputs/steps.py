"""Steps of a pipeline that do not use labels, and the last step, which takes weights."""

from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled
from sklearn.utils.validation import has_fit_parameter

from skinfluence.adapters import is_frozen, is_search, looks_at_labels


def preparing_steps(estimator):
    """Unfitted leading transformers of a pipeline, or of a search over one; else none.

    Up to the first that looks at labels: what it has seen would not be left out.
    """
    while is_search(estimator):
        estimator = estimator.estimator
    steps = []
    for _, step in estimator.steps[:-1] if isinstance(estimator, Pipeline) else ():
        if step is None or step == "passthrough":
            continue
        if not hasattr(step, "transform") or looks_at_labels(step):
            break
        steps.append(step)
    return steps


def weight_name(estimator):
    """Name of the fit parameter that takes sample weights, to the last step; None without one."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_name(last)
        return None if inner is None else f"{name}__{inner}"
    if type(estimator).__name__.startswith("Voting"):  # to all of its members
        members = [member for _, member in estimator.estimators if not isinstance(member, str)]
        takes = all(has_fit_parameter(member, "sample_weight") for member in members)
        return "sample_weight" if takes else None
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if type(estimator).__module__ == "sklearn.multiclass" and not _routing_enabled():
        return None  # passes fit parameters on by metadata routing alone
    inner = getattr(estimator, "estimator", None)  # a search, which passes fit parameters on
    return weight_name(inner) if hasattr(inner, "fit") else None


def last_step(estimator):
    """What an unfitted search, pipeline or frozen estimator ends with."""
    while True:
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif is_search(estimator) or is_frozen(estimator):
            estimator = estimator.estimator
        else:
            return estimator
