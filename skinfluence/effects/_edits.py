"""Edits of the training data: signed row terms that are subtracted from the objective or added."""

from dataclasses import dataclass, replace

import numpy as np

from skinfluence.predictors import Predictor


@dataclass(frozen=True)
class NewRows:
    """Rows that take the place of training rows.

    Attributes
    ----------
    predictor : Predictor of B rows
    y : ndarray of shape (B, K)
        Their targets, encoded.
    codes : ndarray of int, shape (B,), or None
        Classes of their targets; None where class weights play no part.
    same_features : bool
        Whether `predictor` holds the old rows: only targets change.
    """

    predictor: Predictor
    y: np.ndarray
    codes: np.ndarray | None
    same_features: bool = False

    def take(self, some):
        """Some rows, for a slice or an array of int."""
        codes = None if self.codes is None else self.codes[some]
        return NewRows(self.predictor.take(some), self.y[some], codes, self.same_features)


@dataclass(frozen=True)
class RowEdits:
    """A block of edits of the training data, each a sum of signed row terms.

    Term t takes the part ``1 - factor[t]`` of the weight of training row ``row[t]`` away, in edit
    ``edit[t]`` (edit t where `edit` is None): factor 0 removes the row, a factor above one adds to
    its weight. With `new` edit b also adds row b of `new` with the sample weight of training row
    ``row[b]``, which it replaces; its class weight goes by the new label.

    The constructors :meth:`removals`, :meth:`weights`, :meth:`groups`, :meth:`replacements` and
    :meth:`relabellings` make them.

    Attributes
    ----------
    n_edits : int
    edit : ndarray of int, shape (n_terms,), or None
        Rising; None where each edit has one term.
    row : ndarray of int, shape (n_terms,)
        Each row at most once in an edit.
    factor : ndarray of shape (n_terms,)
    new : NewRows or None
        One for each edit, which then has one term of factor 0.
    """

    n_edits: int
    edit: np.ndarray | None
    row: np.ndarray
    factor: np.ndarray
    new: NewRows | None = None

    @classmethod
    def removals(cls, rows):
        """Edit b removes row ``rows[b]``."""
        return cls.weights(rows, 0.0)

    @classmethod
    def weights(cls, rows, factors):
        """Edit b multiplies the weight of row ``rows[b]`` by ``factors[b]``, or one number."""
        rows = np.asarray(rows)
        factors = np.broadcast_to(np.asarray(factors, dtype=float), len(rows))
        return cls(len(rows), None, rows, factors)

    @classmethod
    def groups(cls, groups, factor=0.0):
        """Edit b multiplies the weights of all rows in ``groups[b]`` (index arrays)."""
        sizes = [len(g) for g in groups]
        rows = np.concatenate([np.empty(0, np.intp), *(np.asarray(g, np.intp) for g in groups)])
        edit = np.repeat(np.arange(len(sizes)), sizes)
        return cls(len(sizes), edit, rows, np.full(len(rows), float(factor)))

    @classmethod
    def replacements(cls, objective, rows, *, predictor=None, y=None, codes=None):
        """Edit b puts another row in the place of row ``rows[b]``, which may be named many times.

        Parameters
        ----------
        objective : Objective
        rows : array-like of int, shape (B,)
        predictor : Predictor of B rows, default=None
            The new rows; the features of the old ones by default.
        y : ndarray of shape (B, K), default=None
            The new targets; the old ones by default.
        codes : ndarray of int, shape (B,), default=None
            Classes of `y`, for classifiers.
        """
        edits = cls.removals(rows)
        known = objective.weights.codes
        if known is None:
            codes = None
        elif y is None:
            codes = known[edits.row]
        new = NewRows(
            objective.predictor.take(edits.row) if predictor is None else predictor,
            objective.y[edits.row] if y is None else y,
            codes,
            predictor is None,
        )
        return replace(edits, new=new)

    @classmethod
    def relabellings(cls, objective, rows, y, codes=None):
        """Edit b gives row ``rows[b]`` the encoded target ``y[b]``; its features stay."""
        return cls.replacements(objective, rows, y=y, codes=codes)

    def take(self, some):
        """Some edits, renumbered from 0, for a slice or an array of int."""
        if self.single_rows is not None:
            row, factor = self.row[some], self.factor[some]
            new = None if self.new is None else self.new.take(some)
            return RowEdits(len(row), None, row, factor, new)
        some = np.arange(self.n_edits)[some]
        ends = np.searchsorted(self.edit, np.arange(self.n_edits + 1))
        sizes = ends[some + 1] - ends[some]
        terms = [np.arange(ends[b], ends[b + 1]) for b in some]
        terms = np.concatenate([np.empty(0, np.intp), *terms])
        edit = np.repeat(np.arange(len(some)), sizes)
        return RowEdits(len(some), edit, self.row[terms], self.factor[terms])

    def parts(self):
        """(rows, lost part of each row's weight) of every edit."""
        ends = np.searchsorted(self.edit_of_term, np.arange(1, self.n_edits))
        lost = 1.0 - self.factor
        return list(zip(np.split(self.row, ends), np.split(lost, ends), strict=True))

    @property
    def single_rows(self):
        """Row of each edit if every edit touches exactly one row, else None."""
        if self.edit is None or np.array_equal(self.edit, np.arange(self.n_edits)):
            return self.row
        return None

    @property
    def edit_of_term(self):
        """Edit of each term, (n_terms,)."""
        return np.arange(self.n_edits) if self.edit is None else self.edit

    @property
    def removed_rows(self):
        """Row of each edit if every edit removes exactly one row and adds none, else None."""
        return None if self.new is not None or self.factor.any() else self.single_rows

    def moves(self, objective):
        """Edits that change the objective at all, a mask (n_edits,)."""
        terms = (self.factor != 1.0) & objective.weights.matter(self.row)
        out = np.zeros(self.n_edits, dtype=bool)
        out[self.edit_of_term[terms]] = True
        return out

    def weight_changes(self, weights):
        """Change of the sum that a penalty in mean form grows with, (n_edits,)."""
        if self.new is not None:
            return np.zeros(self.n_edits)
        lost = (self.factor - 1.0) * weights.amounts[self.row]
        return np.bincount(self.edit_of_term, weights=lost, minlength=self.n_edits)

    def penalty_ratio(self, objective):
        """Factor of the penalty, (n_edits,): 1, or the weight that is left where it is a mean."""
        if objective.penalty_scaling != "mean":
            return np.ones(self.n_edits)
        return 1.0 + self.weight_changes(objective.weights) / objective.weights.amounts.sum()

    def count_changes(self, weights):
        """Change of the class counts that balanced class weights follow, (n_edits, C)."""
        out = np.zeros((self.n_edits, weights.n_classes))
        count = weights.counts[self.row]
        np.add.at(out, (self.edit_of_term, weights.codes[self.row]), (self.factor - 1.0) * count)
        if self.new is not None:
            np.add.at(out, (self.edit_of_term, self.new.codes), count)
        return out

    def class_ratio(self, weights):
        """New class weights over old, (n_edits, C); None where class weights stay."""
        if not weights.balanced:
            return None
        changes = self.count_changes(weights)
        return weights.class_ratio(changes) if changes.any() else None

    def new_sample_weight(self, objective):
        """Effective weights of the new rows while class weights stay, (n_edits, 1 or K)."""
        return objective.weights.of_other_classes(self.row, self.new.codes).effective()

    def edited(self, objective, b):
        """The objective after edit b, at the coefficients of `objective`."""
        one = self.take(slice(b, b + 1))
        if one.new is None:
            return objective.with_weights(one.row, one.factor)
        return objective.with_rows_replaced(one.row, one.new.predictor, one.new.y, one.new.codes)
