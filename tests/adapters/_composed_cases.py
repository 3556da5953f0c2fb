"""Estimators that are made of others, and the losses of their own predictions."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skinfluence.testing._truth import STENCIL
from tests.adapters._cases import table

ROWS = [1, 17, 40]
TIGHT = {"tol": 1e-12, "max_iter": 1000}


class Case(NamedTuple):
    """An estimator, the kind of its targets, and the loss of its own predictions."""

    estimator: Any
    kind: str
    loss: Any
    #: what `fit` takes the weights by; None where it takes none
    weights: str | None = "sample_weight"


def squared_error(model, X, y):
    """Half the squared error of `predict`, summed over outputs."""
    squares = 0.5 * (model.predict(X) - y) ** 2
    return squares if squares.ndim == 1 else squares.sum(axis=1)


def log_loss(model, X, y):
    """Log loss of `predict_proba`."""
    p = model.predict_proba(X)
    return -np.log(p[np.arange(len(y)), np.searchsorted(model.classes_, y)])


def log_losses(model, X, y):
    """Log loss of `predict_proba`, summed over outputs."""
    pairs = zip(model.predict_proba(X), model.classes_, y.T, strict=True)
    every = np.arange(len(y))
    return sum(-np.log(p[every, np.searchsorted(classes, own)]) for p, classes, own in pairs)


def margin_errors(model, X, y):
    """Half the squared error of the decision values against -1 and +1, over all classes."""
    sides = np.where(model.classes_ == y[:, None], 1.0, -1.0)
    return 0.5 * ((model.decision_function(X) - sides) ** 2).sum(axis=1)


def pair_losses(model, X, y):
    """Log loss of every member whose pair has the class of the row."""
    total = np.zeros(len(y))
    pairs = combinations(model.classes_, 2)
    for member, (first, second) in zip(model.estimators_, pairs, strict=True):
        p = member.predict_proba(X)
        total -= np.where(y == first, np.log(p[:, 0]), 0.0)
        total -= np.where(y == second, np.log(p[:, 1]), 0.0)
    return total


def bit_losses(model, X, y):
    """Log loss of every member at the bit of the row's class."""
    total = np.zeros(len(y))
    for member, bits in zip(model.estimators_, model.code_book_.T, strict=True):
        if np.ptp(bits):  # else it is a constant
            one = bits[np.searchsorted(model.classes_, y)] > 0
            p = member.predict_proba(X)
            total -= np.log(np.where(one, p[:, 1], p[:, 0]))
    return total


def label_losses(model, X, y):
    """Log loss of `predict_proba` of a chain, summed over its labels of 0 and 1."""
    p = model.predict_proba(X)
    return -np.log(np.where(y == 1, p, 1.0 - p)).sum(axis=1)


def frozen(model, labels):
    """A model fitted to other rows."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 5))
    return FrozenEstimator(model.fit(X, np.digitize(X[:, 0], [-0.4, 0.4]) if labels else X[:, 0]))


def logistic(**settings):
    return LogisticRegression(solver="newton-cholesky", **TIGHT, **settings)


def log_target(model, **settings):
    return TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp, **settings)


POISSON = PoissonRegressor(alpha=0.1, solver="newton-cholesky", **TIGHT)
SCALED = FunctionTransformer(np.tanh)  # learns nothing from the rows

CASES = {
    "TransformedTarget-log": Case(log_target(Ridge()), "positive", squared_error),
    "TransformedTarget-poisson": Case(log_target(POISSON), "large", squared_error),
    "VotingRegressor": Case(
        VotingRegressor(
            [
                ("ridge", Ridge()),
                ("ols", LinearRegression()),
                ("log", log_target(Ridge())),
                ("counts", POISSON),
                ("none", "drop"),
            ],
            weights=[1, 2, 1, 2, 5],
        ),
        "positive",
        squared_error,
    ),
    "MultiOutputRegressor": Case(MultiOutputRegressor(Ridge()), "two values", squared_error),
    "MultiOutputClassifier": Case(MultiOutputClassifier(logistic()), "two labels", log_losses),
    "OneVsRest-three": Case(OneVsRestClassifier(logistic()), "three classes", log_loss, None),
    "OneVsRest-binary": Case(OneVsRestClassifier(logistic()), "two classes", log_loss, None),
    "OneVsRest-balanced": Case(
        OneVsRestClassifier(logistic(class_weight="balanced")), "three classes", log_loss, None
    ),
    "OneVsRest-pipeline": Case(
        OneVsRestClassifier(make_pipeline(SCALED, logistic())), "three classes", log_loss, None
    ),
    "OneVsRest-RidgeClassifier": Case(
        OneVsRestClassifier(RidgeClassifier()), "three classes", margin_errors, None
    ),
    "OneVsOne": Case(OneVsOneClassifier(logistic()), "three classes", pair_losses, None),
    "OutputCode": Case(
        OutputCodeClassifier(logistic(), code_size=3.0, random_state=2),
        "three classes",
        bit_losses,
        None,
    ),
    "RegressorChain": Case(RegressorChain(Ridge(), order=[1, 0]), "two values", squared_error),
    "RegressorChain-poisson": Case(RegressorChain(POISSON), "two counts", squared_error),
    "ClassifierChain-proba": Case(
        ClassifierChain(logistic(), order=[2, 0, 1], chain_method="predict_proba"),
        "three marks",
        label_losses,
        None,
    ),
    "ClassifierChain-log": Case(
        ClassifierChain(logistic(), chain_method="predict_log_proba"),
        "three marks",
        label_losses,
        None,
    ),
    "ClassifierChain-decision": Case(
        ClassifierChain(logistic(), chain_method="decision_function"),
        "three marks",
        label_losses,
        None,
    ),
    "ClassifierChain-labels": Case(ClassifierChain(logistic()), "three marks", label_losses, None),
    "StackingRegressor": Case(
        StackingRegressor(
            [
                ("a", frozen(Ridge(), False)),
                ("b", frozen(DecisionTreeRegressor(max_depth=3), False)),
            ],
            Ridge(),
            passthrough=True,
        ),
        "values",
        squared_error,
    ),
    "StackingClassifier": Case(
        StackingClassifier(
            [("a", frozen(DecisionTreeClassifier(max_depth=2), True))], logistic(), cv="prefit"
        ),
        "three classes",
        log_loss,
    ),
    "VotingClassifier-three": Case(
        VotingClassifier(
            [("a", logistic()), ("b", logistic(C=0.1))], voting="soft", weights=[2, 1]
        ),
        "three classes",
        log_loss,
    ),
    "VotingClassifier-nested": Case(
        VotingClassifier(
            [("a", logistic()), ("b", OneVsRestClassifier(logistic(C=0.1)))], voting="soft"
        ),
        "three classes",
        log_loss,
        None,
    ),
    "VotingClassifier-binary": Case(
        VotingClassifier([("a", logistic()), ("b", logistic(C=0.1))], voting="soft"),
        "two classes",
        log_loss,
    ),
}


def rows_of(kind):
    """(X, y, X_test, y_test) of a kind of targets."""
    if kind == "three marks":
        X, y, X_test, y_test, _ = table("three classes", False)
        classes = np.unique(y)
        return X, (y[:, None] == classes).astype(int), X_test, (y_test[:, None] == classes) * 1
    if kind == "large":  # the logarithm of which is positive
        X, y, X_test, y_test, _ = table("positive", False)
        return X, 3.0 + y, X_test, 3.0 + y_test
    if kind == "two counts":
        X, y, X_test, y_test, _ = table("positive", False)
        return X, np.column_stack([y, y[::-1]]), X_test, np.column_stack([y_test, y_test])
    if kind == "two labels":
        X, y, X_test, y_test, _ = table("three classes", False)
        other = table("two classes", False)
        return X, np.column_stack([y, other[1]]), X_test, np.column_stack([y_test, other[3]])
    return table(kind, False)[:4]


def fitted(case, X, y, sample_weight=None):
    """A fitted clone."""
    given = {} if sample_weight is None else {case.weights: sample_weight}
    return clone(case.estimator).fit(X, y, **given)


def left_out(case, rows=ROWS):
    """What leaving each row out really does to the losses of the test rows, (n_test, n_rows)."""
    X, y, X_test, y_test = rows_of(case.kind)
    before = case.loss(fitted(case, X, y), X_test, y_test)
    out = []
    for row in rows:
        kept = np.delete(np.arange(len(X)), row)
        out.append(case.loss(fitted(case, X[kept], y[kept]), X_test, y_test) - before)
    return np.stack(out, axis=1)


def slopes(case, weights, rows=ROWS, step=0.01):
    """Minus the derivative of the losses in the logarithm of each row's weight."""
    X, y, X_test, y_test = rows_of(case.kind)
    out = []
    for row in rows:
        slope = 0.0
        for position, coefficient in STENCIL:
            changed = weights.copy()
            changed[row] *= 1.0 + position * step
            slope += coefficient * case.loss(fitted(case, X, y, changed), X_test, y_test)
        out.append(-slope / step)
    return np.stack(out, axis=1)
