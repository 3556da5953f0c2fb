"""The table of supported models, made by asking the package about every scikit-learn estimator.

`python docs/supported_models.py` prints the rows that README.md shows.
"""

import re
import warnings
from inspect import signature

from sklearn.base import ClassifierMixin, OutlierMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import all_estimators

from skinfluence import supports
from skinfluence.networks import ModuleClassifier, ModuleRegressor, RiskMinimizer

HEAD = """\
Supported models
================

Every classifier, regressor and outlier detector of the installed scikit-learn with its default
parameters: supported, supported with a caveat, or refused with the reason. The table is generated
by :func:`skinfluence.supports`, which also answers for a single estimator:

.. code-block:: pycon

    >>> from sklearn.linear_model import RidgeCV
    >>> from skinfluence import supports
    >>> supports(RidgeCV())
    caveat: The chosen alpha_ is held fixed.

A supported estimator may also be the last step of a `Pipeline` (of scikit-learn or
imbalanced-learn), and may be inside a `FrozenEstimator`, a `GridSearchCV` or another search. A
refusal is an error before anything is fitted. It names what to use instead. :doc:`extending` shows
how to add an estimator.

"""
SECTIONS = (
    ("yes", "Supported", ""),
    ("caveat", "Supported with a caveat", "What differs from a refit"),
    ("no", "Refused", "Reason, and what to use instead"),
)

NETWORKS = """\
Networks of PyTorch
-------------------

Of skorch the classifier, the binary classifier and the regressor, by name; and of this package
(:doc:`torch_networks`):

"""


def instance(cls):
    """An instance with default parameters, around supported estimators where it holds some."""
    model = LogisticRegression() if issubclass(cls, ClassifierMixin) else Ridge()
    wanted = signature(cls).parameters
    if "estimators" in wanted:
        return cls([("model", model)])
    if {"estimator", "base_estimator"} & set(wanted):
        return cls(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of deprecated classes
        return cls()


def estimators():
    """(name, class) of every classifier, regressor and outlier detector of scikit-learn."""
    found = dict(all_estimators("classifier") + all_estimators("regressor"))
    found |= {name: cls for name, cls in all_estimators() if issubclass(cls, OutlierMixin)}
    return sorted(found.items())


def _reason(name, found):
    reason = found.reason.removeprefix(f"{name} ").removeprefix("cannot be explained: it ")
    return re.sub(
        r"(?<!`)\b([A-Za-z]\w*_)(?!\w|`)", r"`\1`", reason
    )  # a bare alpha_ is a link in rst


def short_table():
    """Rows of the README's table in Markdown: the supported classifiers and regressors."""
    rows = {"classifiers": ["skinfluence.svm.SmoothHingeSVC"], "regressors": []}
    for name, cls in estimators():
        if supports(instance(cls)):
            outliers = "outlier detectors" if issubclass(cls, OutlierMixin) else "regressors"
            kind = "classifiers" if issubclass(cls, ClassifierMixin) else outliers
            rows.setdefault(kind, []).append(name)
    cells = {kind: ", ".join(f"`{name}`" for name in sorted(rows[kind])) for kind in rows}
    return "\n".join(f"| {kind} | {names} |" for kind, names in cells.items())


def render():
    """Text of supported_models.rst."""
    found = {name: supports(instance(cls)) for name, cls in estimators()}
    lines = [HEAD]
    for answer, title, column in SECTIONS:
        lines += [title, "-" * len(title), ""]
        names = [name for name in found if found[name].answer == answer]
        if not column:
            lines += [f"- `{name}`" for name in sorted([*names, "SmoothHingeSVC"])] + [""]
            continue
        lines += [".. list-table::", "   :header-rows: 1", ""]
        lines += ["   * - Estimator", f"     - {column}"]
        for name in names:
            lines += [f"   * - `{name}`", f"     - {_reason(name, found[name])}"]
        lines.append("")
    lines += [NETWORKS, ".. list-table::", "   :header-rows: 1", ""]
    lines += ["   * - Estimator", "     - What differs from a refit"]
    networks = ModuleClassifier(None), ModuleRegressor(None), RiskMinimizer(abs, abs, start=[0.0])
    for network in networks:
        answer, name = supports(network), type(network).__name__
        reason = "Nothing." if answer.answer == "yes" else _reason(name, answer)
        lines += [f"   * - `{name}`", f"     - {reason}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(short_table())
