"""
=====================================================================
A logistic regression uses rows that a support-vector machine ignores
=====================================================================

Figure 5 of Liu et al.: both models separate Versicolor from Virginica by a plane. Which flowers
does each of them learn the plane from?
"""

# %%
# The same flowers, the same test flower, two losses.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.displays import ComparisonDisplay, InfluenceDistanceDisplay

X, y = load_iris(return_X_y=True)
X, y = X[y > 0], y[y > 0]
models = {
    "logistic regression": LogisticRegression(C=0.5),
    "support-vector machine": LinearSVC(loss="hinge", C=0.5, max_iter=1_000_000, random_state=0),
}
# a test flower near the plane
near = np.abs(LogisticRegression().fit(X, y).decision_function(X)).argmin()
x, label = X[[near]], y[[near]]
X_train, y_train = np.delete(X, near, axis=0), np.delete(y, near)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    explainers = [InfluenceExplainer(model).fit(X_train, y_train) for model in models.values()]

# %%
# Influence on the test flower against the decision value: how far a flower lies from the plane.
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, name, explainer in zip(axes, models, explainers, strict=True):
    InfluenceDistanceDisplay.from_explainer(explainer, x, label, kind="decision_value", ax=ax)
    ax.set_title(name, fontsize=10)
plt.show()

# %%
# Flower by flower.
display = ComparisonDisplay.from_explainers(*explainers, x, label)
unused = np.mean(display.second == 0)
print(f"{unused:.0%} of the flowers have no influence in the support-vector machine")
plt.show()

# %%
# Both models weigh most the flowers near the plane. The machine ignores those beyond its margin
# altogether; the logistic regression learns a little from every flower.
