"""The Predictor noun: raw predictions of rows at some parameters, with their derivatives."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skinfluence.linalg import Hessian, row_blocks, written


class Layer(NamedTuple):
    """Parameters of one layer of a network, as its rows see them.

    With parameters W of shape (d, h) the outputs are ``inputs @ W``, at each of T positions: one
    for fully connected layers, those of the output image for convolutions. Row i's Jacobian in W
    is the sum over positions of the outer products of `inputs` and `pulls`: no more of it is
    stored.

    Attributes
    ----------
    inputs : ndarray of shape (n, T, d)
        With a column of ones where the layer has biases.
    pulls : ndarray of shape (n, K, T, h)
        Derivatives of the raw predictions in the layer's outputs.
    index : ndarray of int of shape (d, h)
        Where each of W is among the p parameters of the predictor.
    """

    inputs: np.ndarray
    pulls: np.ndarray
    index: np.ndarray

    @property
    def n_positions(self):
        """T."""
        return self.inputs.shape[1]

    @property
    def size(self):
        """Numbers of a row: inputs, derivatives, and the Jacobian where it is formed."""
        (_, T, d), (_, K, _, h) = self.inputs.shape, self.pulls.shape
        return T * (d + K * h) + (K * d * h if T > 1 else 0)

    def jacobian(self):
        """Derivatives of the raw predictions in the layer's parameters, (n, K, d, h)."""
        if self.n_positions == 1:
            return self.inputs[:, 0, None, :, None] * self.pulls[:, :, 0, None]
        return self.inputs.transpose(0, 2, 1)[:, None] @ self.pulls


def along(jacobians, V):
    """J_i V for Jacobians (n, K, p) and V (p, m) -> (n, K, m), in one product for all rows."""
    n, K, p = jacobians.shape
    return (jacobians.reshape(n * K, p) @ V).reshape(n, K, -1)


class Predictor(ABC):
    """Raw predictions f_i(theta) of n rows, at one value of the parameters.

    The boundary between statistics and model class: objectives, solvers and effects use a model
    through these methods only. A predictor is a value: other rows and other parameters give new
    ones. :meth:`raw` and :meth:`row_jacobian` must be written, and :meth:`curvature_product` where
    raw predictions are not linear in the parameters; all other methods follow from these. Override
    :meth:`jvp` and :meth:`vjp` where they cost less than the Jacobians, which are formed for some
    rows at a time.

    Shapes: n rows, K raw predictions a row, p parameters, m columns; J_i is row i's Jacobian,
    (K, p).

    Parameters
    ----------
    X : array-like of n rows
        As the estimator's own prediction takes it.
    coef : ndarray of p entries
        The parameters, in any shape.

    Attributes
    ----------
    dtype : dtype
        Of results that are as large as a table.
    """

    #: whether raw predictions are linear in the parameters
    linear = False
    #: whether parameters are moved to the optimum before they are explained; a network has many
    #: optima, and is explained as it was fitted
    moves_to_optimum = True
    #: whether the Jacobians of all rows cost less than products with p columns
    forms_jacobians = True
    #: whether :meth:`layers` costs about as much as raw predictions
    has_layers = False
    #: function from X to the features of a linear predictor's design, where these are not X
    columns = None
    _cached: frozenset = frozenset()
    dtype = np.dtype(np.float64)

    def __init__(self, X, coef):
        self.X = X
        self.coef = coef

    def _replace(self, **changes):
        """A copy with some attributes changed, and nothing that was computed from them."""
        out = object.__new__(type(self))
        kept = {k: v for k, v in vars(self).items() if k not in self._cached}
        vars(out).update(kept, **changes)
        return out

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = {name for name, value in vars(cls).items() if isinstance(value, cached_property)}
        cls._cached = cls._cached | own

    @property
    def n_rows(self):
        return self.X.shape[0]

    @property
    def n_parameters(self):
        return self.coef.size

    @property
    def n_stored(self):
        """Numbers in a change of the parameters, where it is stored."""
        return self.n_parameters

    def coef_change(self, other):
        """Change of the parameters to those of another predictor."""
        return other.coef - self.coef

    @property
    def design(self):
        """The design of a linear predictor; others have none."""
        raise TypeError(
            f"{type(self).__name__} is not linear in its coefficients, which this method needs. "
            'Use influences of rows or of groups by method "first_order", "newton_step" or '
            '"refit".'
        )

    @property
    def everything(self):
        """The design of all columns of a linear model; None where parameters have no columns."""
        return None

    def take(self, rows):
        """Predictor of some of the rows, a slice or an array of int."""
        return self._replace(X=self.X[rows])

    def of(self, X):
        """Predictor of other rows, such as the test set."""
        return self._replace(X=X)

    def followed_by(self, other):
        """These rows and then those of another such predictor."""
        stack = sparse.vstack if sparse.issparse(self.X) else np.concatenate
        return self._replace(X=stack([self.X, other.X]))

    def with_coef(self, coef):
        """Predictor of the rows at other parameters."""
        return self._replace(coef=coef)

    def at(self, other):
        """The same rows at the parameters of another predictor of this model."""
        return self.with_coef(other.coef)

    def uncentred(self):
        """Predictor without the centre of a design, as the estimator has its coefficients."""
        return self

    def uncentred_gradients(self, V):
        """Gradients V, of the shape of the coefficients and m columns, for :meth:`uncentred`."""
        return V

    @abstractmethod
    def raw(self):
        """Raw predictions, (n, K)."""

    @abstractmethod
    def row_jacobian(self):
        """Derivative of each row's raw predictions in the parameters, (n, K, p)."""

    def layers(self):
        """The :class:`Layer` of each layer of a network, which share all parameters out.

        For solvers that approximate the curvature layer by layer.
        """
        raise TypeError(
            f"{type(self).__name__} does not give inputs and derivatives of layers, which the "
            'solvers "kfac" and "ekfac" are made of. Use another solver.'
        )

    def jvp(self, V):
        """J_i V for V of shape (p, m) -> (n, K, m)."""
        parts = [along(self.take(rows).row_jacobian(), V) for rows in self.jacobian_blocks()]
        return np.concatenate(parts or [along(self.row_jacobian(), V)])

    def vjp(self, U):
        """sum_i J_i' U_i for U of shape (n, K, m) -> (p, m)."""
        out = np.zeros((self.n_parameters, U.shape[2]))
        for rows in self.jacobian_blocks():
            out += np.tensordot(self.take(rows).row_jacobian(), U[rows], axes=((0, 1), (0, 1)))
        return out

    def curvature_product(self, R, V):
        """sum_i sum_k R_ik (d2 f_ik / d theta2) V for R (n, K) and V (p, m) -> (p, m)."""
        return np.zeros_like(V)

    def hessian_product(self, curvature, R, V):
        """sum_i J_i' A_i J_i V plus :meth:`curvature_product`, for the RowCurvature A of the rows.

        A Hessian without its penalty; overridden where one pass costs less than three.
        """
        return self.vjp(curvature.apply(self.jvp(V))) + self.curvature_product(R, V)

    def row_vjp(self, U):
        """J_i' u_i of each row, one column each, for U of shape (n, K) -> (p, n)."""
        return np.einsum("nkp,nk->pn", self.row_jacobian(), U)

    def output_vjp(self, k, n_outputs):
        """Gradient of output k (of all K) of each row, one column each: (p, n)."""
        return self.row_jacobian()[:, k].T

    def row_jvp(self, D):
        """J_i d_i of each row, for D of shape (p, n) -> (n, K)."""
        return np.einsum("nkp,pn->nk", self.row_jacobian(), D)

    def raw_changes(self, coef_changes):
        """Change of the raw predictions for each change of the parameters, (n, B, K).

        `coef_changes` has shape (B, ...), with the shape of `coef`.
        """
        return self.raw_at(self.coef + coef_changes) - self.raw()[:, None]

    def raw_at(self, coefs):
        """Raw predictions at each of B parameters (B, ...), of the shape of `coef`: (n, B, K)."""
        raw = [self.with_coef(coef).raw() for coef in coefs]
        return np.stack(raw, axis=1) if raw else self.raw()[:, None][:, :0]

    def row_changes(self, coef_changes):
        """Change of row i's raw predictions at change i of the parameters, (n, K).

        `coef_changes` has shape (n, ...), with the shape of `coef`.
        """
        parts = [
            self.take(slice(i, i + 1)).raw_changes(coef_changes[i : i + 1])[0]
            for i in range(self.n_rows)
        ]
        return np.concatenate(parts)

    def scaled_rows_reader(self, solved, outputs, shared):
        """Like :meth:`score_reader` for many right-hand sides and rows that are few numbers.

        Parameters
        ----------
        solved : ndarray of shape (p, m)
        outputs : sequence of int
            Outputs whose parameters `solved` has; the others are zero.
        shared : ndarray of shape (m, r)

        Returns
        -------
        callable or None
            ``read(rows, rho, coefs, out)`` adds ``shared @ coefs.T``; None where it is slower.
        """
        return None

    def score_reader(self, solved, outputs):
        """Scores of any rows, as a function of some of them.

        Parameters
        ----------
        solved : ndarray of shape (p, m)
        outputs : sequence of int
            Outputs whose parameters `solved` has; the others are zero.

        Returns
        -------
        callable
            ``read(rows, rho, out=None)`` for a slice of rows and rho (n_rows, n_outputs): the
            scores solved' J_i' rho_i, of shape (m, n_rows), written into `out` if given.
        """

        def read(rows, rho, out=None):
            return written(solved.T @ self.take(rows).row_vjp(rho), out)

        return read

    def row_norms(self, U):
        """Euclidean norm of J_i' u_i of each row, for U of shape (n, K) -> (n,)."""
        out = np.empty(self.n_rows)
        for rows in self.jacobian_blocks():
            out[rows] = np.linalg.norm(self.take(rows).row_vjp(U[rows]), axis=0)
        return out

    def absolute_sums(self, weights):
        """sum_ik weights_ik abs(J_ik) for weights (n, K), in the shape of the parameters."""
        out = np.zeros(self.n_parameters)
        for rows in self.jacobian_blocks():
            out += np.einsum("nkp,nk->p", np.abs(self.take(rows).row_jacobian()), weights[rows])
        return out.reshape(self.coef.shape)

    def jacobian_blocks(self):
        """Slices of rows whose Jacobians fit the memory."""
        K = self.take(slice(0, 1)).raw().shape[1]
        return row_blocks(self.n_rows, 8 * K * self.n_parameters)

    def hessian(self, curvature, penalty, **settings):
        """The :class:`~skinfluence.linalg.Hessian` of a loss of these raw predictions."""
        return Hessian(self, curvature, penalty, **settings)

    def common_shifts(self, penalty):
        """Directions that only shift all raw predictions alike, without penalty: (p, m), or None.

        As far as they are known.
        """
        return None

    def estimator_layout(self, coef):
        """Parameters with any leading axes in the estimator's own order, flat: (..., p)."""
        return coef.reshape(*coef.shape[: coef.ndim - self.coef.ndim], -1)
