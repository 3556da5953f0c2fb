"""Block conjugate gradients on arrays: one Krylov space shared by all right-hand sides."""

import numpy as np

#: Part of a column's square that must be its own (not explained by the columns before it) for the
#: Cholesky factor of W' W to be trusted.
DEPENDENT = 1e-8


def block_cg(product, R, goal, measure, *, max_iter, patience, progress=None):
    """X with A X = R, from X = 0, for a symmetric positive (semi-)definite A.

    Algorithm BCGrQ of Dubrulle (2001), "Retooling the method of block conjugate gradients",
    Electronic Transactions on Numerical Analysis 12: the residual block is kept as Q C with
    orthonormal Q, so that right-hand sides which coincide, or converge before the others, leave
    no singular small matrices behind, as they do in O'Leary's original. Norms of the residuals
    are norms of the columns of the small C.

    Blocks A_1 .. A_B of a block-diagonal A have Krylov spaces of their own and run side by side.

    Parameters
    ----------
    product : callable
        A P for P of shape (B, q, r).
    R : ndarray of shape (B, q, m)
        Right-hand sides, of sizes near 1.
    goal : float
        Iterate until every column's `measure` is at most this.
    measure : callable
        Sizes (m,) of residual columns (B, q, m) in the norm of the tolerance; it
        is evaluated only when the columns of C have become small.
    max_iter : int
        Limit of iterations.
    patience : int
        Give up after so many iterations in which no unfinished column fell by a tenth.
    progress : callable or None
        Called after each iteration with the factors by which the residuals (m,) have fallen.

    Returns
    -------
    X : ndarray of shape (B, q, m)
    n_iter : int
        Number of products.
    """
    Q, C = orthonormalize(R)  # shapes: (B, q, r), (B, r, m) with r = min(q, m)
    S = Q
    X = np.zeros_like(R)
    ratio = 1.0  # of column norms of C to the caller's measure
    best = start = column_norms(C)
    since = 0
    steepest = 0.0
    n_iter = 0
    while n_iter < max_iter:
        T = product(S)
        n_iter += 1
        square = (S * S).sum()
        steepest = max(steepest, np.sqrt((T * T).sum() / square))
        curvature = S.transpose(0, 2, 1) @ T
        # below this, S' A S is rounding and no curvature
        step = _inverse(curvature, 4 * np.finfo(float).eps * steepest * square)
        # one matrix for X and for Q C: then Q C stays the residual of X whatever the step is
        X += S @ (step @ C)
        Q, turn = orthonormalize(Q - T @ step)
        C = turn @ C
        S = Q + S @ turn.transpose(0, 2, 1)
        size = column_norms(C)
        if not np.isfinite(size).all():
            break
        if progress is not None:
            progress(size / np.where(start > 0, start, 1.0))
        if (size <= ratio * goal).all():
            true = measure(Q @ C)
            if (true <= goal).all():
                break
            worst = np.argmax(true)
            ratio = min(0.8 * ratio, size[worst] / true[worst])
        unfinished = size > ratio * goal
        since = 0 if (size < 0.9 * best)[unfinished].any() else since + 1
        best = np.minimum(best, np.where(size < 0.9 * best, size, best))
        if since >= patience:
            break
    return X, n_iter


def column_norms(R):
    """Euclidean norm of every column over blocks and rows: (B, q, m) -> (m,)."""
    return np.sqrt(np.einsum("bqm,bqm->m", R, R))


def orthonormalize(W):
    """Q, C with W = Q C and Q' Q = I, for W of shape (B, q, m): the QR factorisation.

    Twice by the Cholesky factor of W' W, which is all matrix products and several times faster
    than reflections (Yamamoto et al. 2015, "Roundoff error analysis of the CholeskyQR2
    algorithm"); by reflections where columns are so nearly dependent that it would lose digits.
    """
    C = None
    for _ in range(2 if W.shape[1] >= W.shape[2] else 0):
        gram = W.transpose(0, 2, 1) @ W
        diagonal = np.diagonal(gram, axis1=1, axis2=2)
        try:
            factor = np.linalg.cholesky(gram)
        except np.linalg.LinAlgError:
            break
        if not (np.diagonal(factor, axis1=1, axis2=2) ** 2 > DEPENDENT * diagonal).all():
            break
        W = W @ np.linalg.inv(factor).transpose(0, 2, 1)
        upper = factor.transpose(0, 2, 1)
        if C is not None:
            return W, upper @ C
        C = upper
    Q, upper = np.linalg.qr(W)
    return Q, upper if C is None else upper @ C


def _inverse(matrices, floor):
    """Inverses of symmetric matrices (B, r, r), without the directions of values below `floor`."""
    try:
        factor = np.linalg.cholesky(matrices)
        if (np.diagonal(factor, axis1=1, axis2=2) ** 2 > floor).all():
            root = np.linalg.inv(factor)
            return root.transpose(0, 2, 1) @ root
    except np.linalg.LinAlgError:
        pass  # a direction without curvature
    values, vectors = np.linalg.eigh(matrices)
    kept = values > floor
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    return (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)
