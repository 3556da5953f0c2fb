"""Influence, relative influence and diverse rows of five networks (Balkyte 2022, section 7).

Run alone: ``python -m benchmarks networks_relative``; needs torch and the larger data sets.
"""

import copy
import warnings
from time import process_time

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks._figures import Figure
from benchmarks._real_data import loaders
from benchmarks._tables import Table, ratio, seconds
from benchmarks.selection import NAMES, figure
from skinfluence import InfluenceExplainer
from skinfluence.networks import ModuleClassifier
from skinfluence.selection import relative_influence, select_diverse, top_relative_influences

#: Skipped without the larger data sets (see _real_data.py), and without torch.
NEEDS_DATA, NEEDS = True, "torch"
#: Training rows, test rows, rows that are removed, iterations of L-BFGS before and after.
N_TRAIN, N_TEST, N_REMOVED, N_BEFORE, N_AFTER = 300, 60, 30, 40, 20
WEIGHT_DECAY, DAMPING = 1e-3, 1e-2
#: Test rows whose strongest row is removed alone.
N_ALONE = 30

INTRODUCTION = (
    "The thesis compares influence with relative influence on a convolutional network for two "
    "classes of images (motorcycles and apples), and on a shallow one, EfficientNet and ResNet-50 "
    "for the ten classes of CIFAR-10. No package and no data at hand have these images. The images "
    "here are MNIST's, averaged to 14 x 14 pixels: 4 against 9, and ten digits; and CIFAR-10 as "
    "the 128 features that the larger data sets have, for a dense residual network. What two cores "
    f"do not allow is cut: {N_TRAIN} training rows; residual and EfficientNet-like networks of two "
    "blocks (depthwise-separable convolutions, squeeze and excitation) and 6 or 8 channels instead "
    "of tens of layers; about 2,000 parameters instead of millions. Trained by Adam (60 passes) "
    f"and {N_BEFORE} iterations of L-BFGS, cross-entropy, weight decay {WEIGHT_DECAY:g}, SiLU or "
    f"tanh. Gauss-Newton matrix with damping {DAMPING:g}, factorised. Seconds are of one thread's "
    "processor time."
)


def run(quick=False):
    """Retraining, agreement and repeats, seconds, and pictures."""
    networks = _networks(quick)
    trials = []
    for name, make, data in networks:
        start = process_time()
        trials.append(Trial(name, make, *data, quick))
        print(f"  {name}: {process_time() - start:.0f} s of processor", flush=True)
    X, y, X_test, y_test = loaders().mnist_small()
    n = 100 if quick else N_TRAIN
    perceptron = _perceptron(X[:n].astype(float), y[:n], X_test[:4].astype(float), y_test[:4])
    return [
        _pictures([trial for trial in trials if trial.drawn is not None]),
        _retrained(trials),
        _alone(trials),
        _seconds([*((t.name, t.n_parameters, t.times) for t in trials), perceptron]),
    ]


def _networks(quick):
    """(name, function that makes the module, (X, y, X_test, y_test, images drawn or None))."""
    from benchmarks._image_modules import dense, efficient, residual, shallow

    X, y, X_test, y_test = loaders().mnist_small()
    n = 100 if quick else N_TRAIN
    pairs = np.isin(y, (4, 9)), np.isin(y_test, (4, 9))
    two = _pooled(X[pairs[0]][:n]), y[pairs[0]][:n], _pooled(X_test[pairs[1]]), y_test[pairs[1]]
    ten = _pooled(X[:n]), y[:n], _pooled(X_test[:2000]), y_test[:2000]
    features, labels = _cifar()
    rows = features[:n], labels[:n], features[-1000:], labels[-1000:]
    networks = [
        ("4 or 9, shallow", lambda: shallow(14, 2), two),
        ("ten digits, shallow", lambda: shallow(14, 10), ten),
        ("ten digits, residual", lambda: residual(14, 10, 6, 2), ten),
        ("ten digits, EfficientNet-like", lambda: efficient(14, 10, 8, 2), ten),
        ("CIFAR-10 features, dense residual", lambda: dense(128, 10, 16), rows),
    ]
    return networks[:1] if quick else networks


def _pooled(X):
    """Images of 28 x 28 pixels averaged to 14 x 14, in rows."""
    return X.reshape(len(X), 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(X), -1).astype(float)


def _cifar():
    X, labels = loaders().cifar10n_part()
    X = X.astype(float)
    return (X - X.mean(axis=0)) / X.std(axis=0), labels["clean_label"]


class Trial:
    """One network: its strongest rows by each way, their removal, and seconds."""

    def __init__(self, name, make, X, y, X_test, y_test, quick):
        from benchmarks._image_modules import trained

        self.name, self.quick = name, quick
        codes = np.unique(y, return_inverse=True)[1]
        module = trained(make, X, codes, WEIGHT_DECAY, 5 if quick else 60)
        self.X, self.y = X, y
        self.model = self._trained_on(module, np.arange(len(y)), N_BEFORE)
        predicted = self.model.predict(X_test)
        self.accuracy = np.mean(predicted == y_test)
        rng = np.random.default_rng(0)
        tests = rng.choice(len(y_test), 20 if quick else N_TEST, replace=False)
        self.tests = X_test[tests], y_test[tests]
        self.explainer = self._explainer()
        self.times = _times(self.explainer, *self.tests)
        self.n_parameters = self.explainer.objective_.n_parameters
        self.distance = self.explainer.distance_to_optimum_
        self.matrices = {
            "influence": self.explainer.influence(*self.tests, method="first_order"),
            "theta": relative_influence(self.explainer, *self.tests),
            "loss": relative_influence(self.explainer, *self.tests, kind="loss"),
        }
        self.removals = self._removals(8 if quick else N_REMOVED)
        start = self._losses(np.arange(len(y)))
        self.changes = {
            way: self._change(rows, start).mean() for way, rows in self.removals.items()
        }
        self.alone = self._alone(start, 4 if quick else N_ALONE)
        self.drawn = self._draw() if X.shape[1] == 196 else None

    def _trained_on(self, module, rows, max_iter):
        model = ModuleClassifier(
            module, weight_decay=WEIGHT_DECAY, max_iter=5 if self.quick else max_iter
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(self.X[rows], self.y[rows])

    def _explainer(self):
        model = ModuleClassifier(self.model.module_, weight_decay=WEIGHT_DECAY)
        settings = {"curvature": "gauss_newton", "damping": DAMPING, "solver": "cholesky"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return InfluenceExplainer(model, **settings).fit(self.X, self.y)

    def _removals(self, n):
        """Rows by each way: the strongest helpful one of all test rows, the second, and so on."""
        found = {}
        for way, matrix in self.matrices.items():
            order = np.argsort(-matrix, axis=1, kind="stable").T.ravel()
            found[way] = list(dict.fromkeys(order.tolist()))[:n]
        args = self.explainer, n, *self.tests
        found["diverse"] = select_diverse(*args, gamma=1.0, order="helpful").rows
        found["random"] = np.random.default_rng(1).choice(len(self.y), n, replace=False)
        return found

    def _losses(self, rows):
        """Losses of the test rows by training on with some of the rows."""
        model = self._trained_on(self.model.module_, rows, N_AFTER)
        X, y = self.tests
        proba = model.predict_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
        return -np.log(np.maximum(proba, 1e-300))

    def _change(self, rows, start):
        """Changes of the losses of the test rows by training on without the rows."""
        return self._losses(np.setdiff1d(np.arange(len(self.y)), rows)) - start

    def _alone(self, start, n_tests):
        """Mean change of a test row's loss without its most helpful row alone, by each way."""
        made, found = {}, {}
        for way, matrix in self.matrices.items():
            rows = matrix[:n_tests].argmax(axis=1)
            for row in set(rows) - set(made):
                made[row] = self._change([row], start)
            found[way] = float(np.mean([made[row][t] for t, row in enumerate(rows)]))
        return found

    def repeats(self, way):
        """(different strongest rows of either sign, share with the label of the test row)."""
        strongest = np.abs(self.matrices[way]).argmax(axis=1)
        top = np.argsort(-np.abs(self.matrices[way]), axis=1)[:, :3]
        return len(np.unique(strongest)), (self.y[top] == self.tests[1][:, None]).mean()

    def _draw(self):
        """Strongest three rows of one test row: the one of the largest loss."""
        X, y = self.tests
        proba = self.model.predict_proba(X)[
            np.arange(len(y)), np.searchsorted(self.model.classes_, y)
        ]
        t = int(np.argsort(proba)[len(y) // 4])  # neither sure nor hopeless
        top = {
            way: np.argsort(-np.abs(self.matrices[way][t]))[:3] for way in ("influence", "theta")
        }
        top["diverse"] = select_diverse(self.explainer, 3, X[[t]], y[[t]], gamma=1.0).rows
        return (
            X[t],
            f"{y[t]}: {self.name.removeprefix('ten digits, ')}",
            {way: self.X[rows] for way, rows in top.items()},
            {way: self.y[rows] for way, rows in top.items()},
        )


def _times(explainer, X, y):
    """For each way (seconds of the first test row, all included; of another one)."""
    return {
        way: _time(copy.deepcopy(explainer), way, X, y) for way in ("influence", "theta", "loss")
    }


def _time(explainer, way, X, y):
    spent = []
    for t in (0, 1, 2, 3):
        start = process_time()
        if way == "influence":
            explainer.top_influences(X[[t]], y[[t]], k=3, method="first_order")
        else:
            top_relative_influences(explainer, X[[t]], y[[t]], k=3, kind=way)
        spent.append(process_time() - start)
    return spent[0], float(np.median(spent[1:]))


def _perceptron(X, y, X_test, y_test):
    """(name, parameters, times) of scikit-learn's perceptron on whole images, by EK-FAC."""
    network = MLPClassifier(32, activation="tanh", alpha=1e-3, max_iter=30, random_state=0)
    settings = {"curvature": "gauss_newton", "damping": DAMPING, "solver": "ekfac"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        explainer = InfluenceExplainer(network, **settings).fit(X, y)
    name = "perceptron of scikit-learn, 28 x 28 pixels, EK-FAC"
    return name, explainer.objective_.n_parameters, _times(explainer, X_test, y_test)


def _pictures(trials):
    drawn = [trial.drawn for trial in trials]
    ways = list(drawn[0][2])
    found = {
        "tests": [each[0].tolist() for each in drawn],
        "labels": [each[1] for each in drawn],
        "images": {way: [each[2][way].tolist() for each in drawn] for way in ways},
        "given": {way: [each[3][way].tolist() for each in drawn] for way in ways},
    }
    title = (
        "A test image of each network and its three strongest training rows of either sign, by "
        "influence and by relative influence, and three diverse rows (gamma = 1); below each row "
        "its label (the thesis' Figures 6 to 11)."
    )
    made = figure(found, "networks_relative")
    return Figure(made.name, title, made.draw, size=(13.0, 1.6 * len(drawn) + 0.6))


def _more(changes):
    return f"{sum(each['influence'] > each['theta'] for each in changes)} of {len(changes)}"


def _retrained(trials):
    ways = ("influence", "theta", "loss", "diverse", "random")
    columns = ["network", "parameters", "test accuracy", "distance to optimum"]
    columns += [NAMES[way] for way in ways]
    columns += ["different strongest rows: influence, theta", "same label: influence, theta"]
    lines = []
    for trial in trials:
        different, same = zip(*(trial.repeats(way) for way in ("influence", "theta")), strict=True)
        lines.append(
            [
                trial.name,
                f"{trial.n_parameters:,}",
                f"{trial.accuracy:.3f}",
                f"{trial.distance:.2g}",
                *(f"{trial.changes[way]:+.3f}" for way in ways),
                ", ".join(map(str, different)),
                ", ".join(f"{share:.0%}" for share in same),
            ]
        )
    notes = [
        f"Change of the mean loss of {N_TEST} random test rows when {N_REMOVED} of {N_TRAIN} "
        "training rows are removed, the most helpful ones by each way, and training goes on for "
        f"{N_AFTER} iterations of L-BFGS; the same training with all rows is the reference. "
        "Diverse rows: sum-redundancy, gamma = 1.",
        "Different strongest rows: of either sign, one for each test row. Same label: share of the "
        "three strongest that have the label of the test row.",
        "Removal of the rows of influence raises the loss more than that of the rows of relative "
        f"influence (theta) for {_more([trial.changes for trial in trials])} networks. Diverse "
        "rows are chosen for the sum of all test rows, the others for each test row by itself.",
        "The thesis (Table 1, logistic regression): a loss of 1.567 with all rows, 1.599 without "
        "the rows of influence, 1.577 without those of relative influence. For networks it shows "
        "pictures only.",
    ]
    return Table("Networks retrained without their strongest rows", columns, lines, notes)


def _alone(trials):
    ways = ("influence", "theta", "loss")
    lines = [[t.name, *(f"{t.alone[way]:+.4f}" for way in ways)] for t in trials]
    notes = [
        f"For each of {N_ALONE} test rows the most helpful training row is removed alone, and "
        "training goes on without it. The mean change of the loss of this test row.",
        "Removal of the row of influence raises the loss more than that of the row of relative "
        f"influence (theta) for {_more([trial.alone for trial in trials])} networks.",
    ]
    return Table(
        "Each test row without its strongest row", ["network", *map(NAMES.get, ways)], lines, notes
    )


def _seconds(timed):
    columns = ["network", "parameters", "influence", "theta", "loss", "ratio, theta", "ratio, loss"]
    columns += ["another test row: influence", "its ratio, theta", "its ratio, loss"]
    lines = []
    for name, n_parameters, times in timed:
        first = {way: spent[0] for way, spent in times.items()}
        later = {way: spent[1] for way, spent in times.items()}
        lines.append(
            [
                name,
                f"{n_parameters:,}",
                *(seconds(value) for value in first.values()),
                ratio(first["theta"] / first["influence"]),
                ratio(first["loss"] / first["influence"]),
                seconds(later["influence"]),
                ratio(later["theta"] / later["influence"]),
                ratio(later["loss"] / later["influence"]),
            ]
        )
    notes = [
        "The three strongest training rows of one test row, from the fitted explainer: Hessian, "
        "factorisation and, for relative influence, the lengths of the changes of all training "
        "rows are included. They are kept: another test row needs neither.",
        "The thesis (Table 2): relative influence takes several times as long for small networks, "
        "and 20 to 40 times for large ones, where every training row needs a solution of its own. "
        "So it does here with solver='cg'; a factorisation has all of them at once, and Kronecker "
        "factors have the lengths without forming a gradient.",
    ]
    return Table("Seconds of one test row", columns, lines, notes)
