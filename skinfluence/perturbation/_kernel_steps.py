"""Derivatives of kernel approximations: Nystroem and random Fourier features."""

import numpy as np

from skinfluence.perturbation._vjp import UnsupportedStepError, dense, register_vjp


def _rbf(X, C, W, step):
    gamma = _gamma(step, X)
    square = (X**2).sum(axis=1)[:, None] - 2.0 * X @ C.T + (C**2).sum(axis=1)
    W = W * np.exp(-gamma * square.clip(min=0.0))  # shape: (..., n_rows, n_components)
    return 2.0 * gamma * (W @ C - W.sum(axis=-1, keepdims=True) * X)


def _linear(X, C, W, step):
    return W @ C


def _polynomial(X, C, W, step):
    gamma, degree, coef0 = _gamma(step, X), _given(step.degree, 3), _given(step.coef0, 1.0)
    slope = degree * gamma * (gamma * X @ C.T + coef0) ** (degree - 1)
    return (W * slope) @ C


def _sigmoid(X, C, W, step):
    gamma = _gamma(step, X)
    value = np.tanh(gamma * X @ C.T + _given(step.coef0, 1.0))
    return (W * (gamma * (1.0 - value**2))) @ C


def _gamma(step, X):
    return _given(step.gamma, 1.0 / X.shape[1])


def _given(value, default):
    return default if value is None else value


KERNELS = {
    "rbf": _rbf,
    "linear": _linear,
    "poly": _polynomial,
    "polynomial": _polynomial,
    "sigmoid": _sigmoid,
}


def _known_kernel(step):
    """Whether the kernel is linear; raises for one whose derivative is not known."""
    if not isinstance(step.kernel, str) or step.kernel not in KERNELS:
        raise UnsupportedStepError(
            f"No derivative is known for the kernel of the pipeline step {step!r}. Supported: "
            f"{', '.join(KERNELS)}."
        )
    return step.kernel == "linear"


@register_vjp("sklearn.kernel_approximation", "Nystroem", linear=_known_kernel)
def nystroem(step, X, V):
    """k(x, components) N': the kernel's derivative, with weights V N."""
    _known_kernel(step)
    X = None if X is None else dense(X)
    return KERNELS[step.kernel](X, dense(step.components_), V @ step.normalization_, step)


@register_vjp("sklearn.kernel_approximation", "RBFSampler")
def rbf_sampler(step, X, V):
    """sqrt(2 / m) cos(x W + b)."""
    phase = dense(X) @ step.random_weights_ + step.random_offset_
    slope = -np.sqrt(2.0 / step.n_components) * np.sin(phase)
    return (V * slope) @ step.random_weights_.T
