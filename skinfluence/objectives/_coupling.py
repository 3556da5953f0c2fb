"""Dependence of other terms on a row: balanced class weights, and a penalty in mean form."""

import numpy as np


class Coupling:
    """The part of a row's derivative that is shared by all rows.

    Removing row i changes J' by more than its own gradient when other weights depend on it:

    - ``class_weight="balanced"``: the weight of every class moves, so row i gains
      sum_k (dw_k/ds_i) G_k, with G_k the gradient sum of class k;
    - ``penalty_scaling="mean"``: the penalty is alpha * sum(s), so row i gains (dP/ds_i) theta.

    Both live in a few directions B (..., m), of the shape of the coefficients, with coefficients
    per row, and stay that cheap.

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
            parts.append(objective.penalty.gradient(objective.coef)[..., None])
        shape = (*objective.coef.shape, 0)
        self.directions = np.concatenate(parts, axis=-1) if parts else np.zeros(shape)

    def __bool__(self):
        return self.directions.shape[-1] > 0

    def low_rank_coefs(self, count_changes, weight_changes):
        """Coefficients a (n_edits, m): the minus the shared part of the change of J' is B a.

        Parameters
        ----------
        count_changes : ndarray of shape (n_edits, C) or None
            Changes of the class counts, where class weights are balanced.
        weight_changes : ndarray of shape (n_edits,)
            Changes of the sum that a penalty in mean form grows with.
        """
        weights = self.objective.weights
        parts = [np.zeros((len(weight_changes), 0))]
        if weights.balanced:  # w_k is proportional to n / n_k
            total = count_changes.sum(axis=1, keepdims=True) / weights.class_counts.sum()
            parts.append(count_changes / weights.class_counts - total)
        if self.objective.penalty_scaling == "mean":
            parts.append(-weight_changes[:, None] / weights.amounts.sum())
        return np.concatenate(parts, axis=1)

    def groups_with_equal_downdate(self, rows):
        """Change of the other rows' weights by each removal, for groups of rows with equal changes.

        That depends on the class of the row and on its weight only, and smoothly on the weight: the
        removals of one class are exact for a few weights, and in between a polynomial through
        these gives them to 1e-12 (see :func:`weight_nodes`).

        Yields
        ------
        place : ndarray of int
            Positions in `rows`.
        nodes : list of (Removal, ndarray of shape (n_place,))
            A change of these rows is the sum of what it would be for each removal, times a share.
        """
        weights, rows = self.objective.weights, np.asarray(rows)
        codes = weights.codes if weights.balanced else np.zeros(self.objective.n_rows, dtype=int)
        counts_weights = weights.balanced and np.array_equal(weights.counts, weights.base)
        for code in np.unique(codes[rows]):
            place, alike = np.flatnonzero(codes[rows] == code), codes == code
            if counts_weights:
                amounts, pole = weights.base, weights.class_counts[code]
            elif self.objective.penalty_scaling == "mean":
                amounts, pole = weights.amounts, weights.amounts.sum()
            else:
                amounts, pole = np.zeros(self.objective.n_rows), 1.0
            counts = amounts if counts_weights else weights.counts
            count = None if counts is None or counts_weights else counts[alike].max()
            exact, between = weight_nodes(np.unique(amounts[alike]), pole)
            own = amounts[rows[place]]
            for amount in exact:
                inside = own == amount
                if inside.any():
                    removal = Removal(self, code, amount, count)
                    yield place[inside], [(removal, np.ones(inside.sum()))]
            inside = ~np.isin(own, exact)
            if inside.any():
                shares = interpolation_shares(between, own[inside])
                shares *= weights.matter(rows[place[inside]])[:, None]
                removals = (Removal(self, code, amount, count) for amount in between)
                yield place[inside], list(zip(removals, shares.T, strict=True))


class Removal:
    """Weights and penalty of the other rows after removing a row of one class and weight.

    Parameters
    ----------
    coupling : Coupling
    code : int
        Class of the row; 0 where class weights do not follow.
    amount : float
        Its sample weight, where that plays a part.
    count : float or None
        What it adds to the count of its class; None for its weight.

    Attributes
    ----------
    key : tuple
        Names the removal.
    class_ratio : ndarray of shape (C,) or None
        New class weight over old.
    penalty_ratio : float
        New penalty over old.
    class_weight_ratio : ndarray of shape (1,) or (K,)
        Factor on the row's own gradient and curvature: the new class weight.
    low_rank_coefs : ndarray of shape (m,)
        Coefficients a: J' without the row loses B a, with the directions B of the coupling.
    """

    def __init__(self, coupling, code, amount, count):
        objective = coupling.objective
        weights = objective.weights
        self.key = (int(code), float(amount))
        self.directions = coupling.directions
        self.class_ratio, self.penalty_ratio = None, 1.0
        coefs, self.class_weight_ratio = [], np.ones(1)
        if weights.balanced:
            own = np.arange(weights.n_classes) == code
            self.class_ratio = weights.class_ratio(-(own * (amount if count is None else count)))
            self.class_weight_ratio = self.class_ratio[[code]]
            if weights.own_output_only:
                self.class_weight_ratio = np.where(own, self.class_weight_ratio, 1.0)
            coefs.append(1.0 - self.class_ratio)
        if objective.penalty_scaling == "mean":
            gone = amount / weights.amounts.sum()
            self.penalty_ratio = 1.0 - gone
            coefs.append([gone])
        self.low_rank_coefs = np.concatenate([np.zeros(0), *coefs])


def weight_nodes(weights, pole):
    """(weights that are exact, weights between which others are interpolated).

    The inverse Hessian without a row is a smooth function of the row's weight below `pole`, the
    weight of its class or of all rows: a polynomial through m Chebyshev points misses it by
    rho^-m, where rho grows with the distance of the pole. The few largest weights are taken as
    they are where that needs fewer points in all; so are all weights where they are few.
    """
    best, size = (weights, weights[:0]), len(weights)
    for n_exact in range(min(len(weights), 64)):
        rest = weights[: len(weights) - n_exact]
        middle, half = 0.5 * (rest[-1] + rest[0]), 0.5 * (rest[-1] - rest[0])
        far = (pole - middle) / half if half > 0.0 else 0.0
        if far <= 1.0:
            continue
        m = 1 + int(np.ceil(np.log(1e12) / np.arccosh(far)))
        if n_exact + m < size:
            angles = np.pi * (np.arange(m) + 0.5) / m
            best = weights[len(rest) :], middle + half * np.cos(angles)
            size = n_exact + m
    return best


def interpolation_shares(nodes, at):
    """Lagrange's polynomials of Chebyshev points at other points, (n_points, n_nodes)."""
    differences = nodes[:, None] - nodes
    np.fill_diagonal(differences, 1.0)
    away = at[:, None] - nodes
    out = np.empty(away.shape)
    for j in range(len(nodes)):
        out[:, j] = (np.delete(away, j, axis=1) / np.delete(differences[j], j)).prod(axis=1)
    return out


def _class_gradients(objective):
    """G_k, the part of the data gradient that scales with the weight of class k: (K, q, C)."""
    weights = objective.weights
    out = np.zeros((*objective.coef.shape, weights.n_classes))
    weighted = objective.weighted_residual()
    for k in range(weights.n_classes):
        part = np.where((weights.codes == k)[:, None], weighted, 0.0)
        if weights.own_output_only:
            part[:, np.arange(objective.n_outputs) != k] = 0.0
        out[..., k] = objective.predictor.vjp(part[:, :, None]).reshape(objective.coef.shape)
    return out
