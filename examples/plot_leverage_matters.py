"""
================================================
First order misses effects of rows with leverage
================================================

The influence function pretends that a row has no part in the curvature of the objective. That is
fair where thousands of rows share a few parameters. Here 500 rows share 150: is a handwritten
digit even or odd, judged by 150 products of pixels?
"""

# %%
# The first 500 digits train, the next 200 test.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skinfluence import InfluenceExplainer

pixels, digit = load_digits(return_X_y=True)
X, y = pixels[:500], digit[:500] % 2
X_test, y_test = pixels[500:700], digit[500:700] % 2
model = make_pipeline(
    PolynomialFeatures(2, interaction_only=True, include_bias=False),
    VarianceThreshold(),
    SelectKBest(k=150),
    StandardScaler(),
    LogisticRegression(),
)
explainer = InfluenceExplainer(model).fit(X, y)
print(f"mean leverage {explainer.leverage().mean():.2f}, largest {explainer.leverage().max():.2f}")

# %%
# The truth: the model refitted without each of the 500 rows, for all test rows.
effects = {
    method: explainer.influence(X_test, y_test, method=method)
    for method in ("first_order", "newton_step", "refit")
}
truth = effects["refit"].ravel()

# %%
# Each point is a pair of a training and a test row.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharex=True, sharey=True, layout="constrained")
leverage = np.tile(explainer.leverage(), len(X_test))
order = np.argsort(leverage)
for ax, method in zip(axes, ("first_order", "newton_step"), strict=True):
    predicted = effects[method].ravel()
    points = ax.scatter(truth[order], predicted[order], c=leverage[order], s=6, cmap="viridis")
    ax.axline((0, 0), slope=1, color="0.5", linewidth=1)
    error = np.linalg.norm(predicted - truth) / np.linalg.norm(truth)
    slope = predicted @ truth / (predicted @ predicted)
    print(f"{method:12}: off by {error:.0%}; the truth is {slope:.2f} times as large")
    ax.set(title=f"{method}: off by {error:.0%}", xlabel="refitted change of the loss")
axes[0].set_ylabel("predicted change of the loss")
fig.colorbar(points, ax=axes, label="leverage of the training row")
plt.show()

# %%
# First order says less than half of what happens, and the more so the higher the leverage: the
# points of each colour lie on a line of their own. The Newton step divides by one minus the
# leverage, and is right about nearly all pairs, at the price of the same matrix products.
