"""Rows that change instead of leaving: what replaces them, and its effect to first order."""

from dataclasses import dataclass

import numpy as np

from skinfluence.effects._changes import Changes, RefittedChanges
from skinfluence.effects._truncated import is_truncated, truncated_replacement_slopes
from skinfluence.objectives import Coupling
from skinfluence.predictors import Predictor


@dataclass(frozen=True)
class Replacement:
    """A block of changes: in change b, training row ``rows[b]`` becomes another row.

    One at a time: a row may be named many times, with something else in its place each time. The
    new row takes over the sample weight of the old one; a class weight goes by the new label.

    Attributes
    ----------
    rows : ndarray of int, shape (B,)
    predictor : Predictor of B rows
        The new rows.
    y : ndarray of shape (B, K)
        The new targets, encoded.
    codes : ndarray of int, shape (B,), or None
        Classes of the new targets; None where class weights play no part.
    same_features : bool
        Whether `predictor` holds the old rows: only targets change.
    """

    rows: np.ndarray
    predictor: Predictor
    y: np.ndarray
    codes: np.ndarray | None
    same_features: bool = False

    @classmethod
    def of(cls, objective, rows, *, predictor=None, y=None, codes=None):
        """Rows with new features, new targets (with their `codes`), or both."""
        rows = np.asarray(rows)
        weights = objective.weights
        if weights.codes is None:
            codes = None
        elif y is None:
            codes = weights.codes[rows]
        return cls(
            rows,
            objective.predictor.take(rows) if predictor is None else predictor,
            objective.y[rows] if y is None else y,
            codes,
            predictor is None,
        )

    def __len__(self):
        return len(self.rows)

    def take(self, some):
        """Some of the changes, for a slice or an index array."""
        codes = None if self.codes is None else self.codes[some]
        return Replacement(
            self.rows[some],
            self.predictor.take(some),
            self.y[some],
            codes,
            self.same_features,
        )

    def sample_weight(self, objective):
        """Effective weights of the new rows with the class weights as they are, (B, 1 or K)."""
        return objective.weights.of_other_classes(self.rows, self.codes).effective()

    def class_ratio(self, objective):
        """New class weight over old, (B, C); None where class weights do not move."""
        weights = objective.weights
        if not weights.balanced or (self.codes == weights.codes[self.rows]).all():
            return None
        moved = np.zeros((len(self), weights.n_classes))
        every, count = np.arange(len(self)), weights.counts[self.rows]
        np.add.at(moved, (every, weights.codes[self.rows]), -count)
        np.add.at(moved, (every, self.codes), count)
        return weights.class_ratio(moved)


def replace_first_order(objective, inverse, replacement):
    """Effect of replacing each row to first order: the old row leaves, the new one enters.

    Equation (3) of Koh & Liang (2017): delta_i = s_i H^-1 g_i - s'_i H^-1 g'_i, with g'_i the
    gradient of the new row at the old coefficients. Balanced class weights follow a new label.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    replacement : Replacement

    Returns
    -------
    LinearReplacements
        RefittedChanges where LinearRegression drops singular values.
    """
    if is_truncated(objective, inverse):
        return truncated_replacement_slopes(objective, replacement)
    rows, new = replacement.rows, replacement
    lost = objective.weighted_residual(rows)
    raw = objective.raw_predictions(new.predictor)
    gained = new.sample_weight(objective) * objective.loss.gradient(new.y, raw)
    directions = shares = None
    if objective.weights.balanced:
        directions = Coupling(objective).directions[..., : objective.weights.n_classes]
        shares = _class_shares(objective.weights, new)
    old = objective.predictor.take(rows)
    if new.same_features:
        parts = [(old, lost - gained)]
    else:
        parts = [(old, lost), (new.predictor.with_coef(objective.coef), -gained)]
    return LinearReplacements(inverse, parts, directions, shares)


def _class_shares(weights, new):
    """-(d w_k) / w_k of every change, (B, C): the total of the counts stays."""
    count = weights.counts[new.rows][:, None] / weights.class_counts
    classes = np.arange(weights.n_classes)
    before = weights.codes[new.rows][:, None] == classes
    return count * ((new.codes[:, None] == classes) * 1.0 - before)


class LinearReplacements(Changes):
    """Changes of the form  delta_b = H^-1 (sum of J_b' rho_b over some parts + B a_b).

    Parameters
    ----------
    inverse : InverseHessian
    parts : list of (Predictor of B rows, ndarray of shape (B, K))
        Pairs (rows, rho): the old rows and the new ones.
    directions : ndarray of shape (*shape of the coefficients, m), default=None
        B, shared by all changes; None where there are none.
    shares : ndarray of shape (B, m), default=None
        The coefficients a_b.
    """

    def __init__(self, inverse, parts, directions=None, shares=None):
        self.inverse = inverse
        self.parts = parts
        self.directions = directions
        self.shares = shares
        self.n_changes = parts[0][0].n_rows

    def forget(self, some):
        for _, rho in self.parts:
            rho[some] = np.nan

    def ask(self, predictor, slopes=None):
        if slopes is None:
            return RefittedChanges(self.coef_changes()).ask(predictor)
        U = self.inverse.solve(predictor.row_vjp(slopes))  # shape: (p, n_test)
        outputs = range(slopes.shape[1])
        readers = [(rows.score_reader(U, outputs), rho) for rows, rho in self.parts]
        shared = None
        if self.directions is not None:
            shared = U.T @ self.directions.reshape(len(U), -1)

        def answer(some, out=None):
            read, rho = readers[0]
            out = read(some, rho[some], out)
            for read, rho in readers[1:]:
                out += read(some, rho[some])
            if shared is not None:
                out += shared @ self.shares[some].T
            return out

        return answer

    def coef_changes(self):
        V = sum(rows.row_vjp(rho) for rows, rho in self.parts)  # shape: (p, B)
        if self.directions is not None:
            V = V + self.directions.reshape(len(V), -1) @ self.shares.T
        solved = self.inverse.solve(V)
        shape = self.inverse.hessian.penalty.shape
        return np.ascontiguousarray(solved.T).reshape(-1, *shape)
