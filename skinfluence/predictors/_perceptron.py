"""Multilayer perceptrons: raw predictions and their derivatives, by passes through the layers."""

from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.special import expit

from skinfluence.linalg import row_blocks, written
from skinfluence.predictors._base import Layer, Predictor

#: Of each activation: its value; as functions of the value, its derivative, and the second
#: derivative divided by the first.
ACTIVATIONS = {
    "identity": (lambda s: s, np.ones_like, np.zeros_like),
    "tanh": (np.tanh, lambda t: 1.0 - t**2, lambda t: -2.0 * t),
    "logistic": (expit, lambda p: p * (1.0 - p), lambda p: 1.0 - 2.0 * p),
    "relu": (lambda s: np.maximum(s, 0.0), lambda a: (a > 0.0).astype(float), np.zeros_like),
}


class Perceptron(Predictor):
    """Fully connected layers: a_0 = x, a_(l+1) = activation(a_l W_l + b_l), without one at the end.

    Jacobians and per-sample gradients are products of a layer's inputs and of derivatives in its
    outputs. They are contracted for some rows at a time, and never stored.

    Shapes: n rows, layer l from d_l to h_l units, K raw predictions, m columns; within a layer,
    arrays of several columns are (n, m, units), so that each step is one product of matrices.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, n_features)
    coef : ndarray of shape (p,)
        The layers one after the other, each (d_l + 1, h_l) in C order: weights, then biases.
    widths : tuple of int
        Units of all layers, from the features to the raw predictions.
    activation : {"identity", "tanh", "logistic", "relu"}
        Of the hidden layers.

    References
    ----------
    B. A. Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994.
    """

    moves_to_optimum = False
    has_layers = True

    def __init__(self, X, coef, widths, activation):
        super().__init__(X, coef)
        self.widths = widths
        self.forms_jacobians = widths[-1] <= 4
        self.activation = activation

    @classmethod
    def from_layers(cls, X, weights, biases, activation):
        """The perceptron of weights (d_l, h_l) and biases (h_l,) of each layer."""
        pairs = zip(weights, biases, strict=True)
        coef = np.concatenate([np.vstack([W, b]).ravel() for W, b in pairs])
        widths = (len(weights[0]), *(len(b) for b in biases))
        return cls(X, coef.astype(np.float64), widths, activation)

    def estimator_layout(self, coef):
        """All weights and then all biases, as scikit-learn packs them."""
        lead = coef.shape[:-1]
        parts = self._split(np.moveaxis(coef, -1, 0))
        flat = [W.reshape(-1, *lead) for W, _ in parts] + [b for _, b in parts]
        return np.moveaxis(np.concatenate(flat), 0, -1)

    def _split(self, theta):
        """[(W, b)] of parameters (p, ...): shapes (d, h, ...) and (h, ...)."""
        out, start = [], 0
        for d, h in pairwise(self.widths):
            part = theta[start : start + (d + 1) * h].reshape(d + 1, h, *theta.shape[1:])
            out.append((part[:-1], part[-1]))
            start += (d + 1) * h
        return out

    def _columns(self, V):
        """[(W, b)] of V (p, m), with columns before units: shapes (d, m, h) and (m, h)."""
        parts = self._split(V)
        return [(np.ascontiguousarray(W.transpose(0, 2, 1)), b.T) for W, b in parts]

    @cached_property
    def _layers(self):
        return self._split(self.coef)

    @cached_property
    def _inputs(self):
        """Inputs of each layer, the rows first, and the raw predictions at the end."""
        value, out = ACTIVATIONS[self.activation][0], [self.X]
        for W, b in self._layers:
            out.append(out[-1] @ W + b)
            if len(out) < len(self.widths):
                out[-1] = value(out[-1])
        return out

    @cached_property
    def _slopes(self):
        """First derivative of the activation in each hidden layer."""
        first = ACTIVATIONS[self.activation][1]
        return [first(a) for a in self._inputs[1:-1]]

    def _blocks(self, m):
        """Predictors of some rows each, whose passes with m columns fit the cache."""
        # the rows themselves are not copied for each column
        size = 8 * (self.widths[0] + 4 * m * sum(self.widths[1:]))
        for rows in row_blocks(self.n_rows, size):
            yield rows, self.take(rows)

    def raw(self):
        parts = [part._inputs[-1] for _, part in self._blocks(1)]
        return np.concatenate(parts or [np.zeros((0, self.widths[-1]))])

    def jvp(self, V):
        out = np.empty((self.n_rows, self.widths[-1], V.shape[1]))
        columns = self._columns(V)
        for rows, part in self._blocks(V.shape[1]):
            out[rows] = part._moved(columns)[1].transpose(0, 2, 1)
        return out

    def _moved(self, columns):
        """(derivatives of hidden activations, of raw predictions) along columns: (n, m, h)."""
        hidden: list[np.ndarray] = []
        moved = None
        for i, (dW, db) in enumerate(columns):
            a, (d, m, h) = self._inputs[i], dW.shape
            out = (a @ dW.reshape(d, m * h)).reshape(-1, m, h) + db
            if moved is not None:
                out += moved @ self._layers[i][0]
            if i == len(columns) - 1:
                return hidden, out
            moved = self._slopes[i][:, None] * out
            hidden.append(moved)

    def _pulls(self, U):
        """Derivatives of U'f in the outputs of each layer, for U (n, m, K): [(n, m, h)]."""
        out = [U]
        for (W, _), slope in zip(self._layers[:0:-1], self._slopes[::-1], strict=True):
            out.append(slope[:, None] * (out[-1] @ W.T))
        return out[::-1]

    def _gather(self, parts):
        """Parameters (p, m) from weights (d, m, h) and biases (m, h) of each layer."""
        flat = [np.concatenate([W, b[None]]).transpose(0, 2, 1) for W, b in parts]
        return np.concatenate([part.reshape(-1, part.shape[2]) for part in flat])

    def vjp(self, U):
        m = U.shape[2]
        out = np.zeros((self.n_parameters, m))
        for rows, part in self._blocks(m):
            pulls = part._pulls(U[rows].transpose(0, 2, 1))
            out += self._gather(
                [
                    ((a.T @ pull.reshape(len(pull), -1)).reshape(-1, *pull.shape[1:]), pull.sum(0))
                    for a, pull in zip(part._inputs, pulls, strict=False)
                ]
            )
        return out

    def curvature_product(self, R, V):
        out = np.zeros(V.shape)
        columns = self._columns(V)
        for rows, part in self._blocks(V.shape[1]):
            out += part._gather(part._bends(R[rows], columns))
        return out

    def _bends(self, R, columns):
        """Derivatives of vjp(R) along columns, layer by layer."""
        hidden, _ = self._moved(columns)
        pulls = [pull[:, 0] for pull in self._pulls(R[:, None])]
        second, m = ACTIVATIONS[self.activation][2], len(columns[0][1])
        bent, out = np.zeros((len(R), m, R.shape[1])), []
        for i in range(len(columns) - 1, -1, -1):
            a, pull, (W, _), (dW, _) = self._inputs[i], pulls[i], self._layers[i], columns[i]
            own = (a.T @ bent.reshape(len(R), -1)).reshape(-1, *bent.shape[1:])
            if i > 0:
                moved = hidden[i - 1]  # shape: (n, m, d)
                both = (moved.reshape(len(R), -1).T @ pull).reshape(m, -1, pull.shape[1])
                own += both.transpose(1, 0, 2)
            out.append((own, bent.sum(axis=0)))
            if i == 0:
                return out[::-1]
            # of slope * (pull W'), where slope, pull and W all move
            turned = bent @ W.T + np.tensordot(pull, dW, axes=(1, 2)).transpose(0, 2, 1)
            bent = self._slopes[i - 1][:, None] * turned
            bent += (second(a) * (pull @ W.T))[:, None] * moved
        return out[::-1]

    def row_jacobian(self):
        blocks = [layer.jacobian() for layer in self.layers()]
        return np.concatenate([J.reshape(*J.shape[:2], -1) for J in blocks], axis=2)

    def layers(self):
        n, K = self.n_rows, self.widths[-1]
        pulls = self._pulls(np.broadcast_to(np.eye(K), (n, K, K)))
        ones = np.ones((n, 1))
        inputs = [a.toarray() if sparse.issparse(a) else a for a in self._inputs[:-1]]
        index = self._split(np.arange(self.n_parameters))
        return [
            Layer(np.concatenate([a, ones], axis=1)[:, None], pull[:, :, None], np.vstack(own))
            for a, pull, own in zip(inputs, pulls, index, strict=True)
        ]

    def common_shifts(self, penalty):
        d, K = self.widths[-2] + 1, self.widths[-1]
        diagonal = penalty.diagonal[-d * K :].reshape(d, K)
        free = np.eye(d)[:, (diagonal == 0.0).all(axis=1)]
        out = np.zeros((self.n_parameters, free.shape[1]))
        out[-d * K :] = np.repeat(free, K, axis=0) / np.sqrt(K)
        return out

    def score_reader(self, solved, outputs):
        def read(rows, rho, out=None):
            return written(np.einsum("nkm,nk->mn", self.take(rows).jvp(solved), rho), out)

        return read

    def row_norms(self, U):
        out = np.empty(self.n_rows)
        for rows, part in self._blocks(1):
            pulls = part._pulls(U[rows][:, None])
            squares = [_squares(a) + 1.0 for a in part._inputs[:-1]]
            sizes = [(pull**2).sum(axis=(1, 2)) for pull in pulls]
            out[rows] = np.sqrt(sum(a * b for a, b in zip(squares, sizes, strict=True)))
        return out

    def absolute_sums(self, weights):
        out = np.zeros(self.n_parameters)
        K = self.widths[-1]
        for rows, part in self._blocks(K):
            sizes = [
                np.einsum("nkh,nk->nh", np.abs(layer.pulls[:, :, 0]), weights[rows])
                for layer in part.layers()
            ]
            parts = zip(part._inputs, sizes, strict=False)
            out += self._gather(
                [((np.abs(a).T @ size)[:, None], size.sum(axis=0)[None]) for a, size in parts]
            )[:, 0]
        return out


def _squares(a):
    """Squared length of each row."""
    if sparse.issparse(a):
        return np.asarray(a.multiply(a).sum(axis=1)).ravel()
    return np.einsum("nd,nd->n", a, a, dtype=np.float64)
