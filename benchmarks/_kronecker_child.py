"""Serves one way from a fitted MLPClassifier to influences by Kronecker factors."""

import importlib
import pickle

import numpy as np
from sklearn.frozen import FrozenEstimator

from benchmarks._measure import peak_memory, timed
from benchmarks.peers import kronfluence
from skinfluence import InfluenceExplainer
from skinfluence.solvers import CGSolver

#: Packages of others may fail: told in the table.
MAY_FAIL = True

_state = {}


def ours(solver):
    def influence(case, damping):
        settings = {"curvature": "gauss_newton", "damping": damping, "solver": solver}
        explainer = InfluenceExplainer(FrozenEstimator(case["model"]), **settings)
        return explainer.fit(case["X"], case["y"]).influence(case["X_test"], case["y_test"])

    return influence


def kronfluence_factors(case, damping):
    # ours adds the network's own penalty to the damping
    return kronfluence.ekfac_of_network(case, damping + case["alpha"] / len(case["X"]))


#: Name of each way, the package that it needs, and what it calls.
WAYS = {
    "skinfluence, cg, residual 0.01": ("skinfluence", ours(CGSolver(tol=0.01))),
    "skinfluence, kfac": ("skinfluence", ours("kfac")),
    "skinfluence, ekfac": ("skinfluence", ours("ekfac")),
    "kronfluence, ekfac": ("kronfluence", kronfluence_factors),
}


def _prepare(way, path, threads=1):
    """Read the network and answer a small question, so that imports are not timed."""
    package, _state["run"] = WAYS[way]
    importlib.import_module(package)
    if package != "skinfluence":
        import torch

        torch.set_num_threads(threads)
    with open(path, "rb") as stream:
        _state["case"] = case = pickle.load(stream)
    few = case | {name: case[name][:50] for name in ("X", "y")}
    _state["run"](few | {name: case[name][:2] for name in ("X_test", "y_test")}, 0.1)
    return {}


def _first(damping, path):
    """The first call: its time, the growth of the resident memory; writes the influences."""

    def call():
        return timed(_state["run"], _state["case"], damping)

    (answer, times), peak = peak_memory(call)
    np.save(path, answer)
    return times | {"peak": peak}


def _again(damping):
    return timed(_state["run"], _state["case"], damping)[1]
