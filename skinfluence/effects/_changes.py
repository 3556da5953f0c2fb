"""Changes of the coefficients that edits make, and of the raw predictions of other rows."""

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from skinfluence.linalg import written


class Changes(ABC):
    """Changes of the coefficients, one for each edit of the training rows.

    Attributes
    ----------
    n_changes : int
    """

    n_changes: int
    #: whether only changes of raw predictions are known, and none of coefficients
    raw_only = False

    @abstractmethod
    def coef_changes(self):
        """Change of the coefficients, (n_changes, ...) with the shape of the coefficients."""

    def are_nan(self):
        """Mask (n_changes,) of the changes that are NaN."""
        return nan_changes(self.coef_changes())

    def set_nan(self, some):
        """Make the changes that a mask marks NaN: there is no model after them.

        Not asked of what is put together of other changes.
        """
        raise TypeError(f"{type(self).__name__} is made of others. Ask these.")

    @abstractmethod
    def contract(self, predictor, slopes=None):
        """Changes of test rows, as a function of a slice of changes.

        What has to be solved is solved here, once for all changes.

        Parameters
        ----------
        predictor : Predictor of the test rows
            At the coefficients that the changes are measured from.
        slopes : ndarray of shape (n_test, K), default=None
            Contracts the K raw predictions of each test row.

        Returns
        -------
        callable
            ``contracted(some, out=None)`` for a slice of changes: the change of each test row's raw
            predictions (n_test, n_some, K), or contracted (n_test, n_some), written into `out` if
            given. May be called from several threads.
        """

    @abstractmethod
    def products(self, V):
        """V' delta for directions V (p, m), as a function of a slice of changes: (m, n_some)."""

    def summed(self, edits):
        """Sum of the changes over the rows of each of some RowEdits: StoredChanges.

        Change i belongs to row i; each counts by the part of the row's weight that the edit takes.
        Not asked of models that are composed or in closed form.
        """
        raise TypeError(f"{type(self).__name__} has no sums. Ask the members' changes.")

    @abstractmethod
    def own_raw_prediction_changes(self):
        """Change of each removed row's own raw predictions, (n_changes, K)."""

    def raw_prediction_changes(self, predictor):
        """Change of each test row's raw predictions, (n_test, n_changes, K)."""
        return self.contract(predictor)(slice(0, self.n_changes))


def nan_changes(coef_changes):
    """Mask (n_changes,) of changes of the coefficients that are NaN."""
    return np.array([np.isnan(change).any() for change in coef_changes], dtype=bool)


class StoredChanges(Changes):
    """Changes of the coefficients that were computed one by one, (n_changes, ...).

    `predictor` holds the row of each change, where its own raw predictions may be needed.
    """

    def __init__(self, coef_changes, predictor=None):
        self._coef_changes = coef_changes
        self._predictor = predictor
        self.n_changes = len(coef_changes)

    def own_raw_prediction_changes(self):
        return self._predictor.row_changes(self._coef_changes)

    def set_nan(self, some):
        self._coef_changes[some] = np.nan

    def coef_changes(self):
        return self._coef_changes

    def contract(self, predictor, slopes=None):
        def contracted(some, out=None):
            made = predictor.raw_changes(self._coef_changes[some])  # shape: (n_test, n_some, K)
            if slopes is not None:
                made = np.einsum("tk,tnk->tn", slopes, made)
            return written(made, out)

        return contracted

    def products(self, V):
        def read(some, out=None):
            coef = self._coef_changes[some]
            return np.matmul(V.T, coef.reshape(len(coef), len(V)).T, out=out)

        return read

    def summed(self, edits):
        sums = [np.tensordot(lost, self._coef_changes[rows], 1) for rows, lost in edits.parts()]
        return StoredChanges(np.stack(sums))


class CombinedChanges(Changes):
    """Changes made of parts, which add up where several have one position.

    Parameters
    ----------
    parts : list of (ndarray of int, Changes)
        Rising positions of the changes of each part: those of an earlier part, or new ones.
    n_changes : int
        Positions without a part are NaN.
    """

    def __init__(self, parts, n_changes):
        self.n_changes = n_changes
        self._lost = np.ones(n_changes, dtype=bool)
        self.parts = []
        for place, part in parts:  # and whether it is the first one of its positions
            self.parts.append((place, part, self._lost[place].all()))
            self._lost[place] = False

    def set_nan(self, some):
        self._lost[some] = True

    def _gather(self, make):
        out = None
        for place, part, first in self.parts:
            made = make(part)
            out = np.zeros((self.n_changes, *made.shape[1:])) if out is None else out
            out[place] = made if first else out[place] + made
        out[self._lost] = np.nan
        return out

    def contract(self, predictor, slopes=None):
        return self._scatter(lambda part: part.contract(predictor, slopes))

    def products(self, V):
        return self._scatter(lambda part: part.products(V))

    def _scatter(self, make):
        """A function of a slice of changes that adds up those of the parts."""
        parts = [(place, make(part), first) for place, part, first in self.parts]

        def contracted(some, out=None):
            for place, read, first in parts:
                a, b = np.searchsorted(place, (some.start, some.stop))
                made, own = read(slice(a, b)), place[a:b] - some.start
                if out is None:
                    n_some = some.stop - some.start
                    out = np.empty((made.shape[0], n_some, *made.shape[2:]), made.dtype)
                out[:, own] = made if first else out[:, own] + made
            if self._lost[some].any():
                out[:, self._lost[some]] = np.nan
            return out

        return contracted

    def own_raw_prediction_changes(self):
        return self._gather(lambda part: part.own_raw_prediction_changes())

    def coef_changes(self):
        return self._gather(lambda part: part.coef_changes())

    def summed(self, edits):
        lost, sums = edits.edit_of_term[self._lost[edits.row]], []
        for place, part, _ in self.parts:
            inside = np.isin(edits.row, place)
            rows = np.searchsorted(place, edits.row[inside])
            own = replace(
                edits, edit=edits.edit_of_term[inside], row=rows, factor=edits.factor[inside]
            )
            sums.append(part.summed(own).coef_changes())
        out = np.sum(sums, axis=0)
        out[lost] = np.nan
        return StoredChanges(out)
