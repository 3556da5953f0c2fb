"""The table of supported models, made by asking the package about every scikit-learn estimator."""

import warnings
from inspect import signature

from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import all_estimators

from skinfluence.adapters import UnsupportedEstimatorError, check_supported

HEAD = """\
Supported models
================

Every classifier and regressor of the installed scikit-learn: served, or refused with the reason.
The table is made by asking the package. All that is served may be the last step of a `Pipeline`
(also of imbalanced-learn), in a `FrozenEstimator`, and in `GridSearchCV` and the other searches. A
refusal is an error before anything is fitted, which names what to use instead. Own classes:
:doc:`extending`.

"""


def _quiet(cls):
    """An instance, of deprecated classes too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return cls()


def _answer(cls):
    """Whether the estimator is served, and a sentence."""
    model = LogisticRegression() if issubclass(cls, ClassifierMixin) else Ridge()
    wanted = signature(cls).parameters
    if "estimators" in wanted:
        estimator = cls([("model", model)])
    elif "estimator" in wanted:
        estimator = cls(model)
    else:
        estimator = _quiet(cls)
    try:
        check_supported(estimator)
    except UnsupportedEstimatorError as error:
        text = str(error).split(" Supported: ")[0]
        return False, text.removeprefix(f"{cls.__name__} cannot be explained: it ")
    return True, ""


def render():
    """Text of supported_models.rst."""
    found = []
    for kind in ("classifier", "regressor"):
        found += [(name, kind, *_answer(cls)) for name, cls in all_estimators(kind)]
    yes = ["SmoothHingeSVC", *sorted({name for name, _, served, _ in found if served})]
    lines = [HEAD, "Served", "------", ""]
    lines += [f"- `{name}`" for name in yes]
    lines += ["", "Refused", "-------", "", ".. list-table::", "   :header-rows: 1", ""]
    lines += ["   * - Estimator", "     - Reason, and what to use instead"]
    for name, _, served, reason in sorted(found):
        if not served:
            lines += [f"   * - `{name}`", f"     - {reason}"]
    return "\n".join(lines) + "\n"
