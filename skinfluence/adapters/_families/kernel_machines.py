"""KernelRidge and GaussianProcessRegressor: linear models on whitened kernel columns."""

from functools import partial
from types import SimpleNamespace

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.utils.validation import check_array

from skinfluence.adapters._linear import linear_objective, refuse
from skinfluence.adapters._registry import register
from skinfluence.losses import SquaredError
from skinfluence.objectives import RowWeights, TargetCoding

#: Training rows of a kernel machine: there is one column, and one parameter, for each.
MOST_ROWS = 10_000
#: Directions of the kernel matrix below this share of the largest are rounding.
ROUNDING = 1e-13


class WhitenedKernel:
    """Columns Z = K U lambda^-1/2 with K = U lambda U' the kernel matrix of some rows.

    Inner products of the columns of two rows are their kernel, and the squared norm of coefficients
    on the columns is that of the function in the kernel's Hilbert space. By the representer theorem
    the optimum without a row lies in the span of these columns too.

    Parameters
    ----------
    kernel : callable
        ``kernel(X)`` gives the kernel of rows with the n rows, (m, n). It must be picklable.
    matrix : ndarray of shape (n, n)
        Kernel matrix of the n rows.
    """

    def __init__(self, kernel, matrix):
        self.kernel = kernel
        values, vectors = np.linalg.eigh(matrix)
        kept = values > ROUNDING * values[-1]
        self._values = values[kept]
        self._map = vectors[:, kept] / np.sqrt(self._values)  # U lambda^-1/2

    def __call__(self, X):
        return self.kernel(X) @ self._map

    def coef(self, dual):
        """Coefficients (K, q) on the columns of the functions sum_j dual_j k(x_j, x), (n, K)."""
        return (dual.T @ self._map) * self._values


def _objective(estimator, X, y, sample_weight, settings, columns, dual, penalty, offset=None):
    """Squared error on the columns; `dual` has a row for each row of the kernel."""
    return linear_objective(
        SimpleNamespace(coef_=columns.coef(dual), fit_intercept=False),
        X,
        y,
        TargetCoding("real", y.shape[1]),
        SquaredError(),
        penalty=penalty,
        weights=RowWeights(sample_weight),
        settings=settings,
        columns=columns,
        offset=offset,
    )


def _refuse_many_rows(estimator, rows):
    """Raise before the kernel matrix is formed."""
    refuse(
        estimator,
        rows.shape[0] > MOST_ROWS,
        f"{rows.shape[0]:,} training rows",
        f"Expected at most {MOST_ROWS:,}: each row is a parameter. Use a Nystroem transformer and "
        "Ridge in a pipeline.",
    )


def _values(y):
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    return y.reshape(len(y), -1)


def _repeated(row, X):
    return np.tile(row, (X.shape[0], 1))


@register("sklearn.kernel_ridge", "KernelRidge", examples=lambda: [KernelRidge(kernel="rbf")])
def kernel_ridge(estimator, X, y, sample_weight, settings):
    """Squared error of sum_j dual_j k(x_j, x), penalised by alpha times its squared norm."""
    rows = estimator.X_fit_
    _refuse_many_rows(estimator, rows)
    kernel = partial(estimator._get_kernel, Y=rows)
    columns = WhitenedKernel(kernel, kernel(rows))
    dual = estimator.dual_coef_.reshape(rows.shape[0], -1)
    penalty = np.ravel(estimator.alpha)
    return _objective(estimator, X, _values(y), sample_weight, settings, columns, dual, penalty)


def _check_gaussian_process(estimator):
    refuse(
        estimator,
        np.ndim(estimator.alpha) > 0,
        "one alpha per row",
        "Expected one number: the noise of a row that is replaced would not be known.",
    )


def _fitted_kernel(estimator):
    return "" if estimator.optimizer is None else "The fitted kernel_ is held fixed."


@register(
    "sklearn.gaussian_process",
    "GaussianProcessRegressor",
    examples=lambda: [GaussianProcessRegressor(alpha=0.1)],
    check=_check_gaussian_process,
    caveat=_fitted_kernel,
)
def gaussian_process_regressor(estimator, X, y, sample_weight, settings):
    """Posterior mean at the fitted kernel: kernel ridge regression with the noise as penalty.

    The noise is `alpha` and what a WhiteKernel adds to the diagonal. The kernel's hyperparameters,
    and the mean and scale of a normalised target, stay as they are fitted.
    """
    rows = estimator.X_train_
    _refuse_many_rows(estimator, rows)
    kernel = partial(estimator.kernel_, Y=rows)
    matrix = kernel(rows)
    noise = estimator.kernel_.diag(rows) - np.diag(matrix) + estimator.alpha
    refuse(
        estimator,
        np.ptp(noise) > 1e-9 * noise.max(),
        "noise that differs between rows",
        "Expected a stationary kernel plus white noise.",
    )
    columns, y = WhitenedKernel(kernel, matrix), _values(y)
    dual = estimator.alpha_.reshape(len(rows), -1) * estimator._y_train_std
    offset = partial(_repeated, np.broadcast_to(estimator._y_train_mean, y.shape[1]))
    penalty = float(noise.mean())
    return _objective(
        estimator, X, y, sample_weight, settings, columns, dual, penalty, offset=offset
    )
