"""KernelRidge and GaussianProcessRegressor: linear models on whitened kernel columns."""

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
        ``kernel(X)`` gives the kernel of rows with the n rows, (m, n).
    matrix : ndarray of shape (n, n)
        Kernel matrix of the n rows.
    """

    def __init__(self, kernel, matrix):
        self.kernel = kernel
        values, vectors = np.linalg.eigh(matrix)
        kept = values > ROUNDING * values[-1]
        self._vectors, self._roots = vectors[:, kept], np.sqrt(values[kept])

    def __call__(self, X):
        return self.kernel(X) @ (self._vectors / self._roots)

    def coef(self, dual):
        """Coefficients (K, q) on the columns of the functions sum_j dual_j k(x_j, x), (n, K)."""
        return (dual.T @ self._vectors) * self._roots


def _objective(estimator, X, y, weights, settings, columns, coef, penalty, offset=None):
    n = len(columns._vectors)
    refuse(
        estimator,
        n > MOST_ROWS,
        f"{n:,} training rows",
        f"Expected at most {MOST_ROWS:,}: each row is a parameter. Use a Nystroem transformer and "
        "Ridge in a pipeline.",
    )
    model = SimpleNamespace(coef_=coef, fit_intercept=False)
    known = None if offset is None else lambda X: np.tile(offset, (X.shape[0], 1))
    return linear_objective(
        model,
        X,
        y,
        TargetCoding("real", y.shape[1]),
        SquaredError(),
        penalty=penalty,
        weights=weights,
        settings=settings,
        columns=columns,
        offset=known,
    )


def _values(y):
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    return y.reshape(len(y), -1)


@register("sklearn.kernel_ridge", "KernelRidge", examples=lambda: [KernelRidge(kernel="rbf")])
def kernel_ridge(estimator, X, y, sample_weight, settings):
    """Squared error of sum_j dual_j k(x_j, x), penalised by alpha times its squared norm."""

    def kernel(X):
        return estimator._get_kernel(X, estimator.X_fit_)

    columns = WhitenedKernel(kernel, kernel(estimator.X_fit_))
    dual = estimator.dual_coef_.reshape(estimator.X_fit_.shape[0], -1)
    penalty = np.ravel(estimator.alpha)
    weights = RowWeights(sample_weight)
    return _objective(
        estimator, X, _values(y), weights, settings, columns, columns.coef(dual), penalty
    )


def _check_gaussian_process(estimator):
    refuse(
        estimator,
        np.ndim(estimator.alpha) > 0,
        "one alpha per row",
        "Expected one number: the noise of a row that is replaced would not be known.",
    )


@register(
    "sklearn.gaussian_process",
    "GaussianProcessRegressor",
    examples=lambda: [GaussianProcessRegressor(alpha=0.1)],
    check=_check_gaussian_process,
)
def gaussian_process_regressor(estimator, X, y, sample_weight, settings):
    """Posterior mean at the fitted kernel: kernel ridge regression with the noise as penalty.

    The noise is `alpha` and what a WhiteKernel adds to the diagonal. The kernel's hyperparameters,
    and the mean and scale of a normalised target, stay as they are fitted.
    """
    rows, fitted = estimator.X_train_, estimator.kernel_

    def kernel(X):
        return fitted(X, rows)

    matrix = kernel(rows)
    noise = fitted.diag(rows) - np.diag(matrix) + estimator.alpha
    refuse(
        estimator,
        np.ptp(noise) > 1e-9 * noise.max(),
        "noise that differs between rows",
        "Expected a stationary kernel plus white noise.",
    )
    columns = WhitenedKernel(kernel, matrix)
    y = _values(y)
    scale = np.broadcast_to(estimator._y_train_std, y.shape[1])
    mean = np.broadcast_to(estimator._y_train_mean, y.shape[1])
    dual = estimator.alpha_.reshape(len(rows), -1) * scale
    weights = RowWeights(sample_weight)
    penalty = float(noise.mean())
    return _objective(
        estimator, X, y, weights, settings, columns, columns.coef(dual), penalty, offset=mean
    )
