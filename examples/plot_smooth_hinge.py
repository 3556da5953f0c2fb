"""
==========================================================
A smooth hinge predicts refits of a support-vector machine
==========================================================

The influence function needs a second derivative and the hinge of a support-vector machine has
none. Koh & Liang (2017, Figure 3) and, in their reproduction of it, Liu et al. (Figure 4) take the
derivatives of a smooth hinge with a temperature t. We repeat the figure on handwritten digits.
"""

# %%
# Ones against eights. The machine is trained with the hinge itself.
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.losses import SmoothHinge

pixels, digit = load_digits(return_X_y=True)
some = (digit == 1) | (digit == 8)
X, y = pixels[some] / 16, digit[some]
X, X_test, y, y_test = X[:250], X[250:], y[:250], y[250:]
hinge = LinearSVC(loss="hinge", C=0.1, tol=1e-8, max_iter=1_000_000, random_state=0)
hinge.fit(X, y)


def hinge_loss(model):
    """Hinge loss of each test row."""
    return np.maximum(0, 1 - np.where(y_test == 8, 1, -1) * model.decision_function(X_test))


# %%
# The test digit about which the machine is most wrong, and the truth: without each of the 100
# most influential rows, the machine is trained again with the hinge.
before = hinge_loss(hinge)
chosen = [before.argmax()]


def predict(temperature, k=100):
    """Influences at the hinge machine's own weights, and the k rows of largest size."""
    explainer = InfluenceExplainer(
        hinge, polish=False, method="first_order", temperature=temperature
    )
    with warnings.catch_warnings():  # that the weights are not at the smooth hinge's optimum
        warnings.simplefilter("ignore", ConvergenceWarning)
        explainer.fit(X, y)
    influence = explainer.influence(X_test[chosen], y_test[chosen])[0]
    return influence, np.argsort(-np.abs(influence))[:k]


temperatures = [1e-6, 0.01, 0.1]
_, rows = predict(0.01)
refitted = []
for row in rows:
    kept = np.arange(len(y)) != row
    refitted.append(hinge_loss(hinge.fit(X[kept], y[kept]))[chosen[0]] - before[chosen[0]])
hinge.fit(X, y)

# %%
# The losses, and what they predict.
import matplotlib.pyplot as plt

COLORS, LINES = ["#0072B2", "#D55E00", "#009E73"], ["-", "--", "-."]
fig, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
axes = axes.ravel()
limit = 1.1 * np.abs(predict(temperatures[0])[0][rows]).max()
margin = np.linspace(-0.5, 2.5, 200)[:, None]
axes[0].plot(margin, np.maximum(0, 1 - margin), color="0.8", linewidth=5, label="hinge")
for t, color, line in zip([0.01, 0.1, 1.0], COLORS, LINES, strict=True):
    values = SmoothHinge(t).value(np.ones((200, 1)), margin)
    axes[0].plot(margin, values, line, color=color, label=f"t = {t}")
axes[0].set(xlabel="margin", ylabel="loss", title="The smooth hinge")
axes[0].legend()
for ax, t in zip(axes[1:], temperatures, strict=True):
    predicted = predict(t)[0][rows]
    correlation = np.corrcoef(predicted, refitted)[0, 1]
    ax.plot(refitted, predicted, ".", color=COLORS[0])
    ax.axline((0, 0), slope=1, color="0.6", linewidth=1, zorder=0)
    ax.set(title=f"t = {t:g}: R = {correlation:.2f}", xlabel="hinge refitted: change of the loss")
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
axes[1].set_ylabel("predicted change")
axes[2].set_ylabel("predicted change")
plt.show()

# %%
# Almost the hinge itself (second picture) overestimates: with hardly a row in its kink, it sees
# no curvature but the penalty's. A little smoothing puts the points near the line, though the
# truth is the machine trained again with the hinge. Too much is a different loss, and the
# correlation falls again, as in both papers. `SmoothHingeSVC` takes the other way out: it is
# fitted with the smooth hinge.
