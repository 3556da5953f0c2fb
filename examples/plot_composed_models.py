"""
=====================================================
Which fires move the prediction of a mean of models?
=====================================================

A prediction is often made of several: here the mean of a linear and a kernel model, of the
logarithm of the burned area. What is the effect of one training fire on the prediction of the
whole, in hectares, and which of the two models does it come from?
"""

# %%
# `TransformedTargetRegressor` fits the logarithm and predicts hectares, `VotingRegressor` takes the
# mean of both models. The explainer takes the whole as it is.
import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import VotingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import InfluenceExplainer, supports
from skinfluence.datasets import load_forest_fires

fires = load_forest_fires(as_frame=True)
X, y = fires.data, fires.target
columns = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["month", "day"]), remainder=StandardScaler()
)
linear = make_pipeline(columns, Ridge(alpha=1.0))
kernel = make_pipeline(columns, KernelRidge(alpha=1.0, kernel="rbf", gamma=0.05))
model = TransformedTargetRegressor(
    VotingRegressor([("linear", linear), ("kernel", kernel)]), func=np.log1p, inverse_func=np.expm1
)
print(supports(model))
explainer = InfluenceExplainer(model).fit(X, y)

# %%
# The fire of the largest prediction, and the training fires whose removal would lower it most. A
# positive influence raises the prediction when the fire is removed.
chosen = int(np.argmax(explainer.predict(X)))
influence = explainer.influence(X.iloc[[chosen]], target="predict")[0]
print(f"fire {chosen}: {explainer.predict(X)[chosen]:.1f} ha predicted, {y[chosen]:.1f} ha burned")
for row in np.argsort(influence)[:3]:
    print(f"  without fire {row} ({y[row]:.1f} ha): {influence[row]:+.1f} ha")

# %%
# Real refits of the whole, each without one fire, confirm it. They also fit the scalers again,
# which the explainer holds fixed.
rows = np.unique(np.r_[np.argsort(-np.abs(influence))[:15], np.arange(0, len(X), 60)])
before = model.fit(X, y).predict(X.iloc[[chosen]])[0]
refits = [
    clone(model).fit(X.drop(row), y.drop(row)).predict(X.iloc[[chosen]])[0] - before for row in rows
]
print(f"correlation with refits: {np.corrcoef(influence[rows], refits)[0, 1]:.4f}")

# %%
# Each member can also be explained by itself, on the logarithm that it was fitted to.
parts = {
    name: InfluenceExplainer(member)
    .fit(X, np.log1p(y))
    .influence(X.iloc[[chosen]], target="predict")[0]
    for name, member in (("linear", linear), ("kernel", kernel))
}
for name, effect in parts.items():
    share = np.sort(np.abs(effect))[::-1][:10].sum() / np.abs(effect).sum()
    print(f"{name}: ten fires make {share:.0%} of the sum of absolute effects")

# %%
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
axes[0].scatter(refits, influence[rows], s=25)
axes[0].axline((0, 0), slope=1, color="0.5", linewidth=1)
axes[0].set(xlabel="change by a real refit (ha)", ylabel="influence (ha)")
axes[0].set_title("the whole, without single fires")
shown = axes[1].scatter(*parts.values(), c=influence, s=15, cmap="coolwarm", vmin=-1, vmax=1)
axes[1].set(xlabel="linear model (logarithm)", ylabel="kernel model (logarithm)")
axes[1].set_title("members, without single fires")
fig.colorbar(shown, ax=axes[1], label="influence on the whole (ha)")
plt.show()

# %%
# The prediction rests on the chosen fire itself more than on any other, and on the few large fires
# like it. The kernel model takes that from them: a third of its absolute effects are due to ten of
# the 517 fires, in the linear model a sixth.
