"""Derivatives of steps that are linear: scalers, projections."""

import numpy as np

from skinfluence.perturbation._pull_back import dense, register_pull_back


def _unclipped(step):
    return not getattr(step, "clip", False)


@register_pull_back("sklearn.preprocessing", "StandardScaler", constant=True)
def standard_scaler(step, X, V):
    """(x - mean) / scale."""
    return V if step.scale_ is None else V / step.scale_


@register_pull_back("sklearn.preprocessing", "RobustScaler", constant=True)
def robust_scaler(step, X, V):
    """(x - median) / scale."""
    return V if step.scale_ is None else V / step.scale_


@register_pull_back("sklearn.preprocessing", "MinMaxScaler", constant=_unclipped)
def min_max_scaler(step, X, V):
    """x * scale + min; nothing moves where ``clip=True`` cuts."""
    out = V * step.scale_
    if step.clip:
        X = dense(X)
        out = np.where((X < step.data_min_) | (X > step.data_max_), 0.0, out)
    return out


@register_pull_back("sklearn.preprocessing", "MaxAbsScaler", constant=_unclipped)
def max_abs_scaler(step, X, V):
    """x / scale; nothing moves where ``clip=True`` cuts."""
    out = V / step.scale_
    if not _unclipped(step):
        out = np.where(np.abs(dense(X)) > step.max_abs_, 0.0, out)
    return out


@register_pull_back("sklearn.decomposition", "PCA", constant=True)
@register_pull_back("sklearn.decomposition", "IncrementalPCA", constant=True)
def pca(step, X, V):
    """(x - mean) C', divided by the components' standard deviations if whitened."""
    if step.whiten:
        deviation = np.sqrt(step.explained_variance_)
        V = V / np.maximum(deviation, np.finfo(deviation.dtype).eps)
    return V @ step.components_


@register_pull_back("sklearn.decomposition", "TruncatedSVD", constant=True)
@register_pull_back("sklearn.decomposition", "FastICA", constant=True)
@register_pull_back("sklearn.neighbors", "NeighborhoodComponentsAnalysis", constant=True)
@register_pull_back("sklearn.random_projection", "GaussianRandomProjection", constant=True)
@register_pull_back("sklearn.random_projection", "SparseRandomProjection", constant=True)
def projection(step, X, V):
    """(x - mean) C', with or without a mean."""
    return V @ dense(step.components_)


@register_pull_back("sklearn.decomposition", "FactorAnalysis", constant=True)
def factor_analysis(step, X, V):
    """Posterior mean of the factors: (x - mean) W' (I + W C')^-1 with W = C / noise."""
    C = step.components_
    weighted = C / step.noise_variance_
    system = np.eye(len(C)) + weighted @ C.T  # symmetric
    return V @ np.linalg.solve(system, weighted)


@register_pull_back("sklearn.discriminant_analysis", "LinearDiscriminantAnalysis", constant=True)
def discriminant_analysis(step, X, V):
    """(x - mean) S, the leading columns."""
    return V @ step.scalings_[:, : V.shape[-1]].T
