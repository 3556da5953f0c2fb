"""Serves the kernels beside what one writes in numpy and scipy, in turns, in one process."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from time import sleep

import numpy as np
from numba import njit
from scipy import sparse

from benchmarks._measure import in_turns, timed
from skinfluence.kernels import (
    TopK,
    csr_gram,
    csr_quadratic_form,
    csr_scores,
    effective_threads,
    hessian_product,
    pack_columns,
)

#: Seconds for which OpenBLAS's threads wait busily after a call, in the way of whoever comes next.
SPINNING = 0.1


@njit(nogil=True, fastmath={"reassoc"})
def _sum(values):
    total = 0.0
    for i in range(len(values)):  # over the values themselves it would stay out of vectors
        total += values[i]
    return total


def read(values):
    """One reading of an array, on as many threads as BLAS has: the limit of what can be done."""
    parts = np.array_split(values.reshape(-1), 16)
    if effective_threads() == 1:
        return sum(map(_sum, parts))
    with ThreadPoolExecutor(effective_threads()) as pool:
        return sum(pool.map(_sum, parts))


def _plain_product(X, V, offset, curvature, factor=None):
    raw = X @ V.T + offset
    w = curvature * raw
    if factor is not None:
        w -= factor * (factor * raw).sum(axis=1, keepdims=True)
    return (X.T @ w).T, w.sum(axis=0)


def _plain_product_of_one(X, V, offset, curvature):
    """Vectors, not matrices of one column: the faster way to call BLAS and scipy."""
    w = curvature[:, 0] * (X @ V[0] + offset[0])
    return (X.T @ w)[None], w.sum(keepdims=True)


def _dense(n, f, K, dtype="float64", order="C"):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((n, f), dtype=dtype), order=order)
    return _product(X, K, rng)


@lru_cache(maxsize=1)  # several tables one after the other are of the same rows
def _sparse_rows(n, f, entries):
    """Rows of counts whose columns are as unequal as those of words."""
    rng = np.random.default_rng(0)
    often = 1.0 / np.arange(10, f + 10)
    columns = rng.choice(f, size=n * entries, p=often / often.sum()).astype(np.int32)
    starts = np.arange(n + 1, dtype=np.int32) * entries
    X = sparse.csr_array((np.ones(n * entries), columns, starts), shape=(n, f))
    X.sum_duplicates()
    return X


def _sparse(n, f, entries, K):
    return _product(_sparse_rows(n, f, entries), K, np.random.default_rng(1))


def _product(X, K, rng):
    n, f = X.shape
    curvature = rng.dirichlet(np.ones(max(K, 2)), size=n)[:, :K]
    problem = [rng.standard_normal((K, f)), rng.standard_normal(K), curvature]
    if K > 1:
        problem.append(curvature)
    plain = _plain_product if K > 1 else _plain_product_of_one
    # a table of a few milliseconds is compiled here too, as it is for a user with many columns
    compiled = True if sparse.issparse(X) else None
    values = X.data if sparse.issparse(X) else X.ravel(order="K")
    return {
        "ours": lambda: hessian_product(X, *problem, compiled=compiled),
        "plain": lambda: plain(X, *problem),
        "read": lambda: read(values),
    }


def _gram(n, f, entries):
    X = _sparse_rows(n, f, entries)
    weights = np.random.default_rng(1).standard_normal(n)
    return {
        "ours": lambda: csr_gram(X.data, X.indices, X.indptr, weights, f),
        "plain": lambda: (X.T @ (sparse.diags_array(weights) @ X)).toarray(),
    }


def _quadratic_form(n, f, entries):
    X = _sparse_rows(n, f, entries)
    root = np.random.default_rng(1).standard_normal((f, 50))
    matrix = root @ root.T
    return {
        "ours": lambda: csr_quadratic_form(X.data, X.indices, X.indptr, matrix),
        "plain": lambda: X.multiply(X @ matrix).sum(axis=1),
    }


def _scores(n, f, entries, K, n_test):
    X = _sparse_rows(n, f, entries)
    rng = np.random.default_rng(1)
    U, offset = rng.standard_normal((K, f, n_test)), rng.standard_normal((K, n_test))
    rho, tables = rng.standard_normal((n, K)), pack_columns(U)
    out = np.empty((n_test, n))

    def plain():
        total = np.empty((n_test, n))
        for k in range(K):
            part = total if k == 0 else np.empty((n_test, n))
            part[:] = (X @ U[k]).T
            part += offset[k][:, None]
            part *= rho[:, k]
            if k > 0:
                total += part
        return total

    return {
        "ours": lambda: csr_scores(X.data, X.indices, X.indptr, tables, offset, rho, out),
        "plain": plain,
    }


def _top_k(n_test, n, k):
    scores = np.random.default_rng(0).standard_normal((n_test, n))

    def rank(n_scores):
        ranking = TopK(n_test, k, "magnitude", n_scores)
        for first in range(0, n, 20_000):
            ranking.add(slice(0, n_test), first, scores[:, first : first + 20_000])
        return ranking.result()

    return {"ours": lambda: rank(10**9), "plain": lambda: rank(None)}


_MAKERS = {
    "dense": _dense,
    "sparse": _sparse,
    "gram": _gram,
    "quadratic_form": _quadratic_form,
    "scores": _scores,
    "top_k": _top_k,
}
_state = {}


def _prepare(kind, sizes):
    """Make the data, call every way once (which compiles); largest relative difference."""
    _state.clear()
    _state.update(_MAKERS[kind](**sizes))
    ours, plain = (np.asarray(_first(_state[way]())) for way in ("ours", "plain"))
    if "read" in _state:
        _state["read"]()
    return float(np.abs(ours - plain.reshape(ours.shape)).max() / np.abs(plain).max())


def _first(result):
    return result[0] if isinstance(result, tuple) else result


def _time(rounds, spent):
    """{way: least wall seconds of a call} of ways that take turns."""
    found = in_turns({way: partial(_one, call) for way, call in _state.items()}, rounds, spent)
    return {way: min(times) for way, times in found.items()}


def _one(call):
    if effective_threads() > 1:
        sleep(SPINNING)
    return timed(call)[1]["wall"]
