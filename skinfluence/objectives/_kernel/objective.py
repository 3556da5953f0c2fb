"""The objective of a kernel machine whose columns need not be made, and its penalty."""

from functools import cached_property

import numpy as np

from skinfluence.linalg import Penalty
from skinfluence.objectives._kernel.factor import KernelFactor
from skinfluence.objectives._objective import EXACT_FIT, Objective
from skinfluence.predictors._kernel import KernelPredictor

#: Curvature of a row that is left out of a step, and of the inverse, relative to the penalty.
LEFT_OUT_OF_STEPS, LEFT_OUT = 1e-9, 1e-16


class KernelPenalty(Penalty):
    """``strength_k / 2`` times the squared norm of function k in the kernel's Hilbert space.

    Parameters
    ----------
    space : KernelSpace
    strength : ndarray of shape (K,)
    """

    def __init__(self, space, strength):
        self.space, self.strength = space, strength

    @cached_property
    def diagonal(self):
        design = self.space.design
        out = np.zeros((len(self.strength), design.shape[1]))
        out[:, : design.n_features] = self.strength[:, None]
        return out

    def scaled(self, ratio):
        return KernelPenalty(self.space, self.strength * ratio)

    @property
    def outputs_are_equal(self):
        return bool((self.strength == self.strength[0]).all())

    def any(self):
        return bool(self.strength.any())


class KernelObjective(Objective):
    """J(f) = sum_i s_i loss(y_i, f(x_i)) + sum_k strength_k |f_k|^2 / 2, of functions f.

    With ``f = sum_j dual_j k(x_j, .) + intercept`` the derivative of J is such a function too. Its
    dual coefficients are ``s_i r_i + strength dual_i``, with the residuals r of the loss, and what
    J' is small against is measured by norms of functions. All other methods are those of a linear
    model on columns, which they make.

    Parameters
    ----------
    loss, predictor, y, penalty, weights, coding, ...
        Those of :class:`Objective`, with a separable convex loss, a KernelPredictor of the training
        rows and a KernelPenalty.
    """

    def _with_settings(self, settings):
        lazy = isinstance(settings["predictor"], KernelPredictor)
        lazy &= isinstance(settings["penalty"], KernelPenalty)
        return (KernelObjective if lazy else Objective)(**settings)

    def without_caches(self):
        return self.replace(predictor=self.predictor.explicit(), row_names=None)

    def moved_to(self, dual, intercept, raw):
        """A copy at other dual coefficients, whose raw predictions are known."""
        out = self.replace(predictor=self.predictor.moved_to(dual, intercept))
        vars(out)["raw_prediction"] = raw
        return out

    def at_zero(self):
        dual, free, offset = self.predictor.dual, self.predictor.intercept, self.predictor.offset
        zero = None if free is None else np.zeros_like(free)
        raw = np.zeros_like(dual) if offset is None else offset
        return self.moved_to(np.zeros_like(dual), zero, raw)

    @property
    def own_part(self):
        """Values of the functions on the training rows, without intercept and offset: (n, K)."""
        predictor, out = self.predictor, self.raw_prediction
        out = out if predictor.intercept is None else out - predictor.intercept
        return out if predictor.offset is None else out - predictor.offset

    def value(self):
        squares = (self.predictor.dual * self.own_part).sum(axis=0)
        return self.data_value() + 0.5 * float(self.penalty.strength @ squares)

    @cached_property
    def dual_gradient(self):
        """J' as a function: its dual coefficients and its values on the training rows, (n, K)."""
        dual = self.weighted_residual() + self.penalty.strength * self.predictor.dual
        return dual, self.predictor.space.gram @ dual

    @cached_property
    def intercept_gradient(self):
        """Derivative in the free intercepts, (K,)."""
        return self.weighted_residual().sum(axis=0)

    @cached_property
    def gradient_scale(self):
        """Largest sum of the norms of the rows' terms of J'."""
        curved = np.abs(self.loss.hessian_product(self.y, self.raw_prediction, self.raw_prediction))
        size = self.sample_weight * np.maximum(np.abs(self.residual), EXACT_FIT * curved)
        norm = np.sqrt(self.predictor.space.diagonal)
        scale = norm @ size
        if self.predictor.intercept is not None:
            scale = np.maximum(scale, size.sum(axis=0))
        return float(scale.max(initial=0.0))

    def stationarity(self, scale=None):
        """Norm of J' relative to the sum of the norms of its terms; 0 at the optimum."""
        scale = self.gradient_scale if scale is None else scale
        dual, values = self.dual_gradient
        top = np.sqrt(np.maximum((dual * values).sum(axis=0), 0.0))
        if self.predictor.intercept is not None:
            top = np.maximum(top, np.abs(self.intercept_gradient))
        top = float(top.max(initial=0.0))
        return top / scale if scale > 0 else top

    def factors(self, left_out=LEFT_OUT):
        """The inverse Hessian of each output, by rows with curvature: list of KernelFactor."""
        curvature, strength = self.row_curvature().values, self.penalty.strength
        space, free = self.predictor.space, self.predictor.intercept is not None
        found: list[KernelFactor] = []
        for k, own in enumerate(curvature.T):
            if k and strength[k] == strength[k - 1] and np.array_equal(own, curvature[:, k - 1]):
                found.append(found[-1])
            else:
                found.append(KernelFactor(space, own, strength[k], free, left_out))
        return found

    @cached_property
    def inverse_factors(self):
        """:meth:`factors`, made once."""
        return self.factors()
