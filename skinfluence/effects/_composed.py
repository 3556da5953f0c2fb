"""Changes of an estimator that is made of members: each member's own, put together."""

import numpy as np

from skinfluence.effects._changes import Changes
from skinfluence.linalg import written


class ComposedChanges(Changes):
    """Changes of the parameters of all members, one member after the other.

    Parameters
    ----------
    parts : list of Changes
        Of the members, for the same edits.
    sizes : list of int
        Number of parameters of each member.
    """

    def __init__(self, parts, sizes):
        self.parts = parts
        self.sizes = sizes
        self.n_changes = parts[0].n_changes

    def coef_changes(self):
        made = [part.coef_changes() for part in self.parts]
        return np.concatenate([coef.reshape(len(coef), -1) for coef in made], axis=1)

    def are_nan(self):
        return np.any([part.are_nan() for part in self.parts], axis=0)

    def contract(self, predictor, slopes=None):
        def reads(m, part, slopes):
            return self.parts[m].contract(part, slopes)

        return predictor.contracted(reads, slopes)

    def products(self, V):
        pieces = np.split(V, np.cumsum(self.sizes)[:-1])
        made = [part.products(own) for part, own in zip(self.parts, pieces, strict=True)]

        def read(some, out=None):
            return written(sum(product(some) for product in made), out)

        return read

    def own_raw_prediction_changes(self):
        raise TypeError(
            "The members of a composed model do not know what is made of their raw predictions. "
            "Ask the explainer's linearization_ for own_changes."
        )
