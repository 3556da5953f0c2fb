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
    of ``B' A B``. Of a convolution, a row has inputs and derivatives at each position of the
    output: the sum of ``a a'`` over positions and the mean of ``B' A B`` over them are taken, as if
    derivatives at different positions were uncorrelated. Blocks between layers are left out. Two
    small eigendecompositions a layer give the inverse for any number of right-hand sides. Penalty
    and damping are added to the eigenvalues.

    It is exact for squared error and one layer, if all of its parameters are penalised (by the
    damping, say) or none. Otherwise it is an approximation that ranks rows. Which of "kfac" and
    "ekfac" is closer to the exact inverse depends on the network.

    The predictor must give the inputs and derivatives of its layers
    (:meth:`skinfluence.predictors.Predictor.layers`).

    References
    ----------
    J. Martens and R. Grosse, "Optimizing neural networks with Kronecker-factored approximate
    curvature", ICML 2015. R. Grosse and J. Martens, "A Kronecker-factored approximate Fisher matrix
    for convolution layers", ICML 2016.
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
        penalty = hessian.penalty.ravel()
        layers = hessian.predictor.take(slice(0, 1)).layers()
        blocks = [
            _Block(left, right, penalty[layer.index], layer.index)
            for (left, right), layer in zip(_factors(hessian), layers, strict=True)
        ]
        if self.corrected:
            _correct(hessian, blocks)
        values = np.concatenate([block.eigenvalues.ravel() for block in blocks])
        if not values.min() > len(values) * np.finfo(float).eps * values.max():
            raise SingularHessianError(
                f'solver="{self.name}": the Gauss-Newton matrix has directions without curvature. '
                "Pass a positive damping, such as damping=0.1."
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
    """Block left (x) right + diag(penalty) of the parameters `index` (d, h), by eigenvectors.

    Where all are penalised they are scaled to a penalty of one, which every eigenvector keeps: the
    block is then inverted exactly as it stands.
    """

    def __init__(self, left, right, penalty, index):
        self.index = index
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
        """Squared lengths (n,) of solutions for sums of outer products of a (n, T, d), b (n, T, h).

        Both are along the eigenvectors. With `theta` Euclidean, otherwise the product of solution
        and right-hand side.
        """
        inverse = 1.0 / self.eigenvalues
        if a.shape[1] > 1:
            gradients = a.transpose(0, 2, 1) @ b  # shape: (n, d, h)
            own = gradients * inverse
            if not theta:
                return (gradients * own).sum(axis=(1, 2))
            return (((self.scale[:, None] * self.left) @ own) ** 2).sum(axis=(1, 2))
        a, b = a[:, 0], b[:, 0]
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
        out = np.empty(V.shape)
        for block in self.blocks:
            out[block.index] = block.solve(V[block.index])
        return out

    def change_squares(self, predictor, residual, theta):
        """Squared lengths (n,) of the solutions for the gradients J_i' residual_i of rows.

        A row's gradient in a layer is the outer product of its inputs and of the residual's
        derivative in its outputs, so that it is formed for convolutions only, their sum.
        """
        squares = np.zeros(predictor.n_rows)
        for rows, layers in _passes(predictor):
            for block, layer in zip(self.blocks, layers, strict=True):
                a = _turned(layer.inputs * block.scale, block.left)
                b = _turned(np.einsum("nkth,nk->nth", layer.pulls, residual[rows]), block.right)
                squares[rows] += block.squares(a, b, theta)
        return squares


def _passes(predictor):
    """(rows, their layers) of some rows at a time."""
    one = sum(layer.size for layer in predictor.take(slice(0, 1)).layers())
    for rows in row_blocks(predictor.n_rows, 16 * one):
        yield rows, predictor.take(rows).layers()


def _factors(hessian):
    """(left (d, d), right (h, h)) of each layer: weighted mean of a a', and sum of B' A B."""
    weight = hessian.row_weight.mean(axis=1)
    sums = None
    for rows, layers in _passes(hessian.predictor):
        curvature = hessian.curvature_of(rows)
        parts = [_products(layer, curvature, weight[rows]) for layer in layers]
        if sums is None:
            sums = parts
            continue
        for total, part in zip(sums, parts, strict=True):
            total[0] += part[0]
            total[1] += part[1]
    return [(left / weight.sum(), right) for left, right in sums]


def _turned(X, vectors):
    """Coordinates along eigenvectors, in one product of matrices whatever the shape of X."""
    return np.tensordot(X, vectors, axes=1)


def _products(layer, curvature, weight):
    n, K, T, h = layer.pulls.shape
    flat = layer.inputs.reshape(n * T, -1)
    left = (flat.T * np.repeat(weight, T)) @ flat
    turned = curvature.apply(layer.pulls.reshape(n, K, T * h)).reshape(n * K * T, h)
    right = layer.pulls.reshape(n * K * T, h).T @ turned / T
    return [left, 0.5 * (right + right.T)]


def _correct(hessian, blocks):
    """Set each block's values to the curvature of its layer along the pairs of eigenvectors."""
    for block in blocks:
        block.values = np.zeros(block.values.shape)
    for rows, layers in _passes(hessian.predictor):
        curvature = hessian.curvature_of(rows)
        for block, layer in zip(blocks, layers, strict=True):
            a = _turned(layer.inputs * block.scale, block.left)
            pulls = _turned(layer.pulls, block.right)
            if layer.n_positions == 1:
                own = pulls[:, :, 0]
                block.values += (a[:, 0] ** 2).T @ (own * curvature.apply(own)).sum(axis=1)
                continue
            n, K, _, h = pulls.shape
            own = (a.transpose(0, 2, 1)[:, None] @ pulls).reshape(n, K, -1)
            block.values += (own * curvature.apply(own)).sum(axis=(0, 1)).reshape(-1, h)
