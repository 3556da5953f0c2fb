"""Inverse for least squares whose small singular values are dropped."""

from dataclasses import dataclass

import numpy as np

from skinfluence.solvers._base import Solver
from skinfluence.solvers._direct.root import RootInverse
from skinfluence.solvers._report import SolverReport


@dataclass(frozen=True)
class TruncatedSolver(Solver):
    """Inverse of the Hessian on the directions that LinearRegression kept.

    From the singular values of the rows, whose squares the Hessian holds: nothing is lost to
    rounding that the estimator itself does not lose. Not in the registry: the objective says where
    it is needed, whatever the explainer's solver.
    """

    def factorize(self, hessian):
        least_squares = hessian.truncated
        kept, V, f = least_squares.kept, least_squares.directions, least_squares.n_features
        K, q = hessian.penalty.shape
        k, own = int(kept.sum()), int(q > f)
        # rows whose Gram matrix is the Hessian on the kept directions and the intercept
        top = np.zeros((k + own, k + own))
        top[:k, :k] = np.diag(least_squares.singular[kept])
        if own:
            root = np.sqrt(least_squares.total)
            top[k, :k] = root * ((least_squares.mean - least_squares.center) @ V[:, kept])
            top[k, k] = root
        basis = np.zeros((q, k + own))
        basis[:f, :k] = V[:, kept]
        basis[f:, k:] = 1.0
        damping = hessian.penalty.flat[0]
        damped = np.concatenate([top, np.sqrt(damping) * np.eye(k + own)])
        _, singular, right = np.linalg.svd(damped, full_matrices=False)
        null = np.zeros((K, q, K, f - k))
        for output in range(K):
            null[output, :f, output] = V[:, ~kept]
        reason = (
            f"LinearRegression dropped {f - k} of {f} singular values, those below "
            f"{least_squares.cut:.1e} of the largest"
        )
        report = SolverReport("svd", K * (k + own), K * q, null.reshape(K * q, -1), reason)
        return RootInverse(hessian, [basis @ (right.T / singular)] * K, report)
