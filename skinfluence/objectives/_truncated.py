"""Least squares by the largest singular values: LinearRegression where it drops the others."""

from functools import cached_property

import numpy as np

from skinfluence.linalg import row_blocks

#: Singular values up to this many times the cut may fall below it when a row leaves.
NEAR = 10.0
#: Shares of the largest singular value of whose squares a Hessian has six digits at best.
FEW_DIGITS = 1e-5
EPSILON = np.finfo(float).eps
#: Share of the cut by which a singular value must be away from it to be on either side.
UNCLEAR = 1e-8
#: Relative error from which a result has fewer than three digits.
THREE_DIGITS = 1e-3
#: Roots of 1 - leverage: below the first it is 0, up to the second it has lost its digits.
SHUT, NARROW = 1e-7, 3e-4
#: The largest singular value may fall by this factor before what is left is solved afresh.
SHRINKS = 1e-3


class TruncatedLeastSquares:
    """Least squares of which singular values below `cut` times the largest are dropped.

    With X the rows, less their weighted mean where there is an intercept, times the roots of their
    weights, and X = U S V': the coefficients are V_1 S_1^-1 U_1' y, where 1 marks what is kept. A
    refit cuts again, and turns the directions that are kept: all that is here follows them.

    Parameters
    ----------
    objective : Objective
        With squared error, no penalty, one weight a row, and its `cut`.

    Attributes
    ----------
    singular : ndarray of shape (f,)
        S, with zeros where the rows are fewer than the f features.
    directions : ndarray of shape (f, f)
        V.
    kept : ndarray of bool, shape (f,)
    coef : ndarray of shape (K, q)
        The optimum, on the columns of the objective's design.
    """

    def __init__(self, objective):
        design, self.cut = objective.design, objective.cut
        # that near to the cut what is dropped is unclear: the estimator rounds as its table does
        self.edge = UNCLEAR * objective.cut + 4.0 * np.finfo(design.dtype).eps
        self.n_features, self.intercept = design.n_features, design.intercept
        self.center = np.zeros(self.n_features) if design.center is None else design.center
        self.weight = objective.sample_weight[:, 0]
        self.total = self.weight.sum()
        X, y = np.asarray(design.X, dtype=np.float64), objective.y
        self.mean, self.y_mean = np.zeros(self.n_features), np.zeros(y.shape[1])
        if self.intercept:
            self.mean, self.y_mean = self.weight @ X / self.total, self.weight @ y / self.total
        root = np.sqrt(self.weight)[:, None]
        left, singular, right = np.linalg.svd(root * (X - self.mean), full_matrices=False)
        noise = 10.0 * EPSILON * np.sqrt(max(X.shape)) * singular.max(initial=0.0)
        rank = max(1, int((singular > noise).sum()))
        self.left, singular, right = left[:, :rank], singular[:rank], right[:rank]
        self.targets = root * (y - self.y_mean)  # shape: (n, K)
        self.singular = np.zeros(self.n_features)
        self.singular[: len(singular)] = singular
        self.directions = right.T
        if len(right) < self.n_features:
            full = np.linalg.qr(right.T, mode="complete")[0]
            self.directions = np.column_stack([right.T, full[:, len(right) :]])
        self.pulled = np.zeros((self.n_features, y.shape[1]))  # U' y
        self.pulled[: len(singular)] = self.left.T @ self.targets
        self.kept = self.singular > self.cut * self.singular[0]

    @cached_property
    def scores(self):
        """Coefficients on the directions V, zero on those that are dropped, (f, K)."""
        safe = np.where(self.kept, self.singular, 1.0)[:, None]
        return np.where(self.kept[:, None], self.pulled / safe, 0.0)

    @cached_property
    def coef(self):
        return self._on_design(self.directions @ self.scores, self.mean, self.y_mean)

    @cached_property
    def precise(self):
        """Whether the coefficients have three digits."""
        least = self.singular[self.kept].min(initial=np.inf)
        return bool(EPSILON * self.singular[0] <= THREE_DIGITS * least)

    @cached_property
    def clear(self):
        """Whether they do, and rounding moves no singular value across the cut."""
        return not self._unclear(self.singular[None])[0]

    def _unclear(self, S):
        """Mask (B,) of problems without a clear solution, for singular values S (B, r)."""
        cut = self.cut * S[:, :1]
        edge = np.abs(S - cut) < self.edge * S[:, :1]
        least = np.where(cut < S, S, np.inf).min(axis=1)
        return edge.any(axis=1) | (EPSILON * self.singular[0] > THREE_DIGITS * least)

    def _on_design(self, features, mean, y_mean):
        """Coefficients (..., K, q) from those of the features (..., f, K) and the two means."""
        features = np.swapaxes(features, -1, -2)
        if not self.intercept:
            return np.ascontiguousarray(features)
        offset = y_mean - np.einsum("...kf,...f->...k", features, mean - self.center)
        return np.concatenate([features, offset[..., None]], axis=-1)

    def project(self, gradient):
        """A gradient (K, q) without its part along dropped directions: zero at the optimum."""
        out, f, V = gradient.copy(), self.n_features, self.directions[:, self.kept]
        out[:, :f] = (gradient[:, :f] @ V) @ V.T
        return out

    def without(self, rows):
        """Change of the coefficients by the refit without each row, (n_rows, K, q).

        NaN where a singular value is on the edge of the cut, or nothing has three digits, or where
        the row was so large a part of all that what is left has to be decomposed afresh.
        """
        r, weight = self.left.shape[1], self.weight[rows]
        u, lost = self.left[rows], self._grown(weight)
        gap = 1.0 - lost * (u**2).sum(axis=1)
        # the least singular value falls by no more than the root of the gap
        stays = np.sqrt(np.maximum(gap, 0.0)) * self.singular[r - 1] > self.cut * self.singular[0]
        stays &= bool(self.kept[:r].all() and self.precise) & (gap > NARROW)
        out = np.empty((len(rows), *self.coef.shape))
        out[~stays] = self._blocks(rows[~stays], None, None)
        rows, u, pull = rows[stays], u[stays], (lost / np.where(stays, gap, 1.0))[stays]
        residual = self.targets[rows] - u @ self.pulled[:r]
        scores = (-pull[:, None] * u / self.singular[:r])[:, :, None] * residual[:, None, :]
        out[stays] = self._on_design(
            self.directions[:, :r] @ (self.scores[:r] + scores), *self._means_without(rows, u)
        )
        out[stays] -= self.coef
        return out

    def _grown(self, weight):
        """sum(s) / (sum(s) - s) where the mean of what is left moves, for rows' weights s."""
        rest = np.maximum(self.total - weight, 0.0)
        ratio = np.divide(self.total, rest, out=np.zeros_like(rest), where=rest > 0.0)
        return ratio if self.intercept else np.ones_like(ratio)

    def _means_without(self, rows, u):
        """Weighted means of the features (B, f) and of the targets (B, K) without each row."""
        if not self.intercept:
            return self.mean, self.y_mean
        weight = self.weight[rows]
        share = (np.sqrt(weight) * self._grown(weight) / self.total)[:, None]
        away = (u * self.singular[: u.shape[1]]) @ self.directions[:, : u.shape[1]].T
        return self.mean - share * away, self.y_mean - share * self.targets[rows]

    def replaced(self, rows, X_new, y_new):
        """Change by refits with another row of the same weight for each, (n_rows, K, q)."""
        return self._blocks(rows, np.asarray(X_new, dtype=np.float64), y_new)

    def _blocks(self, rows, X_new, y_new):
        out = np.zeros((len(rows), *self.coef.shape))
        size = 48 * (self.left.shape[1] if X_new is None else self.n_features) ** 2
        for some in row_blocks(len(rows), size, cache_mib=16.0):
            new = None if X_new is None else (X_new[some], y_new[some])
            out[some] = self._changed(rows[some], new) - self.coef
        out[self.weight[rows] == 0.0] = 0.0
        return out

    def _changed(self, rows, new):
        """The coefficients without some rows, or with new ones in their place, (B, K, q).

        NaN where that is not clear from the decomposition at hand.
        """
        r, weight = self.left.shape[1], self.weight[rows][:, None]
        u, t = self.left[rows], self.targets[rows]
        grown = self._grown(weight)
        # X' X without the row is V S (I - c u u') S V', and I - c u u' = (I - b u u')^2
        size = (u**2).sum(axis=1, keepdims=True)
        gap = np.sqrt(np.maximum(1.0 - grown * size, 0.0))
        shrink = np.divide(1.0 - gap, size, out=np.zeros_like(gap), where=size > 0.0)
        A = np.eye(r) - shrink[:, :, None] * u[:, :, None] * u[:, None, :]
        Z = self.pulled[:r] - (grown * u)[:, :, None] * t[:, None, :]
        open_gap = np.where(gap > SHUT, gap, np.inf)  # else the row alone had the direction
        Z = Z + u[:, :, None] * ((shrink / open_gap) * np.einsum("br,brk->bk", u, Z))[:, None, :]
        A *= self.singular[:r]
        basis, (mean, y_mean) = self.directions[:, :r], self._means_without(rows, u)
        if new is not None:
            A, basis = A @ basis.T, np.eye(self.n_features)
            X_new, y_new = new[0] - mean, new[1] - y_mean
            scale = np.sqrt(np.divide(weight, grown, out=np.zeros_like(weight), where=grown > 0.0))
            A = np.concatenate([A, (scale * X_new)[:, None, :]], axis=1)
            Z = np.concatenate([Z, (scale * y_new)[:, None, :]], axis=1)
            if self.intercept:
                share = weight / self.total
                mean, y_mean = mean + share * X_new, y_mean + share * y_new
        scores = self._solve(A, Z)
        narrow = (gap < NARROW) if self.cut < SHUT else (gap < NARROW) & (gap > SHUT)
        scores[narrow[:, 0]] = np.nan
        return self._on_design(basis @ scores, mean, y_mean)

    def _solve(self, A, Z):
        """Truncated least squares of many small problems A x = Z, (B, r, K); NaN if unclear."""
        P, S, Qt = np.linalg.svd(A, full_matrices=False)
        kept = self.cut * S[:, :1] < S
        inverse = np.divide(1.0, S, out=np.zeros_like(S), where=kept)
        out = np.swapaxes(Qt, 1, 2) @ (inverse[:, :, None] * (np.swapaxes(P, 1, 2) @ Z))
        out[self._unclear(S) | (S[:, 0] < SHRINKS * self.singular[0])] = np.nan
        return out

    def slopes(self, rows):
        """Change of the coefficients to first order in how much of each row is gone, (B, K, q)."""
        a = np.zeros((len(rows), self.n_features))
        a[:, : self.left.shape[1]] = self.left[rows] * self.singular[: self.left.shape[1]]
        return -self._slopes(a, self.targets[rows], np.sqrt(self.weight[rows]))

    def slopes_of_new(self, X_new, y_new, weight):
        """First-order change of the coefficients by new rows with weights (B,): (B, K, q)."""
        root = np.sqrt(weight)[:, None]
        a = root * ((np.asarray(X_new, dtype=np.float64) - self.mean) @ self.directions)
        return self._slopes(a, root * (y_new - self.y_mean), root[:, 0])

    def _slopes(self, a, t, root):
        """d coef / d weight times weight, for rows sqrt(s) V'x = a and targets t: (B, K, q).

        The slope of the pseudo-inverse on a rotating basis: the kept scores move by what the row
        pulls, and kept directions turn towards the dropped ones.
        """
        k, lam = self.kept, self.singular**2
        residual = t - a @ self.scores
        turn = self._turns(a)  # shape: (B, dropped, kept)
        out = np.zeros((len(a), self.n_features, t.shape[1]))
        own = a[:, k, None] * residual[:, None, :]
        left_over = (self.singular[:, None] * self.pulled)[~k]  # the gradient along dropped ones
        own += np.einsum("bdk,do->bko", turn, left_over)
        out[:, k] = own / lam[k][:, None]
        out[:, ~k] = turn @ self.scores[k]
        features = self.directions @ out  # shape: (B, f, K)
        moved = np.swapaxes(features, 1, 2)
        if not self.intercept:
            return moved
        # the intercept: means move by s (x - mean) / sum(s)
        share = root[:, None] / self.total
        offset = share * (t - (a @ self.directions.T) @ (self.directions @ self.scores))
        offset -= np.einsum("bkf,f->bk", moved, self.mean - self.center)
        return np.concatenate([moved, offset[..., None]], axis=-1)

    def _turns(self, a):
        """Rotation of kept towards dropped directions per unit of a a': (B, dropped, kept)."""
        k, lam = self.kept, self.singular**2
        return a[:, ~k, None] * a[:, None, k] / (lam[k] - lam[~k][:, None])

    def turning(self, slopes):
        """Symmetric matrices M (n_tests, f, f): test values change by x' M dx per unit of weight.

        What the directions' turning adds to the derivative in a row x, less its mean, on the basis
        V; `slopes` (n_tests, K, f) are the test values' slopes in the features' coefficients.
        """
        k, lam = self.kept, self.singular**2
        g = slopes @ self.directions  # shape: (n_tests, K, f)
        left_over = (self.singular[:, None] * self.pulled)[~k]
        pairs = np.einsum("tok,do->tdk", g[:, :, k] / lam[k], left_over)
        pairs += np.einsum("tod,ko->tdk", g[:, :, ~k], self.scores[k])
        pairs /= lam[k] - lam[~k][:, None]
        out = np.zeros((len(g), self.n_features, self.n_features))
        dropped, kept = np.flatnonzero(~k), np.flatnonzero(k)
        out[:, dropped[:, None], kept] = pairs
        return out + np.swapaxes(out, 1, 2)
