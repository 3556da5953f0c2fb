"""numpy and scipy by hand where the Hessian is large or has several outputs, without intercept."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit, softmax
from sklearn.utils import gen_batches


def direct(case):
    """The dense Hessian, pair of classes by pair of classes; solved for the test rows."""
    P = _probabilities(case, case.X)
    K, q = case.estimator.coef_.shape
    hessian = np.zeros((K, q, K, q))
    for k in range(K):
        for j in range(k, K):
            curvature = P[:, k] * ((k == j) - P[:, j])
            hessian[k, :, j] = case.X.T @ (curvature[:, None] * case.X)
            hessian[j, :, k] = hessian[k, :, j]
    hessian = hessian.reshape(K * q, K * q)
    hessian[np.diag_indices_from(hessian)] += 1.0 / case.estimator.C
    return _scores(case, cho_solve(cho_factor(hessian), test_gradients(case)), P)


def scipy_cg(case):
    """scipy.sparse.linalg.cg, one test row after another, products by two matrix products."""
    P = _probabilities(case, case.X)
    product = hessian_product(case, P)
    p = case.estimator.coef_.size
    operator = LinearOperator((p, p), matvec=lambda v: product(v[:, None])[:, 0], dtype=float)
    solved = [cg(operator, g, rtol=case.tolerance)[0] for g in test_gradients(case).T]
    return _scores(case, np.stack(solved, axis=1), P)


def hessian_product(case, P):
    """V -> H V for V of shape (p, m), over blocks of rows."""
    K, q = case.estimator.coef_.shape

    def product(V):
        m = V.shape[1]
        wide = V.reshape(K, q, m).transpose(1, 0, 2).reshape(q, K * m)
        out = np.zeros((q, K * m))
        for rows in gen_batches(case.X.shape[0], max(1, 4_000_000 // (K * m))):
            raw = (case.X[rows] @ wide).reshape(-1, K, m)
            p = P[rows, :, None]
            raw *= p
            if K == 1:
                raw *= 1.0 - p
            else:
                raw -= p * raw.sum(axis=1, keepdims=True)
            out += case.X[rows].T @ raw.reshape(-1, K * m)
        return out.reshape(q, K, m).transpose(1, 0, 2).reshape(K * q, m) + V / case.estimator.C

    return product


def exact(case, n_tests, tol=1e-12):
    """First order for the first test rows, by conjugate gradients to a tiny residual.

    In units of the diagonal: columns of word counts differ a thousandfold.
    """
    P = _probabilities(case, case.X)
    product, right = hessian_product(case, P), test_gradients(case, n_tests)
    scale = 1.0 / _diagonal(case, P)[:, None]
    solved, residual = np.zeros_like(right), right.copy()
    direction = scale * residual
    square = (residual * direction).sum(axis=0)
    start = square
    for _ in range(5000):
        moved = product(direction)
        step = square / (direction * moved).sum(axis=0)
        solved += step * direction
        residual -= step * moved
        scaled = scale * residual
        before, square = square, (residual * scaled).sum(axis=0)
        if (square <= tol**2 * start).all():
            return _scores(case, solved, P)
        direction = scaled + square / before * direction
    raise ArithmeticError("The reference did not converge.")


def _diagonal(case, P):
    """Diagonal of the Hessian, (p,)."""
    squares = np.zeros(case.estimator.coef_.shape)
    for rows in gen_batches(case.X.shape[0], 20_000):
        Z, p = case.X[rows], P[rows]
        squares += (p * (1 - p)).T @ (Z.multiply(Z).tocsr() if issparse(Z) else Z * Z)
    return squares.ravel() + 1.0 / case.estimator.C


def _probabilities(case, X):
    """P of shape (n, K); with one output the probability of class 1."""
    raw = X @ case.estimator.coef_.T
    return expit(raw) if raw.shape[1] == 1 else softmax(raw, axis=1)


def _residuals(case, P, y):
    if P.shape[1] == 1:
        return P - y[:, None]
    R = P.copy()
    R[np.arange(len(y)), y] -= 1.0
    return R


def test_gradients(case, n_tests=None):
    """One column for each of the first test rows, (p, n_tests)."""
    Z = case.X_test[:n_tests]
    R = _residuals(case, _probabilities(case, Z), case.y_test[:n_tests])
    Z = Z.toarray() if issparse(Z) else Z
    gradients = R[:, :, None] * Z[:, None, :]  # shape: (n_tests, K, q)
    return gradients.reshape(len(R), -1).T


def _scores(case, solved, P):
    """(m, n): every solved gradient times every training gradient."""
    K, q = case.estimator.coef_.shape
    R = _residuals(case, P, case.y)
    out = np.zeros((solved.shape[1], case.X.shape[0]))
    for k, part in enumerate(solved.reshape(K, q, -1)):
        out += (case.X @ part).T * R[:, k]
    return out
