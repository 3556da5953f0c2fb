"""K-FAC and EK-FAC of a small network against the exact inverse, and beside kronfluence.

Run alone: ``python -m benchmarks kronecker``; needs the larger data sets (see _real_data.py).
"""

import pickle
import warnings
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier

from benchmarks._kronecker_child import WAYS
from benchmarks._measure import in_turns
from benchmarks._processes import Child
from benchmarks._real_data import loaders
from benchmarks._tables import Table, megabytes, ratio, seconds
from skinfluence import InfluenceExplainer
from skinfluence.solvers import CGSolver

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

DAMPINGS = (0.1, 0.01)
N_TEST = 20
ALPHA = 1e-3
#: The way that the others are compared with.
OURS = "skinfluence, ekfac"
COLUMNS = ["damping", "way", "correlation", "smallest of test rows", "slope", "seconds", "ratio"]

INTRODUCTION = (
    "784-32-10 units (25,450 parameters), tanh, scikit-learn's Adam with 30 passes over the 5,500 "
    "MNIST rows of Koh & Liang's section 4.2; influences of all of them on 20 test rows, from the "
    "fitted network. Each way has a process with one thread; they take turns. Correlations are "
    "with conjugate gradients on the damped Gauss-Newton matrix of all layers together (residual "
    "1e-6). kronfluence draws the labels of its Fisher matrix; ours is the mean over labels."
)


def run(quick=False):
    """One table."""
    X, y, X_test, y_test = loaders().mnist_small()
    n, m = (300, 5) if quick else (len(y), N_TEST)
    model = MLPClassifier(32, activation="tanh", alpha=ALPHA, random_state=0, max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[:n].astype(float), y[:n])
    case = {"model": model, "alpha": ALPHA, "X": X[:n].astype(float), "y": y[:n]}
    case |= {"X_test": X_test[:m].astype(float), "y_test": y_test[:m]}
    ways = [way for way, (package, _) in WAYS.items() if find_spec(package)]
    for way in sorted(set(WAYS) - set(ways)):
        print(f"  skipped: {way} is not installed", flush=True)
    lines = []
    with TemporaryDirectory() as folder, ExitStack() as stack:
        path = str(Path(folder) / "case.pickle")
        with open(path, "wb") as stream:
            pickle.dump(case, stream)
        children = {
            way: stack.enter_context(Child("benchmarks._kronecker_child", threads=1))
            for way in ways
        }
        for way, child in children.items():
            child.ask(do="prepare", way=way, path=path)
        for damping in DAMPINGS[:1] if quick else DAMPINGS:
            lines += _lines(damping, case, children, folder, 1 if quick else 2)
    notes = [
        "Correlation and slope (through zero, 1 is the exact size) over all pairs, and the "
        "smallest correlation of a test row. Seconds of the processor, medians; their ratio to "
        f"{OURS}; and the growth of memory in the first call."
    ]
    title = "Influences by Kronecker factors of a network"
    return [Table(title, [*COLUMNS, "memory"], lines, notes)]


def _lines(damping, case, children, folder, rounds):
    exact = _exact(case, damping)
    answer = str(Path(folder) / "answer.npy")
    found, first = {}, {}
    for way, child in children.items():
        first[way] = child.ask(do="first", damping=damping, path=answer)
        found[way] = np.load(answer)
    asked = {
        way: partial(child.ask, do="again", damping=damping) for way, child in children.items()
    }
    cpu = {
        way: median(times["cpu"] for times in each) for way, each in in_turns(asked, rounds).items()
    }
    lines = []
    for way in children:
        pairs = [np.corrcoef(*pair)[0, 1] for pair in zip(found[way], exact, strict=True)]
        pooled = np.corrcoef(found[way].ravel(), exact.ravel())[0, 1]
        slope = (found[way] * exact).sum() / (exact**2).sum()
        line = [str(damping), way, f"{pooled:.3f}", f"{min(pairs):.3f}", f"{slope:.2f}"]
        times = [seconds(cpu[way]), ratio(cpu[way] / cpu[OURS])]
        lines.append([*line, *times, megabytes(first[way]["peak"])])
        print(" ", *lines[-1], flush=True)
    return lines


def _exact(case, damping):
    solver = CGSolver(tol=1e-6, max_iter=5000)
    settings = {"curvature": "gauss_newton", "damping": damping, "solver": solver}
    explainer = InfluenceExplainer(FrozenEstimator(case["model"]), **settings)
    explainer.fit(case["X"], case["y"])
    return explainer.influence(case["X_test"], case["y_test"])
