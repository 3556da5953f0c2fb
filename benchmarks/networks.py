"""Networks: predicted and retrained changes of a test loss.

Run alone: ``python -m benchmarks networks``; needs the larger data sets (see _real_data.py).
"""

import warnings

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks._figures import Figure
from benchmarks._real_data import loaders
from benchmarks._tables import Table
from skinfluence import InfluenceExplainer

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

#: Name, hidden layers, alpha (the penalty of a sum over rows), iterations of the fit.
NETWORKS = (
    ("8 units, decay 1, converged", (8,), 1.0, 5000),
    ("8 units, decay 1, 40 iterations", (8,), 1.0, 40),
    ("8 units, decay 0.01, converged", (8,), 0.01, 5000),
    ("16 units, decay 1, converged", (16,), 1.0, 5000),
    ("3 layers of 8, decay 1, converged", (8, 8, 8), 1.0, 5000),
)
DAMPINGS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
N_ROWS, N_TEST, N_STRONGEST = 500, 500, 10

INTRODUCTION = (
    "MNIST, the first 500 of the 5,500 rows of Koh & Liang's section 4.2, images averaged to "
    "14 x 14 pixels, ten classes; MLPClassifier of scikit-learn (tanh, L-BFGS). The 10 training "
    "rows of the strongest influence on the test row of the largest loss are removed one by one. "
    "Training then goes on from the fitted parameters without the row until L-BFGS converges. The "
    "change of the test loss is measured from the same training with all rows. The damping is the "
    f"smallest of {', '.join(map(str, DAMPINGS))} with which the Hessian has positive curvature. "
    "Koh & Liang report R = 0.86 for a network of 2,616 parameters that had not converged."
)


def run(quick=False):
    """A figure of predicted and retrained changes, and a table."""
    X, y, X_test, y_test = loaders().mnist_small()
    small = _pooled(X[:200] if quick else X[:N_ROWS]), y[:200] if quick else y[:N_ROWS]
    tests = _pooled(X_test[:N_TEST]), y_test[:N_TEST]
    networks = NETWORKS[:1] if quick else NETWORKS
    made = [Trial(*network, *small, *tests, 3 if quick else N_STRONGEST) for network in networks]
    return report(made)


def _pooled(X):
    """Images of 28 x 28 pixels averaged to 14 x 14, in rows."""
    return X.reshape(len(X), 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(X), -1).astype(float)


def _explainer(model, X, y, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return InfluenceExplainer(model, **settings).fit(X, y)


class Trial:
    """One network: predicted and retrained changes of one test loss."""

    def __init__(self, name, hidden, alpha, max_iter, X, y, X_test, y_test, n_rows):
        self.name = name
        settings = {"activation": "tanh", "solver": "lbfgs", "random_state": 0}
        model = MLPClassifier(
            hidden, alpha=alpha, max_iter=max_iter, max_fun=10**6, tol=1e-6, **settings
        )
        self.damping, exact = _least_damping(model, X, y)
        self.accuracy = exact.estimator_.score(X_test, y_test)
        self.distance, self.n_parameters = exact.distance_to_optimum_, exact.objective_.n_parameters
        loss = -np.log(exact.predict_proba(X_test)[np.arange(len(y_test)), y_test])
        test = [int(loss.argmax())]
        test = X_test[test], y_test[test]
        influence = exact.influence(*test, method="first_order")[0]
        rows = np.argsort(-np.abs(influence))[:n_rows]
        self.predicted = {"first order": influence[rows]}
        for method in ("newton_step", "refit"):
            name = {"newton_step": "Newton step", "refit": "local refit"}[method]
            self.predicted[name] = exact.influence(*test, rows=rows, method=method)[0]
        factors = {"curvature": "gauss_newton", "damping": self.damping, "solver": "ekfac"}
        self.predicted["EK-FAC"] = _explainer(model, X, y, **factors).influence(*test, rows=rows)[0]
        self.retrained = _retrained(exact, *test, rows)
        for name in self.predicted:
            print(f"  {self.name}, {name}: R = {self.correlation(name):.2f}", flush=True)

    def correlation(self, name):
        return float(np.corrcoef(self.predicted[name], self.retrained)[0, 1])

    def slope(self, name):
        """Of predictions on retrained changes, through zero."""
        return float(self.predicted[name] @ self.retrained / (self.retrained @ self.retrained))


def _least_damping(model, X, y):
    """(damping, explainer) of the smallest damping that makes the Hessian positive."""
    for damping in DAMPINGS:
        explainer = _explainer(model, X, y, damping=damping)
        try:
            _ = explainer.linearization_.inverse
        except np.linalg.LinAlgError as error:
            print(" ", error, flush=True)
            continue
        return damping, explainer
    raise RuntimeError(f"No damping of {DAMPINGS} is enough.")


def _retrained(explainer, X, y, rows):
    """Change of the loss on (X, y) by training on from the fitted parameters without each row."""
    objective = explainer.objective_
    test = explainer.test_rows(X, y).predictor
    labels = objective.coding.encode(y)

    def loss(trained):
        return objective.loss.value(labels, trained.raw_predictions(test)).mean()

    reference = loss(_train(objective))
    return (
        np.array([loss(_train(objective.with_weights([row], [0.0]))) for row in rows]) - reference
    )


def _train(objective):
    """The objective where L-BFGS ends from its own parameters."""

    def cost(theta):
        at = objective.with_coef(theta)
        return at.value(), at.gradient()

    tight = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-13, "gtol": 1e-6, "maxcor": 30}
    found = minimize(cost, objective.coef, jac=True, method="L-BFGS-B", options=tight)
    return objective.with_coef(found.x)


def report(made):
    """Figure and table of some trials."""
    title = (
        "Predicted (local refit; first order) and retrained changes of one test loss; the dashed "
        "line is equality."
    )
    figure = Figure("networks", title, lambda canvas: _draw(canvas, made), (10.0, 2.6))
    names = list(made[0].predicted)
    columns = ["network", "parameters", "test accuracy", "distance to optimum", "damping"]
    columns += names
    rows = []
    for trial in made:
        cells = [f"{trial.correlation(name):.2f} ({trial.slope(name):.2f})" for name in names]
        head = [trial.name, f"{trial.n_parameters:,}", f"{trial.accuracy:.3f}"]
        rows.append([*head, f"{trial.distance:.2g}", f"{trial.damping:g}", *cells])
    notes = [
        "Correlation of predicted and retrained changes (slope in brackets). EK-FAC approximates "
        "the Gauss-Newton matrix, the others use the Hessian."
    ]
    return [figure, Table("Networks: influence and retraining", columns, rows, notes)]


def _draw(canvas, made):
    for ax, trial in zip(np.atleast_1d(canvas.subplots(1, len(made))), made, strict=True):
        ends = [trial.retrained.min(), trial.retrained.max()]
        for i, name in enumerate(("local refit", "first order")):
            ax.plot(trial.retrained, trial.predicted[name], "o+"[i], markersize=4, label=name)
        ax.plot(ends, ends, "--", color="0.5", linewidth=1)
        ax.set_title(trial.name.replace(", ", "\n", 1), fontsize=8)
        ax.set_xlabel("retrained")
    canvas.axes[0].set_ylabel("predicted")
    canvas.axes[0].legend(fontsize=7)
