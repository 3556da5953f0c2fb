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
    rows : ndarray of int
        The changed training rows.
    rho : ndarray of shape (n_rows, K)
    directions : ndarray of shape (K, q, m), default=None
        B, the directions shared by all rows (see Coupling); None where there are none.
    shares : ndarray of shape (n_rows, m), default=None
        The coefficients a_i.
    """

    def __init__(self, inverse, rows, rho, directions=None, shares=None):
        hessian = inverse.hessian
        if directions is None:
            directions = np.zeros((hessian.n_outputs, hessian.n_columns, 0))
            shares = np.zeros((len(rows), 0))
        self.inverse = inverse
        self.rows = rows
        self.design = hessian.design.take(rows)  # shape: (n_rows, q)
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
            out = np.empty((len(Z), self.design.shape[0], K), self.design.dtype)
        if K == 1:
            self._spread(np.ascontiguousarray(Z.T), [0], out[:, :, 0])
            return out
        for k in range(K):
            V = np.zeros((K, q, len(Z)))
            V[k] = Z.T
            reached = [k] if self.inverse.hessian.separable else range(K)
            out[:, :, k] = self._spread(V.reshape(K * q, -1), reached)
        return out

    def own_raw_prediction_changes(self):
        """Change of each removed row's own raw predictions, (n_rows, K)."""
        own = np.einsum("nkj,nj->nk", self.inverse.row_forms(self.rows), self.rho)
        if self.shares.shape[1]:
            own += reach(self.inverse, self.design, self.directions, self.shares)
        return own

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


def reach(inverse, design, directions, shares):
    """E_i' H^-1 B a_i: what the shared directions do to each row's raw predictions, (n_rows, K)."""
    K, q, m = directions.shape
    solved = inverse.solve(directions.reshape(K * q, m)).reshape(K, q, m)
    own = np.stack([design.matmul(solved[k]) for k in range(K)], axis=1)  # shape: (n_rows, K, m)
    return np.einsum("nkm,nm->nk", own, shares)


class PartitionedChanges:
    """Changes in several parts, such as one for each class: (positions, changes) pairs."""

    def __init__(self, parts):
        self.parts = parts
        self.n_rows = sum(len(place) for place, _ in parts)

    def _gather(self, make, out):
        for place, part in self.parts:
            made = make(part)
            if out is None:
                out = np.empty((made.shape[0], self.n_rows, *made.shape[2:]))
            out[:, place] = made
        return out

    def contracted(self, design, slopes, out=None):
        """See :meth:`LinearChanges.contracted`."""
        return self._gather(lambda part: part.contracted(design, slopes), out)

    def raw_prediction_changes(self, design, out=None):
        """See :meth:`LinearChanges.raw_prediction_changes`."""
        return self._gather(lambda part: part.raw_prediction_changes(design), out)

    def own_raw_prediction_changes(self):
        """See :meth:`LinearChanges.own_raw_prediction_changes`."""
        return self._gather(lambda part: part.own_raw_prediction_changes()[None], None)[0]

    def coef_changes(self):
        """Change of the coefficients, (n_rows, K, q)."""
        return self._gather(lambda part: part.coef_changes()[None], None)[0]


class RefittedChanges:
    """Coefficient changes that were computed one by one, (n_changes, K, q)."""

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
