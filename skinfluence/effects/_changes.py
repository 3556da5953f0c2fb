"""Which weights change, and what the change does to coefficients and raw predictions."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class WeightChanges:
    """A block of changes of row weights, as (change, row, factor) triples.

    In change ``change[t]`` the weight of training row ``row[t]`` is multiplied by ``factor[t]``;
    factor 0 removes it. A removal of single rows is one triple a change, a group several.
    """

    n_changes: int
    change: np.ndarray
    row: np.ndarray
    factor: np.ndarray

    @classmethod
    def removals(cls, rows):
        """Change b removes row ``rows[b]``."""
        rows = np.asarray(rows)
        return cls(len(rows), np.arange(len(rows)), rows, np.zeros(len(rows)))

    @classmethod
    def groups(cls, groups, factor=0.0):
        """Change b multiplies the weights of all rows in ``groups[b]`` (index arrays)."""
        sizes = [len(g) for g in groups]
        rows = np.concatenate([np.asarray(g, dtype=np.intp) for g in groups])
        change = np.repeat(np.arange(len(sizes)), sizes)
        return cls(len(sizes), change, rows, np.full(len(rows), float(factor)))

    def block(self, start, stop):
        """Changes start .. stop - 1, renumbered from 0."""
        inside = (self.change >= start) & (self.change < stop)
        return WeightChanges(
            stop - start, self.change[inside] - start, self.row[inside], self.factor[inside]
        )

    @property
    def single_rows(self):
        """Row of each change if every change touches exactly one row, else None."""
        if len(self.row) == self.n_changes and (self.change == np.arange(self.n_changes)).all():
            return self.row
        return None


class LinearChanges:
    """Changes of the form  delta_i = H^-1 (rho_i (x) z_i + B a_i), one per training row.

    First order and the Newton step differ in rho and a only. No (n_rows, p) array is formed
    unless the coefficients themselves are asked for.

    Parameters
    ----------
    inverse : InverseHessian
    design : Design
        Of the changed rows, (n_rows, q).
    rho : ndarray of shape (n_rows, K)
    directions : ndarray of shape (K, q, m)
        B, the directions shared by all rows (see Coupling); m is often 0.
    shares : ndarray of shape (n_rows, m)
        The coefficients a_i.
    """

    #: value changes may be linearised: c' delta, in one right-hand side a test row
    linear = True

    def __init__(self, inverse, design, rho, directions, shares):
        self.inverse = inverse
        self.design = design
        self.rho = rho
        self.directions = directions
        self.shares = shares

    def contracted(self, design, slopes, out=None):
        """slopes_t' (change of the K raw predictions of test row t): (n_test, n_rows)."""
        K = slopes.shape[1]
        Z = design.to_dense()  # shape: (n_test, q)
        V = slopes.T[:, None, :] * Z.T  # shape: (K, q, n_test)
        return self._spread(V.reshape(-1, len(Z)), range(K), out)

    def raw_prediction_changes(self, design, out=None):
        """Change of each test row's raw predictions, (n_test, n_rows, K)."""
        Z = design.to_dense()
        K, q = self.inverse.hessian.n_outputs, self.inverse.hessian.n_columns
        if out is None:
            out = np.empty((len(Z), self.design.shape[0], K))
        if K == 1:
            self._spread(np.ascontiguousarray(Z.T), [0], out[:, :, 0])
            return out
        for k in range(K):
            V = np.zeros((K, q, len(Z)))
            V[k] = Z.T
            reached = [k] if self.inverse.hessian.separable else range(K)
            out[:, :, k] = self._spread(V.reshape(K * q, -1), reached)
        return out

    def _spread(self, V, outputs, out=None):
        """V' (changes), for right-hand sides V (p, m) -> (m, n_rows)."""
        K, q = self.inverse.hessian.n_outputs, self.inverse.hessian.n_columns
        U = self.inverse.solve(V).reshape(K, q, -1)
        first, *others = outputs
        out = self.design.transposed_matmul(U[first], out)
        out *= self.rho[:, first]
        for k in others:
            part = self.design.transposed_matmul(U[k])
            part *= self.rho[:, k]
            out += part
        if self.shares.shape[1]:
            shared = U.reshape(K * q, -1).T @ self.directions.reshape(K * q, -1)
            out += shared @ self.shares.T
        return out

    def coef_changes(self):
        """Change of the coefficients, (n_rows, K, q)."""
        K, q = self.inverse.hessian.n_outputs, self.inverse.hessian.n_columns
        Z = self.design.to_dense()
        V = self.rho.T[:, None, :] * Z.T  # shape: (K, q, n_rows)
        if self.shares.shape[1]:
            V += self.directions @ self.shares.T
        solved = self.inverse.solve(V.reshape(K * q, -1))
        return np.ascontiguousarray(solved.T).reshape(-1, K, q)


class RefittedChanges:
    """Coefficient changes that were computed one by one, (n_changes, K, q)."""

    linear = False

    def __init__(self, coef_changes):
        self._coef_changes = coef_changes

    def coef_changes(self):
        """Change of the coefficients, (n_changes, K, q)."""
        return self._coef_changes

    def raw_prediction_changes(self, design, out=None):
        """Change of each test row's raw predictions, (n_test, n_changes, K)."""
        n_changes, K, q = self._coef_changes.shape
        flat = self._coef_changes.reshape(-1, q)
        made = design.matmul(flat.T).reshape(-1, n_changes, K)
        if out is None:
            return made
        out[:] = made
        return out
