"""ComposedObjective: what an estimator minimised that is made of members, each on its own."""

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object

from skinfluence.adapters._fitted_model import explain_estimator, unwrap
from skinfluence.adapters._linear import refuse
from skinfluence.adapters._registry import UnsupportedEstimatorError, find_adapter, register_path
from skinfluence.adapters._resampled import is_sampler
from skinfluence.adapters._steps import FittedSteps, is_frozen
from skinfluence.adapters._support import check_supported, last_steps, supports
from skinfluence.objectives import Objective, RowWeights
from skinfluence.predictors import ComposedPredictor

#: Begins the caveat of a member, also of a member's member.
OF_MEMBER = "Of a member: "
#: Caveat of an estimator whose own fit leaves a member as it is.
FROZEN_MEMBER = (
    "A frozen member is explained as the model that it holds, which a removed row moves; a refit "
    "of the whole leaves it as it is."
)


class ComposedObjective(Objective):
    """The sum of the objectives of members, and what the estimator makes of their predictions.

    Every member has the same n rows, those that it was not fitted to with weight zero, and
    parameters of its own: the Hessian has one block a member. The loss is that of the whole: what
    a test row costs, and not what the members minimised.

    Parameters
    ----------
    members : list of FittedModel
    combination : Combination
        From the members' raw predictions to those that `loss` takes.
    loss : Loss
    y : ndarray of shape (n, K)
        Encoded targets of the whole.
    coding : TargetCoding
    sample_weight : ndarray of shape (n,)
        The user's own; those of the members may be others.
    raw_are_decisions : bool, default=True
        See Objective.
    chain : callable, default=None
        ``chain(combination, members)`` gives the ChainPredictor of the rows where members take what
        others predict.
    """

    def __init__(
        self,
        members,
        combination,
        loss,
        y,
        coding,
        sample_weight,
        *,
        raw_are_decisions=True,
        chain=None,
    ):
        self.members = tuple(members)
        self.raw_are_decisions = raw_are_decisions
        self.chain = chain
        if chain is None:
            parts = [member.objective.predictor for member in members]
            predictor = ComposedPredictor(parts, combination, self.members)
        else:
            predictor = chain(combination, self.members)
        free = np.zeros(predictor.n_parameters)
        super().__init__(loss, predictor, y, free, RowWeights(sample_weight), coding)

    def _replace(self, **changes):
        raise TypeError("A composed objective is changed through its members: see with_members.")

    def with_members(self, objectives):
        """The same with other objectives of the members: at other parameters."""
        members = [
            replace(member, objective=own)
            for member, own in zip(self.members, objectives, strict=True)
        ]
        out = ComposedObjective(
            members,
            self.predictor.combination,
            self.loss,
            self.y,
            self.coding,
            self.weights.base,
            raw_are_decisions=self.raw_are_decisions,
            chain=self.chain,
        )
        out.row_names = self.row_names
        return out

    @property
    def X(self):
        """The rows as an array or CSR: those of the first member, behind its steps."""
        return self.members[0].X if self.chain is None else self.predictor.X

    @property
    def stands_in(self):
        return any(member.objective.stands_in for member in self.members)

    @property
    def quadratic(self):
        return False

    def value(self):
        """Sum of what the members minimised."""
        return sum(member.objective.value() for member in self.members)

    def gradient(self):
        """Of the members' objectives in their parameters, one after the other."""
        return np.concatenate([member.objective.gradient().ravel() for member in self.members])

    def stationarity(self, scale=None):
        """The largest of the members'."""
        return max(member.objective.stationarity() for member in self.members)


def write_members(estimator, parameters):
    """Nothing: all parameters of the estimator are those of its members."""


def register_composed(
    path,
    *examples,
    members,
    check=lambda estimator: None,
    caveat=lambda estimator: "",
    write=write_members,
):
    """`register_path` for a class that is explained through others.

    ``members(estimator)`` are those that are asked whether they can be explained, ``check`` and
    ``caveat`` are about the class itself.
    """

    def check_all(estimator):
        check(estimator)
        check_members(estimator, members(estimator))

    return register_path(
        path,
        *examples,
        check=check_all,
        caveat=lambda estimator: caveats_of(members(estimator), caveat(estimator)),
        composed=True,
        write=write,
    )


class Columns:
    """Step that takes some columns of a table."""

    def __init__(self, columns):
        self.columns = columns

    def transform(self, X):
        X = X.tocsr() if sparse.issparse(X) else np.asarray(X)
        return X[:, self.columns]


def member_of(
    estimator, X, y, sample_weight, settings, *, columns=None, drawn=None, positions=None
):
    """A fitted member taken apart: a FittedModel of the n rows.

    Parameters
    ----------
    estimator : fitted estimator
        Also a pipeline or a search.
    X, y : the n rows, and the targets that the member was given
    sample_weight : ndarray of shape (n,)
        Those of the estimator that holds it.
    settings : Settings
    columns : ndarray of int, default=None
        Columns of X that it was given; all by default.
    drawn : ndarray of shape (n,), default=None
        How often it was given each row; once by default.
    positions : ndarray of int, default=None
        See Settings; those of the estimator that holds it by default.
    """
    if not _is_weighted(estimator):
        sample_weight = np.ones(len(sample_weight))
    if drawn is not None:
        sample_weight = sample_weight * drawn
    if positions is not None:
        settings = replace(settings, positions=positions)
    if columns is None:
        return explain_estimator(estimator, X, y, sample_weight, settings)
    taken = Columns(columns)
    out = explain_estimator(estimator, taken.transform(X), y, sample_weight, settings)
    return replace(out, steps=FittedSteps([taken, *out.steps.steps]))


def _is_weighted(estimator):
    """Whether sample weights go on to the last step of a fitted member."""
    if is_frozen(estimator) or not _routing_enabled():
        return True
    model = unwrap(estimator)[1]
    request = get_routing_for_object(model)  # of a composed one, its own members say it
    return find_adapter(model).composed or bool(request.consumes("fit", ["sample_weight"]))


def refuse_several_raw(estimator, members):
    """Raise for members with more than one raw prediction."""
    refuse(
        estimator,
        any(member.objective.n_outputs > 1 for member in members),
        f"{type(members[0].model).__name__}, which has two raw predictions for two classes,",
        "Expected members with one decision value, such as LogisticRegression.",
    )


def check_members(estimator, members):
    """Raise UnsupportedEstimatorError unless every member is supported.

    Parameters
    ----------
    estimator : estimator that holds them
    members : list of estimators
    """
    for member in members:
        for _, step in getattr(member, "steps", ()):
            if is_sampler(step):
                raise UnsupportedEstimatorError(
                    f"{type(estimator).__name__} holds a pipeline with {type(step).__name__}, and "
                    "which rows it took for each member is not kept. Put the sampler before the "
                    "whole, as in imblearn.pipeline.make_pipeline(sampler, estimator)."
                )
        try:
            check_supported(member)
            for model, _ in last_steps(member):
                if find_adapter(model).closed_form:
                    raise UnsupportedEstimatorError(
                        f"{type(model).__name__} is computed in closed form and has no objective."
                        " Expected a model that minimises a loss, such as LogisticRegression or "
                        "Ridge; or explain it by itself."
                    )
        except UnsupportedEstimatorError as error:
            raise UnsupportedEstimatorError(
                f"{type(estimator).__name__} is explained through its members, of which one is "
                f"not supported. {error}"
            ) from error


def caveats_of(members, *own):
    """The caveats of members, each once, behind those of the estimator that holds them."""
    found = [supports(member) for member in members]
    reasons = [one.reason.removeprefix(OF_MEMBER) for one in found if one.answer == "caveat"]
    frozen = FROZEN_MEMBER if any(map(is_frozen, members)) else ""
    said = [*own, frozen, *(OF_MEMBER + reason for reason in reasons)]
    return " ".join(dict.fromkeys(filter(None, said)))
