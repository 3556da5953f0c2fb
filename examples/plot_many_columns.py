"""
====================================================
Four solvers for a Hessian with thousands of columns
====================================================

Every influence needs the inverse of a matrix as wide as the model has parameters. With thousands of
columns that can be solved for instead of being inverted: exactly to a tolerance by conjugate
gradients, or roughly from drawn rows. Will a patient be back in hospital? 127 facts of each stay,
and all pairs of them.
"""

# %%
# Pairs of facts that at least 50 of 4,000 patients share.
import warnings
from time import perf_counter

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MaxAbsScaler, PolynomialFeatures

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.solvers import LissaSolver

facts, back = load_hospital_readmission(return_X_y=True)
facts = sparse.csr_array(MaxAbsScaler().fit_transform(facts[:4100]))
pairs = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit_transform(facts)
X = pairs[:, np.flatnonzero((pairs[:4000] != 0).sum(axis=0) >= 50)]
X, X_test, y, y_test = X[:4000], X[4000:4020], back[:4000], back[4000:4020]
print(f"{X.shape[0]} rows, {X.shape[1]} columns, {X.nnz / np.prod(X.shape):.1%} of them not zero")

# %%
# The same twenty questions, put to three solvers.
model = FrozenEstimator(LogisticRegression(C=0.01, max_iter=1000).fit(X, y))
solvers = {
    "cholesky": "cholesky",
    "cg": "cg",
    "lissa": LissaSolver(depth=1000),
}
effects, seconds = {}, {}
for name, solver in solvers.items():
    explainer = InfluenceExplainer(model, solver=solver, method="first_order").fit(X, y)
    start = perf_counter()
    with warnings.catch_warnings():  # the estimate says that it is one; so do we, below
        warnings.simplefilter("ignore", ConvergenceWarning)
        effects[name] = explainer.influence(X_test, y_test)
        seconds[name] = perf_counter() - start
        print(f"{name:9} {seconds[name]:5.1f} s  {explainer.health().solution}")

# %%
# Each point is a pair of a training and a test row.
import matplotlib.pyplot as plt

exact = effects["cholesky"].ravel()
fig, axes = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True, layout="constrained")
for ax, name in zip(axes, ("cg", "lissa"), strict=True):
    found = effects[name].ravel()
    ax.axline((0, 0), slope=1, color="0.7", linewidth=1)
    ax.scatter(exact, found, s=4, alpha=0.4, rasterized=True)
    ax.set_title(f"{name}: {seconds[name]:.1f} s, R = {np.corrcoef(exact, found)[0, 1]:.4f}")
    ax.set_xlabel("influence by Cholesky")
axes[0].set_ylabel("influence by this solver")
plt.show()

# %%
worst = np.abs(effects["cg"] - effects["cholesky"]).max() / np.abs(exact).max()
print(f"conjugate gradients differ from Cholesky by at most {worst:.0e} of the largest influence")

# %%
# Conjugate gradients lie on the line; the estimate from drawn rows lies about it, and says so.
# Which is fastest is a question of sizes: ``solver="auto"`` answers it, and the page on choosing a
# solver shows where it changes.
