"""
=====================================
Serve a hundred requests for deletion
=====================================

Patients ask, one after the other, that their records leave a model. `without` gives the fitted
pipeline that a refit without them would give, and the explainer stays as it is. How far from the
refit is it after a hundred requests, and how far would first-order influences be that are summed?
"""

# %%
# Patients of a hospital: who is readmitted within 30 days? A hundred of 2,000 leave.
from time import perf_counter

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission

X, y = load_hospital_readmission(return_X_y=True)
X, y = X[:2000, X[:2000].any(axis=0)], y[:2000]
leave = np.random.default_rng(0).permutation(2000)[:100]
pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
explainer = InfluenceExplainer(pipeline).fit(X, y)

# %%
# Every request names all rows that are gone so far, and gets a pipeline.
start = perf_counter()
models = [explainer.without(leave[:n]) for n in range(1, 101)]
print(f"{10 * (perf_counter() - start):.0f} ms a request")
print(models[-1])

# %%
# The truth is a refit of the last step to its exact optimum, on rows that are scaled as before. The
# sum of first-order influences is what a log of requests would add up to without a new solution.
Z = explainer.estimator_[:-1].transform(X)
effects = explainer.coef_influence(rows=leave, method="first_order")[:, :-1]
counts = np.array([1, 2, 5, 10, 20, 50, 100])
errors = {"without(rows)": [], "sum of first-order influences": []}
fitted = explainer.without([])[-1].coef_[0]  # at the exact optimum of all rows
for n in counts:
    left = np.setdiff1d(np.arange(2000), leave[:n])
    refit = LogisticRegression(solver="newton-cholesky", tol=1e-14).fit(Z[left], y[left]).coef_[0]
    size = np.abs(refit - fitted).max()
    errors["without(rows)"].append(np.abs(models[n - 1][-1].coef_[0] - refit).max() / size)
    summed = fitted + effects[:n].sum(axis=0)
    errors["sum of first-order influences"].append(np.abs(summed - refit).max() / size)

# %%
# Errors relative to what the deletion changes.
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, error), style in zip(errors.items(), ("o-", "s--"), strict=True):
    ax.loglog(counts, error, style, label=name)
ax.set(xlabel="rows deleted so far", ylabel="error / change of the coefficients")
ax.legend()

# %%
# `without` is the refit to eleven digits after a hundred requests as after one, since each result
# starts at the optimum of all rows. The sum of influences is off by one per cent at first and by up
# to 13 % later.
plt.show()
