"""KernelRidge and GaussianProcessRegressor: linear models on kernel columns."""

from functools import partial

import numpy as np
import sklearn

from skinfluence.adapters._kernel import PrecomputedKernel, RowKernel, is_definite, kernel_objective
from skinfluence.adapters._linear import refuse, target_values
from skinfluence.adapters._registry import register_path
from skinfluence.losses import SquaredError
from skinfluence.objectives import RowWeights, TargetCoding

#: Kernels that are covariances in any number of columns.
COVARIANCES = (
    "RBF", "Matern", "RationalQuadratic", "DotProduct", "ConstantKernel", "WhiteKernel"
)  # fmt: skip


def _regression(estimator, X, y, sample_weight, settings, kernel, dual, penalty, **more):
    y = target_values(y)
    return kernel_objective(
        estimator,
        X,
        y,
        TargetCoding("real", y.shape[1]),
        SquaredError(),
        kernel,
        dual,
        penalty=np.ravel(penalty),
        weights=RowWeights(sample_weight),
        settings=settings,
        **more,
    )


def _repeated(row, X):
    return np.tile(row, (X.shape[0], 1))


def is_covariance(kernel):
    """Whether a kernel of a Gaussian process is positive semi-definite for any rows."""
    kernels = sklearn.gaussian_process.kernels
    if isinstance(kernel, kernels.KernelOperator):
        return is_covariance(kernel.k1) and is_covariance(kernel.k2)
    return type(kernel) in [getattr(kernels, name) for name in COVARIANCES]


@register_path("sklearn.kernel_ridge.KernelRidge", {"kernel": "rbf"})
def kernel_ridge(estimator, X, y, sample_weight, settings):
    """Squared error of sum_j dual_j k(x_j, x), penalised by alpha times its squared norm."""
    rows = estimator.X_fit_
    if estimator.kernel == "precomputed":
        kernel: PrecomputedKernel | RowKernel = PrecomputedKernel(rows)
    else:
        kernel = RowKernel(estimator._get_kernel, rows)
    dual = estimator.dual_coef_.reshape(rows.shape[0], -1)
    definite = is_definite(estimator.kernel, estimator.degree, estimator.coef0)
    return _regression(
        estimator, X, y, sample_weight, settings, kernel, dual, estimator.alpha, definite=definite
    )


def _check_gaussian_process(estimator):
    refuse(
        estimator,
        np.ndim(estimator.alpha) > 0,
        "one alpha per row",
        "Expected one number: the noise of a row that is replaced would not be known.",
    )


def _held_fixed(estimator):
    """What a refit without a row would fit anew."""
    kernel = [] if estimator.optimizer is None else ["The fitted kernel_ is held fixed."]
    mean = ["The mean of the normalised target is held fixed."] if estimator.normalize_y else []
    return " ".join(kernel + mean)


@register_path(
    "sklearn.gaussian_process.GaussianProcessRegressor",
    {"alpha": 0.1},
    check=_check_gaussian_process,
    caveat=_held_fixed,
)
def gaussian_process_regressor(estimator, X, y, sample_weight, settings):
    """Posterior mean at the fitted kernel: kernel ridge regression with the noise as penalty.

    The noise is `alpha` and what a WhiteKernel adds to the diagonal. The kernel's hyperparameters,
    and the mean and scale of a normalised target, stay as they are fitted.
    """
    rows = estimator.X_train_
    kernel = RowKernel(estimator.kernel_, rows)
    noise = estimator.kernel_.diag(rows) - kernel.diagonal() + estimator.alpha
    refuse(
        estimator,
        np.ptp(noise) > 1e-9 * noise.max(),
        "noise that differs between rows",
        "Expected a stationary kernel plus white noise.",
    )
    dual = estimator.alpha_.reshape(len(rows), -1) * estimator._y_train_std
    mean = np.broadcast_to(estimator._y_train_mean, dual.shape[1])
    penalty = float(noise.mean())
    offset = partial(_repeated, mean)
    definite = is_covariance(estimator.kernel_)
    return _regression(
        estimator,
        X,
        y,
        sample_weight,
        settings,
        kernel,
        dual,
        penalty,
        offset=offset,
        definite=definite,
    )
