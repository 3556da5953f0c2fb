"""Descriptions of parameters that many functions share, inserted into their docstrings."""

import inspect
import re

_FIT = "InfluenceExplainer", "Fitted."
_TRAINING = (
    "{array-like, sparse matrix, data frame} of shape (n_train, n_features)",
    "Training rows.",
)
_TRAINING_LABELS = "array-like of shape (n_train,)", "Their labels or values."
_SCORING = "str, callable or None", "As in scikit-learn; None is the estimator's own score."
_VERBOSE = "int", "As for InfluenceExplainer."
_TABLE = "{array-like, sparse matrix, data frame} of shape (n_test, n_features)", "Test rows."
_LABELS = (
    "array-like of shape (n_test,) or (n_test, n_outputs)",
    "Labels or values of the test rows.",
)
_TARGET = (
    "str or Target",
    """Number whose change is computed: "loss", "predict", "decision_function", "predict_proba" or
    an object of :mod:`skinfluence.targets`. "auto" is the loss where `y_test` is given, otherwise
    "predict"; see :meth:`~skinfluence.InfluenceExplainer.influence`.""",
)
_METHOD = (
    '{"auto", "first_order", "newton_step", "refit"}',
    "None takes the explainer's own `method`.",
)
_ROWS = (
    "array-like of int, of names, or bool mask",
    "Training rows, by position, name or mask; all by default.",
)
_AX = "matplotlib Axes", "New ones by default."
#: Type and description of each shared parameter.
SHARED = {
    "explainer": _FIT,
    "X": _TRAINING,
    "y": _TRAINING_LABELS,
    "scoring": _SCORING,
    "verbose": _VERBOSE,
    "X_test": _TABLE,
    "y_test": _LABELS,
    "target": _TARGET,
    "method": _METHOD,
    "rows": _ROWS,
    "ax": _AX,
}


def shared_parameters(function):
    """Function with the shared descriptions of parameters that its docstring leaves out.

    They are inserted in the order of the signature; a docstring without a section of parameters
    gets one after its summary, before the next section.
    """
    if function.__doc__ is None:  # python -OO
        return function
    doc = inspect.cleandoc(function.__doc__)
    head, title, body = doc.partition("Parameters\n----------\n")
    if not title:
        section = re.search(r"^\w[\w ]*\n-{3,}$", doc, re.M)
        place = len(doc) if section is None else section.start()
        head, body = doc[:place].rstrip() + "\n\n", "\n" + doc[place:]
    end = re.search(r"^\n(?=\S)", body, re.M)
    own, rest = (body, "") if end is None else (body[: end.start()], body[end.start() :])
    entries = {}
    for entry in re.split(r"^(?=\S)", own, flags=re.M):
        if entry.strip():
            entries[re.split(r"[\s,:]", entry.lstrip("*"))[0]] = entry.rstrip("\n")
    parts = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in entries:
            parts.append(entries.pop(name))
        elif name in SHARED:
            parts.append(_described(name, parameter.default))
    function.__doc__ = f"{head}Parameters\n----------\n" + "\n".join(parts) + f"\n{rest}\n"
    return function


def _described(name, default):
    kind, text = SHARED[name]
    if default is not inspect.Parameter.empty:
        kind += f', default="{default}"' if isinstance(default, str) else f", default={default}"
    return f"{name} : {kind}\n    {text}"
