"""Networks that are trained on without a row: Koh & Liang (2017), section 4.2, and larger ones.

Run alone: ``python -m benchmarks retraining``; needs torch, and the larger data sets (see
_real_data.py).
"""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import spearmanr
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from benchmarks._figures import Figure
from benchmarks._real_data import loaders
from benchmarks._tables import Table
from skinfluence import InfluenceExplainer
from skinfluence.networks import ModuleClassifier
from skinfluence.solvers import CGSolver, IndefiniteHessianError

#: Skipped without the larger data sets (see _real_data.py), and without torch.
NEEDS_DATA = True
NEEDS = "torch"

WEIGHT_DECAY = 0.001
DAMPINGS = (0.01, 0.03, 0.1, 0.3, 1.0)
#: Rates of Adam: in the first 40 % of the steps, the next 40 % and the last 20 %.
RATES = (3e-3, 3e-4, 3e-5)
#: Rate of Adam in the training without a row: 60 steps are as far as 30,000 of the paper's 1e-6.
RATE = 5e-4
#: Steps of the training without a row after which the test loss is compared.
STEPS = (15, 30, 60, 120, 200)


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    rows: int | None = None  # of the training set; all by default
    steps: int = 6000  # of the training
    removed: int = 100  # strongest rows, as in the paper's figure
    removed_of_small: int = 500
    more_steps: int = 200  # of the training without a row, at most
    batch: int = 100


QUICK = Size(rows=300, steps=100, removed=4, removed_of_small=4, more_steps=15)


@dataclass(frozen=True)
class Network:
    """A name, the function of _retraining.py that makes it, and its arguments."""

    name: str
    make: str
    widths: tuple
    small: bool = False


NETWORKS = (
    Network("convolutional, 7 layers", "convolutional", (8,), small=True),
    Network("10 units", "perceptron", (10,), small=True),
    Network("20 units (wider)", "perceptron", (20,)),
    Network("4 layers of 10 units (deeper)", "perceptron", (10, 10, 10, 10)),
)

INTRODUCTION = (
    "MNIST, the 5,500 rows of Koh & Liang's section 4.2, ten classes; networks of torch with tanh "
    "and weight decay 0.001, trained by Adam with 6,000 batches of 100 rows and not converged. The "
    "convolutional network has their seven layers and 2,616 parameters; its first layer has stride "
    "2 in place of the second, which halves the work. Explained is the first wrongly classified "
    "test row. The training rows of the strongest influence on it are removed one by one, and Adam "
    "goes on from the parameters and averages where it was: 200 steps of rate 5e-4. After 60 they "
    "are as far as after the 30,000 steps of 1e-6 in the paper's code. All these trainings, and "
    "one with all rows that the change of the test loss is measured from, see the same batches; "
    "each step subtracts the removed row's share of the gradient. The damping is the smallest of "
    f"{', '.join(map(str, DAMPINGS))} with which the Hessian has positive curvature; the paper's "
    "was 0.01. The paper reports R = 0.86 for 100 rows."
)


def run(quick=False):
    """A figure of predicted and retrained changes, and two tables."""
    X, y, X_test, y_test = loaders().mnist_small()
    size = QUICK if quick else Size()
    data = X[: size.rows], y[: size.rows], X_test[:2000], y_test[:2000]
    return report([Trial(network, data, size) for network in NETWORKS])


def report(made):
    """Figure and tables of some trials."""
    title = (
        "Predicted (first order, damped Hessian) and retrained changes of one test loss, as "
        "in Figure 2 (right) of Koh & Liang; the dashed line is equality."
    )
    figure = Figure("retraining", title, partial(_draw, made), (10.0, 2.8))
    return [figure, _correlations(made), _steps(made)]


class Trial:
    """One network: predicted and retrained changes of one test loss."""

    def __init__(self, network, data, size):
        from benchmarks import _retraining

        self.name = network.name
        X, y, X_test, y_test = data
        module = getattr(_retraining, network.make)(*network.widths)
        training = _retraining.Training(module, X, y, WEIGHT_DECAY)
        state = self._train(training, _retraining.State.start(module), size)
        training.write(state)
        explainer = self._explain(module, X.astype(float), y)
        predicted = explainer.predict(X_test.astype(float))
        self.accuracy = (predicted == y_test).mean()
        test = np.flatnonzero(predicted != y_test)[:1]
        test = X_test[test], y_test[test]
        influence = explainer.influence(test[0].astype(float), test[1])[0]
        n_removed = size.removed_of_small if network.small else size.removed
        rows = np.argsort(-np.abs(influence))[:n_removed]
        self.predicted = influence[rows]
        self.retrained = _retrain(training, state, rows, test, size.more_steps, size.batch)
        print(f"  {self.name}: R = {self.correlations}", flush=True)

    @staticmethod
    def _train(training, state, size):
        parts = [round(0.4 * size.steps), round(0.8 * size.steps)]
        rates = np.repeat(RATES, np.diff([0, *parts, size.steps]))
        batches = training.batches(size.steps, size.batch, seed=0)
        for after in training.descend(state, batches, rates):
            state = after
        return state

    def _explain(self, module, X, y):
        model = FrozenEstimator(ModuleClassifier(module, weight_decay=WEIGHT_DECAY).fit(X, y))
        settings = {"solver": CGSolver(tol=0.01), "method": "first_order"}
        enough = 0.0
        for self.damping in DAMPINGS:
            if self.damping <= enough:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                explainer = InfluenceExplainer(model, damping=self.damping, **settings).fit(X, y)
            try:
                smallest = explainer.linearization_.inverse.report.smallest_eigenvalue
            except IndefiniteHessianError as error:
                print(" ", error, flush=True)
                enough = self.damping - error.smallest_eigenvalue / len(y)
                continue
            self.smallest = smallest / len(y) - self.damping  # a row, and without the damping
            self.distance, self.n_parameters = explainer.distance_to_optimum_, len(model.coef_)
            return explainer
        raise RuntimeError(f"No damping of {DAMPINGS} is enough.")

    @property
    def correlations(self):
        """After each of STEPS without a row, as far as it went."""
        return [float(np.corrcoef(self.predicted, each)[0, 1]) for each in self.retrained]

    def strongest(self, k):
        return float(np.corrcoef(self.predicted[:k], self.retrained[-1][:k])[0, 1])

    @property
    def slopes(self):
        """Of predictions on retrained changes, through zero, after each of STEPS."""
        return [float(self.predicted @ actual / (actual @ actual)) for actual in self.retrained]


def _retrain(training, state, rows, test, n_steps, batch):
    """Changes of the test loss without each row, after each of STEPS up to `n_steps`."""
    batches, rates = training.batches(n_steps, batch, seed=1), np.full(n_steps, RATE)

    def losses(start, removed):
        states = enumerate(training.descend(start, batches, rates, removed), start=1)
        return np.array([training.losses(at, *test) for step, at in states if step in STEPS])

    reference, parts = losses(state, None), []
    for some in np.split(rows, range(20, len(rows), 20)):  # which fit the cache
        parts.append(losses(state.repeat(len(some)), some) - reference)
    return np.concatenate(parts, axis=1)


def _correlations(made):
    columns = ["network", "parameters", "test accuracy", "distance to optimum"]
    columns += ["smallest eigenvalue", "damping", "rows", "R", "R of the 100 strongest"]
    columns += ["rank correlation", "slope"]
    lines = []
    for trial in made:
        line = [trial.name, f"{trial.n_parameters:,}", f"{trial.accuracy:.3f}"]
        line += [f"{trial.distance:.2g}", f"{trial.smallest:.2g}", f"{trial.damping:g}"]
        line += [str(len(trial.predicted)), f"{trial.correlations[-1]:.2f}"]
        rank = spearmanr(trial.predicted, trial.retrained[-1])[0]
        lines.append(
            [*line, f"{trial.strongest(100):.2f}", f"{rank:.2f}", f"{trial.slopes[-1]:.1f}"]
        )
    notes = [
        "R is the correlation of predicted and retrained changes; the slope is that of predictions "
        "on retrained changes. The smallest eigenvalue is that of the mean loss's Hessian before "
        "the damping, by Lanczos's method.",
    ]
    return Table("Influence, and training that goes on without a row", columns, lines, notes)


def _steps(made):
    columns = ["network", *(f"{step} steps" for step in STEPS)]
    lines = []
    for trial in made:
        cells = [
            f"{R:.2f} ({slope:.1f})"
            for R, slope in zip(trial.correlations, trial.slopes, strict=True)
        ]
        lines.append([trial.name, *cells, *[""] * (len(STEPS) - len(cells))])
    notes = ["R, and the slope in brackets."]
    return Table("By the steps that are made without the row", columns, lines, notes)


def _draw(made, canvas):
    for ax, trial in zip(np.atleast_1d(canvas.subplots(1, len(made))), made, strict=True):
        actual = trial.retrained[-1]
        ends = [actual.min(), actual.max()]
        ax.plot(actual, trial.predicted, "o", markersize=2.5, alpha=0.6)
        ax.plot(ends, ends, "--", color="0.5", linewidth=1)
        ax.set_title(f"{trial.name}\nR = {trial.correlations[-1]:.2f}", fontsize=8)
        ax.set_xlabel("retrained")
    canvas.axes[0].set_ylabel("predicted")
