"""ClassifierChain and RegressorChain: members that take the outputs of those before them."""

from functools import partial

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import validate_data

from skinfluence.adapters._composed import member_of, register_composed
from skinfluence.adapters._families.composed_classifiers import joined_objective
from skinfluence.adapters._families.composed_regressors import objective_of_values, values_of
from skinfluence.adapters._linear import refuse, target_values
from skinfluence.adapters._support import last_steps
from skinfluence.predictors._chain import ChainPredictor, beside
from skinfluence.predictors._combinations import (
    Classes,
    Probabilities,
    RawPrediction,
    SecondClass,
    SideBySide,
    Values,
)

LABELS_JUMP = (
    "The predicted labels that later members take are held fixed to first order; Newton steps and "
    "refits follow a label that changes."
)
#: The parameter that holds the estimator of which the members are made.
HELD = (
    "estimator" if parse_version(sklearn.__version__) >= parse_version("1.7") else "base_estimator"
)
#: Largest difference of a member's raw predictions from linear ones, relative.
LINEAR = 1e-6


def _members_of_chain(estimator):
    """The fitted members, or the estimator that they are made of."""
    return getattr(estimator, "estimators_", [getattr(estimator, HELD)])


def _check(estimator):
    refuse(
        estimator,
        estimator.cv is not None,
        f"cv={estimator.cv!r}",
        "Expected cv=None: members are then fitted to the true values of earlier outputs. By "
        "cross-validation they are fitted to predictions, which a removed row moves.",
    )
    for member in _members_of_chain(estimator):
        for model, settled in last_steps(member):
            kernel = getattr(model, "kernel", "linear")
            bent = isinstance(kernel, str) and kernel != "linear"
            bent |= type(model).__name__.startswith(("MLP", "GaussianProcess"))
            _refuse_bent(estimator, model, settled and bent)


def _refuse_bent(estimator, model, condition):
    refuse(
        estimator,
        condition,
        f"{type(model).__name__}, which is not linear in earlier outputs,",
        "Expected linear members, without steps that bend or combine their columns: their "
        "derivative in earlier outputs is one number for all rows.",
    )


def _chain_of(estimator, X, y, sample_weight, settings, pass_on):
    """(members in the order of the outputs, `chain` of their ComposedObjective)."""
    X = validate_data(estimator, X, reset=False, accept_sparse="csr")
    order = [int(j) for j in estimator.order_]
    members: list = [None] * len(order)
    for k, m in enumerate(order):
        table = beside(X, np.asarray(y[:, order[:k]], dtype=float))
        members[m] = member_of(estimator.estimators_[k], table, y[:, m], sample_weight, settings)
    passed = [pass_on(member) for member in members]
    return members, partial(_predictor, X, order, passed)


def _predictor(X, order, passed, combination, members):
    return ChainPredictor(X, combination, members, order, passed)


def _refuse_curved(estimator, objective, y):
    """Raise where a member is not linear in the columns that the chain adds.

    At the true values of these columns, to which it was fitted, its raw predictions are those at
    the predicted ones plus slopes times the difference.
    """
    chain = objective.predictor
    for k, m in enumerate(chain.order):
        if k == 0:
            continue
        true = chain.members[m].objective.raw_prediction
        given = chain.tables(chain.X)[m][:, -k:]
        given = given.toarray() if hasattr(given, "toarray") else given
        there = chain.parts[m].raw() + (y[:, chain.order[:k]] - given) @ chain.slopes[m]
        bent = np.abs(there - true).max() > LINEAR * max(1.0, np.abs(true).max())
        _refuse_bent(estimator, chain.members[m].model, bent)


@register_composed(
    "sklearn.multioutput.RegressorChain",
    {HELD: Ridge(), "order": [1, 0]},
    members=_members_of_chain,
    check=_check,
)
def regressor_chain(estimator, X, y, sample_weight, settings):
    """Squared error of all outputs, predicted one after another.

    Members are fitted to the true values of earlier outputs, so that each has an objective of its
    own; they predict from the predicted values, which the parameters of earlier members move.
    """
    y = target_values(y)
    members, chain = _chain_of(
        estimator, X, y, sample_weight, settings, lambda member: Values(member.objective.loss)
    )
    combination = SideBySide(values_of(members))
    out = objective_of_values(members, combination, y, sample_weight, chain=chain)
    _refuse_curved(estimator, out, y)
    return out


def _caveat_of_classes(estimator):
    method = getattr(estimator, "chain_method_", estimator.chain_method)
    return LABELS_JUMP if method == "predict" else ""


def _passed_on(method, member):
    """What a member passes on, from its raw predictions."""
    loss, coding = member.objective.loss, member.objective.coding
    if method == "predict":
        return Classes(coding)
    if method == "decision_function":
        return RawPrediction()
    return SecondClass(Probabilities(loss, [0, 1], 2), method == "predict_log_proba")


@register_composed(
    "sklearn.multioutput.ClassifierChain",
    {HELD: LogisticRegression(), "chain_method": "predict_proba"},
    {HELD: LogisticRegression()},
    members=_members_of_chain,
    check=_check,
    caveat=_caveat_of_classes,
)
def classifier_chain(estimator, X, y, sample_weight, settings):
    """Sum over the outputs of what each member's own loss is, one predicted after another."""
    y = np.asarray(y)
    method = estimator.chain_method_
    members, chain = _chain_of(
        estimator, X, y, sample_weight, settings, partial(_passed_on, method)
    )
    refuse(
        estimator,
        method != "predict" and any(member.objective.n_outputs > 1 for member in members),
        f"chain_method={method!r} and members with several raw predictions",
        'Expected two classes an output and members such as LogisticRegression; or "predict".',
    )
    out = joined_objective(members, y, sample_weight, chain=chain)
    _refuse_curved(estimator, out, np.asarray(y, dtype=float))
    return out
