"""Flagger and estimator with all that their fits take, for all rows or some of them."""

from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import clone
from sklearn.utils.validation import _check_method_params

from skinfluence.labels._cleaning.actions import decide
from skinfluence.labels._flagger import LabelFlagger
from skinfluence.labels._inputs.rows import take_rows

__all__ = ["Training", "WithFlagger"]


class WithFlagger:
    """Has a parameter `flagger`, and after fit `flagger_`, which has seen the features."""

    flagger: Any
    flagger_: LabelFlagger

    def _default_flagger(self):
        return LabelFlagger() if self.flagger is None else self.flagger

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
    weight: Any  # sample weights or None; rows of weight zero are absent
    flagger_params: dict  # of its fit
    estimator_params: dict  # of its fit, the sample weights excepted
    weight_name: str | None  # of the estimator's fit parameter for sample weights
    weighed: bool  # whether the estimator gets the sample weights

    def judge(self):
        """The fitted flagger."""
        flagger = clone(self.flagger)
        flagger._judged_for = self.estimator  # whole numbers are values to a regressor
        return flagger.fit(self.X, self.y, **self.flagger_params)

    def learn(self, flagger, action):
        """The estimator, fitted to what an action leaves of the rows that a flagger has judged."""
        left = decide(flagger, self.X, self.y, self.weight, action)
        params = _check_method_params(self.X, self.estimator_params, indices=left.rows)
        if self.weighed or action == "reweight":
            params = {**params, self.weight_name: left.weight}
        return clone(self.estimator).fit(take_rows(self.X, left.rows), left.y, **params)

    def take(self, rows):
        """The same for some of the rows."""
        flagger_params = dict(self.flagger_params)
        if "sample_weight" in flagger_params:
            flagger_params["sample_weight"] = take_rows(flagger_params["sample_weight"], rows)
        return replace(
            self,
            X=take_rows(self.X, rows),
            y=take_rows(self.y, rows),
            weight=None if self.weight is None else take_rows(self.weight, rows),
            flagger_params=flagger_params,
            estimator_params=_check_method_params(self.X, self.estimator_params, indices=rows),
        )
