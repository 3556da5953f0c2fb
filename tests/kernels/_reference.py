"""A plain-numpy twin of each kernel, written for reading; the tests compare the two."""

import numpy as np
from scipy import sparse


def csr_quadratic_form(data, indices, indptr, matrix):
    """x_i' M x_i for every CSR row x_i."""
    X = sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, len(matrix)))
    return np.asarray(X.multiply(X @ matrix).sum(axis=1)).ravel()


def csr_gram(data, indices, indptr, weights, n_columns):
    """X' diag(weights) X of CSR rows, dense."""
    X = sparse.csr_array((data, indices, indptr), shape=(len(weights), n_columns)).toarray()
    return X.T @ (weights[:, None] * X)


def hessian_product(X, V, offset, curvature, factor=None):
    """(w' X, column sums of w) with w_i = A_i (V x_i + offset)."""
    X = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    n, K = curvature.shape[:2]
    A = curvature if curvature.ndim == 3 else curvature[:, :, None] * np.eye(K)
    if factor is not None:
        A = A - factor[:, :, None] * factor[:, None, :]
    raw = (X @ V.T + offset).reshape(n, K, len(V) // K)
    w = (A @ raw).reshape(n, len(V))
    return w.T @ X, w.sum(axis=0)


def csr_scores(data, indices, indptr, U, offset, rho):
    """sum_k rho[i, k] (sum_j x_ij U[k, j, t] + offset[k, t]) as (n_test, n)."""
    X = sparse.csr_array((data, indices, indptr), shape=(len(rho), U.shape[1])).toarray()
    raw = np.einsum("ij,kjt->kti", X.astype(np.float64), U) + offset[:, :, None]
    return np.einsum("ik,kti->ti", rho, raw)


def lissa(Z, curvature, factor, row_scale, rows, shrink, step, drift, V):
    """Steps of LiSSA's recursion on a dense design Z (n, q); V (n_repeats, m, K, q) in place."""
    for t in range(len(rows)):
        for r, v in enumerate(V):
            move = np.zeros_like(v)
            for i in rows[t, r]:
                A = np.diag(curvature[i])
                if len(factor):
                    A = A - np.outer(factor[i], factor[i])
                move += row_scale[i] * np.einsum("kl,mlj,j,h->mkh", A, v, Z[i], Z[i])
            V[r] = (1.0 - shrink) * v + drift - step * move


def top_k(scores, k, order):
    """(index, values, total) of the k strongest scores of each row; see `TopK`."""
    strength = {"magnitude": np.abs, "helpful": np.positive, "harmful": np.negative}[order]
    index, values = np.full((len(scores), k), -1), np.full((len(scores), k), np.nan)
    for t, row in enumerate(scores):
        numbers = np.flatnonzero(strength(row) > -np.inf)
        ranked = numbers[np.argsort(-strength(row[numbers]), kind="stable")][:k]
        index[t, : len(ranked)], values[t, : len(ranked)] = ranked, row[ranked]
    return index, values, np.nansum(np.abs(scores), axis=1)
