"""
=====================================================
How well does influence predict a network's training?
=====================================================

Influence of a training row on a network describes the surroundings of the fitted parameters. Here
it is compared with training that goes on without the row, for a network with weight decay that
has converged, and for one with hardly any weight decay.
"""

# %%
# Small images of digits: 500 train, 200 others test. Two networks of eight hidden units.
import warnings
from copy import deepcopy

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skinfluence import InfluenceExplainer

X, y = load_digits(return_X_y=True)
X_train, y_train, X_test, y_test = X[:500] / 16, y[:500], X[500:700] / 16, y[500:700]
settings = {"hidden_layer_sizes": 8, "activation": "tanh", "solver": "lbfgs", "random_state": 0}
networks = {
    "alpha=1, converged": (MLPClassifier(alpha=1.0, max_iter=2000, **settings), 0.0),
    "alpha=0.001, 60 iterations": (MLPClassifier(alpha=0.001, max_iter=60, **settings), 0.03),
}

# %%
# Scikit-learn's own training goes on from the fitted parameters, without a row or with all rows.
# The loss is that of the test row which the network predicts worst.
every = np.arange(len(y_train))


def loss_after(model, kept, t):
    trained = deepcopy(model).set_params(warm_start=True, max_iter=3000, max_fun=10**5, tol=1e-7)
    for _ in range(2):  # L-BFGS forgets its approximation of the curvature
        trained.fit(X_train[kept], y_train[kept])
    return -np.log(trained.predict_proba(X_test[[t]])[0, y_test[t]])


found = {}
for name, (network, damping) in networks.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        explainer = InfluenceExplainer(network, damping=damping).fit(X_train, y_train)
        t = explainer.predict_proba(X_test)[np.arange(200), y_test].argmin()
        test = X_test[[t]], y_test[[t]]
        first_order = explainer.influence(*test, method="first_order")[0]
        rows = np.argsort(-np.abs(first_order))[:8]
        changes = {"first order": first_order[rows]}
        changes["Newton step"] = explainer.influence(*test, rows=rows, method="newton_step")[0]
        changes["local refit"] = explainer.influence(*test, rows=rows, method="refit")[0]
        model = explainer.estimator_
        start = loss_after(model, every, t)
        trained = np.array([loss_after(model, np.delete(every, row), t) for row in rows]) - start
    found[name] = changes, trained
    print(f"{name}: distance to optimum {explainer.distance_to_optimum_:.2g}, damping {damping}")
    for method, predicted in changes.items():
        slope = predicted @ trained / (trained @ trained)
        R = np.corrcoef(predicted, trained)[0, 1]
        print(f"   {method:12} R = {R:5.2f}, slope {slope:.2f}")

# %%
# The dashed line is equality.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (name, (changes, trained)) in zip(axes, found.items(), strict=True):
    for marker, (method, predicted) in zip("+xo", changes.items(), strict=True):
        ax.plot(trained, predicted, marker, label=method, fillstyle="none")
    ends = [trained.min(), trained.max()]
    ax.plot(ends, ends, "--", color="0.5", linewidth=1)
    ax.set(title=name, xlabel="change of the test loss by training on", ylabel="predicted change")
axes[0].legend()
plt.show()
