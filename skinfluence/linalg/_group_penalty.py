"""A penalty on the norms of the coefficients that all outputs have for a column."""

import numpy as np

from skinfluence.linalg._penalty import EntriesPenalty, MatrixPenalty, Penalty


class GroupPenalty(EntriesPenalty):
    """sum_j l1_j |w_j| + l2_j |w_j|^2 / 2 with the K coefficients w_j of column j.

    A column is zero in all outputs or in none. Away from zero a norm is smooth, with a second
    derivative that depends on the coefficients (:meth:`at`). Arrays are flat, output by output.

    Parameters
    ----------
    l1, l2 : ndarray of shape (K q,)
        The same for all outputs.
    selected : ndarray of int, shape (K m,)
        Entries of the columns that are not zero.
    signs : ndarray of shape (K, m)
        Directions of these columns, of length one.
    """

    def in_columns(self, entries):
        return entries.reshape(*entries.shape[:-1], len(self.signs), -1)

    def of(self, coef):
        W = self.in_columns(coef)
        kept = W.any(axis=0) | (self.in_columns(self.l1)[0] == 0.0)
        selected = np.flatnonzero(np.broadcast_to(kept, W.shape))
        return GroupPenalty(self.l1, self.l2, selected, _units(W[:, kept]))

    def _columns(self, coef):
        """Coefficients (..., K m) as (..., K, m)."""
        return coef.reshape(*coef.shape[:-1], *self.signs.shape)

    @property
    def _strength(self):
        """l1 of the columns that are not zero, (m,)."""
        return self.l1[self.selected].reshape(self.signs.shape)[0]

    def value(self, coef):
        norms = np.linalg.norm(self._columns(coef), axis=-2)
        return Penalty.value(self, coef) + float((self._strength * norms).sum())

    def gradient(self, coef):
        slope = self._strength * _units(self._columns(coef))
        return self.times(coef) + slope.reshape(coef.shape)

    def at(self, coef):
        K, m = self.signs.shape
        matrix = np.zeros((K, m, K, m))
        place = np.arange(m)
        matrix[:, place, :, place] = norm_curvature(self._columns(coef), self._strength)
        return MatrixPenalty(matrix.reshape(K * m, K * m)).damped(self.diagonal)

    def leaves(self, coef):
        turned = (self._columns(coef) * self.signs).sum(axis=1) <= 0.0
        return (turned & (self._strength > 0.0)).any(axis=1)


def _units(W):
    """Columns of W (..., K, m) divided by their norms; zero where they are zero."""
    norms = np.linalg.norm(W, axis=-2, keepdims=True)
    return W / np.where(norms > 0.0, norms, 1.0)


def norm_curvature(W, l1):
    """Second derivatives of l1_j |w_j| for the columns of W (K, m): (m, K, K); zero at zero."""
    norms, unit = np.linalg.norm(W, axis=0), _units(W).T
    steep = np.where(norms > 0.0, l1 / np.where(norms > 0.0, norms, 1.0), 0.0)
    return steep[:, None, None] * (np.eye(len(W)) - unit[:, :, None] * unit[:, None, :])
