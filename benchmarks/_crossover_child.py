"""Serves one Hessian: seconds from it to the solutions of m right-hand sides, by any solver."""

from sklearn.frozen import FrozenEstimator

from benchmarks._by_hand_large import test_gradients
from benchmarks._cases import scaled
from benchmarks._measure import timed
from skinfluence import InfluenceExplainer
from skinfluence.solvers import AutoSolver, get_solver

_state = {}


def _make(n, q, K, n_right):
    """The Hessian, and the gradients of test rows as right-hand sides."""
    case = scaled(n, q, K, n_test=n_right)
    explainer = InfluenceExplainer(FrozenEstimator(case.estimator), polish=False)
    objective = explainer.fit(case.X, case.y).objective_
    right = test_gradients(case)  # shape: (p, n_right)
    _state.update(hessian=objective.hessian(), right=right)
    return {}


def _choice(n_right):
    """What "auto" would take for a question with so many right-hand sides."""
    auto = AutoSolver(n_right_hand_sides=n_right, prefer_factorized=False)
    return auto.select_solver(_state["hessian"])[0].name


def _solve(solver, n_right):
    """Seconds from the Hessian to the solutions."""
    hessian, right = _state["hessian"], _state["right"][:, :n_right]
    _, times = timed(lambda: get_solver(solver).factorize(hessian) @ right)
    return {"seconds": times["wall"]}
