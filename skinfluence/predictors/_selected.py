"""SelectedPredictor: a linear model on some of the columns, which knows all of them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from skinfluence.linalg import Design
from skinfluence.predictors._base import Predictor
from skinfluence.predictors._linear import LinearPredictor


class Selecting(Predictor):
    """Predictors whose coefficients are those of `n_stored` that are `selected`."""

    selected: Any
    #: the same rows with other coefficients selected; changes of the selected coefficients alone
    select: Callable
    selected_raw_changes: Callable
    selected_row_changes: Callable

    def widened(self, coef):
        """Coefficients (..., m), or all (..., n_stored), with zeros as all, (..., n_stored)."""
        if coef.shape[-1] == self.n_stored:
            return coef
        out = np.zeros((*coef.shape[:-1], self.n_stored))
        out[..., self.selected] = coef
        return out

    def coef_change(self, other):
        return other.widened(other.coef) - self.widened(self.coef)

    def at(self, other):
        if np.array_equal(self.selected, other.selected):
            return self.with_coef(other.coef)
        return self.select(other.selected, other.widened(other.coef).ravel())

    def raw_changes(self, coef_changes):
        if coef_changes.shape[-1] == len(self.selected):
            return self.selected_raw_changes(coef_changes)
        wide = self._of_outputs(coef_changes)
        reached = np.flatnonzero(wide.any(axis=(0, 1)))
        some = LinearPredictor(self.everything.columns(reached))
        return some.raw_changes(np.ascontiguousarray(wide[..., reached]))

    def row_changes(self, coef_changes):
        if coef_changes.shape[-1] == len(self.selected):
            return self.selected_row_changes(coef_changes)
        return LinearPredictor(self.everything).row_changes(self._of_outputs(coef_changes))

    def _of_outputs(self, coef_changes):
        """Changes of all coefficients, (B, K, q)."""
        return coef_changes.reshape(len(coef_changes), -1, self.everything.shape[1])


class SelectedPredictor(Selecting, LinearPredictor):
    """Raw predictions Theta z_i of a sparse model, whose coefficients are those that are not zero.

    Changes of the coefficients may also be given for all columns, (..., K, q): that of a model
    that has another selection.

    Parameters
    ----------
    everything : Design of shape (n, q)
        All columns.
    selected : ndarray of int, shape (m,)
        Columns of `everything`, the intercept among them, rising.
    coef : ndarray of shape (K, m), default=None
    """

    def __init__(self, everything, selected, coef=None):
        super().__init__(everything.columns(selected), coef)
        self._everything = everything
        self._taken: tuple = ()
        self._selected = selected

    @property
    def selected(self):
        return self._selected

    @cached_property
    def everything(self):
        """The design of all columns, (n, q)."""
        out = self._everything
        for rows in self._taken:
            out = out.take(rows)
        return out

    @property
    def n_features(self):
        """Columns of X, also those without a coefficient."""
        return self._everything.n_features

    @property
    def n_stored(self):
        """Numbers in a change of the coefficients."""
        return self._everything.shape[1]

    def take(self, rows):
        return self._replace(_design=self._design.take(rows), _taken=(*self._taken, rows))

    def of(self, X):
        return SelectedPredictor(self._everything.with_rows_of(X), self.selected, self.coef)

    def followed_by(self, other):
        both = LinearPredictor(self.everything).followed_by(LinearPredictor(other.everything))
        return SelectedPredictor(both.design, self.selected, self.coef)

    def select(self, selected, coef):
        """The same rows with other columns selected, at coefficients of all columns (q,)."""
        if np.array_equal(selected, self.selected):
            return self.with_coef(coef[None, selected])
        return SelectedPredictor(self.everything, selected, coef[None, selected])

    def uncentred(self):
        plain = Design(self.everything.X, None, self._everything.intercept)
        return SelectedPredictor(plain, self.selected, self.coef)

    selected_raw_changes = LinearPredictor.raw_changes
    selected_row_changes = LinearPredictor.row_changes

    def on_features(self, slopes):
        f, out = self._design.n_features, np.zeros((*slopes.shape[:-1], self.n_features))
        out[..., self.selected[:f]] = slopes
        return out

    def estimator_layout(self, coef):
        """Coefficients as `coef_`, zeros among them, then `intercept_`, flat."""
        return LinearPredictor(self._everything).estimator_layout(self.widened(coef))
