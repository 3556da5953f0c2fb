"""Base of CleanedClassifier and CleanedRegressor: flag, act, fit, delegate."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier, is_regressor
from sklearn.utils import get_tags
from sklearn.utils._metadata_requests import METHODS
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _check_method_params, check_is_fitted

from skinfluence._utils.checks import check_choice
from skinfluence._utils.frames import take_rows
from skinfluence._utils.warnings import warn_user
from skinfluence.labels._cleaning.choice import Choice, choose_action, decide
from skinfluence.labels._flagger import LabelFlagger
from skinfluence.labels._inputs.settings import check_weight
from skinfluence.labels._inputs.steps import last_step, weight_name

ACTIONS = ("auto", "drop", "reweight", "relabel", "none")


class WithFlagger(MetaEstimatorMixin, BaseEstimator):
    """Has a parameter `flagger`, and after fit `flagger_`, which has seen the features."""

    flagger: Any
    flagger_: LabelFlagger

    def _default_flagger(self):
        return LabelFlagger() if self.flagger is None else self.flagger

    def get_metadata_routing(self):
        mapping = MethodMapping().add(caller="fit", callee="fit")
        if "fit_resample" in METHODS and hasattr(self, "fit_resample"):  # made known by imblearn
            mapping.add(caller="fit_resample", callee="fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(flagger=self._default_flagger(), method_mapping=mapping)

    @property
    def n_features_in_(self):
        """Number of features seen by fit."""
        return self.flagger_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features seen by fit, where they had names."""
        return self.flagger_.feature_names_in_


@dataclass(frozen=True)
class Training:
    """What is fitted to what; estimator and flagger are cloned for each fit."""

    estimator: Any
    flagger: Any
    X: Any
    y: Any
    weight: np.ndarray  # rows of weight zero are absent; shape: (n,)
    flagger_params: dict  # of its fit
    estimator_params: dict  # of its fit, the sample weights excepted
    weight_name: str | None  # of the estimator's fit parameter for sample weights
    weighted: bool  # whether the estimator gets the sample weights

    def judge(self):
        """The fitted flagger."""
        flagger = clone(self.flagger)
        flagger._judged_for = self.estimator  # whole numbers are values to a regressor
        return flagger.fit(self.X, self.y, **self.flagger_params)

    def learn(self, flagger, action):
        """The estimator, fitted to the rows after an action on a flagger's flags."""
        rows, y, weight = decide(flagger, self.y, self.weight, action)
        params = _check_method_params(self.X, self.estimator_params, indices=rows)
        if self.weighted or action == "reweight":
            params = {**params, self.weight_name: weight}
        return clone(self.estimator).fit(take_rows(self.X, rows), y, **params)

    def take(self, rows):
        """The same for some of the rows."""
        return replace(
            self,
            X=take_rows(self.X, rows),
            y=take_rows(self.y, rows),
            weight=self.weight[rows],
            flagger_params=_check_method_params(self.X, self.flagger_params, indices=rows),
            estimator_params=_check_method_params(self.X, self.estimator_params, indices=rows),
        )


class Cleaned(WithFlagger):
    """A flagger, an action and an estimator, to stand before EstimatorDelegation."""

    def __init__(
        self, estimator=None, flagger=None, *, action="auto", random_state=None, verbose=None
    ):
        self.estimator = estimator
        self.flagger = flagger
        self.action = action
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, **params):
        """Flag wrong labels, act on them, and fit the estimator to the result.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Their labels or target values, some of them perhaps wrong.
        sample_weight : array-like of shape (n_samples,), default=None
            For the flagger and the estimator. A row of weight zero is absent.
        **params : dict
            Further fit parameters of the estimator; those of one entry per row follow the rows.

        Returns
        -------
        self : object
            Fitted.

        Raises
        ------
        ValueError
            For ``action="reweight"`` with an estimator that takes no sample weights.
        """
        check_choice("action", self.action, ACTIONS)
        self._check_parts()
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        training = self._training(X, y, given, params)
        self.flagger_ = training.judge()
        choice = Choice(self.action)
        if self.action == "auto":
            choice = choose_action(training, self.random_state)
        self.action_, self.action_gains_ = choice.action, choice.gains
        self.expected_gain_, self.expected_gain_std_ = choice.expected
        self.description_ = str(choice)
        self.estimator_ = training.learn(self.flagger_, self.action_)
        if choice.failure:
            advice = (
                "To choose, flagger and estimator must fit two thirds of the rows and predict the "
                'others; else pass an action, such as action="drop".'
            )
            warn_user(f"{self.description_}. {advice}")
        if self.verbose:
            print(f"[{type(self).__name__}] {self.description_}")
        return self

    def _check_parts(self):
        """Raise where an estimator is of the other kind, or the flagger is none."""
        flagger = self._default_flagger()
        if isinstance(flagger, type) or not hasattr(flagger, "fit") or hasattr(flagger, "predict"):
            raise ValueError(
                f"flagger={flagger!r}. Expected an instance that flags labels: LabelFlagger() or "
                "LabelFlagger(estimator)."
            )
        ours = is_classifier(self)
        other, kind = (is_regressor, "classifier") if ours else (is_classifier, "regressor")
        judge = getattr(flagger, "estimator", None)
        for name, part in (("estimator", self._default_estimator()), ("flagger.estimator", judge)):
            if part is not None and not isinstance(part, type) and other(part):
                raise ValueError(
                    f"{name}={type(part).__name__}() in {type(self).__name__}. Expected a {kind}; "
                    f"use Cleaned{'Regressor' if ours else 'Classifier'} for the other kind of y."
                )

    def _training(self, X, y, given, params):
        """The Training of `fit`: which parameters go where."""
        estimator = clone(self._default_estimator())
        name = weight_name(estimator)
        weight = check_weight(given.get("sample_weight"), X)
        reweight = self.action == "reweight"
        if name is None and (reweight or len(np.unique(weight[weight > 0])) > 1):
            what = "sample_weight differs between rows"
            if reweight:
                what = 'action="reweight" gives each row a weight'
            raise ValueError(
                f"{what}, but {type(last_step(estimator)).__name__} takes no sample_weight. Pass "
                'action="drop" without weights, or an estimator with sample weights.'
            )
        weighted = "sample_weight" in given and name is not None
        if _routing_enabled():
            routed = process_routing(self, "fit", **given, **params)
            given, params = routed.flagger.fit, dict(routed.estimator.fit)
            weighted = params.pop("sample_weight", None) is not None
            name = name and "sample_weight"  # a pipeline routes it to the steps that ask for it
        flagger = self._default_flagger()
        return Training(estimator, flagger, X, y, weight, given, params, name, weighted)

    def _new_rows(self, X):
        """X; rows with gaps are refused where the flagger takes none, as fit refuses them."""
        if get_tags(self.estimator_).input_tags.allow_nan > get_tags(self).input_tags.allow_nan:
            self.flagger_._judgement.prediction.predict(X)
        return X

    def score(self, X, y, **params):
        """Score of the fitted estimator: accuracy, R squared, or its own.

        Parameters
        ----------
        X, y : array-likes of n_samples rows and of their labels or values
            Where these may be wrong too, so is the score.
        **params : dict
            For the estimator's `score`, such as `sample_weight`.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        if _routing_enabled():
            params = process_routing(self, "score", **params).estimator.score
        return self.estimator_.score(X, y, **params)

    def get_metadata_routing(self):
        both = MethodMapping().add(caller="fit", callee="fit").add(caller="score", callee="score")
        router = WithFlagger.get_metadata_routing(self)
        return router.add(estimator=self._default_estimator(), method_mapping=both)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner, judge = get_tags(self._default_estimator()), get_tags(self._default_flagger())
        tags.input_tags.sparse &= judge.input_tags.sparse
        tags.input_tags.allow_nan &= judge.input_tags.allow_nan
        tags.target_tags.multi_output = False  # one label a row is judged
        tags.classifier_tags = inner.classifier_tags or tags.classifier_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        return tags
