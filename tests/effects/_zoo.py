"""Small objectives of every kind, at their optimum, and their dense Newton refits."""

import numpy as np

from skinfluence.linalg import Design
from skinfluence.losses import Logistic, Multinomial, SmoothHinge, SquaredError
from skinfluence.objectives import Objective, RowWeights, TargetCoding, minimize
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver

N_ROWS = 40


def make(
    loss,
    K,
    *,
    balanced=False,
    own_output_only=False,
    penalty_scaling="estimator",
    alpha=0.5,
    even=False,
):
    """An objective with free intercepts and (unless `even`) uneven weights, at its optimum."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((N_ROWS, 4))
    design = Design(X, X.mean(axis=0), True)
    scores = X @ rng.standard_normal((4, 3)) + rng.standard_normal((N_ROWS, 3))
    codes = scores.argmax(axis=1) if K > 1 else (scores[:, 0] > 0.4).astype(int)
    classes = None if loss.target_kind == "real" else np.unique(codes)
    coding = TargetCoding(loss.target_kind, K, classes)
    y = scores[:, :K] if classes is None else coding.encode_codes(codes)
    base = np.full(N_ROWS, 0.8) if even else 0.5 + rng.random(N_ROWS)
    weights = RowWeights(base)
    if balanced:
        weights = RowWeights(base, codes, counts=base, own_output_only=own_output_only)
    penalty = np.full((K, 5), alpha)
    penalty[:, -1] = 0.0
    start = Objective(
        loss,
        LinearPredictor(design, np.zeros_like(penalty)),
        y,
        penalty,
        weights,
        coding,
        penalty_scaling=penalty_scaling,
    )
    return minimize(start, AutoSolver()).objective


OBJECTIVES = {
    "ridge": lambda: make(SquaredError(), 1),
    "ridge-two-outputs": lambda: make(SquaredError(), 2),
    "logistic": lambda: make(Logistic(), 1),
    "multinomial": lambda: make(Multinomial(), 3),
    "smooth-hinge": lambda: make(SmoothHinge(0.3), 1),
    "smooth-hinge-three": lambda: make(SmoothHinge(0.3), 3),
    "ridge-balanced": lambda: make(SquaredErrorOnMargins(), 1, balanced=True),
    "logistic-balanced": lambda: make(Logistic(), 1, balanced=True),
    "multinomial-balanced": lambda: make(Multinomial(), 3, balanced=True),
    "smooth-hinge-balanced-own-output": lambda: make(
        SmoothHinge(0.5), 3, balanced=True, own_output_only=True
    ),
    "logistic-mean": lambda: make(Logistic(), 1, penalty_scaling="mean"),
    "multinomial-mean-balanced": lambda: make(
        Multinomial(), 3, balanced=True, penalty_scaling="mean"
    ),
}


#: Whose other weights follow a removal, with one sample weight for all rows.
EVENLY_COUPLED = {
    "ridge-balanced": lambda: make(SquaredErrorOnMargins(), 1, balanced=True, even=True),
    "logistic-balanced": lambda: make(Logistic(), 1, balanced=True, even=True),
    "multinomial-mean-balanced": lambda: make(
        Multinomial(), 3, balanced=True, penalty_scaling="mean", even=True
    ),
    "smooth-hinge-balanced-own-output": lambda: make(
        SmoothHinge(0.5), 3, balanced=True, own_output_only=True, even=True
    ),
    "ridge-mean": lambda: make(SquaredError(), 2, penalty_scaling="mean", even=True),
}


class SquaredErrorOnMargins(SquaredError):
    """RidgeClassifier's loss; nameless, so that it is not registered."""

    name = ""
    target_kind = "margin"


def refitted_coef(objective, rows, factors):
    """Optimum after the change by plain Newton steps with dense solves: none of our solvers."""
    changed = objective.with_weights(np.asarray(rows), np.asarray(factors, dtype=float))
    for _ in range(100):
        gradient = changed.gradient().ravel()
        step = np.linalg.lstsq(changed.hessian().to_dense(), gradient, rcond=1e-12)[0]
        changed = changed.with_coef(changed.coef - step.reshape(changed.coef.shape))
        if np.abs(step).max() < 1e-13 * np.abs(changed.coef).max():
            break
    assert changed.stationarity() < 1e-12
    return changed.coef
