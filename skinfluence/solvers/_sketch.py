"""Randomised Nystroem approximation of a positive semi-definite operator, grown block by block."""

import numpy as np
from sklearn.utils import gen_batches

from skinfluence._utils.progress import progress


class Sketch:
    """C ~ U diag(values) U' from products with random orthonormal directions.

    Algorithm 2.1 of Frangella, Tropp & Udell (2023), "Randomized Nystroem preconditioning", SIAM
    Journal on Matrix Analysis and Applications 44(2): C is shifted by its rounding, so that the
    small Cholesky factor exists, and the shift is taken off the eigenvalues. The approximation is
    never larger than C: it lacks directions, but adds none.

    Parameters
    ----------
    product : callable
        C W for W of shape (B, q, r); C is block diagonal with B blocks of shape (q, q), and a
        product of r columns gives every block an approximation of rank r.
    shape : (int, int)
        B and q.
    n_power : int
        Products of each direction before it counts; each doubles the cost.
    random_state : RandomState
    """

    def __init__(self, product, shape, *, n_power=0, random_state):
        self.product = product
        self.n_power = n_power
        self.random_state = random_state
        self._directions = np.zeros((*shape, 0))
        self._images = np.zeros((*shape, 0))

    @property
    def rank(self):
        return self._directions.shape[2]

    def grow(self, rank, width, verbose=0):
        """Add directions until there are `rank` of them, `width` at a time."""
        B, q, _ = self._directions.shape
        missing = min(rank, q) - self.rank
        if missing <= 0:
            return
        blocks = progress(
            gen_batches(missing, width),
            total=missing,
            what="random sketch",
            unit="directions",
            verbose=verbose,
            size=lambda block: block.stop - block.start,
        )
        for block in blocks:
            r = block.stop - block.start
            new = self._beside(self.random_state.standard_normal((B, q, r)))
            for _ in range(self.n_power):
                new = self._beside(self.product(new))
            self._images = np.concatenate([self._images, self.product(new)], axis=2)
            self._directions = np.concatenate([self._directions, new], axis=2)

    def _beside(self, W):
        """Orthonormal directions that W adds to those there are."""
        old = self._directions
        for _ in range(2):  # twice is enough (Kahan and Parlett)
            W = W - old @ (old.transpose(0, 2, 1) @ W)
            W, _ = np.linalg.qr(W)
        return W

    def eigenpairs(self):
        """(vectors (B, q, r), values (B, r)), values falling and none negative."""
        W, Y = self._directions, self._images
        eps = np.finfo(float).eps
        size = np.linalg.norm(Y, axis=(1, 2), keepdims=True)
        shift = eps * (np.sqrt(W.shape[1]) * size + np.finfo(float).tiny)
        small = W.transpose(0, 2, 1) @ Y
        small = 0.5 * (small + small.transpose(0, 2, 1))
        identity = np.eye(self.rank)
        while True:
            try:
                factor = np.linalg.cholesky(small + shift * identity)
                break
            except np.linalg.LinAlgError:
                shift = 10 * np.maximum(shift, eps)
        half = (Y + shift * W) @ np.linalg.inv(factor).transpose(0, 2, 1)
        vectors, singular, _ = np.linalg.svd(half, full_matrices=False)
        return vectors, (singular**2 - shift[:, 0]).clip(min=0.0)
