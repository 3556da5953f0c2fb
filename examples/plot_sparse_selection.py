"""
============================================
Which rows decide what a lasso selects?
============================================

A lasso is read by the columns that it keeps. Would it keep the same ones without one of the
patients? The diabetes table has 442 of them and ten columns.
"""

# %%
# Refits without each row select anew, by ``method="refit"``: the change of every coefficient.
import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer

X, y = load_diabetes(return_X_y=True, as_frame=True)
explainer = InfluenceExplainer(make_pipeline(StandardScaler(), Lasso(alpha=3.0, tol=1e-10))).fit(
    X, y
)
coef = explainer.estimator_[-1].coef_
without = coef + explainer.coef_influence(method="refit")[:, :-1]
print(", ".join(f"{name} {value:.1f}" for name, value in zip(X.columns, coef, strict=True)))

# %%
# For each column: how many single patients bring it in, or take it out?
kept, small = coef != 0.0, 1e-6 * np.abs(coef).max()
enters, leaves = (np.abs(without) > small) & ~kept, (np.abs(without) <= small) & kept
for name, more, fewer in zip(X.columns, enters.sum(axis=0), leaves.sum(axis=0), strict=True):
    if more or fewer:
        print(f"{name}: enters without one of {more} patients, leaves without one of {fewer}")
changed = (enters | leaves).any(axis=1)
print(f"{changed.sum()} of {len(X)} rows change the selection")

# %%
# The default, the Newton step, is for the columns that are selected now. It is exact for the rows
# that leave the selection as it is, and a warning names the others.
X_test = X.iloc[:40]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    step = explainer.influence(X_test, target="predict")
print(str(caught[0].message))
refit = explainer.influence(X_test, target="predict", method="refit")
error = np.abs(step - refit).max(axis=0) / np.abs(refit).max()
print(f"largest error: {error[~changed].max():.0e} where it stays, {error[changed].max():.0%} else")

# %%
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for j in np.flatnonzero((enters | leaves).any(axis=0) | kept):
    axes[0].scatter(without[:, j], np.full(len(X), X.columns[j]), s=10, alpha=0.5)
axes[0].axvline(0.0, color="0.5", linewidth=1)
axes[0].set(title="coefficients without each patient", xlabel="coefficient")
for some, label in ((~changed, "selection stays"), (changed, "selection changes")):
    axes[1].scatter(refit[:, some], step[:, some], s=6, label=label)
axes[1].axline((0, 0), slope=1, color="0.5", linewidth=1)
axes[1].set(xlabel="change of the prediction by a refit", ylabel="by a Newton step")
axes[1].legend()
plt.show()

# %%
# One patient in 55 decides on a column: without any one of seven the lasso drops `s1`, without any
# one of four it takes `s2`. Their Newton steps are off by up to a third of the largest effect; all
# others are exact.
