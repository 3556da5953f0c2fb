"""Coordinates in which a Hessian is easier to invert: M^-1/2 H M^-1/2 instead of H."""

import numpy as np

from skinfluence.linalg import slices

#: Least part of the diagonal that stands in for a penalty which is missing or smaller.
LEAST_PENALTY = 1e-2


class Preconditioner:
    """M = E E' with E = D^1/2 (I + U diag(values) U')^1/2, D diagonal and U orthonormal.

    Parameters
    ----------
    scale : ndarray of shape (B, q, 1)
        Root of D.
    vectors : ndarray of shape (B, q, r), default=None
        U; without it M is D.
    values : ndarray of shape (B, r), default=None
        All above -1.
    """

    def __init__(self, scale, vectors=None, values=None):
        self.scale = scale
        self._vectors = vectors
        self._more = self._less = None
        if vectors is not None:
            root = np.sqrt(1.0 + values)
            self._more = (root - 1.0)[:, :, None]
            self._less = (1.0 / root - 1.0)[:, :, None]

    def _turned(self, V, weights):
        if self._vectors is None:
            return V
        return V + self._vectors @ (weights * (self._vectors.transpose(0, 2, 1) @ V))

    def into(self, R):
        """E^-1 R: residuals, into the coordinates of the iteration."""
        return self._turned(R / self.scale, self._less)

    def back(self, X):
        """E^-T X: solutions, from the coordinates of the iteration."""
        return self._turned(X, self._less) / self.scale

    def residuals_back(self, R):
        """E R: residuals, from the coordinates of the iteration."""
        return self._turned(R, self._more) * self.scale

    def null_back(self, N):
        """E' N: null directions of H, as null directions of E^-1 H E^-T."""
        return self._turned(N * self.scale, self._more)


def penalty_scale(hessian, scale):
    """Root of the penalty, or of a hundredth of the diagonal where that is larger: (p,).

    In these units the Hessian is I plus a part of the data, and no column is off by more than
    two digits. The diagonal alone (Jacobi) would blow up rare columns, which matter little.
    """
    return np.sqrt(np.maximum(hessian.penalty.ravel(), LEAST_PENALTY * scale**2))


def largest_directions(product, shape, *, rank, width, random_state):
    """(vectors (B, q, r), values (B, r)) with C ~ U diag(values) U' from random directions.

    Algorithm 2.1 of Frangella, Tropp & Udell (2023), "Randomized Nystroem preconditioning", SIAM
    Journal on Matrix Analysis and Applications 44(2): C is shifted by its rounding, so that the
    small Cholesky factor exists, and the shift is taken off the eigenvalues. The approximation is
    never larger than C: it lacks directions, but adds none.

    Parameters
    ----------
    product : callable
        C W for W of shape (B, q, r); C is block diagonal with B blocks of shape (q, q), positive
        semi-definite.
    shape : (int, int)
        B and q.
    rank, width : int
        Directions in all (q at most), and at a time.
    random_state : RandomState

    Returns
    -------
    vectors, values : ndarrays
        Values falling and none negative.
    """
    B, q = shape
    W = np.zeros((B, q, 0))
    images = []
    for block in slices(min(rank, q), width):
        new = random_state.standard_normal((B, q, block.stop - block.start))
        for _ in range(2):  # twice is enough (Kahan and Parlett)
            new = new - W @ (W.transpose(0, 2, 1) @ new)
            new, _ = np.linalg.qr(new)
        images.append(product(new))
        W = np.concatenate([W, new], axis=2)
    Y = np.concatenate(images, axis=2)
    eps = np.finfo(float).eps
    size = np.linalg.norm(Y, axis=(1, 2), keepdims=True)
    shift = eps * (np.sqrt(q) * size + np.finfo(float).tiny)
    small = W.transpose(0, 2, 1) @ Y
    small = 0.5 * (small + small.transpose(0, 2, 1))
    while True:
        try:
            factor = np.linalg.cholesky(small + shift * np.eye(W.shape[2]))
            break
        except np.linalg.LinAlgError:
            shift = 10 * np.maximum(shift, eps)
    half = (Y + shift * W) @ np.linalg.inv(factor).transpose(0, 2, 1)
    vectors, singular, _ = np.linalg.svd(half, full_matrices=False)
    return vectors, (singular**2 - shift[:, 0]).clip(min=0.0)


class NystroemSketch:
    """The largest directions of a Hessian's data part, in units of choice.

    Frangella, Tropp & Udell (2023), equation (1.3), on coordinates in which the penalty is I. A
    column without a penalty (the intercept) has a hundredth of its diagonal in its place: it has
    a large eigenvalue there, belongs to the first directions that the sketch finds, and M is off
    by a hundredth in it.

    Parameters
    ----------
    hessian : Hessian
    shape : (int, int)
        Number B and size q of the Hessian's independent blocks.
    units : ndarray of shape (p,)
        Those of `penalty_scale`, or of the diagonal.
    rank, width : int
        Directions in all, and at a time.
    random_state : RandomState

    Attributes
    ----------
    values : ndarray of shape (B, rank)
        Their curvatures in these units, falling.
    """

    def __init__(self, hessian, shape, units, *, rank, width, random_state):
        p = hessian.shape[0]
        penalised = hessian.penalty_term.product
        units = units[:, None]

        def data_part(V):
            V = V.reshape(p, -1) / units
            return ((hessian @ V - penalised(V)) / units).reshape(*shape, -1)

        self._vectors, self.values = largest_directions(
            data_part, shape, rank=rank, width=width, random_state=random_state
        )
        self._units = units.reshape(*shape, 1)

    def preconditioner(self):
        """M with these directions flat."""
        # what the sketch has not seen lies near the smallest value that it has
        last = self.values[:, -1:]
        return Preconditioner(self._units, self._vectors, (self.values - last) / (1.0 + last))
