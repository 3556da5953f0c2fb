"""PairCoding: one binary machine for each pair of classes, whose votes decide."""

from itertools import combinations

import numpy as np

from skinfluence.objectives._output_codes import CodeCoding


class PairCoding(CodeCoding):
    """Labels of one-vs-one machines: output k is positive for the first class of pair k.

    Rows of other classes are encoded as 0 there: they belong neither to its training rows nor to
    its loss.

    Parameters
    ----------
    classes : ndarray of shape (C,)
        More than two, in the estimator's order.
    shape : {"ovr", "ovo"}
        What `decision_function` returns: votes of each class, broken by the summed decision
        values, or the decision value of each pair.
    break_ties : bool
        Whether the summed decision values break ties of votes in predictions, too.

    Attributes
    ----------
    pairs : ndarray of int, shape (K, 2)
        Class indices of each output.
    signs : ndarray of shape (C, K)
        1 where a class is the first of a pair, -1 where it is the second, 0 elsewhere.
    """

    def __init__(self, classes, shape="ovr", break_ties=False):
        self.pairs = np.array(list(combinations(range(len(classes)), 2)))
        own = np.arange(len(classes))[:, None]
        super().__init__(classes, (own == self.pairs[:, 0]) * 1.0 - (own == self.pairs[:, 1]))
        self.shape, self.break_ties = shape, break_ties
        self.votes_count = shape == "ovr"

    @property
    def output_names(self):
        return [f"{a} or {b}" for a, b in self.classes[self.pairs]]

    def votes(self, raw_prediction):
        """Pairs (..., C) that raw predictions (..., K) decide for each class."""
        decided = np.where(raw_prediction > 0.0, 1.0, -1.0) @ self.signs.T
        return 0.5 * (decided + len(self.classes) - 1)

    def predicted_codes(self, raw_prediction):
        if self.break_ties:
            return self.votes_and_sums(raw_prediction).argmax(axis=1)
        return self.votes(raw_prediction).argmax(axis=1)

    def votes_and_sums(self, raw_prediction):
        """Votes (..., C), with the summed decision values as what breaks their ties."""
        total = raw_prediction @ self.signs.T
        return self.votes(raw_prediction) + total / (3.0 * (np.abs(total) + 1.0))

    def decision_factors(self, codes):
        return self.signs[codes]

    def pair_factors(self, codes, others):
        both = self.signs[codes] * self.signs[others]
        if (codes == others).any():
            raise ValueError(
                "against= is the class of some test rows itself. Name two different classes: "
                "DecisionValue(class_, against=other)."
            )
        return np.where(both != 0.0, self.signs[codes], 0.0)

    def decision_values(self, raw_prediction):
        return raw_prediction if self.shape == "ovo" else self.votes_and_sums(raw_prediction)

    def leads(self, raw_prediction, code):
        out = []
        for other in range(len(self.classes)):
            k = np.flatnonzero(self.signs[code] * self.signs[other])
            if other != code:
                lead = float(self.signs[code, k[0]] * raw_prediction[k[0]])
                factors = np.zeros(self.n_outputs)
                factors[k] = self.signs[other, k]
                out.append((factors, lead))
        won = [way for way in out if way[1] > 0.0]
        return sorted(won, key=lambda way: way[1])
