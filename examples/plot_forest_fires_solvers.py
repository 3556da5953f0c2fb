"""
============================================
Four solvers give nearly the same influences
============================================

Figure 1 of Liu et al., who reproduced Koh & Liang (2017): a ridge regression of the forest fires of
Montesinho, the influence of 516 fires on the 42nd, computed by four solvers, against real refits.
"""

# %%
# The fires with month and day as columns of 0 and 1. The squared error is quadratic, so first order
# differs from a refit by the leverage of the row alone.
import warnings

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_forest_fires
from skinfluence.solvers import LissaSolver, NeumannSolver

fires = load_forest_fires(as_frame=True)
X, y = fires.data, np.log1p(fires.target)
columns = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["month", "day"]), remainder=StandardScaler()
)
model = make_pipeline(columns, Ridge(10.0))
held_out = X.index == 41
train, test = (X[~held_out], y[~held_out]), (X[held_out], y[held_out])

solvers = {
    "exact": "cholesky",
    "conjugate gradients": "cg",
    "Taylor series": NeumannSolver(),
    "LiSSA": LissaSolver(),
}
found = {}
for name, solver in solvers.items():
    with warnings.catch_warnings():  # an approximation says that it is one
        warnings.simplefilter("ignore")
        explainer = InfluenceExplainer(model, solver=solver, method="first_order").fit(*train)
        found[name] = explainer.influence(*test)[0]
refitted = InfluenceExplainer(model).fit(*train).influence(*test, method="refit")[0]

# %%
# Each point is a fire.
import matplotlib.pyplot as plt

from skinfluence.displays import RemovalFidelityDisplay

fig, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
for ax, (name, predicted) in zip(axes.ravel(), found.items(), strict=True):
    RemovalFidelityDisplay(predicted, refitted, np.flatnonzero(~held_out)).plot(ax=ax, s=10)
    ax.set_title(name, fontsize=10)
plt.show()

# %%
# Conjugate gradients are exact to their tolerance; the two series come near. All are off where a
# fire has leverage, as first order is: one Newton step (`method="newton_step"`) is the refit itself
# here.
step = InfluenceExplainer(model).fit(*train).influence(*test)[0]
print(f"largest difference of the Newton step from refits: {np.abs(step - refitted).max():.1e}")
