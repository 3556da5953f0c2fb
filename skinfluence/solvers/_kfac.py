"""K-FAC and EK-FAC: the Gauss-Newton matrix of a network, layer by layer in Kronecker factors."""

from dataclasses import dataclass

import numpy as np

from skinfluence.linalg import row_blocks
from skinfluence.solvers._base import InverseHessian, SingularHessianError, Solver
from skinfluence.solvers._checks import check_columns
from skinfluence.solvers._report import report_of


@dataclass(frozen=True)
class KFACSolver(Solver):
    """Each layer's block of the Gauss-Newton matrix as a Kronecker product of two small matrices.

    Row i adds ``a a' (x) B' A B`` to the block of a layer, with the layer's inputs a, the
    derivatives B of the raw predictions in its outputs, and the weighted curvature A of the row's
    loss. The sum of these products is replaced by the product of the mean of ``a a'`` and the sum
    of ``B' A B``. Blocks between layers are left out. Two small eigendecompositions a layer give
    the inverse for any number of right-hand sides. Penalty and damping are added to the
    eigenvalues.

    It is exact for squared error and one layer, if all of its parameters are penalised (by the
    damping, say) or none. Otherwise it is an approximation that ranks rows. Which of "kfac" and
    "ekfac" is closer to the exact inverse depends on the network.

    The predictor must give the inputs and derivatives of its layers
    (:meth:`skinfluence.predictors.Predictor.layers`).

    References
    ----------
    J. Martens and R. Grosse, "Optimizing neural networks with Kronecker-factored approximate
    curvature", ICML 2015.
    """

    name = "kfac"
    #: whether eigenvalues are those of the sum of the rows' products
    corrected = False

    def factorize(self, hessian):
        if hessian.exact and not hessian.linear:
            raise ValueError(
                f'solver="{self.name}" approximates the Gauss-Newton matrix, and not the Hessian, '
                'which leverages and Newton steps are made of. Use curvature="gauss_newton" and '
                'method="first_order"; or solver="auto" for the Hessian.'
            )
        blocks, start = [], 0
        for left, right in _factors(hessian):
            end = start + len(left) * len(right)
            penalty = hessian.penalty.ravel()[start:end].reshape(len(left), len(right))
            blocks.append(_Block(left, right, penalty))
            start = end
        if self.corrected:
            _correct(hessian, blocks)
        values = np.concatenate([block.eigenvalues.ravel() for block in blocks])
        if not values.min() > len(values) * np.finfo(float).eps * values.max():
            raise SingularHessianError(
                f'solver="{self.name}": the Gauss-Newton matrix has directions without curvature. '
                "Pass a positive damping, such as damping=0.01."
            )
        report = report_of(self.name, hessian)
        report.reason = f"Kronecker factors of {len(blocks)} layer(s), an approximation"
        return KroneckerInverse(hessian, blocks, report)


@dataclass(frozen=True)
class EKFACSolver(KFACSolver):
    """K-FAC with eigenvalues that are exact for its eigenvectors.

    The eigenvectors are those of "kfac". The eigenvalues are replaced by the curvature of each
    layer's Gauss-Newton block along them.

    References
    ----------
    T. George et al., "Fast approximate natural gradient descent in a Kronecker-factored
    eigenbasis", NeurIPS 2018. R. Grosse et al., "Studying large language model generalization with
    influence functions", 2023.
    """

    name = "ekfac"
    corrected = True


class _Block:
    """Block left (x) right + diag(penalty) of one layer's parameters (d, h), by eigenvectors.

    Where all are penalised they are scaled to a penalty of one, which every eigenvector keeps: the
    block is then inverted exactly as it stands.
    """

    def __init__(self, left, right, penalty):
        self.penalty, self.scale = penalty, np.ones(len(left))
        if (penalty > 0.0).all() and (penalty == penalty[:, :1]).all():
            self.scale = 1.0 / np.sqrt(penalty[:, 0])
        a, self.left = np.linalg.eigh(left * self.scale[:, None] * self.scale)
        b, self.right = np.linalg.eigh(right)
        self.values = np.outer(a.clip(min=0.0), b.clip(min=0.0))

    @property
    def eigenvalues(self):
        """Curvature along each pair of eigenvectors, (d, h)."""
        scaled = self.penalty * self.scale[:, None] ** 2
        return self.values + (self.left**2).T @ scaled @ self.right**2

    def solve(self, V):
        """Solutions for V of shape (d, h, m)."""
        scale = self.scale[:, None, None]
        turned = np.einsum("dj,dhm->jhm", self.left, scale * V, optimize=True)
        turned = np.einsum("hk,jhm->jkm", self.right, turned, optimize=True)
        turned /= self.eigenvalues[:, :, None]
        back = np.einsum("hk,jkm->jhm", self.right, turned, optimize=True)
        return scale * np.einsum("dj,jhm->dhm", self.left, back, optimize=True)

    def squares(self, a, b, theta):
        """Squared lengths (n,) of solutions for outer products of a (n, d) and b (n, h).

        Both are along the eigenvectors. With `theta` Euclidean, otherwise the product of solution
        and right-hand side.
        """
        inverse = 1.0 / self.eigenvalues
        if not theta:
            return ((a**2 @ inverse) * b**2).sum(axis=1)
        usual = np.median(self.scale)  # of all parameters but the biases
        squares = usual**2 * ((a**2 @ inverse**2) * b**2).sum(axis=1)
        for d in np.flatnonzero(self.scale != usual):
            own = ((a * self.left[d]) @ inverse) * b
            squares += (self.scale[d] ** 2 - usual**2) * (own**2).sum(axis=1)
        return squares


class KroneckerInverse(InverseHessian):
    """Inverse of blocks of layers, each by its eigenvectors.

    Parameters
    ----------
    hessian : Hessian
    blocks : list of _Block
    report : SolverReport
    """

    factorized = False

    def __init__(self, hessian, blocks, report):
        super().__init__(hessian, report)
        self.blocks = blocks

    def solve(self, V):
        V = check_columns(V, self.shape[0])
        out, start = np.empty(V.shape), 0
        for block in self.blocks:
            end = start + block.penalty.size
            own = V[start:end].reshape(*block.penalty.shape, -1)
            out[start:end] = block.solve(own).reshape(end - start, -1)
            start = end
        return out

    def change_squares(self, predictor, residual, theta):
        """Squared lengths (n,) of the solutions for the gradients J_i' residual_i of rows.

        A row's gradient in a layer is the outer product of its inputs and of the residual's
        derivative in its outputs, so that no gradient is formed.
        """
        squares = np.zeros(predictor.n_rows)
        widths = [sum(layer.shape) for layer in predictor.take(slice(0, 1)).layers()]
        for rows in row_blocks(predictor.n_rows, 16 * residual.shape[1] * sum(widths)):
            layers = predictor.take(rows).layers()
            for block, layer in zip(self.blocks, layers, strict=True):
                a = (layer.inputs * block.scale) @ block.left
                b = np.einsum("nkh,nk->nh", layer.pulls, residual[rows]) @ block.right
                squares[rows] += block.squares(a, b, theta)
        return squares


def _passes(hessian):
    """(rows, their layers, their curvature) of some rows at a time."""
    predictor = hessian.predictor
    widths = [sum(layer.shape) for layer in predictor.take(slice(0, 1)).layers()]
    for rows in row_blocks(hessian.n_rows, 16 * hessian.n_outputs * sum(widths)):
        yield rows, predictor.take(rows).layers(), hessian.curvature_of(rows)


def _factors(hessian):
    """(left (d, d), right (h, h)) of each layer: weighted mean of a a', and sum of B' A B."""
    weight = hessian.row_weight.mean(axis=1)
    sums = None
    for rows, layers, curvature in _passes(hessian):
        parts = [_products(layer, curvature, weight[rows]) for layer in layers]
        if sums is None:
            sums = parts
            continue
        for total, part in zip(sums, parts, strict=True):
            total[0] += part[0]
            total[1] += part[1]
    return [(left / weight.sum(), right) for left, right in sums]


def _products(layer, curvature, weight):
    left = (layer.inputs.T * weight) @ layer.inputs
    right = np.tensordot(layer.pulls, curvature.apply(layer.pulls), axes=((0, 1), (0, 1)))
    return [left, 0.5 * (right + right.T)]


def _correct(hessian, blocks):
    """Set each block's values to the curvature of its layer along the pairs of eigenvectors."""
    for block in blocks:
        block.values = np.zeros(block.values.shape)
    for _, layers, curvature in _passes(hessian):
        for block, layer in zip(blocks, layers, strict=True):
            pulls = layer.pulls @ block.right
            along = (pulls * curvature.apply(pulls)).sum(axis=1)  # shape: (n, h)
            block.values += ((layer.inputs * block.scale) @ block.left).T ** 2 @ along
