"""
==============================================
Which training rows matter to a kernel machine
==============================================

Koh & Liang (2017, section 5.1 and Figure 4) ask which training images decide a support-vector
machine with a radial kernel: those near the test image, and only these. Here with handwritten
digits, ones and sevens, and the exact removal of each training row.
"""

# %%
# A machine that is nearly always right, and the test image that it is least sure of.
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.svm import SVC, LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.displays import InfluenceDistanceDisplay

X, y = load_digits(return_X_y=True)
kept = (y == 1) | (y == 7)
X, y = X[kept] / 16.0, y[kept]
X_train, y_train, X_test, y_test = X[:240], y[:240], X[240:], y[240:]
explainer = InfluenceExplainer(SVC(gamma=0.3), temperature=0.003).fit(X_train, y_train)
print(f"{len(explainer.estimator_.support_)} support vectors")
print(f"{np.mean(explainer.predict(X_test) == y_test):.1%} of the test images are right")
t = np.abs(explainer.decision_function(X_test)).argmin()
x, label = X_test[[t]], y_test[[t]]

# %%
# Influence against distance, compared with a linear machine. Positive rows help: the loss of the
# test image would be larger without them.
linear = InfluenceExplainer(LinearSVC(C=0.1)).fit(X_train, y_train)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for ax, model, title in zip(axes, (explainer, linear), ("radial kernel", "linear"), strict=True):
    InfluenceDistanceDisplay.from_explainer(model, x, label, ax=ax)
    ax.set_title(title)

# %%
# Rows of the test image's own class help and those of the other class harm; the nearest do so most.
influence = explainer.influence(x, label)[0]
distance = np.linalg.norm(X_train - x, axis=1)
edges = np.quantile(distance, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
print("distance      same class  other class")
for low, high in pairwise(edges):
    inside = (distance >= low) & (distance <= high)
    means = [influence[inside & (y_train == k)].mean() for k in (label[0], 8 - label[0])]
    print(f"{low:5.2f}-{high:5.2f}  {means[0]:12.5f} {means[1]:12.5f}")

# %%
# The removal of a row is a refit of the hinge, followed exactly. One Newton step of the smooth
# hinge, which costs one factorisation for all rows, agrees with it for the 100 strongest rows.
steps = InfluenceExplainer(SVC(gamma=0.3), temperature=0.003, method="newton_step")
steps.fit(X_train, y_train)
estimated = steps.influence(x, label)[0]
strongest = np.argsort(-np.abs(estimated))[:100]
r = np.corrcoef(estimated[strongest], influence[strongest])[0, 1]
print(f"R = {r:.3f} for the 100 strongest rows")

# %%
# The radial machine decides by the training images that look like the test image, and their class
# speaks for itself. Beyond the nearest fifth the mean effects are a sixth of those within it.
