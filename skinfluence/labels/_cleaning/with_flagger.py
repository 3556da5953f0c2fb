"""What every estimator with a flagger inside shares."""

from typing import Any

from skinfluence.labels._flagger import LabelFlagger

__all__ = ["WithFlagger"]


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
