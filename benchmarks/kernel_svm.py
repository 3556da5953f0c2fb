"""Influences of a support-vector machine with a radial kernel, against scikit-learn's own refits.

Koh & Liang (2017), section 5.1: ones and sevens of MNIST; and the spam table. For the five test
rows that the machine is least sure of, the correlation with real leave-one-out refits over the 100
rows that each method calls strongest; then the time of a full influence matrix at 5,000 rows.

    python benchmarks/kernel_svm.py
"""

import sys
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

sys.path.insert(0, str(Path(__file__).parent))

from _real_data import loaders

from skinfluence import InfluenceExplainer

METHODS = ("first_order", "newton_step", "refit")


def hinge(machine, X, y):
    return np.maximum(0.0, 1.0 - (2.0 * y - 1.0) * machine.decision_function(X))


def agreement(name, X, y, X_test, y_test, **settings):
    """Print R of each method for the rows of most influence."""
    machine = SVC(tol=1e-7, **settings)
    own = machine.fit(X, y)
    tests = np.argsort(np.abs(own.decision_function(X_test)))[:5]
    X_test, y_test = X_test[tests], y_test[tests]
    before = hinge(own, X_test, y_test)
    known = {}
    for method in METHODS:
        explainer = InfluenceExplainer(machine, method=method).fit(X, y)
        influence = explainer.influence(X_test, y_test)
        found = []
        for t, row in enumerate(influence):
            strongest = np.argsort(-np.abs(row))[:100]
            for i in strongest:
                if i not in known:
                    kept = np.delete(np.arange(len(y)), i)
                    known[i] = hinge(machine.fit(X[kept], y[kept]), X_test, y_test) - before
            found.append(np.corrcoef(row[strongest], [known[i][t] for i in strongest])[0, 1])
        print(f"{name:10} {method:12} R = {min(found):.3f} to {max(found):.3f}")


def speed(X, y, X_test, y_test, **settings):
    start = perf_counter()
    SVC(**settings).fit(X, y)
    fitted = perf_counter() - start
    explainer = InfluenceExplainer(SVC(**settings), method="first_order", polish=False)
    start = perf_counter()
    explainer.fit(X, y).influence(X_test, y_test)
    made = perf_counter() - start
    print(f"{len(y)} rows, {len(y_test)} test rows: {made:.1f} s, SVC's own fit {fitted:.1f} s")


def main():
    warnings.simplefilter("ignore")
    data = loaders()
    X, y, X_test, y_test = data.mnist_binary(1, 7)[:4]
    y, y_test = (np.asarray(labels > np.min(labels)).astype(int) for labels in (y, y_test))
    rng = np.random.default_rng(0)
    some = rng.permutation(len(y))
    agreement("MNIST", X[some[:800]], y[some[:800]], X_test, y_test, gamma=0.02)
    table, spam = data.spambase()[:2]
    table, order = StandardScaler().fit_transform(table), rng.permutation(len(spam))
    table, spam = table[order], np.asarray(spam)[order].astype(int)
    agreement("spambase", table[:800], spam[:800], table[800:1200], spam[800:1200], gamma=0.02)
    speed(X[some[:5000]], y[some[:5000]], X_test[:1000], y_test[:1000], gamma=0.02)


if __name__ == "__main__":
    main()
