"""Measures of diversity: three set functions R(S), evaluated where they are needed.

Each keeps an upper bound of the gain of every candidate. Similarities are not negative, so gains
only fall, or fall with what a candidate shares with the picks; a bound becomes exact when its
candidate is refreshed. The bounds are what the lazy greedy search lives on.
"""

from abc import ABC, abstractmethod

import numpy as np

from skinfluence.linalg import row_blocks


class Diversity(ABC):
    """R(S) of a growing set S of candidates, scaled to at most 1.

    Parameters
    ----------
    similarity : RBFSimilarity
    candidates : ndarray of int
        Training rows that may be picked.
    n_select : int
        How many will be.
    reference : ndarray of int
        Training rows that the picks represent.
    weight : ndarray
        Of the reference rows; sums to 1.
    """

    needs_reference = False

    def __init__(self, similarity, candidates, n_select, reference, weight):
        self.similarity = similarity
        self.candidates = candidates
        self.n_select = n_select
        self.weight = weight
        if self.needs_reference:
            self.reference = similarity.points(reference)
            self.likeness = self._likeness()
        self.reset()

    def _likeness(self):
        """Mean similarity of each candidate to the reference rows, (n_candidates,)."""
        out = np.empty(len(self.candidates))
        for some in row_blocks(len(out), 24 * len(self.weight)):
            out[some] = self.similarity(self._points(some), self.reference) @ self.weight
        return out

    def _points(self, places):
        return self.similarity.points(self.candidates[places])

    @abstractmethod
    def reset(self):
        """Back to the empty set."""

    @abstractmethod
    def bounds(self, places=slice(None)):
        """Upper bounds of the gains of the candidates at `places`; exact after a refresh."""

    @abstractmethod
    def refresh(self, places):
        """Make the bounds of the candidates at `places` exact."""

    @abstractmethod
    def pick(self, place):
        """Add the candidate at `place` to the set."""

    @property
    @abstractmethod
    def value(self):
        """R of the set."""


class _Shared(Diversity):
    """Shared by sum-redundancy and MMD: summed similarities of each candidate to the picks."""

    def reset(self):
        self.picked = []
        self.shared = np.zeros(len(self.candidates))  # with the first `seen` picks
        self.seen = np.zeros(len(self.candidates), dtype=np.intp)
        self.pairs = 0.0  # similarity of all ordered pairs of picks

    def refresh(self, places):
        first = self.seen[places].min(initial=len(self.picked))
        later = self.picked[first:]
        if not later:
            return
        similar = self.similarity(self._points(places), self._points(later))
        similar[np.arange(first, len(self.picked)) < self.seen[places][:, None]] = 0.0
        self.shared[places] += similar.sum(axis=1)
        self.seen[places] = len(self.picked)

    def pick(self, place):
        self.refresh(np.array([place]))
        self.pairs += 1.0 + 2.0 * self.shared[place]
        self.picked.append(place)


class SumRedundancy(_Shared):
    """1 minus the mean similarity of two picks: R_SR of the thesis, divided by n_select^2.

    Submodular. It falls with every pick.
    """

    def bounds(self, places=slice(None)):
        return -(1.0 + 2.0 * self.shared[places]) / self.n_select**2

    @property
    def value(self):
        return 1.0 - self.pairs / self.n_select**2


class MaximumMeanDiscrepancy(_Shared):
    """Minus the squared MMD of picks and reference rows, without its constant: R_MMD of the thesis.

    Not submodular: its factors depend on the size of the set. For one size the gain still falls
    with what a candidate shares with the picks, so that bounds hold.
    """

    needs_reference = True

    def reset(self):
        super().reset()
        self.total_likeness = 0.0

    def bounds(self, places=slice(None)):
        size = len(self.picked) + 1
        likeness = 2.0 / size * (self.total_likeness + self.likeness[places])
        pairs = self.pairs + 1.0 + 2.0 * self.shared[places]
        return likeness - pairs / size**2 - self.value

    def pick(self, place):
        super().pick(place)
        self.total_likeness += self.likeness[place]

    @property
    def value(self):
        size = max(1, len(self.picked))
        return 2.0 / size * self.total_likeness - self.pairs / size**2


class FacilityLocation(Diversity):
    """Mean similarity of a reference row to the most similar pick: R_FL of the thesis / n.

    Submodular, and never falls.
    """

    needs_reference = True

    def reset(self):
        self.nearest = np.zeros(len(self.weight))  # similarity to the pick most like it
        self.gains = self.likeness.copy()

    def bounds(self, places=slice(None)):
        return self.gains[places]

    def refresh(self, places):
        places = places[self.gains[places] > 0.0]
        for some in row_blocks(len(places), 24 * len(self.weight)):
            similar = self.similarity(self._points(places[some]), self.reference)
            similar -= self.nearest
            self.gains[places[some]] = np.maximum(similar, 0.0, out=similar) @ self.weight

    def pick(self, place):
        similar = self.similarity(self._points([place]), self.reference)[0]
        np.maximum(self.nearest, similar, out=self.nearest)

    @property
    def value(self):
        return float(self.nearest @ self.weight)


DIVERSITIES: dict[str, type[Diversity]] = {
    "sum_redundancy": SumRedundancy,
    "facility_location": FacilityLocation,
    "mmd": MaximumMeanDiscrepancy,
}
