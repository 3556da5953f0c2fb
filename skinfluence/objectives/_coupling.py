"""What else moves when a row leaves: balanced class weights, and a penalty in mean form."""

import numpy as np


class Coupling:
    """The part of a row's derivative that is shared by all rows.

    Removing row i changes J' by more than its own gradient when other weights depend on it:

    - ``class_weight="balanced"``: the weight of every class moves, so row i gains
      sum_k (dw_k/ds_i) G_k, with G_k the gradient sum of class k;
    - ``penalty_scaling="mean"``: the penalty is alpha * sum(s), so row i gains (dP/ds_i) theta.

    Both live in a few directions B (K, q, m) with coefficients per row, and stay that cheap.

    Parameters
    ----------
    objective : Objective
    """

    def __init__(self, objective):
        self.objective = objective
        weights = objective.weights
        parts = []
        if weights.balanced:
            parts.append(_class_gradients(objective))
        if objective.penalty_scaling == "mean":
            parts.append((objective.penalty * objective.coef)[..., None])
        shape = (*objective.coef.shape, 0)
        self.directions = np.concatenate(parts, axis=-1) if parts else np.zeros(shape)

    def __bool__(self):
        return self.directions.shape[-1] > 0

    def derivative(self, rows):
        """Coefficients a (n_rows, m): the shared part of -dJ'/d(presence of row i), is B a_i."""
        return self._coefficients(rows, self._class_derivative)

    def removal(self, rows):
        """Coefficients a (n_rows, m) of the whole removal: J' without row i loses B a_i."""
        return self._coefficients(rows, lambda r: 1.0 - self._class_ratio(r))

    def own_ratio(self, rows):
        """Factor on a row's own gradient, (n_rows, 1) or (n_rows, K): the new class weight."""
        weights = self.objective.weights
        if not weights.balanced:
            return np.ones((len(rows), 1))
        ratio = self._class_ratio(rows)
        codes = weights.codes[rows]
        if not weights.own_output_only:
            return ratio[np.arange(len(rows)), codes][:, None]
        own = codes[:, None] == np.arange(weights.n_classes)
        return np.where(own, ratio, 1.0)

    def surroundings(self, rows):
        """Group rows whose removal leaves the same weights behind.

        Yields
        ------
        place : ndarray of int
            Positions in `rows`.
        key : int
            Names the group: the class of its rows, or 0.
        class_ratio : ndarray of shape (C,) or None
            New class weight over old.
        penalty_ratio : float
            New penalty over old.

        Rows of one class are one group: exact where they have the same sample weight, else at
        their mean.
        """
        weights = self.objective.weights
        codes = weights.codes if weights.balanced else np.zeros(self.objective.n_rows, int)
        present = weights.base > 0
        for key in np.unique(codes[rows]):
            alike = (codes == key) & present
            class_ratio, penalty_ratio = None, 1.0
            if weights.balanced:
                own = np.arange(weights.n_classes) == key
                class_ratio = weights.class_ratio(-(own * weights.counts[alike].mean()))
            if self.objective.penalty_scaling == "mean":
                penalty_ratio = 1.0 - weights.base[alike].mean() / weights.base.sum()
            yield np.flatnonzero(codes[rows] == key), int(key), class_ratio, penalty_ratio

    def _coefficients(self, rows, of_classes):
        weights = self.objective.weights
        parts = []
        if weights.balanced:
            parts.append(of_classes(rows))
        if self.objective.penalty_scaling == "mean":
            parts.append((weights.base[rows] / weights.base.sum())[:, None])
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(rows), 0))

    def _class_derivative(self, rows):
        """-(d w_k) / w_k per removed share of row i: (n_rows, C)."""
        weights = self.objective.weights
        count = weights.counts[rows][:, None]
        own = weights.codes[rows][:, None] == np.arange(weights.n_classes)
        return count / weights.class_counts.sum() - own * count / weights.class_counts

    def _class_ratio(self, rows):
        weights = self.objective.weights
        own = weights.codes[rows][:, None] == np.arange(weights.n_classes)
        return weights.class_ratio(-(own * weights.counts[rows][:, None]))


def _class_gradients(objective):
    """G_k, the part of the data gradient that scales with the weight of class k: (K, q, C)."""
    weights = objective.weights
    K, q = objective.coef.shape
    out = np.zeros((K, q, weights.n_classes))
    weighted = objective.weighted_residual()
    for k in range(weights.n_classes):
        part = np.where((weights.codes == k)[:, None], weighted, 0.0)
        if weights.own_output_only:
            part[:, np.arange(K) != k] = 0.0
        out[..., k] = objective.design.rmatmul(part).T
    return out
